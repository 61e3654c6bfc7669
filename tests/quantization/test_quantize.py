"""Quantization: rounding within half a step, counts of changes, idempotence, integer arithmetic; pruning."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_programs import events, frames_for, programs
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.quantization import Scheme, dequantized, grids, prune, quantize
from snnsim.simulation import Simulator, simulate

SCHEMES = st.builds(
    Scheme,
    weights=st.sampled_from(["int8", "int4", "ternary", "int3"]),
    delays=st.sampled_from([None, "2bit", "6bit", "2bit:3"]),
    scale=st.sampled_from(["channel", "layer"]),
    word_bits=st.sampled_from([8, 16, 24]),
)


def network(seed=0, *, size=30):
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(np.ones((12, size)))
    first = Edge.of(INPUT, "a", (pre, post, rng.integers(0, 20, len(pre)), rng.normal(0, 0.3, len(pre))), sources=12)
    pre, post = np.nonzero(rng.random((size, size)) < 0.4)
    inner = Edge.of("a", "a", (pre, post, rng.integers(1, 20, len(pre)), rng.normal(0, 0.2, len(pre))), sources=size)
    pre, post = np.nonzero(np.ones((size, 4)))
    last = Edge.of("a", "out", (pre, post, rng.integers(0, 20, len(pre)), rng.normal(0, 0.3, len(pre))), sources=size)
    neurons = Population(
        "a",
        "lif_soft",
        rng.uniform(0, 0.95, size),
        rng.uniform(0.5, 1.5, size),
        rng.normal(0, 0.1, size),
        np.ones(size),
    )
    out = Population.of("out", 4, decay=0.9, model="readout")
    return Program(
        channels=12, populations=(neurons, out), edges=(first, inner, last), time_step_ms=1.0, readout="out",
        decision="mean_membrane", extra_steps=5,
    )  # fmt: skip


def random_frames(seed=1):
    return (np.random.default_rng(seed).random((80, 6, 12)) < 0.15).astype(int)


@settings(max_examples=40, deadline=None)
@given(programs(), SCHEMES)
def test_quantization_is_idempotent(program, scheme):
    once = quantize(program, scheme)
    assert quantize(once, scheme).digest() == once.digest()
    assert once.fixed is not None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), SCHEMES)
def test_weights_are_within_half_a_step_unless_clipped(seed, scheme):
    program = network(seed, size=8)
    quantized = quantize(program, scheme)
    floats, changes = dequantized(quantized), quantized.provenance["quantization"]["edges"]
    for before, after, change in zip(program.edges, floats.edges, changes, strict=True):
        target = quantized.population(before.target)
        half = 0.5 * (target.scale * 2**quantized.fixed.weight_shift)
        # synapses are sorted by delay, so changed delays may reorder them; pairs of neurons do not change
        one, other = by_pair(before), by_pair(after)
        off = np.abs(one[1] - other[1]) > half[one[2]] * (1 + 1e-9)
        assert off.sum() == change["weights_clipped"]
        assert (np.abs(other[1][off]) < np.abs(one[1][off])).all()
        assert ((other[1] == 0) & (one[1] != 0)).sum() == change["weights_to_0"]


def by_pair(edge):
    key = edge.pre() * 1000 + edge.post
    order = np.argsort(key, kind="stable")
    assert len(np.unique(key)) == len(key)
    return key[order], edge.weight[order], edge.post[order], edge.delay[order]


@settings(max_examples=40, deadline=None)
@given(programs(fixed=True))
def test_integer_units_keep_all_numbers_but_the_threshold(program):
    floats, fixed = dequantized(program, units="integer"), program.fixed
    assert floats.fixed is None
    for before, after in zip(program.populations, floats.populations, strict=True):
        np.testing.assert_array_equal(after.threshold, before.threshold - 0.5 * before.fires)
        np.testing.assert_array_equal(after.decay * 2**fixed.decay_bits, before.decay)
        np.testing.assert_array_equal((after.bias, after.scale), (before.bias, before.scale))
    for before, after in zip(program.edges, floats.edges, strict=True):
        np.testing.assert_array_equal(after.weight, before.weight.astype(int) << fixed.weight_shift)
    assert dequantized(floats, units="integer") is floats
    with pytest.raises(ValueError, match="dequantized: units must be one of trained, integer, not 'mV'"):
        dequantized(program, units="mV")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.sampled_from(["3bit", "5bit", "2bit:4", "4bit:3"]))
def test_every_changed_delay_is_counted(seed, text):
    program, grid = network(seed, size=8), grids.DelayGrid.named(text)
    quantized = quantize(program, Scheme(weights=None, delays=text))
    assert quantized.fixed is None
    changes = quantized.provenance["quantization"]["edges"]
    for before, after, change in zip(program.edges, quantized.edges, changes, strict=True):
        one, other = by_pair(before), by_pair(after)
        delay, new = one[3].astype(int), other[3].astype(int)
        np.testing.assert_array_equal(one[1], other[1])
        assert set(new.tolist()) <= set(range(0, grid.longest + 1, grid.resolution))
        assert change["delays_clipped"] == (delay > grid.longest).sum()
        changed = int((delay != new).sum())
        assert change["delays_rounded"] + change["delays_clipped"] >= changed - change["delays_raised_from_0"]
        assert change["longest_change"] == np.abs(delay - new).max()
        inside = delay <= grid.longest
        within = grid.resolution / 2 if before.source != before.target else grid.resolution
        assert (np.abs(delay - new)[inside] <= within).all()
        if before.source == before.target:
            assert new.min() >= 1


def test_16_bits_have_nearly_the_spikes_of_floats():
    program, frames = network(), random_frames()
    scheme = Scheme("int16", word_bits=32, decay_bits=16, weight_shift=8)
    one, other = simulate(program, events(frames)), simulate(quantize(program, scheme), events(frames))
    assert one.counts("a").sum() > 300
    assert np.abs(one.counts("a") - other.counts("a")).sum() <= 2
    close = np.abs(one.output(0) - other.output(0)) < 2e-3
    assert close.mean() > 0.95


@pytest.mark.parametrize("engine", ["clock_driven", "event_driven"])
def test_integers_have_the_same_bytes_with_any_number_of_threads(engine):
    quantized, frames = quantize(network(), Scheme("int8")), random_frames()
    first, *others = (simulate(quantized, events(frames), engine=engine, threads=threads) for threads in (1, 2, 5))
    assert first.counts("a").sum() > 0
    for other in others:
        assert other.traces.tobytes() == first.traces.tobytes()
        assert other.node_counts.tobytes() == first.node_counts.tobytes()
    simulator = Simulator(quantized, engine=engine)
    result, state = simulator.feed(events(frames), simulator.start(6))
    assert [array.dtype.kind for array in (result.traces, state.voltage, state.pending)] == ["i", "i", "i"]


def test_membranes_saturate_at_the_stated_word():
    both = np.array([0])
    push = Edge.of(INPUT, "a", (both, both, both, np.array([1.0])), sources=1)
    program = Program(
        channels=1, populations=(Population.of("a", 1, decay=1.0, model="readout"),), edges=(push,), time_step_ms=1.0,
        readout="a",
    )  # fmt: skip
    quantized = quantize(program, Scheme("int8", word_bits=16))
    result = simulate(quantized, events(np.ones((10, 1, 1), int)))
    unit = quantized.populations[0].scale
    expected = np.minimum(127 * 2**6 * np.arange(1, 11), 2**15 - 1) * unit
    np.testing.assert_array_equal(result.output()[:, 0], expected)


WORDS = [(3, 0), (8, 6), (16, 6), (32, 6), (32, 16)]


def with_thresholds(factor):
    program = network()
    neurons = replace(program.populations[0], threshold=program.populations[0].threshold * factor)
    return replace(program, populations=(neurons, program.populations[1]))


@pytest.mark.parametrize("scale", ["channel", "layer"])
@pytest.mark.parametrize(("word_bits", "weight_shift"), WORDS)
def test_a_scale_is_raised_until_the_threshold_fits(scale, word_bits, weight_shift):
    scheme = Scheme("int8", scale=scale, word_bits=word_bits, weight_shift=weight_shift)
    quantized = quantize(with_thresholds(0.1 * 2 ** (word_bits - 1 - weight_shift)), scheme)
    threshold = quantized.populations[0].threshold
    assert quantized.fixed.limit // 2 < threshold.max() <= quantized.fixed.limit
    assert np.abs(quantized.edges[0].weight).max() < 20
    assert quantize(quantized, scheme).digest() == quantized.digest()


@pytest.mark.parametrize("scale", ["channel", "layer"])
@pytest.mark.parametrize(("word_bits", "weight_shift"), WORDS)
def test_quantization_is_idempotent_where_all_weights_become_0(scale, word_bits, weight_shift):
    scheme = Scheme("int8", scale=scale, word_bits=word_bits, weight_shift=weight_shift)
    quantized = quantize(with_thresholds(1e9 / 3), scheme)
    assert not quantized.edges[0].weight.any()
    assert quantize(quantized, scheme).digest() == quantized.digest()


def test_layers_share_a_scale_and_channels_do_not():
    by_layer, by_channel = (quantize(network(), Scheme("int8", scale=scale)) for scale in ("layer", "channel"))
    assert len(np.unique(by_layer.populations[0].scale)) == 1
    assert len(np.unique(by_channel.populations[0].scale)) == 30
    errors = [
        sum(change["relative_error"] for change in quantized.provenance["quantization"]["edges"])
        for quantized in (by_layer, by_channel)
    ]
    assert errors[1] < errors[0]


@settings(max_examples=15, deadline=None)
@given(programs(fixed=False).flatmap(lambda program: st.tuples(st.just(program), frames_for(program))), SCHEMES)
def test_engines_agree_on_quantized_programs(program_and_frames, scheme):
    program, frames = program_and_frames
    quantized = quantize(program, scheme)
    results = (simulate(quantized, events(frames), engine=engine) for engine in ("clock_driven", "event_driven"))
    np.testing.assert_array_equal(*(result.node_counts for result in results))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scheme("int1"), "weights 'int1' are unknown; the known ones are ternary and int2 to int16"),
        (lambda: Scheme("float"), "weights 'float' are unknown"),
        (lambda: Scheme(None), "there must be weights or delays to quantize, and both are None"),
        (lambda: Scheme(delays="6bits"), "delays '6bits' are unknown; give the number of bits"),
        (lambda: Scheme(scale="neuron"), "scale must be one of channel, layer, not 'neuron'"),
        (lambda: quantize(network(), Scheme(delays="0bit")), "a -> a needs delays of at least 1 step"),
        (lambda: quantize(network(), Scheme(word_bits=40)), "word_bits must be from 3 to 32, not 40"),
        (lambda: prune(network(), share=1.0), "share must be at least 0 and below 1, not 1.0"),
        (lambda: prune(network(), delays=(3, 2)), r"a shortest and a longest one, in steps, not \(3, 2\)"),
    ],
)
def test_wrong_schemes_and_shares_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_pruning_leaves_out_weak_synapses_and_delays_out_of_the_range():
    program = network()
    pruned = prune(program, share=0.5, delays=(2, 10))
    for before, after, change in zip(program.edges, pruned.edges, pruned.provenance["pruning"]["edges"], strict=True):
        limit = np.sort(np.abs(before.weight))[len(before.weight) // 2]
        mask = (np.abs(before.weight) >= limit) & (before.delay >= 2) & (before.delay <= 10)
        np.testing.assert_array_equal(after.weight, before.weight[mask])
        np.testing.assert_array_equal(after.pre(), before.pre()[mask])
        np.testing.assert_array_equal(after.post, before.post[mask])
        np.testing.assert_array_equal(after.delay, before.delay[mask])
        assert change["kept"] == mask.sum() < change["synapses"] == len(mask)
        assert change["outside_delays"] == ((before.delay < 2) | (before.delay > 10)).sum()
    assert prune(program).digest() == program.digest()


def test_the_longest_delay_of_a_grid_is_one_that_an_edge_holds():
    edge = Edge.of(INPUT, "a", ([0], [0], [65_535], [1.0]), sources=1)
    program = Program(channels=1, populations=(Population.of("a", 1, decay=0.5),), edges=(edge,), time_step_ms=1.0)
    assert quantize(program, Scheme(weights=None, delays="16bit:2")).longest_delay() == 65_534


@pytest.mark.parametrize("share", [0.07, 0.29, 0.57])
def test_a_share_of_hundred_weights_is_as_many_of_them(share):
    source = np.arange(100)
    edge = Edge.of(INPUT, "a", (source, 0 * source, 0 * source, source + 1.0), sources=100)
    program = Program(channels=100, populations=(Population.of("a", 1, decay=0.5),), edges=(edge,), time_step_ms=1.0)
    assert prune(program, share=share).synapses == 100 - round(100 * share)


def test_units_of_a_program_in_floats_are_kept():
    program = quantize(network(), Scheme("int8"))
    requantized = quantize(dequantized(program, units="integer"), Scheme("int8"))
    for one, other in zip(program.populations, requantized.populations, strict=True):
        if one.fires:
            np.testing.assert_allclose(other.threshold * other.scale, one.threshold * one.scale, rtol=0.01)
    for one, other in zip(program.edges, requantized.edges, strict=True):
        unit = [part.population(one.target).scale[one.post] for part in (program, requantized)]
        np.testing.assert_allclose(other.weight * unit[1], one.weight * unit[0], rtol=0, atol=unit[0].max())


def test_new_delays_alone_keep_the_weights_in_integers():
    program = quantize(network(), Scheme("int4", word_bits=16))
    result = quantize(program, Scheme(weights=None, delays="2bit"))
    assert result.fixed == replace(program.fixed, delay_bits=2)
    assert result.longest_delay() == 3
    for one, other in zip(program.edges, result.edges, strict=True):
        np.testing.assert_array_equal(by_pair(other)[1], by_pair(one)[1])
