import json
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from helpers.loihi_programs import chain
from helpers.random_convolutions import programs
from snnsim import export
from snnsim.cli import main
from snnsim.export.budget import BUDGETS, budget
from snnsim.program import INPUT, Edge, FixedPoint, Population, Program
from snnsim.program.summary import inference


def sized(*sizes, longest=20):
    """Return a chain of fully connected populations of these sizes."""
    rng, parts, edges, before, name = np.random.default_rng(0), [], [], sizes[0], INPUT
    for number, size in enumerate(sizes[1:]):
        arrays = (np.full(size, value) for value in (2048, 64 * 99 + 1, 0))
        parts.append(Population(f"p{number}", "lif_hard", *arrays, np.ones(size)))
        pre, post = (part.ravel() for part in np.indices((before, size)))
        synapses = (pre, post, rng.integers(0, longest + 1, len(pre)), rng.integers(1, 100, len(pre)))
        edges.append(Edge.of(name, f"p{number}", synapses, sources=before))
        before, name = size, f"p{number}"
    return Program(sizes[0], tuple(parts), tuple(edges), 1.0, fixed=FixedPoint(24, 12, 6, 8, 5))


def of(program, chip, activity=0.1):
    return budget(program, chip, inference(program, steps=100, activity=activity))


@pytest.mark.parametrize("chip", list(BUDGETS))
def test_every_budget_names_its_sources(chip):
    known = of(chain(np.random.default_rng(0)), chip)
    assert known["sources"]
    assert known["memory_bytes"] > 0
    assert known["memory_is"]
    assert (known["nanojoules"] is None) == (known["energy_source"] is None)


def test_loihi_needs_more_cores_as_neurons_or_synapses_grow():
    assert of(sized(10, 1024), "loihi1")["cores"] == 1
    assert of(sized(10, 1025), "loihi1")["cores"] == 2
    # 300 · 200 synapses of 14 + 8 bits are 165,000 bytes, and a core holds 131,072
    assert of(sized(300, 200), "loihi1")["cores"] == 2
    one, two = (of(sized(10, 64), "loihi1", activity)["nanojoules"] for activity in (0.1, 0.2))
    operations = inference(sized(10, 64), steps=100, activity=0.1)["synaptic_operations"]
    assert two - one == pytest.approx(operations * 23.6 / 1e3)


def test_spinnaker_gives_a_core_fewer_neurons_where_delays_are_long():
    # 256 neurons leave 2^(14 - 8 - 1) = 32 slots, and a delay of d takes the slot d + 1
    assert of(sized(10, 256, longest=30), "spinnaker")["cores"] == 1
    assert of(sized(10, 256, longest=31), "spinnaker")["cores"] == 2
    assert of(sized(10, 256, longest=100), "spinnaker")["cores"] == 4


def test_delays_are_those_of_the_exported_files():
    chained = sized(10, 8, 8, 8)
    # of 0 and 60 steps
    edges = (edge.with_delays(np.arange(len(edge.delay)) % 2 * 60) for edge in chained.edges)
    chained = replace(chained, edges=tuple(edges))
    skip = Edge.of(INPUT, "p2", ([0], [0], [60], [1]), sources=10)
    loop = Edge.of("p2", "p2", ([0], [0], [62], [1]), sources=8)
    for edges, loihi, spinnaker in (((), 60, 61), ((skip,), 62, 63), ((loop,), 61, 62)):
        program = replace(chained, edges=(*chained.edges, *edges))
        assert of(program, "loihi1")["delays_used"] == of(program, "loihi2")["delays_used"] == loihi
        assert of(program, "spinnaker")["delays_used"] == spinnaker
    # two populations that reach each other within a step, which no chip can
    short = Edge.of("p1", "p0", ([0], [0], [1], [1]), sources=8)
    assert of(replace(chained, edges=(*chained.edges, short)), "loihi1")["delays_used"] == 60


def test_c_counts_a_byte_for_the_smallest_weight_of_8_bits():
    for weight, width in ((-128, 1), (127, 1), (-129, 2), (-(2**15), 2)):
        edge = Edge.of(INPUT, "p0", ([0], [0], [0], [weight]), sources=2)
        program = replace(sized(2, 2), edges=(edge,))
        assert of(program, "c")["flash_bytes"] - of(replace(program, edges=()), "c")["flash_bytes"] == 4 * (1 + width)


def test_xylo_counts_the_hidden_neurons_that_the_export_writes(tmp_path):
    edge = Edge.of(INPUT, "p0", ([0, 0, 1], [0, 1, 0], [2, 5, 3], [1, 1, 1]), sources=2)
    (part,) = sized(2, 2).populations
    part = replace(part, decay=np.zeros(2, int))
    program = Program(2, (part,), (edge,), 1.0, fixed=FixedPoint(24, 12, 6, 8, 5))
    result = of(program, "xylo")
    # of each channel: its own step, and the steps of its longest delay
    assert result["hidden_neurons"] == f"2 and {5 + 3 + 2} relays of 1000"
    assert result["fits"]
    export.write(program, "xylo", tmp_path / "a.xylo")
    with np.load(tmp_path / "a.xylo") as file:
        assert len(file["weights_rec"]) == 2 + 10
        weights = sum(np.count_nonzero(file[name]) for name in ("weights_in", "weights_rec", "weights_out"))
        assert result["memory_bytes"] == weights
    assert not of(sized(17, 4), "xylo")["fits"]


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler cc on this machine")
def test_the_bytes_of_c_are_those_of_the_compiler(tmp_path):
    program = sized(40, 300, 20)
    known = of(program, "c")
    export.write(program, "c", tmp_path / "net")
    size = subprocess.run(
        ["make", "-s", "-C", str(tmp_path / "net"), "size"], capture_output=True, text=True, check=True
    )
    text, data = (int(word) for word in size.stdout.splitlines()[-1].split()[:2])
    assert known["flash_bytes"] == pytest.approx(text + data, rel=0.02)
    text = (tmp_path / "net" / "network.h").read_text()
    ring = int(re.search(r"SNN_RING (\d+)", text)[1])
    assert known["state_bytes"] == 4 * ring + 5 * program.size


def test_the_command_prints_it(tmp_path, capsys):
    sized(5, 6, 7).save(tmp_path / "a.snn")
    main(["info", str(tmp_path / "a.snn"), "--chip", "loihi1", "--json"])
    assert json.loads(capsys.readouterr().out)["budget"]["cores"] == 2
    main(["info", str(tmp_path / "a.snn"), "--chip", "xylo"])
    assert "hidden neurons: 13 and" in capsys.readouterr().out


def test_floats_are_no_c():
    from snnsim.quantization import dequantized

    with pytest.raises(ValueError, match="the C runtime runs integers"):
        of(dequantized(sized(3, 4)), "c")


@pytest.mark.parametrize("chip", list(BUDGETS))
@settings(max_examples=5, deadline=None)
@given(program=programs(fixed=True))
def test_convolutions_take_what_their_synapses_take(chip, program):
    single, shared = (_budget_or_error(each, chip) for each in (program.unrolled(), program))
    assert shared == single


def _budget_or_error(program, chip):
    try:
        return of(program, chip)
    except ValueError as error:
        # the loop of a random program may be too short for Xylo
        return str(error)
