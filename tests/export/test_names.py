"""Names of populations that mean something elsewhere: in paths, tables, C, HDF5, and in the formats themselves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from snnsim import export, hdf5
from snnsim.export.common import path_names, plain_names
from snnsim.export.nir.graph import Graph, Node
from snnsim.export.nir.hdf5 import save
from snnsim.program import INPUT, Edge, FixedPoint, Population, Program
from snnsim.simulation import Events, simulate

ODD = [
    "output", "clock", "header", "names", "input ", "INPUT", "Input", "input/0", "../../up", "/etc/passwd", "..", ".",
    "a/b", "a\\b", "C:x", "nul", "con", "\n", "\x1b[31m", "é", "零", "int", "*/", "/*",
    '"', "'", "$BASE_DIR", "%s", "#", "a b", "a_b", "a  b", "A_B", "n" * 300, "n" * 301, "population/0", "edge", "-",
    "0", "p0_n_a", "x.npy", "~", "|", " ", "membrane", "step", "clock neurons", "p0_e0_weight",
]  # fmt: skip
# a program refuses NUL and lone surrogates, which no file holds
names = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12),
)
pairs = st.lists(names.filter(lambda name: name != INPUT), min_size=2, max_size=2, unique=True)
TARGETS = ["npz", "hdf5", "nir", "sonata", "spinnaker", "c", "loihi1", "loihi2", "xylo"]
FIXED = FixedPoint(word_bits=24, decay_bits=12, weight_shift=6, weight_bits=8, delay_bits=5)


def network(first, second, target):
    """Return a network that every target takes, in integers where it must be."""
    integers = target in ("c", "loihi1", "loihi2", "xylo")
    parts, count = [], {INPUT: 3, first: 2, second: 2}
    for name, model in ((first, "lif_hard"), (second, "readout")):
        part = Population.of(name, 2, decay=0.0, model=model)
        if integers:
            decay = int(target.startswith("loihi"))
            threshold, bias, scale = np.full(2, 65 * 64 + 1), np.zeros(2, int), np.full(2, 0.5)
            part = Population(name, model, np.full(2, decay), threshold, bias, scale)
        parts.append(part)
    edges = []
    for source, name in ((INPUT, first), (first, second)):
        pre, post = (part.ravel() for part in np.indices((count[source], 2)))
        weight = np.full(len(pre), 40) if integers else np.full(len(pre), 0.75)
        edges.append(Edge.of(source, name, (pre, post, np.full(len(pre), 2), weight), sources=count[source]))
    return Program(
        channels=3, populations=tuple(parts), edges=tuple(edges), time_step_ms=1.0, readout=second,
        fixed=FIXED if integers else None,
    )  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(pair=["a/decay", "a"])
@example(pair=["../../out", "../out"])
@example(pair=["a b", "a_b"])
@example(pair=["output", "None"])
@example(pair=["*/*", "/*/"])
@example(pair=["clock", "output"])
@given(pair=pairs)
def test_any_name_comes_back_and_nothing_is_written_elsewhere(tmp_path_factory, target, pair):
    folder = tmp_path_factory.mktemp("top") / "in" / "here"
    program = network(*pair, target)
    export.write(program, target, folder / "file")
    assert [each.name for each in folder.iterdir()] == ["file"]
    assert [each.name for each in folder.parent.parent.rglob("*")][:3] == ["in", "here", "file"]
    read = export.read(target, folder / "file")
    assert read.header() == program.header()
    assert read.digest() == program.digest()


@settings(max_examples=100, deadline=None)
@given(st.lists(names.filter(lambda name: name != INPUT), min_size=1, max_size=12, unique=True))
def test_names_in_paths_are_distinct_short_and_one_part(names):
    parts = tuple(Population.of(name, 1, decay=0.0) for name in names)
    program = Program(channels=1, populations=parts, edges=(), time_step_ms=1.0)
    for result in (plain_names(program), path_names(program)):
        assert list(result) == [INPUT, *names]
        assert len({name.lower() for name in result.values()}) == len(result)
        for name in result.values():
            assert Path(name).name == name
            assert name not in (".", "..")
            assert 0 < len(name.encode()) < 100
    assert all(name.isascii() and name.replace("_", "a").isalnum() for name in plain_names(program).values())


def test_names_that_were_written_before_are_written_as_they_were(tmp_path):
    export.write(network("hidden 1", "é", "hdf5"), "hdf5", tmp_path / "a.h5")
    assert sorted(hdf5.opened(tmp_path / "a.h5").group("population")) == ["hidden 1", "é"]


def graph(first, name, last="last"):
    def lif(n):
        rows = {"tau": 0.01, "r": 100.0, "v_leak": 0.0, "v_threshold": 1.0}
        return Node("LIF", {key: np.full(n, value) for key, value in rows.items()})

    weights = [np.random.default_rng(5).random((4, 4)) * 0.9, np.random.default_rng(6).random((3, 4)) * 0.9]
    nodes = {
        first: Node("Input", {"shape": np.array([4])}), "w": Node("Affine", {"weight": weights[0], "bias": np.ones(4)}),
        name: lif(4), "v": Node("Linear", {"weight": weights[1]}), last: lif(3),
        "out": Node("Output", {"shape": np.array([3])}),
    }  # fmt: skip
    return Graph(nodes, [(first, "w"), ("w", name), (name, "v"), ("v", last), (last, "out")])


hdf5_names = names.filter(lambda name: not set(name) & set("/\0") and name not in (".", "..") and name.isprintable())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(["input", "a", "b"])
@example(["start", "input", "b"])
@example(["start", "clock", "input"])
@example(["input", "clock", "input neurons"])
@example(["a", "input", "input neurons"])
@given(st.lists(hdf5_names.filter(lambda name: name not in "wvout"), min_size=3, max_size=3, unique=True))
def test_names_of_nodes_mean_nothing(tmp_path, names):
    events = Events.from_frames((np.random.default_rng(0).random((200, 1, 4)) < 0.3).astype(float))
    counts = {}
    for key, called in (("plain", ("first", "hidden", "last")), ("odd", names)):
        save(graph(*called), tmp_path / f"{key}.nir")
        program = export.read("nir", tmp_path / f"{key}.nir")
        result = simulate(program, events)
        counts[key] = [result.counts(part.name)[0].tolist() for part in program.populations]
        renamed = {name for name in called[1:] if name == INPUT}
        assert sum("is the population" in note for note in program.provenance["notes"]) == len(renamed)
        assert {*called[1:]} - renamed <= {part.name for part in program.populations}
    # the order in which backends compute nodes follows the names, and nothing else does
    assert sorted(counts["odd"]) == sorted(counts["plain"])


def test_a_bias_that_comes_late_does_not_take_the_name_of_a_node(tmp_path):
    plain = graph("start", "clock")
    waiting = plain.nodes | {"wait": Node("Delay", {"delay": np.full(4, 5e-4)})}
    edges = [("start", "w"), ("w", "wait"), ("wait", "clock"), *plain.edges[2:]]
    save(replace(plain, nodes=waiting, edges=edges), tmp_path / "a.nir")
    program = export.read("nir", tmp_path / "a.nir")
    assert [part.name for part in program.populations] == ["clock 2", "clock", "last"]
    silent = Events.from_frames(np.zeros((20, 1, 4)))
    assert simulate(program, silent).counts("clock 2")[0].tolist() == [20]
    # it comes from step 5 on, and what is 1 does not exceed the threshold of 1 alone
    assert simulate(program, silent).counts("clock")[0].tolist() == [7] * 4
