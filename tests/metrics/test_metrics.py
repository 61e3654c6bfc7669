"""Metrics of tasks: their definitions, and intervals that cover the truth as often as they say."""

import numpy as np
import pytest

from snnsim.choices import TASKS
from snnsim.metrics import METRICS, HeadsReport, NumberErrors, Ratio, RecordingAccuracy, StepAccuracy, wilson
from snnsim.metrics.losses import cross_entropy, squared_error
from snnsim.metrics.protocols import added

RNG = np.random.default_rng(0)


def test_there_are_metrics_for_every_task():
    assert tuple(METRICS) == TASKS


def test_the_accuracy_of_recordings_counts_those_with_a_label():
    target, predicted = np.array([0, 1, 2, -1, 1]), np.array([0, 2, 2, 0, 1])
    report = RecordingAccuracy().report(RecordingAccuracy().sums(predicted, target, 3))
    assert (report.correct, report.total) == (3, 4)
    assert report.interval == wilson(3, 4)
    assert report.confusion.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]


def test_the_accuracy_of_steps_counts_those_with_a_label():
    target = np.array([[0, -1], [1, 1], [2, 1], [-1, -1]])
    predicted = np.array([[0, 0], [0, 1], [2, 2], [1, 1]])
    report = StepAccuracy().report(StepAccuracy().sums(predicted, target, 3))
    assert (report.correct, report.total) == (3, 5)
    assert report.confusion.sum() == 5
    assert report.confusion[1].tolist() == [1, 1, 1]


def test_errors_are_their_definitions():
    target, predicted = RNG.normal(size=(6, 5, 2)), RNG.normal(size=(6, 5, 2))
    target[1, 2], target[:, 4, 0] = np.nan, np.nan
    report = NumberErrors().report(NumberErrors().sums(predicted, target, 2), ("a", "b"))
    y, guess = target[~np.isnan(target)], predicted[~np.isnan(target)]
    assert report.mse == pytest.approx(((guess - y) ** 2).mean())
    assert report.smape == pytest.approx(200 * (np.abs(guess - y) / (np.abs(guess) + np.abs(y))).mean())
    r2s = []
    for number in range(2):
        own, other = target[..., number].ravel(), predicted[..., number].ravel()
        own, other = own[~np.isnan(own)], other[~np.isnan(own)]
        r2s.append(1 - ((other - own) ** 2).sum() / ((own - own.mean()) ** 2).sum())
    assert report.r2 == pytest.approx(np.mean(r2s))
    assert [each["r2"] for each in report.facts()["targets"].values()] == pytest.approx(r2s)


def test_a_target_that_does_not_vary_has_no_r2():
    target = np.full((5, 1), 0.1)
    report = NumberErrors().report(NumberErrors().sums(target + 0.1, target, 1))
    assert np.isnan(report.r2)
    assert report.facts()["r2"] is None
    assert report.mse == pytest.approx(0.01)


def test_a_prediction_that_is_nan_has_no_errors():
    target = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, np.nan]])
    predicted = target.copy()
    predicted[0, 0] = np.nan
    report = NumberErrors().report(NumberErrors().sums(predicted, target, 2))
    assert np.isnan([report.mse, report.r2, report.smape]).all()
    targets = report.facts()["targets"]
    assert targets["0"] == {"mse": None, "r2": None, "smape": None}
    assert targets["1"] == {"mse": 0.0, "r2": 1.0, "smape": 0.0}


@pytest.mark.parametrize("task", TASKS)
def test_sums_of_parts_are_sums_of_all(task):
    metrics, shape = METRICS[task], (7, 9) if task.startswith("step") else (9,)
    if task.endswith("class"):
        target, predicted = RNG.integers(-1, 3, shape), RNG.integers(0, 3, shape)
    else:
        target, predicted = RNG.normal(size=(*shape, 3)), RNG.normal(size=(*shape, 3))
    axis = 1 if task.startswith("step") else 0
    parts = zip(np.split(predicted, [4], axis), np.split(target, [4], axis), strict=True)
    total = metrics.zeros(3)
    for one, other in parts:
        total = added(total, metrics.sums(one, other, 3))
    np.testing.assert_allclose(total, metrics.sums(predicted, target, 3))
    assert len(total) == len(metrics.zeros(3))


def test_the_interval_over_recordings_covers_the_truth():
    # shares differ between recordings, so that an interval over steps alone would be far too narrow
    covered, rng = 0, np.random.default_rng(1)
    for _ in range(400):
        count = rng.integers(20, 60, 40)
        correct = rng.binomial(count, rng.beta(8, 2, 40))
        low, high = Ratio.of(Ratio.moments(correct, count)).interval
        covered += low <= 0.8 <= high
    assert 0.91 < covered / 400 < 0.985


def test_one_recording_has_no_interval_over_recordings():
    assert Ratio.of(Ratio.moments(np.array([3]), np.array([5]))).interval == (-np.inf, np.inf)
    assert np.isnan(Ratio.of(Ratio.moments(np.array([0]), np.array([0]))).value)


def test_no_label_is_no_loss():
    assert cross_entropy(np.ones((3, 2)), np.array([-1, -1, -1])) == 0
    assert squared_error(np.ones(2), np.array([np.nan, np.nan])) == 0


def test_heads_have_the_metrics_of_each():
    accuracy = RecordingAccuracy().report(RecordingAccuracy().sums(np.array([0, 1]), np.array([0, 0]), 2))
    errors = NumberErrors().report(NumberErrors().sums(np.zeros((4, 1)), np.ones((4, 1)), 1))
    report = HeadsReport({"word": accuracy, "speed": errors})
    assert report.scalars()["word accuracy"] == 0.5
    assert report.scalars()["speed mse"] == 1.0
    assert set(report.facts()["heads"]) == {"word", "speed"}
    for text in (report.text(), report.brief(), report.short()):
        assert text.index("word") < text.index("speed")
