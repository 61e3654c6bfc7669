"""Large networks: the compiled builder and loop beside their definitions, and beside NEST."""

import math
from dataclasses import replace
from importlib.util import find_spec

import numba
import numpy as np
import pytest

from snnsim.circuit import Lists, Neuron, Spec, at_start, build, connected, network, run, to_lists
from snnsim.circuit.potjans_diesmann import spec as potjans_diesmann
from snnsim.experiment.microcircuit.beside_nest import run_nest
from snnsim.kernels.circuit import naive
from snnsim.kernels.common.counter_rng import Draws

SMALL = Spec(
    names=("E", "I"), sizes=(23, 10), synapses=((90, 60), (70, 30)),
    weight_pa=((400.0, -900.0), (500.0, -800.0)), weight_sd_pa=((200.0, 90.0), (50.0, 80.0)),
    delay_ms=(1.5, 0.75), delay_sd_ms=(0.75, 0.375), drive_hz=(900.0, 1500.0), drive_weight_pa=(500.0, 400.0),
    constant_pa=(300.0, 250.0), start_mv=(-58.0, -58.0), start_sd_mv=(5.0, 5.0),
)  # fmt: skip
ACTIVE = replace(potjans_diesmann(0.02, "dc"), constant_pa=(600.0,) * 8)
"""A network whose constant current makes it fire at any scale."""
needs_nest = pytest.mark.skipif(find_spec("nest") is None, reason="NEST is not installed")


def as_lists(circuit):
    return to_lists(circuit.network.synapses, circuit.network.layout)


def pairs(spikes):
    return list(zip(spikes.step.tolist(), spikes.neuron.tolist(), strict=True))


def by_definition(circuit, steps):
    rows = [(int(s), int(t), float(w), int(d)) for s, t, w, d in zip(*as_lists(circuit), strict=True)]
    return naive.run(rows, circuit.network.neurons, circuit.network.drive, at_start(circuit).voltage, steps)


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_synapses_are_those_of_the_definition(blocks):
    circuit = build(SMALL, seed=5, blocks=blocks)
    rules = network._rules(SMALL, np.uint64(Draws.of(5).layer(0).key), np.random.default_rng([5, 0]))
    source, target, weight, delay = zip(*naive.build(rules), strict=True)
    lists = as_lists(circuit)
    np.testing.assert_array_equal(lists.source, source)
    np.testing.assert_array_equal(lists.target, target)
    np.testing.assert_array_equal(lists.delay, delay)
    np.testing.assert_allclose(lists.weight, np.float32(weight), rtol=1e-6)


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_spikes_are_those_of_the_definition(blocks):
    circuit = build(SMALL, seed=5, blocks=blocks)
    spikes = run(circuit, at_start(circuit), first=0, count=400)
    assert len(spikes.step) > 50
    assert pairs(spikes) == by_definition(circuit, 400)


def test_spikes_are_the_same_for_any_number_of_threads_and_blocks():
    alone = build(ACTIVE, seed=2)
    expected = pairs(run(alone, at_start(alone), first=0, count=300))
    assert len(expected) > 500
    for threads, blocks in [(1, 3), (2, None), (2, 7)]:
        if threads <= numba.config.NUMBA_NUM_THREADS:
            circuit = build(ACTIVE, seed=2, threads=threads, blocks=blocks)
            assert pairs(run(circuit, at_start(circuit), first=0, count=300, threads=threads)) == expected


def test_a_run_in_parts_is_the_run_as_one():
    circuit = build(SMALL, seed=1)
    expected = pairs(run(circuit, at_start(circuit), first=0, count=350))
    state, parts = at_start(circuit), []
    for first, count in [(0, 0), (0, 1), (1, 70), (71, 279)]:
        parts += pairs(run(circuit, state, first=first, count=count))
    assert parts == expected


def two_neurons(delay, refractory_ms=2.0):
    """Return a network in which neuron 0 fires at once and sends a strong spike to neuron 1."""
    spec = Spec(
        names=("E",), sizes=(2,), synapses=((0,),), weight_pa=((0.0,),), weight_sd_pa=((0.0,),), delay_ms=(1.0,),
        delay_sd_ms=(0.0,), drive_hz=(0.0,), drive_weight_pa=(0.0,), constant_pa=(0.0,), start_mv=(-65.0,),
        start_sd_mv=(0.0,), neuron=Neuron(refractory_ms=refractory_ms),
    )  # fmt: skip
    return connected(spec, Lists(np.array([0]), np.array([1]), np.array([1e9]), np.array([delay])))


@pytest.mark.parametrize("delay", [1, 2, 63, 64])
def test_a_spike_acts_a_step_after_its_delay(delay):
    circuit = two_neurons(delay)
    spikes = pairs(run(circuit, at_start(circuit, np.array([-40.0, -65.0])), first=0, count=delay + 2))
    # the current arrives in step `delay`, and moves the voltage in the step behind it
    assert spikes == [(0, 0), (delay + 1, 1)]


def test_a_neuron_rests_for_its_refractory_time():
    circuit = two_neurons(1, refractory_ms=2.0)
    spikes = pairs(run(circuit, at_start(circuit, np.array([-40.0, -65.0])), first=0, count=60))
    times = [step for step, neuron in spikes if neuron == 1]
    assert times[:2] == [2, 2 + 20 + 1]


def test_a_voltage_at_its_threshold_fires():
    circuit = two_neurons(1)
    neurons = circuit.network.neurons._replace(p22=1.0)
    circuit = circuit._replace(network=circuit.network._replace(neurons=neurons))
    at, below = -50.0, np.nextafter(-50.0, -60.0) - 1e-13
    assert pairs(run(circuit, at_start(circuit, np.array([at, below])), first=0, count=1)) == [(0, 0)]


@needs_nest
def test_nest_fires_the_same_spikes_with_the_same_synapses():
    circuit = build(ACTIVE, seed=3)
    ours = run(circuit, at_start(circuit), first=0, count=2000)
    theirs = run_nest(ACTIVE, seed=3, steps=2000, same=circuit)
    assert len(ours.step) > 4000
    assert pairs(ours) == pairs(theirs)


def refused(change, message):
    lists = Lists(np.array([0, 1]), np.array([1, 0]), np.array([1.0, 2.0]), np.array([1, 64]))
    with pytest.raises((ValueError, TypeError), match=message):
        connected(replace(SMALL, drive_hz=(0.0, 0.0)), lists._replace(**change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delay": np.array([0, 1])}, "from_lists: delays must be from 1 to 64 steps, not 0 to 1"),
        ({"delay": np.array([1, 65])}, "from_lists: delays must be from 1 to 64 steps, not 1 to 65"),
        ({"target": np.array([0, 33])}, "from_lists: target must be from 0 to 32"),
        ({"source": np.array([0, 33])}, "from_lists: source must be from 0 to 32"),
        ({"weight": np.array([np.nan, 1.0])}, "from_lists: weight must be finite"),
        ({"weight": np.array([1.0])}, "from_lists: lists must have one length"),
    ],
)
def test_lists_out_of_range_are_refused(change, message):
    refused(change, message)


def test_states_of_other_networks_are_refused():
    circuit, other = build(SMALL, seed=0), build(replace(SMALL, sizes=(20, 10)), seed=0)
    with pytest.raises(ValueError, match="run: the state must be that of this network"):
        run(circuit, at_start(other), first=0, count=1)


def test_states_of_other_steps_are_refused():
    circuit = build(SMALL, seed=5)
    state = at_start(circuit)
    run(circuit, state, first=0, count=300)
    for first in (0, 200, 300 + 64):
        with pytest.raises(ValueError, match="first must be the step at which the state stands"):
            run(circuit, state, first=first, count=1)
    run(circuit, state, first=300, count=1)
    with pytest.raises(ValueError, match="run: threads must be an integer of at least 1, not 0"):
        run(circuit, state, first=301, count=1, threads=0)


def test_descriptions_out_of_range_are_refused():
    with pytest.raises(ValueError, match="Poisson spikes of a neuron must be from 0 to 25 a step, not 30"):
        replace(SMALL, drive_hz=(300_000.0, 0.0))
    with pytest.raises(ValueError, match="delays at most 64 steps"):
        build(replace(SMALL, delay_ms=(6.0, 0.75)), seed=0)
    with pytest.raises(ValueError, match="constant_pa must have 2 numbers a row, not 3"):
        replace(SMALL, constant_pa=(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="weight_pa must be finite"):
        replace(SMALL, weight_pa=((math.nan, 1.0), (1.0, 1.0)))
    for name, value in (("weight_sd_pa", ((1.0, 1.0), (1.0, -2.0))), ("start_sd_mv", (1.0, -2.0))):
        with pytest.raises(ValueError, match="standard deviations must be at least 0, not -2"):
            replace(SMALL, **{name: value})
    for name, value in (("sizes", (23, 10.5)), ("synapses", ((90, 10.5), (70, 30)))):
        with pytest.raises(ValueError, match=r"must be integers, not 10\.5"):
            replace(SMALL, **{name: value})
    with pytest.raises(ValueError, match=r"must be integers, not 10\.0"):
        replace(SMALL, sizes=(23, 10.0))
    for name, value in (("rest_mv", math.nan), ("refractory_ms", math.inf), ("threshold_mv", math.inf)):
        with pytest.raises(ValueError, match="Neuron: constants must be finite"):
            Neuron(**{name: value})
    with pytest.raises(ValueError, match="threads must be at most"):
        build(SMALL, seed=0, threads=100_000)
    with pytest.raises(ValueError, match="the scale must be above 0 and at most 1, not 2"):
        potjans_diesmann(2.0)
