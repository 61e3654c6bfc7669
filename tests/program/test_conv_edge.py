"""Convolutions as edges: their synapses, counts, files, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import random_convolutions
from helpers.random_programs import single_synapses
from snnsim import export
from snnsim.program import INPUT, ConvEdge, Edge, Field, Geometry, Population, Program
from snnsim.program.summary import facts, inference
from snnsim.quantization import Scheme, prune, quantize
from snnsim.quantization.dequantize import dequantized

GEOMETRY = Geometry.of((5, 6, 4), 6, (3, 2), stride=(2, 1), padding=(1, 0))
few = settings(max_examples=12, deadline=None)


def dense(seed=0, **settings):
    """Return a convolution of random weights in two groups, and these weights."""
    weight = np.random.default_rng(seed).normal(size=(6, 2, 3, 2))
    return ConvEdge.dense(INPUT, "a", weight, geometry=GEOMETRY, groups=2, **settings), weight


def network(edge, *, channels=GEOMETRY.source.size, **settings):
    populations = (Population.of("a", edge.geometry.target.size, decay=0.5, **settings),)
    return Program(channels, populations, (edge,), 1.0)


@few
@given(data=st.data())
def test_synapses_and_counts_are_those_of_the_loops(data):
    program = data.draw(random_convolutions.programs(fixed=data.draw(st.booleans())))
    for edge in program.convolutions:
        single = edge.unrolled()
        expected = sorted(single_synapses(edge))
        rows = zip(single.pre(), single.post, single.delay, single.weight, strict=True)
        assert sorted((int(i), int(j), int(d), float(w)) for i, j, d, w in rows) == expected
        assert edge.synapses == len(expected)
        np.testing.assert_array_equal(edge.fan_out(), single.fan_out())
        size = np.abs(edge.weight.astype(float))
        sums = np.bincount(single.post, np.abs(single.weight.astype(float)), edge.geometry.target.size)
        np.testing.assert_array_equal(edge.fan_in(size), sums)
    assert program.synapses == program.unrolled().synapses
    for name in ("a", "b"):
        np.testing.assert_array_equal(program.fan_in_weight(name), program.unrolled().fan_in_weight(name))


def current(edge, frame):
    """Return the current of each target of one frame without delays."""
    single = edge.unrolled()
    return np.bincount(single.post, single.weight * frame[single.pre()], edge.geometry.target.size)


def test_a_dense_kernel_is_that_of_torch():
    edge, weight = dense()
    frame = np.random.default_rng(1).normal(size=GEOMETRY.source)
    image = torch.tensor(frame).permute(2, 0, 1)[None]
    expected = torch.nn.functional.conv2d(image, torch.tensor(weight), stride=(2, 1), padding=(1, 0), groups=2)
    assert expected.shape[2:] == GEOMETRY.target[:2]
    np.testing.assert_allclose(current(edge, frame.ravel()), expected[0].permute(1, 2, 0).ravel(), atol=1e-12)


def test_upsampling_is_a_transposed_convolution_of_torch():
    source, kernel = Field(3, 4, 2), np.random.default_rng(0).normal(size=(2, 3, 3, 3))
    image = torch.randn(1, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.conv_transpose2d(image, torch.tensor(kernel), stride=2, padding=1)
    geometry = Geometry(source, Field(*expected.shape[2:], 3), upsampling=(2, 2), padding=(1, 1))
    # torch adds row r to row 2 y + r - 1; flipped, the row is 2 - r, and the padding 3 - 1 - 1
    edge = ConvEdge.dense(INPUT, "a", kernel.transpose(1, 0, 2, 3)[..., ::-1, ::-1], geometry=geometry)
    frame = image[0].permute(1, 2, 0).numpy().ravel()
    np.testing.assert_allclose(current(edge, frame), expected[0].permute(1, 2, 0).ravel(), atol=1e-12)


def test_weights_over_delays_and_a_delay_per_connection():
    taps = np.random.default_rng(0).normal(size=(4, 6, 4, 3, 2))
    edge = ConvEdge.dense(INPUT, "a", taps, geometry=GEOMETRY, delay=np.arange(4).reshape(4, 1, 1, 1, 1))
    for delay in range(4):
        alone = ConvEdge.dense(INPUT, "a", taps[delay], geometry=GEOMETRY)
        selected = edge.selected(edge.delay == delay)
        np.testing.assert_array_equal(selected.weight, alone.weight)
        np.testing.assert_array_equal(selected.channel, alone.channel)
    delays = np.random.default_rng(1).integers(0, 9, (6, 2, 3, 2))
    edge, weight = dense(delay=delays)
    assert dict(zip(weight.ravel(), delays.ravel(), strict=True)) == dict(zip(edge.weight, edge.delay, strict=True))
    np.testing.assert_array_equal(np.sort(edge.with_delays(edge.delay + 1).delay), np.sort(edge.delay + 1))


def test_facts_count_synapses():
    edge, _ = dense()
    twice = ConvEdge.dense(
        INPUT, "a", np.ones((2, 6, 4, 3, 2)), geometry=GEOMETRY, delay=np.arange(2).reshape(2, 1, 1, 1, 1)
    )
    for program in (network(edge), network(twice)):
        single = program.unrolled()
        row, other = (facts(each)["edges"][0] for each in (program, single))
        assert row.pop("kernel_weights") == len(program.edges[0].weight)
        assert row == other
        assert inference(program, steps=7, activity=0.5) == inference(single, steps=7, activity=0.5)
        assert facts(program)["stored_bytes"] < facts(single)["stored_bytes"] / 2
    assert repr(edge) == (
        "ConvEdge('input' -> 'a', 5 x 6 x 4 -> 3 x 5 x 6, stride (2, 1), padding (1, 0), 72 entries, 840 synapses, "
        "delays 0 to 0)"
    )


# ---- files ----


@few
@given(program=random_convolutions.programs())
def test_a_file_holds_the_kernels(tmp_path_factory, program):
    path = tmp_path_factory.mktemp("convolutions") / "a.snn"
    program.save(path)
    read = Program.load(path)
    assert read.same_as(program)
    assert read.digest() == program.digest() != program.unrolled().digest()
    assert version(path) == 6
    program.unrolled().save(path)
    assert version(path) < 6


def version(path):
    return header(path)["version"]


def header(path):
    with np.load(path) as arrays:
        return json.loads(arrays["header"].tobytes())


def changed(path, change):
    """Write a file of a Program anew with a changed header."""
    with np.load(path) as arrays:
        parts = {name: arrays[name] for name in arrays.files}
    table = json.loads(parts["header"].tobytes())
    change(table["convolutions"])
    np.savez(path.open("wb"), **(parts | {"header": np.frombuffer(json.dumps(table).encode(), np.uint8)}))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tables: tables[0].update(edge=1), "edge must be an integer from 0 to 0, not 1"),
        (lambda tables: tables.append(tables[0]), "convolutions must have edge 0 once"),
        (lambda tables: tables[0].update(source=[5, 6]), "source must be 3 integers"),
        (lambda tables: tables[0].update(source=[5, 6, 5]), "indptr must ascend .* over 5 source channels"),
        (lambda tables: tables[0].update(source=[50, 6, 4]), "the field of the source must have its 120 neurons"),
        (lambda tables: tables[0].update(target=[3, 6, 5]), "channel must be from 0 to 4, not 0 to 5"),
        (lambda tables: tables[0].update(target=[3, 6, 6]), "the field of the target must have its 90 neurons"),
        (lambda tables: tables[0].update(target=[2**31, 2**31, 6]), "target must be"),
        (lambda tables: tables[0].update(stride=[0, 1]), "stride must be"),
        (lambda tables: tables[0].update(padding=[-1, 1]), "padding must be"),
        (lambda tables: tables[0].update(upsampling=[2**15, 1]), "upsampling must be"),
        (lambda tables: tables[0].pop("stride"), "stride must be a list"),
        (lambda tables: tables.clear(), "it has no part 'edge0.post'"),
    ],
)
def test_headers_out_of_range_are_refused(tmp_path, change, message):
    network(dense()[0]).save(tmp_path / "a.snn")
    with pytest.raises(ValueError, match=message):
        Program.load(changed(tmp_path / "a.snn", change))


# ---- what is refused ----


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        (0, 4, "source channel must be from 0 to 3, not 4 to 4"),
        (1, -1, "channel must be from 0 to 5, not -1 to -1"),
        (2, 2**15, "row must be from 0 to 32767"),
        (3, -1, "column must be from 0 to 32767"),
        (4, 2**16, "delay must be from 0 to 65535"),
        (4, 0.5, "delay"),
        (5, np.nan, "weights must be finite"),
        (5, 1e31, "weights must be within"),
    ],
)
def test_entries_out_of_range_are_refused(position, value, message):
    entries = [np.zeros(1)] * 6
    entries[position] = np.full(1, value)
    with pytest.raises(ValueError, match=message):
        ConvEdge.of(INPUT, "a", entries, geometry=GEOMETRY)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="six rows must be equally long"):
        ConvEdge.of(INPUT, "a", [np.zeros(1)] * 5 + [np.zeros(2)], geometry=GEOMETRY)
    with pytest.raises(ValueError, match="weight must have 6 target channels and 4 source channels in 1 groups"):
        ConvEdge.dense(INPUT, "a", np.ones((6, 2, 3, 2)), geometry=GEOMETRY)
    with pytest.raises(TypeError, match="geometry must be a Geometry"):
        ConvEdge.dense(INPUT, "a", np.ones((6, 2, 3, 2)), geometry=None)
    with pytest.raises(ValueError, match="Geometry: target must be"):
        Geometry.of((2, 2, 1), 1, (5, 1))
    edge, _ = dense()
    with pytest.raises(ValueError, match="the field of the source must have its 100 neurons, not 5 x 6 x 4"):
        network(edge, channels=100)
    both = Geometry(GEOMETRY.target, GEOMETRY.target)
    inner = ConvEdge.dense("a", "a", np.ones((6, 6, 1, 1)), geometry=both)
    populations = (Population.of("a", both.target.size, decay=0.5),)
    with pytest.raises(ValueError, match="delays must be at least 1, not 0"):
        Program(GEOMETRY.source.size, populations, (edge, inner), 1.0)


def test_edges_of_single_synapses_are_named_where_they_must_be():
    program = network(dense()[0])
    with pytest.raises(ValueError, match=r"convolution 'input' -> 'a' shares a kernel; Program\.unrolled\(\) has"):
        _ = program.single_edges
    single = program.unrolled()
    assert single.single_edges == single.edges
    assert single.unrolled() is single


# ---- quantization, pruning, targets ----


@pytest.mark.parametrize("scale", ["channel", "layer"])
def test_quantization_gives_a_channel_one_scale(scale):
    program = network(dense(delay=np.random.default_rng(0).integers(0, 9, (6, 2, 3, 2)))[0], bias=0.1)
    integers = quantize(program, Scheme("int8", "2bit", scale=scale))
    (edge,), population = integers.edges, integers.population("a")
    assert edge.weight.dtype == np.int16
    assert edge.delay.max() == 3
    by_channel = population.scale.reshape(-1, 6)
    assert (by_channel == by_channel[0]).all()
    assert len(np.unique(by_channel)) == (6 if scale == "channel" else 1)
    for channel in range(6):
        # the largest weight of a scale takes all bits
        assert scale == "layer" or np.abs(edge.weight[edge.channel == channel]).max() == 127
    floats = dequantized(integers)
    before = quantize(program, Scheme(None, "2bit")).edges[0].weight
    np.testing.assert_allclose(floats.edges[0].weight, before, atol=np.abs(before).max() / 200)
    assert quantize(integers, Scheme("int8", "2bit", scale=scale)).digest() == integers.digest()
    assert integers.provenance["quantization"]["edges"][0]["synapses"] == program.synapses


def test_scales_that_differ_within_a_channel_are_refused():
    integers = quantize(network(dense()[0]), Scheme("int8"))
    scale = integers.populations[0].scale.copy()
    scale[0] *= 2
    other = replace(integers.populations[0], scale=scale)
    program = Program(integers.channels, (other,), integers.edges, 1.0, fixed=integers.fixed)
    with pytest.raises(ValueError, match="the neurons of a channel must have one scale"):
        dequantized(program)


def test_pruning_leaves_out_entries_and_counts_synapses():
    program = network(dense(delay=np.random.default_rng(0).integers(0, 9, (6, 2, 3, 2)))[0])
    pruned = prune(program, share=0.5, delays=(2, 6))
    (before,), (after,) = program.edges, pruned.edges
    order = np.sort(np.abs(before.weight))
    mask = (np.abs(before.weight) >= order[36]) & (before.delay >= 2) & (before.delay <= 6)
    np.testing.assert_array_equal(after.weight, before.weight[mask])
    change = pruned.provenance["pruning"]["edges"][0]
    assert (change["synapses"], change["kept"]) == (program.synapses, after.unrolled().synapses)


@pytest.mark.parametrize("target", ["npz", "nir", "c"])
def test_targets_get_single_synapses(tmp_path, target):
    program = quantize(network(dense()[0]), Scheme("int8"))
    export.write(program, target, tmp_path / "a")
    read = export.read(target, tmp_path / "a")
    assert isinstance(read.edges[0], Edge)
    np.testing.assert_array_equal(np.sort(read.edges[0].weight), np.sort(program.unrolled().edges[0].weight))


def test_targets_refuse_too_many_synapses(tmp_path, monkeypatch):
    monkeypatch.setattr(export.targets, "MOST_SYNAPSES", 100)
    message = "export to npz: convolutions become single synapses, and must have 100 at most; this program has 840"
    with pytest.raises(ValueError, match=message):
        export.write(network(dense()[0]), "npz", tmp_path / "a.npz")
