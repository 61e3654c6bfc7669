"""The highest membrane is that of the equation; an error moves it; a load that can be learned is learned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.kernels.plasticity import psp
from snnsim.learning import tempotron
from snnsim.learning.tempotron import Tempotron

RULE = Tempotron(tau_ms=15.0, tau_s_ms=4.0, rate=0.01, momentum=0.0)


def course(since, rule=RULE):
    """K, of any times since an input."""
    since = np.maximum(since, 0)
    return psp.scale(rule.tau_ms, rule.tau_s_ms) * (np.exp(-since / rule.tau_ms) - np.exp(-since / rule.tau_s_ms))


def membrane(weight, time_ms, source, at):
    """V at some times, by the equation as it stands."""
    return (weight[source] * course(np.asarray(at)[:, None] - time_ms)).sum(1)


@st.composite
def patterns(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, sources, neurons = (draw(st.integers(1, high)) for high in (3, 6, 2))
    time = np.where(rng.random((count, sources)) < 0.8, rng.uniform(0, 80, (count, sources)), np.nan)
    return rng.normal(0, 1, (neurons, sources)), time


@settings(max_examples=150, deadline=None)
@given(patterns())
def test_highest_membrane_equals_a_fine_grid(case):
    weight, time = case
    trains = tempotron.from_times(time)
    result = tempotron.peaks(weight, trains, rule=RULE)
    for pattern, neuron in np.ndindex(len(time), len(weight)):
        span = slice(trains.offset[pattern], trains.offset[pattern + 1])
        events = trains.time_ms[span], trains.source[span]
        if not len(events[0]):
            assert result.value[pattern, neuron] == result.time_ms[pattern, neuron] == 0
            continue
        grid = np.linspace(events[0][0], 200, 8001)
        best = membrane(weight[neuron], *events, grid).max()
        value = result.value[pattern, neuron]
        assert best - 1e-9 <= value <= best + 2e-2
        assert membrane(weight[neuron], *events, [result.time_ms[pattern, neuron]])[0] == pytest.approx(value, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(patterns(), st.booleans(), st.sampled_from([0.0, 0.3]))
def test_an_error_changes_weights_by_their_potentials(case, wanted, margin):
    weight, time = case
    rule = Tempotron(15.0, 4.0, margin=margin, rate=0.01, momentum=0.0)
    trains = tempotron.from_times(time[:1])
    top = tempotron.peaks(weight, trains, rule=rule)
    result = tempotron.fit(
        weight, trains, np.full((1, len(weight)), wanted), np.random.default_rng(0), rule=rule, epochs=1
    )
    for neuron, row in enumerate(weight):
        value, when = top.value[0, neuron], top.time_ms[0, neuron]
        far = value >= 1 + margin if wanted else value < 1 - margin
        given_by = np.where(np.isnan(time[0]), 0, course(when - np.nan_to_num(time[0]), rule))
        change = 0 if far else (1 if wanted else -1) * 0.01 * given_by
        np.testing.assert_allclose(result.weight[neuron], row + change, atol=1e-9)
        assert result.wrong[0, neuron] == ((value >= 1) != wanted)


def test_momentum_keeps_the_last_change():
    """One pattern of one spike, missed three times: η, then η + μ η, then η + μ (η + μ η)."""
    rule = Tempotron(rate=0.1, momentum=0.5)
    result = tempotron.fit(
        np.zeros((1, 1)), tempotron.from_times([[3.0]]), [[True]], np.random.default_rng(0), rule=rule, epochs=4
    )
    # without a weight there is no peak yet, so the first change is none
    assert result.weight.item() == 0
    started = tempotron.fit(
        np.full((1, 1), 0.1), tempotron.from_times([[3.0]]), [[True]], np.random.default_rng(0), rule=rule, epochs=3
    )
    assert started.weight.item() == pytest.approx(0.1 + 0.1 + 0.15 + 0.175)


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_random_latencies_are_learned_at_a_load_of_one(margin):
    rng = np.random.default_rng(1)
    trains = tempotron.from_times(rng.uniform(0, 500, (60, 60)))
    wanted = np.arange(60)[:, None] % 2 == 0
    rule = Tempotron(rate=0.01, momentum=0.9, margin=margin)
    result = tempotron.fit(rng.normal(0, 0.01, (1, 60)), trains, wanted, rng, rule=rule, epochs=2000)
    value = tempotron.peaks(result.weight, trains, rule=rule).value
    assert ((value >= 1) == wanted).all()
    assert np.abs(value - 1).min() >= margin * 0.999
    assert result.wrong[0] > 10
    assert result.wrong[-1] == 0


def test_one_neuron_per_class_learns_classes():
    """Three templates, jittered: a neuron each tells them apart, and new ones too."""
    rng = np.random.default_rng(2)
    template, label = rng.uniform(0, 200, (3, 80)), np.arange(90) % 3
    train, test = (tempotron.from_times(template[label] + rng.normal(0, 3, (90, 80))) for _ in range(2))
    wanted = tempotron.one_hot(label, 3)
    result = tempotron.fit(
        rng.normal(0, 0.01, (3, 80)), train, wanted, rng, rule=Tempotron(rate=0.01, momentum=0.9), epochs=300
    )
    assert (tempotron.peaks(result.weight, test).value.argmax(1) == label).mean() > 0.9


def test_delays_shift_spikes():
    rng = np.random.default_rng(3)
    time, delay, weight = rng.uniform(0, 50, (4, 5)), rng.uniform(0, 30, (2, 5)), rng.normal(0, 1, (2, 5))
    result = tempotron.peaks(weight, tempotron.from_times(time), rule=RULE, delay_ms=delay)
    for neuron in range(2):
        alone = tempotron.peaks(weight[[neuron]], tempotron.from_times(time + delay[neuron]), rule=RULE)
        np.testing.assert_allclose(result.value[:, neuron], alone.value[:, 0])
        np.testing.assert_allclose(result.time_ms[:, neuron], alone.time_ms[:, 0])


def test_delays_separate_orders_of_spikes():
    """Two spikes in either order with one weight each: without delays the peaks are the same."""
    trains, weight = tempotron.from_times([[0.0, 20.0], [20.0, 0.0]]), np.full((1, 2), 0.7)
    without = tempotron.peaks(weight, trains).value[:, 0]
    with_delay = tempotron.peaks(weight, trains, delay_ms=np.array([[20.0, 0.0]])).value[:, 0]
    assert without[0] == pytest.approx(without[1])
    assert with_delay[0] > 1.3 > 0.8 > with_delay[1]


def test_rasters_and_times_give_equal_patterns():
    raster = np.random.default_rng(4).random((30, 3, 4)) < 0.1
    result = tempotron.from_rasters(raster, time_step_ms=2.0)
    assert len(result.offset) == 4
    for pattern in range(3):
        span = slice(result.offset[pattern], result.offset[pattern + 1])
        step, source = np.nonzero(raster[:, pattern])
        np.testing.assert_array_equal(result.time_ms[span], 2.0 * step)
        assert sorted(zip(step, source, strict=True)) == sorted(
            zip(result.time_ms[span] / 2, result.source[span], strict=True)
        )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Tempotron(tau_ms=3.0), "tau_s must be positive and shorter than tau; they are 3.75 and 3.0"),
        (lambda: Tempotron(momentum=1.0), "momentum from 0 to below 1; got .* momentum 1.0"),
        (lambda: tempotron.fit(np.zeros((2, 1)), tempotron.from_times([[1.0]]), [[True]], None), r"not \(1, 1\)"),
        (
            lambda: tempotron.peaks(np.zeros((1, 1)), tempotron.from_times([[1.0, 2.0]])),
            "names source 1, .* weights of 1",
        ),
        (
            lambda: tempotron.peaks(np.zeros((1, 1)), tempotron.from_times([[1.0]]), delay_ms=np.full((1, 1), -1.0)),
            "delays must be 0 or more",
        ),
    ],
)
def test_invalid_arguments_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
