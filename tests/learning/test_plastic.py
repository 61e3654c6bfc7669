"""A layer with STDP follows its equations, in chunks and in one run."""

import numpy as np
import pytest

from snnsim.kernels.plasticity import psp
from snnsim.learning import stdp_layer
from snnsim.learning.stdp import STDP, stdp

NEURONS = stdp_layer.Neurons(tau=10.0, tau_s=2.5, threshold=2.0, after=(2.0, 4.0))
STILL = STDP(potentiation=0.0, depression=0.0)
LEARNING = STDP(0.02, 0.015, 10.0, 20.0, pairing="nearest")


def drawn(seed=0, steps=300, sources=20, targets=3):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, (targets, sources)), rng.random((steps, sources)) < 0.06


def course(since, neurons=NEURONS):
    scale = psp.scale(neurons.tau, neurons.tau_s)
    return scale * (np.exp(-since / neurons.tau) - np.exp(-since / neurons.tau_s))


def by_the_equation(weight, raster, neurons=NEURONS):
    """Spikes (time, target) from the sum over inputs since the last spike, and what follows a spike."""
    first, second = neurons.after
    spikes = np.zeros((len(raster), len(weight)), bool)
    for target, row in enumerate(weight):
        last, before = None, 0.0
        for now in range(len(raster)):
            # inputs of the step of a spike have come before it
            begin = 0 if last is None else last + 1
            voltage = sum(course(now - t) * (row @ raster[t]) for t in range(begin, now + 1))
            if last is not None:
                since = now - last
                fall = np.exp(-since / neurons.tau)
                voltage += neurons.threshold * (first * fall - second * (fall - np.exp(-since / neurons.tau_s)))
            if voltage >= neurons.threshold > before:
                spikes[now, target], last, voltage = True, now, first * neurons.threshold
            before = voltage
    return spikes


def as_raster(fired, steps, targets):
    fired_raster = np.zeros((steps, targets), bool)
    fired_raster[fired] = True
    return fired_raster


@pytest.mark.parametrize("after", [(2.0, 4.0), (0.0, 0.0), (0.0, 1.5)])
def test_spikes_follow_the_equation(after):
    neurons = stdp_layer.Neurons(10.0, 2.5, 2.0, after)
    weight, raster = drawn()
    state, fired = stdp_layer.run(
        stdp_layer.initial_state(weight), np.nonzero(raster), len(raster), neurons=neurons, rule=STILL
    )
    wanted = by_the_equation(weight, raster, neurons)
    assert wanted.sum(0).min() > 3
    np.testing.assert_array_equal(as_raster(fired, *wanted.shape), wanted)
    np.testing.assert_array_equal(state.weight, weight)


def test_weights_follow_the_rule_on_the_layers_own_spikes():
    weight, raster = drawn(1)
    state, fired = stdp_layer.run(
        stdp_layer.initial_state(weight), np.nonzero(raster), len(raster), neurons=NEURONS, rule=LEARNING
    )
    learned = stdp(weight, raster, as_raster(fired, len(raster), 3), LEARNING)
    assert np.abs(learned - weight).max() > 0.1
    np.testing.assert_allclose(state.weight, learned, atol=1e-12)


def test_chunks_equal_the_stream():
    weight, raster = drawn(2)
    step, source = np.nonzero(raster)
    expected, fired = stdp_layer.run(
        stdp_layer.initial_state(weight), (step, source), 300, neurons=NEURONS, rule=LEARNING
    )
    state, parts = stdp_layer.initial_state(weight), []
    for begin, end in ((0, 7), (7, 8), (8, 200), (200, 300)):
        inside = (step >= begin) & (step < end)
        state, part = stdp_layer.run(state, (step[inside], source[inside]), end - begin, neurons=NEURONS, rule=LEARNING)
        parts.append(part)
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), fired[0])
    np.testing.assert_array_equal(state.weight, expected.weight)
    assert state.step == expected.step == 300


def test_run_leaves_its_state_unchanged():
    weight, raster = drawn(3)
    state = stdp_layer.initial_state(weight)
    first, second = (
        stdp_layer.run(state, np.nonzero(raster), 300, neurons=NEURONS, rule=LEARNING)[0] for _ in range(2)
    )
    np.testing.assert_array_equal(first.weight, second.weight)
    assert not state.membrane.any()


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (([3, 1], [0, 0]), "sorted by step"),
        (([1], [0, 0]), "a step and a source"),
        (([9], [0]), "must lie in steps 0 to 4, of sources 0 to 1; they lie in 9 to 9"),
        (([1], [2]), "of sources 0 to 1; they lie in 1 to 1, of 2 to 2"),
    ],
)
def test_invalid_events_are_refused(events, words):
    events = tuple(np.array(part) for part in events)
    with pytest.raises(ValueError, match=words):
        stdp_layer.run(stdp_layer.initial_state(np.zeros((1, 2))), events, 5, neurons=NEURONS, rule=STILL)
    with pytest.raises(ValueError, match=r"weights must be \(target, source\)"):
        stdp_layer.initial_state(np.zeros(3))
