"""Programs with graded messages: both engines, streams, integers, files, quantization and refusals."""

from dataclasses import replace

import numpy as np
import pytest

from snnsim.export import targets
from snnsim.kernels.simulate.naive_graded import graded
from snnsim.program import ConvEdge, Edge, FixedPoint, Geometry, Population, Program
from snnsim.quantization import Scheme, quantize
from snnsim.quantization.dequantize import dequantized
from snnsim.simulation import Events, Probe, Simulator, simulate

SIZES = {"first": 6, "second": 5, "out": 3}
STEPS, RECORDINGS, CHANNELS = 10, 2, 4
PROBE = Probe(spikes=True, membranes=dict.fromkeys(SIZES))
PROBE_OF_OUT = Probe(membranes={"out": None})


def _program(model, seed, *, integers=False, back=True):
    """Return a random Program whose numbers are eighths, or integers, so that sums do not round."""
    rng = np.random.default_rng(seed)
    size = {"input": CHANNELS} | SIZES
    rows = [("input", "first", 0, 2), ("first", "second", 0, 3), ("second", "out", 0, 1), ("input", "out", 0, 0)]
    rows += [("second", "first", 1, 2)] if back else []

    def edge(source, target, least, most):
        pre, post = np.divmod(np.arange(size[source] * size[target]), size[target])
        weight = rng.integers(-3, 4, len(pre)) * (rng.random(len(pre)) < 0.7)
        synapses = pre, post, rng.integers(least, most + 1, len(pre)), weight if integers else weight / 8
        return Edge.of(source, target, synapses, sources=size[source])

    def population(name):
        count, one = size[name], 2**12 if integers else 1.0
        threshold, bias = rng.integers(2, 6, count), rng.integers(-8, 9, count)
        values = (64 * threshold, 16 * bias) if integers else (threshold / 8, bias / 8)
        kind = np.int64 if integers else np.float64
        kinds = np.full(count, one), *values
        return Population(
            name, "sigma" if name == "out" else model, *(np.asarray(row, kind) for row in kinds), np.ones(count)
        )

    return Program(
        channels=CHANNELS,
        populations=tuple(map(population, SIZES)),
        edges=tuple(edge(*row) for row in rows),
        time_step_ms=1.0,
        readout="out",
        decision="mean_membrane",
        fixed=FixedPoint(32, 12, 6, 8, 4) if integers else None,
    )


def _changes(seed):
    rng = np.random.default_rng(seed)
    changes = rng.integers(-3, 4, (STEPS, RECORDINGS, CHANNELS)) * (rng.random((STEPS, RECORDINGS, CHANNELS)) < 0.4)
    changes[6:8] = 0
    return changes


def _dense(program, changes):
    """Return the membranes of the dense computation, (time, neuron)."""
    first = dict(zip(["input", *SIZES], np.cumsum([0, CHANNELS, *SIZES.values()]), strict=False))
    synapses = [
        (first[edge.source] + i, first[edge.target] + j, int(d), w)
        for edge in program.edges
        for i, j, d, w in zip(edge.pre(), edge.post, edge.delay, edge.weight, strict=True)
    ]
    # targets are counted among the neurons
    synapses = [(int(i), int(j) - CHANNELS, d, w) for i, j, d, w in synapses]
    neurons = [
        (each.model, *row) for each in program.populations for row in zip(each.threshold, each.bias, strict=True)
    ]
    shift = None if program.fixed is None else program.fixed.weight_shift
    return graded(changes, synapses, neurons, shift=shift)


def _membranes(result, recording):
    return np.concatenate([result.membrane(name, recording) for name in SIZES], axis=1)


@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("model", ["delta", "sigma_delta"])
def test_both_engines_equal_the_dense_computation_at_every_step(model, integers):
    program, changes = _program(model, 0, integers=integers), _changes(1)
    events = Events.from_frames(changes)
    results = [
        simulate(program, events, engine=engine, record=PROBE, threads=1) for engine in ("clock_driven", "event_driven")
    ]
    assert np.array_equal(results[0].node_counts, results[1].node_counts)
    assert np.array_equal(results[0].spike_neuron, results[1].spike_neuron)
    assert results[0].node_counts[:, CHANNELS:].sum() > 0
    assert np.array_equal(results[0].counts("input"), (changes != 0).sum(0))
    for recording in range(RECORDINGS):
        dense = _dense(program, changes[:, recording])
        for result in results:
            assert np.array_equal(_membranes(result, recording), dense.astype(float))
    if model == "delta":
        values = np.concatenate([_membranes(results[0], r)[:, :6] for r in range(RECORDINGS)])
        assert (np.maximum(values, 0) / program.population("first").threshold % 1 == 0.5).any()


def test_work_is_done_for_changes_alone_and_a_stream_in_pieces_is_the_stream():
    program, changes = _program("delta", 2, back=False), _changes(3)
    changes[4:] = 0
    events = Events.from_frames(changes)
    simulator = Simulator(program, engine="event_driven", threads=1)
    complete = simulator.run(events, PROBE)
    # the longest way has six steps of delay, after which nothing is sent
    assert complete.spike_step.max() < 4 + 6
    state, parts = simulator.start(RECORDINGS), []
    for begin, end in ((0, 1), (1, 4), (4, STEPS)):
        result, state = simulator.feed(events.part(begin, end), state, PROBE)
        parts.append(_membranes(result, 1))
    assert np.array_equal(np.concatenate(parts), _membranes(complete, 1))


def test_sums_beyond_the_word_are_refused_and_not_clipped():
    program = _program("delta", 4, integers=True, back=False)
    events = Events.from_frames(1000000 * _changes(5))
    with pytest.raises(ValueError, match="sums must be within ± 2147483647"):
        simulate(program, events, threads=1)


def test_files_hold_them_and_targets_of_spikes_refuse_them_by_name(tmp_path):
    program = _program("sigma_delta", 6)
    program.save(tmp_path / "program.npz")
    assert Program.load(tmp_path / "program.npz").same_as(program)
    for name, target in targets.TARGETS.items():
        path = tmp_path / f"file{target.suffix}"
        if name in ("npz", "hdf5"):
            targets.write(program, name, path)
            assert targets.read(name, path).same_as(program)
            continue
        refused = r"population 'first': neurons must send spikes.*'sigma_delta'"
        with pytest.raises(ValueError, match="use npz or hdf5, which hold any graph" if target.graded else refused):
            targets.write(program, name, path)
        assert not path.exists()


def test_kinds_of_messages_do_not_mix():
    program = _program("delta", 7)
    spiking = Population.of("first", 6, decay=1.0)
    with pytest.raises(ValueError, match="'first': the model 'lif_hard' takes spikes"):
        Program(**vars(program) | {"populations": (spiking, *program.populations[1:])})
    leaky = Population.of("first", 6, decay=0.5, model="delta")
    with pytest.raises(ValueError, match="'first': decay must be 1"):
        Program(**vars(program) | {"populations": (leaky, *program.populations[1:])})


@pytest.mark.parametrize("model", ["delta", "sigma_delta"])
def test_quantization_of_numbers_on_its_grid_changes_no_membrane(model):
    program, changes = _program(model, 8, back=False), _changes(9)
    # a chain, as a population has one scale for the messages of all its sources
    program = replace(program, edges=program.edges[:3])
    # without a shift, all values are multiples of a message's unit, and no message is rounded
    scheme = Scheme("int8", scale="layer", word_bits=32, weight_shift=0)
    integers = quantize(program, scheme)
    events = Events.from_frames(changes)
    results = [simulate(each, events, record=PROBE, threads=1) for each in (program, integers)]
    for recording in range(RECORDINGS):
        np.testing.assert_allclose(*(_membranes(result, recording) for result in results), rtol=0, atol=1e-6)
    repeated = quantize(dequantized(integers), scheme)
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(repeated.edges, integers.edges, strict=True))


def test_loops_of_sigma_delta_populations_are_not_quantized():
    with pytest.raises(ValueError, match="must not form loops, and 'second' leads to 'first'"):
        quantize(_program("sigma_delta", 10), Scheme("int8"))


@pytest.mark.parametrize("scale", ["channel", "layer"])
def test_convolutions_of_sigma_delta_messages_are_quantized_as_their_single_synapses(scale):
    rng = np.random.default_rng(11)
    pre, post = np.divmod(np.arange(CHANNELS * 18), 18)
    # neurons of very different weights, so that each would have a scale of its own
    weight = rng.normal(size=len(pre)) * 4.0 ** (post % 5)
    kernel = ConvEdge.dense("first", "out", rng.normal(size=(2, 2, 2, 2)), geometry=Geometry.of((3, 3, 2), 2, (2, 2)))
    program = Program(
        channels=CHANNELS,
        populations=(
            Population.of("first", 18, decay=1.0, threshold=0.01, model="sigma_delta"),
            Population.of("out", 8, decay=1.0, model="sigma"),
        ),
        edges=(Edge.of("input", "first", (pre, post, 0 * pre, weight), sources=CHANNELS), kernel),
        time_step_ms=1.0,
        readout="out",
    )
    events = Events.from_frames(_changes(11))
    integers = quantize(program, Scheme("int12", scale=scale, word_bits=32, weight_shift=0))
    exact, rounded, single = (
        simulate(each, events, record=PROBE_OF_OUT, threads=1).membrane("out", 0)
        for each in (program, integers, integers.unrolled())
    )
    np.testing.assert_array_equal(rounded, single)
    np.testing.assert_allclose(rounded, exact, rtol=0, atol=0.01 * np.abs(exact).max())


@pytest.mark.parametrize("units", ["trained", "integer"])
@pytest.mark.parametrize("model", ["delta", "sigma_delta"])
def test_floats_of_integers_send_the_same_messages(model, units):
    program = _program(model, 12, integers=True, back=False)
    # without a shift, no message is rounded
    program = replace(program, fixed=replace(program.fixed, weight_shift=0))
    program = replace(program, populations=tuple(_threshold_of_sums(each) for each in program.populations))
    events = Events.from_frames(_changes(13))
    floats = dequantized(program, units=units)
    results = [simulate(each, events, record=PROBE, threads=1) for each in (program, floats)]
    assert results[0].node_counts[:, CHANNELS:].sum() > 0
    np.testing.assert_array_equal(results[0].node_counts, results[1].node_counts)
    for recording in range(RECORDINGS):
        np.testing.assert_array_equal(*(_membranes(result, recording) for result in results))


def test_sums_above_the_threshold_of_sigma_delta_neurons_stay_above_it_in_integers():
    # messages of one and of two eighths, and a threshold between them, which is no multiple of the integers' unit
    populations = (
        Population.of("first", 1, decay=1.0, threshold=0.2, model="sigma_delta"),
        Population.of("out", 1, decay=1.0, model="sigma"),
    )
    edges = (
        Edge.of("input", "first", ([0, 1], [0, 0], [0, 0], [0.125, 15.875]), sources=2),
        Edge.of("first", "out", ([0], [0], [0], [1.0]), sources=1),
    )
    program = Program(channels=2, populations=populations, edges=edges, time_step_ms=1.0, readout="out")
    events = Events.from_frames(np.array([1, 1, 0, 2, 1, 1])[:, None, None] * np.array([1, 0]))
    exact, rounded = (
        simulate(each, events, record=PROBE_OF_OUT, threads=1).membrane("out", 0).ravel()
        for each in (program, quantize(program, Scheme("int8", word_bits=32, weight_shift=0)))
    )
    assert exact.tolist() == [0.0, 0.25, 0.25, 0.5, 0.5, 0.75]
    np.testing.assert_allclose(rounded, exact, rtol=0, atol=1e-6)


def _threshold_of_sums(population):
    """Return a population whose thresholds and biases are of the size of weights, so that sums often equal them."""
    return replace(population, threshold=population.threshold // 64, bias=population.bias // 16)
