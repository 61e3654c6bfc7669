"""Programs of neurons with two state variables: engines, pieces, networks in evaluation, files and integers."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.networks import BATCH, NEURONS, STEPS, eighths, small_network
from helpers.random_programs import dense_spikes, everything, loops, membranes
from snnsim.export import targets
from snnsim.nn import (
    ALIF,
    AdLIF,
    CubaLIF,
    DelayedLinear,
    LeakyReadout,
    Recurrence,
    SiLIF,
    SparseLinear,
    SpikingLayer,
    SpikingNetwork,
)
from snnsim.nn.freezing import freeze
from snnsim.program import INPUT, MODELS, Edge, Population, Program
from snnsim.quantization import Scheme, dequantized, quantize
from snnsim.simulation import ENGINES, Events, Probe, Simulator, simulate

TWO_STATE = [name for name, model in MODELS.items() if model.second]
DRAW = torch.Generator
NEURON = {
    "adlif_hard": lambda size: AdLIF(features=size, threshold=0.0625, generator=DRAW().manual_seed(1)),
    "adlif_soft": lambda size: SiLIF(features=size, threshold=0.25, generator=DRAW().manual_seed(1)),
    "alif_hard": lambda _: ALIF(tau=3.0, tau_adaptation=9.0, jump=0.3, threshold=0.25),
    "alif_soft": lambda _: ALIF(tau=3.0, tau_adaptation=9.0, jump=0.3, threshold=0.25, reset="soft"),
    "cuba_lif_hard": lambda _: CubaLIF(tau=3.0, tau_synapse=4.0, threshold=0.25),
    "cuba_lif_soft": lambda _: CubaLIF(tau=3.0, tau_synapse=4.0, gain=0.5, threshold=0.25, reset="soft"),
}


def random_network(model, seed=0, size=30, channels=10):
    """Return a recurrent network whose sums and products are rounded."""
    rng = np.random.default_rng(seed)
    ranges = {"gain": (0.1, 1.0), "second_decay": (0.5, 1.0), "coupling": (-0.2, 0.4), "jump": (0.0, 0.5)}
    second = {name: rng.uniform(*ranges[name], size) for name in MODELS[model].parameters}
    first = Population(
        "a", model, rng.uniform(0.5, 1, size), rng.uniform(0.5, 1.5, size), rng.normal(0, 0.1, size), np.ones(size),
        **second,
    )  # fmt: skip
    lif = Population.of("b", size, decay=0.9, model="lif_soft")
    edges = []
    for source, target, least in ((INPUT, "a", 0), ("a", "b", 0), ("a", "a", 1), ("b", "a", 1)):
        sources = channels if source == INPUT else size
        pre, post = np.nonzero(rng.random((sources, size)) < 0.4)
        synapses = pre, post, rng.integers(least, 9, len(pre)), rng.normal(0.1, 0.4, len(pre))
        edges.append(Edge.of(source, target, synapses, sources=sources))
    return Program(channels, (first, lif), tuple(edges), 1.0)


def random_events(program, steps=60, recordings=3, seed=1):
    return Events.from_frames(np.random.default_rng(seed).random((steps, recordings, program.channels)) < 0.3)


@pytest.mark.parametrize("model", TWO_STATE)
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_engines_agree_to_the_last_bit(model, precision):
    program = random_network(model)
    events, probe = random_events(program), Probe(spikes=True, membranes=everything(program))
    one, other = (
        simulate(program, events, engine=engine, precision=precision, threads=threads, record=probe)
        for engine, threads in (("clock_driven", 1), ("event_driven", 2))
    )
    assert 0.01 < one.counts("a").mean() / 60 < 0.9
    np.testing.assert_array_equal(one.traces, other.traces)
    np.testing.assert_array_equal(one.node_counts, other.node_counts)
    np.testing.assert_array_equal(one.spike_neuron, other.spike_neuron)


@pytest.mark.parametrize("model", TWO_STATE)
@pytest.mark.parametrize("engine", ENGINES)
def test_pieces_are_the_recording(model, engine, tmp_path):
    program = random_network(model)
    events, probe = random_events(program), Probe(spikes=True, membranes=everything(program))
    simulator = Simulator(program, engine=engine)
    expected, _ = simulator.feed(events, simulator.start(3), probe)
    state, traces = simulator.start(3), []
    for begin, end in itertools.pairwise([0, 1, 7, 30, 60]):
        result, state = simulator.feed(events.part(begin, end), state, probe)
        traces.append(membranes(result, program, 1))
        state.save(tmp_path / "state")
        state = type(state).load(tmp_path / "state")
    np.testing.assert_array_equal(np.concatenate(traces), membranes(expected, program, 1))


@torch.no_grad()
@pytest.mark.parametrize("model", TWO_STATE)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("norm", [False, True])
def test_spikes_and_membranes_are_those_of_the_network(model, engine, norm, tmp_path):
    network = small_network(neuron=NEURON[model], norm=norm, extra_steps=3)
    frames = eighths(STEPS, BATCH, NEURONS, low=0).mul(2).floor()
    network(frames)
    network.eval()
    program = freeze(network, time_step_ms=4.0)
    assert program.populations[0].model == model
    program.save(tmp_path / "a.snn")
    program = Program.load(tmp_path / "a.snn")
    names = [part.name for part in program.populations[:-1]]
    probe = Probe(spikes=True, membranes=everything(program))
    result, record = (
        simulate(program, Events.from_frames(frames.numpy()), engine=engine, record=probe),
        network.record(frames),
    )
    assert sum(float(layer.sum()) for layer in record.spikes[1:]) > 0
    for recording in range(BATCH):
        expected = torch.cat([layer[:, recording] for layer in record.spikes[1:]], -1)
        spikes = dense_spikes(result, program, recording)
        np.testing.assert_array_equal(spikes[:, : expected.shape[1]], expected)
        equal = {"rtol": 1e-9, "atol": 1e-12} if norm else {"rtol": 0, "atol": 0}
        np.testing.assert_allclose(result.output(recording), record.output[:, recording], **equal)
    assert len(names) == 2


@torch.no_grad()
@pytest.mark.parametrize("model", TWO_STATE)
def test_recurrent_layers_are_those_of_the_network(model):
    draw = DRAW().manual_seed(4)
    recurrent = Recurrence(DelayedLinear(8, 8, 3, sigma=1.0, generator=draw))
    synapse = DelayedLinear(NEURONS, 8, 3, sigma=1.0, generator=draw)
    layer = SpikingLayer(synapse, NEURON[model](8), norm=None, dropout=0.0, recurrent=recurrent)
    network = SpikingNetwork([layer], SparseLinear(8, 3, generator=draw), LeakyReadout(tau=3.0), extra_steps=2)
    network, frames = network.double().eval(), eighths(STEPS, BATCH, NEURONS, low=0).mul(4).floor()
    program = freeze(network, time_step_ms=4.0)
    result = simulate(program, Events.from_frames(frames.numpy()), record=Probe(spikes=True))
    record = network.record(frames)
    assert record.spikes[1].any()
    for recording in range(BATCH):
        spikes = dense_spikes(result, program, recording)
        np.testing.assert_array_equal(spikes[:, :8], record.spikes[1][:, recording])


@pytest.mark.parametrize("model", TWO_STATE)
def test_files_of_older_versions_are_those_without(model, tmp_path):
    random_network(model).save(tmp_path / "new.snn")
    with np.load(tmp_path / "new.snn") as stored:
        assert b'"version": 3' in stored["header"].tobytes()
    lif = Program(1, (Population.of("a", 2, decay=0.5),), (), 1.0)
    lif.save(tmp_path / "old.snn")
    with np.load(tmp_path / "old.snn") as stored:
        assert b'"version": 1' in stored["header"].tobytes()


@pytest.mark.parametrize("model", TWO_STATE)
def test_integers_are_the_loops(model):
    program = quantize(random_network(model, size=16), Scheme(weights="int8", word_bits=20))
    frames = (np.random.default_rng(1).random((25, 2, program.channels)) < 0.3).astype(int)
    for engine in ENGINES:
        probe = Probe(spikes=True, membranes=everything(program))
        result = simulate(program, Events.from_frames(frames), engine=engine, record=probe)
        for recording in range(2):
            spikes, membrane = loops(program, frames[:, recording])
            assert spikes.any()
            np.testing.assert_array_equal(dense_spikes(result, program, recording), spikes)
            scale = np.concatenate([part.scale for part in program.populations])
            np.testing.assert_array_equal(membranes(result, program, recording), membrane * scale)


@pytest.mark.parametrize("model", TWO_STATE)
def test_fine_integers_are_near_the_floats(model):
    program = random_network(model)
    fine = Scheme(weights="int16", scale="channel", word_bits=32, decay_bits=16, weight_shift=8)
    integers, events = quantize(program, fine), random_events(program)
    floats, near, back = (simulate(each, events).counts("a") for each in (program, integers, dequantized(integers)))
    assert abs(near.sum() / floats.sum() - 1) < 0.05
    assert abs(back.sum() / floats.sum() - 1) < 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": np.zeros(30)}, "population 'a': gain must be positive"),
        ({"second_decay": np.full(30, 1.5)}, "population 'a': second_decay must be from 0 to 1"),
        ({"jump": None}, "the model 'adlif_hard' must have the arrays"),
        ({"coupling": np.full(30, 1e40)}, "population 'a': coupling must be within"),
    ],
)
def test_coefficients_are_checked(change, message):
    program = random_network("adlif_hard")
    with pytest.raises(ValueError, match=message):
        replace(program, populations=(replace(program.populations[0], **change), program.populations[1]))


@pytest.mark.parametrize("model", TWO_STATE)
@pytest.mark.parametrize("integers", [False, True])
def test_arrays_hold_the_model(model, integers, tmp_path):
    program = random_network(model, size=5)
    program = quantize(program, Scheme(weights="int8")) if integers else program
    for name in ("npz", "hdf5"):
        path = tmp_path / f"a{targets.TARGETS[name].suffix}"
        targets.write(program, name, path)
        assert targets.read(name, path).same_as(program)
