"""Measures of populations: counted by hand, and those of trains with known statistics."""

import numpy as np
import pytest

from snnsim.analysis.populations import activity, distance


def test_measures_of_a_few_spikes_are_those_counted_by_hand():
    step, neuron = np.array([0, 10, 30, 40, 40, 70]), np.array([0, 0, 0, 1, 2, 0])
    measured = activity(step, neuron, size=4, steps=100, step_ms=1.0)
    np.testing.assert_allclose(measured.rate, [40.0, 10.0, 10.0, 0.0])
    # the intervals of neuron 0 are 10, 20 and 40 steps; no other neuron has 3 spikes
    intervals = np.array([10.0, 20.0, 40.0])
    np.testing.assert_allclose(measured.cv, [intervals.std() / intervals.mean()])
    # 33 bins of 3 steps: one with two spikes, four with one
    counts = np.array([2] + [1] * 4 + [0] * 28)
    assert measured.synchrony == pytest.approx(counts.var() / counts.mean())
    # neurons 1 and 2 fire together
    assert len(measured.correlation) == 3
    assert measured.correlation[2] == pytest.approx(1.0)


def test_poisson_trains_have_the_measures_of_poisson_trains():
    generator = np.random.default_rng(0)
    neuron, step = np.nonzero(generator.random((300, 50_000)) < 0.002)
    measured = activity(step, neuron, size=300, steps=50_000, step_ms=1.0)
    assert measured.rate.mean() == pytest.approx(2.0, rel=0.02)
    assert measured.cv.mean() == pytest.approx(1.0, abs=0.02)
    assert abs(measured.correlation.mean()) < 1e-3
    assert measured.synchrony == pytest.approx(1.0, abs=0.05)


def test_a_silent_population_has_rates_alone():
    empty = np.zeros(0, int)
    measured = activity(empty, empty, size=3, steps=100, step_ms=0.1)
    assert measured.rate.tolist() == [0.0] * 3
    assert len(measured.cv) == len(measured.correlation) == 0
    assert np.isnan(measured.synchrony)


def test_a_neuron_with_equal_counts_has_no_correlation():
    regular, others = np.arange(0, 100, 2), np.array([1, 9, 30])
    step, neuron = np.concatenate([regular, others, others]), np.repeat([0, 1, 2], [50, 3, 3])
    measured = activity(step, neuron, size=3, steps=100, step_ms=1.0)
    assert measured.correlation.tolist() == pytest.approx([1.0])


def test_distances_are_the_largest_difference_of_cumulative_distributions():
    assert distance(np.arange(10.0), np.arange(10.0)) == 0
    assert distance(np.arange(4.0), np.arange(4.0) + 2) == pytest.approx(0.5)
    assert np.isnan(distance(np.zeros(0), np.arange(3.0)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": np.array([100])}, "activity: step must be from 0 to 99"),
        ({"neuron": np.array([4])}, "activity: neuron must be from 0 to 3"),
        ({"neuron": np.array([1, 2])}, "step and neuron must be as many, not 1 and 2"),
        ({"step_ms": 0.0}, "step_ms must be positive"),
        ({"step_ms": 3.0}, "step_ms must be at most 2, the length of a bin, not 3"),
    ],
)
def test_values_out_of_range_are_refused(change, message):
    arguments = {"step": np.array([1]), "neuron": np.array([1]), "size": 4, "steps": 100, "step_ms": 1.0} | change
    with pytest.raises(ValueError, match=message):
        activity(**arguments)
