from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.nir_programs import ENCODINGS
from helpers.random_programs import HARD_MODELS, programs
from snnsim import export
from snnsim.export.nir.graph import computation_order
from snnsim.export.nir.write import graph_of, options_of
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.verification import networks


def same(one, other):
    assert one.header() == other.header()
    for (name, one_array), (_, other_array) in zip(one.arrays(), other.arrays(), strict=True):
        assert one_array.dtype == other_array.dtype, name
        np.testing.assert_array_equal(one_array, other_array, name)


def irregular(program, seed):
    """Return the Program with weights and decays that no short float holds."""
    if program.fixed is not None:
        return program
    rng = np.random.default_rng(seed)
    edges = [replace(edge, weight=edge.weight * rng.normal(size=len(edge.weight))) for edge in program.edges]
    parts = [
        replace(part, decay=rng.random(part.size), threshold=rng.random(part.size) + 0.1)
        for part in program.populations
    ]
    return replace(program, edges=tuple(edges), populations=tuple(parts))


@pytest.mark.parametrize("resistance", ["euler", "one"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=programs(models=HARD_MODELS), seed=st.integers(0, 9), rough=st.booleans())
def test_reading_back_is_identity(tmp_path, encoding, resistance, program, seed, rough):
    program = (irregular(program, seed) if rough else program).came_from(epoch=3)
    export.write(program, "nir", tmp_path / "a.nir", encoding=encoding, resistance=resistance)
    same(export.read("nir", tmp_path / "a.nir"), program)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=25, deadline=None)
@given(program=programs(models=HARD_MODELS))
def test_nodes_do_not_wait_for_themselves(encoding, program):
    """A node with an input from the step before has another one in this step, as the first step has none before."""
    graph = graph_of(program, options_of(program, encoding, None, None))
    names = ["input", *(name for name in graph.nodes if name not in ("input", "output")), "output"]
    order, late = computation_order(names, graph.edges)
    assert sorted(order) == sorted(names)
    for source, target in late:
        assert graph.nodes[target].kind in ("LIF", "LI", "CubaLIF")
        assert [each for each, end in graph.edges if end == target and (each, end) not in late], (source, target)
    reached = {"input"} | {target for source, target in graph.edges if (source, target) not in late}
    assert reached == set(names)


def small(**changes):
    """Return a Program of two populations and a loop, with biases."""
    rng = np.random.default_rng(0)
    one, two = (Population.of(name, 3, decay=0.5, bias=rng.random(3)) for name in ("a b", "c"))
    ends = ((INPUT, "a b", 0), ("a b", "c", 0), ("c", "a b", 1))
    pre, post = (each.reshape(-1) for each in np.indices((3, 3)))
    edges = [
        Edge.of(source, target, (pre, post, rng.integers(least, 5, 9), rng.normal(size=9)), sources=3)
        for source, target, least in ends
    ]
    return replace(Program(channels=3, populations=(one, two), edges=tuple(edges), time_step_ms=10.0), **changes)


def changed(path, change):
    """Change a file that snnsim wrote."""
    with h5py.File(path, "r+") as file:
        change(file["node"])


def put(node, name, values):
    del node[name]
    node[name] = values


@pytest.mark.parametrize("content", [b"", b"not at all", "half"])
def test_a_broken_file_is_said_to_be_so(tmp_path, content):
    path = tmp_path / "a.nir"
    export.write(small(), "nir", path)
    path.write_bytes(path.read_bytes()[:-900] if content == "half" else content)
    with pytest.raises(ValueError, match=r"a\.nir is damaged, or no NIR file"):
        export.read("nir", path)


def test_another_hdf5_file_and_a_missing_one_are_said_to_be_so(tmp_path):
    with h5py.File(tmp_path / "a.nir", "w") as file:
        file["spikes"] = np.arange(3)
    with pytest.raises(ValueError, match="damaged, or no NIR file"):
        export.read("nir", tmp_path / "a.nir")
    with h5py.File(tmp_path / "b.nir", "w") as file:
        file["node/type"] = "LIF"
    with pytest.raises(ValueError, match="holds a single LIF, not a NIRGraph"):
        export.read("nir", tmp_path / "b.nir")
    with pytest.raises(FileNotFoundError, match=r"there is no file .*c\.nir"):
        export.read("nir", tmp_path / "c.nir")


CHANGES = {
    r"the neurons of 'a b'": lambda node: put(node, "nodes/p0_n_a_b/v_threshold", np.full(3, 1.5)),
    r"the biases of 'c'": lambda node: put(node, "nodes/p1_e1_weight/bias", np.ones(3)),
    r"'a b' -> 'c' has 0 synapses, not 9": lambda node: put(
        node, "nodes/p1_e1_weight/weight", 0 * node["nodes/p1_e1_weight/weight"][()]
    ),
    r"it has version 9": lambda node: put(node, "metadata/version", 9),
    r"p0_n_a_b": lambda node: node.pop("nodes/p0_n_a_b"),
    r"threshold must be positive": lambda node: put(node, "nodes/p0_n_a_b/metadata/threshold", -np.ones(3)),
}


@pytest.mark.parametrize("words", CHANGES)
def test_a_file_that_was_changed_is_not_taken_for_ours(tmp_path, words):
    export.write(small(), "nir", tmp_path / "a.nir")
    changed(tmp_path / "a.nir", CHANGES[words])
    with pytest.raises(ValueError, match=rf"a\.nir is damaged, or not as snnsim wrote it: .*({words})"):
        export.read("nir", tmp_path / "a.nir")


def test_what_nir_cannot_say_is_refused(tmp_path):
    soft = tuple(replace(part, model="lif_soft") for part in small().populations)
    with pytest.raises(
        ValueError, match=r"breaks 2 of its rules:(\n.*model must be lif_hard or cuba_lif_hard, not 'lif_soft'.*){2}"
    ):
        export.write(small(populations=soft), "nir", tmp_path / "a.nir")
    by_chance = {"model": "noisy_hard", "width": np.ones(3), "reset_value": np.zeros(3)}
    noisy = tuple(replace(part, **by_chance) for part in small().populations)
    with pytest.raises(ValueError, match="neurons must be deterministic, and these have noise"):
        export.write(small(populations=noisy), "nir", tmp_path / "a.nir")
    for model in ("adlif_hard", "adlif_soft", "alif_hard", "alif_soft", "cuba_lif_soft"):
        parts = tuple(networks.with_model(part, model) for part in small().populations)
        with pytest.raises(ValueError, match=f"model must be lif_hard or cuba_lif_hard, not '{model}'"):
            export.write(small(populations=parts), "nir", tmp_path / "a.nir")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoding": "tree"}, "encoding 'tree' is unknown; the known ones are seq, fan, relay"),
        ({"dt": "-1"}, "dt must be a positive number of seconds, not -1"),
        ({"resistance": "two"}, "resistance must be euler or one, not 'two'"),
        ({"bits": 8}, "nir is written without the option bits; it takes encoding, dt, resistance"),
    ],
)
def test_options_are_checked(tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        export.write(small(), "nir", tmp_path / "a.nir", **options)


def test_too_many_relays_are_refused(tmp_path):
    wide = Population.of("wide", 1, decay=0.5)
    edge = Edge.of(INPUT, "wide", (np.arange(300), np.zeros(300, int), np.full(300, 99), np.ones(300)), sources=300)
    program = Program(channels=300, populations=(wide,), edges=(edge,), time_step_ms=1.0)
    with pytest.raises(ValueError, match="30,000 relays, and backends would hold their loop as a matrix of 3 GiB"):
        export.write(program, "nir", tmp_path / "a.nir", encoding="relay")


def test_times_are_those_of_the_step_in_the_file(tmp_path):
    export.write(small(), "nir", tmp_path / "a.nir", dt=0.5)
    with h5py.File(tmp_path / "a.nir") as file:
        np.testing.assert_array_equal(file["node/nodes/p0_n_a_b/tau"], np.ones(3))
        np.testing.assert_array_equal(file["node/nodes/p0_n_a_b/r"], np.full(3, 2.0))
        assert file["node/metadata/dt"][()] == 0.5
        # a threshold is the next smaller float32, at which > is what >= is at ours
        np.testing.assert_array_equal(file["node/nodes/p0_n_a_b/v_threshold"], np.full(3, 1 - 2.0**-24, np.float32))
    same(export.read("nir", tmp_path / "a.nir"), small())
