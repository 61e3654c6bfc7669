"""Arguments that Programs, populations, edges and names refuse, and conversions of those that they take."""

import json
from pathlib import PurePosixPath, PureWindowsPath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.program import Edge, FixedPoint, Population, Program, safe_name
from snnsim.program.arrays import order

A = Population.of("a", 2, decay=0.5)
EDGE = Edge.of("input", "a", ([0], [0], [0], [1.0]), sources=2)
FIXED = FixedPoint(24, 12, 6, 8, 4)


def program(**changes):
    return Program(**({"channels": 2, "populations": (A,), "edges": (EDGE,), "time_step_ms": 1.0} | changes))


def in_integers(**changes):
    arrays = {"decay": [0], "threshold": [1], "bias": [0]} | changes
    arrays = {name: np.array(values, np.int64) for name, values in arrays.items()}
    population = Population("a", "lif_hard", **arrays, scale=np.ones(1))
    return program(channels=1, populations=(population,), edges=(), fixed=FIXED)


def noisy(reset_value):
    return Population("a", "noisy_hard", [0.5], [1.0], [0.0], [1.0], [0.1], [reset_value])


def nested(depth):
    facts = {}
    for _ in range(depth):
        facts = {"a": facts}
    return facts


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: in_integers(bias=[-(2**63)]), r"thresholds and biases must be within ± 8388607"),
        (lambda: in_integers(bias=[2**63 - 1]), r"thresholds and biases must be within ± 8388607"),
        (lambda: in_integers(threshold=[2**23]), r"thresholds and biases must be within ± 8388607"),
        (lambda: Population.of("a", 1, decay=0.5, bias=1e300), r"'a': bias must be within ± 1e\+30"),
        (lambda: Population.of("a", 1, decay=0.5, bias=-1e31), r"'a': bias must be within ± 1e\+30"),
        (lambda: noisy(1e300), r"'a': reset_value must be within ± 1e\+30"),
        (lambda: Edge.of("input", "a", ([0], [0], [0], [-1e31]), sources=1), r"weights must be within ± 1e\+30"),
        (lambda: program(populations=(Population.of("a", 2, decay=2.0),)), "decay must be from 0 to 1"),
        (lambda: Population.of("a", -1, decay=0.5), "size must be an integer from 1 to 2147483647, not -1"),
        (lambda: Population.of("a", 2.5, decay=0.5), "size must be an integer"),
        (lambda: Population.of("a", 2, decay="x"), "decay must be a row of numbers, not <U1"),
        (lambda: Population.of("a", 2, decay=[0.1, 0.2, 0.3]), "must have one value for each neuron"),
        (lambda: Population.of("a", 2, decay=1j), "decay must be a row of numbers, not complex128"),
        (lambda: Population.of("a", 2, decay=None), "decay must be a row of numbers"),
        (lambda: Population.of("a", 2, decay=0.5, model=["lif_hard"]), "model a list is unknown"),
        (lambda: program(channels=True), "channels must be an integer of at least 1, not True"),
        (lambda: program(channels=2**63), "channels must be an integer of at least 1, not 9223372036854775808"),
        (lambda: program(time_step_ms=True), "time_step_ms must be positive, not True"),
        (lambda: program(time_step_ms=np.nan), "time_step_ms must be positive, not nan"),
        (lambda: program(time_step_ms=10**400), "time_step_ms must be positive, not an integer of 1,329 bits"),
        (lambda: program(extra_steps=10**8), "extra_steps must be an integer of at least 0, not 100000000; at most"),
        (lambda: program(extra_steps=False), "extra_steps must be an integer"),
        (lambda: program(populations=A), "populations must be a tuple of Populations, not a Population"),
        (lambda: program(populations=(A, "b")), "populations must be a tuple of Populations"),
        (lambda: program(edges=(EDGE, None)), "edges must be a tuple of Edges"),
        (lambda: program(edges=3), "edges must be a tuple of Edges, not 3"),
        (lambda: program(classes="ab"), "classes must be a tuple"),
        (lambda: program(readout=3), "readout must be the name of a population, not 3"),
        (lambda: program(fixed=24), "fixed must be a FixedPoint or None, not 24"),
        (lambda: program(provenance={"loss": np.nan}), "provenance must be of the types of JSON: Out of range float"),
        (lambda: program(provenance={"loss": np.float32(1)}), "provenance must be of the types of JSON: Object of"),
        (lambda: program(provenance=nested(10**4)), "provenance must be of the types of JSON: "),
        (lambda: program(populations=(Population.of("a\0b", 2, decay=0.5),), edges=()), "a name must be text"),
        (lambda: program(populations=(Population.of("\ud800", 2, decay=0.5),), edges=()), "a name must be text"),
        (lambda: Edge.of("input", "a", (["x"], [0], [0], [1.0]), sources=1), "sources and targets must be integers"),
        (lambda: Edge.of("input", "a", ([0], [0], ["1"], [1.0]), sources=1), "delays must be integers"),
        (lambda: Edge.of("input", "a", ([0], [0], [0], ["1"]), sources=1), "weight must be a row of numbers"),
        (lambda: Edge.of("input", "a", ([0], [0], [0]), sources=1), "synapses must be four rows, not a tuple"),
        (lambda: Edge.of("input", "a", None, sources=1), "synapses must be four rows, not None"),
        (lambda: Edge.of("input", "a", ([0], [0, 1], [0], [1.0]), sources=1), "the four rows must be equally long"),
        (lambda: Edge.of("input", "a", ([0], [0], [0], [1.0]), sources=0), "sources must be an integer from 1"),
        (lambda: Edge.of("input", "a", ([0], [0], [0], [1.0]), sources=2.5), "sources must be an integer from 1"),
        (lambda: Edge.of("input", "a", ([2**63], [0], [0], [1.0]), sources=1), "sources and targets must be integers"),
        (
            lambda: Edge.of("input", "a", ([2.0**63], [0], [0], [1.0]), sources=1),
            "sources and targets must be integers",
        ),
        (lambda: FixedPoint("24", 12, 6, 8, 4), "word_bits must be an integer, not '24'"),
        (lambda: FixedPoint(24, 12.5, 6, 8, 4), "decay_bits must be an integer, not 12.5"),
    ],
)
def test_arguments_of_wrong_type_or_range_are_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_nan_in_the_provenance_of_a_file_is_read_as_none(tmp_path):
    written = program(provenance={"loss": 1.5})
    written.save(tmp_path / "a.snn")
    with np.load(tmp_path / "a.snn") as stored:
        arrays = dict(stored)
    header = json.loads(arrays["header"].tobytes()) | {"provenance": {"loss": float("nan")}}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with (tmp_path / "b.snn").open("wb") as file:
        np.savez(file, **arrays)
    read = Program.load(tmp_path / "b.snn")
    assert read.provenance == {"loss": None}
    assert read.digest() == written.digest()


def test_synapses_are_sorted_where_a_combined_key_exceeds_64_bits():
    far = 2**31 - 1
    rows = ([1, 0, 1, 0, 1], [far, 0, 5, far, 7], [65535, 0, 3, 2, 3], [5.0, 1.0, 3.0, 2.0, 4.0])
    edge = Edge.of("input", "a", rows, sources=2**20)
    assert edge.weight.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    big = [np.array([2**40, 0, 2**40]), np.array([2**40, 5, 3])]
    assert order(*big).tolist() == [1, 2, 0]


NAMES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["../x", "/etc/passwd", "a/b", "a\\b", "C:\\x", "..", ".", "con", "nul.txt", "~", "a\nb", "\x1b[31m", "x" * 300]
    ),
)


@settings(max_examples=300, deadline=None)
@given(NAMES, st.lists(NAMES, max_size=3))
def test_safe_names_are_unique_and_one_part_of_a_path(name, others):
    taken = [safe_name(other) for other in others]
    result = safe_name(name, taken)
    for path in (PurePosixPath, PureWindowsPath):
        assert path(result).name == result
        assert str(path("folder") / result).count(".." + ("/" if path is PurePosixPath else "\\")) == 0
    assert result.isprintable()
    assert result not in taken
    assert len(result) < 120


@pytest.mark.parametrize("name", ["hidden 1", "out", "neuronen_ä", "a-b", "a.b"])
def test_safe_names_do_not_change(name):
    assert safe_name(name) == name
