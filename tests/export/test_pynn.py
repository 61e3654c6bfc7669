import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from helpers.random_programs import LIF_MODELS, programs
from snnsim import export
from snnsim.program import Edge
from snnsim.verification import networks

CHECK = export.TARGETS["spinnaker"].check


def ordered(edge, sources):
    """Return an edge whose synapses of one source, target and delay are in the order of their files."""
    first = np.argsort(edge.weight < 0, kind="stable")
    synapses = (edge.pre()[first], edge.post[first], edge.delay[first], edge.weight[first])
    return Edge.of(edge.source, edge.target, synapses, sources=sources)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_program=programs(models=LIF_MODELS))
def test_reading_back_is_identity(tmp_path, given_program):
    program = given_program.came_from(epoch=3)
    assume(not list(CHECK(program)))
    export.write(program, "spinnaker", tmp_path / "folder")
    assert export.targets.target_of(tmp_path / "folder") == "spinnaker"
    read = export.read("spinnaker", tmp_path / "folder")
    assert read.header() == program.header()
    edges = tuple(ordered(edge, program.sources(edge.source)) for edge in program.edges)
    for (name, one), (_, other) in zip(read.arrays(), replace(program, edges=edges).arrays(), strict=True):
        np.testing.assert_array_equal(one, other, name)


def test_files_are_what_pynn_reads(tmp_path):
    export.write(networks.toy(), "spinnaker", tmp_path / "toy")
    network = json.loads((tmp_path / "toy/network.json").read_text())
    assert network["lateness"] == {"input": 0, "first": 1, "second": 2}
    rows = 0
    for each in network["connections"]:
        lines = (tmp_path / "toy" / each["file"]).read_text().splitlines()
        assert lines[0] == '# columns = ["i", "j", "weight", "delay"]'
        table = np.loadtxt(lines, ndmin=2)
        assert (table[:, 2] >= 0).all() if each["receptor"] == "excitatory" else (table[:, 2] < 0).all()
        assert table[:, 3].min() >= 1
        rows += len(table)
    assert rows == networks.toy().synapses
    # a threshold between two whole numbers of weights
    tau, limit = np.loadtxt(tmp_path / "toy/neurons/first.txt")[0, :2]
    assert (np.exp(-1 / tau), limit) == (pytest.approx(0.5), (networks.THRESHOLD - 0.5) / 64)


@pytest.mark.parametrize(("delay", "broken"), [(289, []), (290, ["hardware_delays"])])
def test_delays_beyond_the_slots_of_a_core_and_its_stages(delay, broken):
    """32 slots nine times are 288 steps; the first layer is a step late, so its synapses have a step less to wait."""
    toy = networks.toy()
    edges = (toy.edges[0], replace(toy.edges[1], delay=np.full_like(toy.edges[1].delay, delay)))
    assert [violation.rule for violation in CHECK(replace(toy, edges=edges))] == broken


def test_a_threshold_beyond_its_numbers():
    toy = networks.toy()
    part = toy.populations[0]
    high = replace(part, threshold=np.full(part.size, 2**16 * 64))
    (violation,) = CHECK(replace(toy, populations=(high, toy.populations[1])))
    assert (violation.rule, violation.location) == ("thresholds", "population 'first'")


@pytest.mark.parametrize("file", ["network.json", "neurons/first.txt", "connections/0.0.excitatory.txt"])
def test_a_broken_folder_is_said_to_be_so(tmp_path, file):
    export.write(networks.toy(), "spinnaker", tmp_path / "toy")
    (tmp_path / "toy" / file).write_text("1 2")
    with pytest.raises(ValueError, match="toy is damaged, or was not written by `snnsim export`"):
        export.read("spinnaker", tmp_path / "toy")


def test_a_new_network_replaces_its_files_and_leaves_others(tmp_path):
    export.write(networks.toy(), "spinnaker", tmp_path / "folder")
    (tmp_path / "folder/notes.txt").write_text("mine")
    export.write(networks.recurrent(), "spinnaker", tmp_path / "folder")
    assert export.read("spinnaker", tmp_path / "folder").digest() == networks.recurrent().digest()
    assert (tmp_path / "folder/notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]


@pytest.mark.parametrize("file", ["neurons/first.txt", "connections/1.0.inhibitory.txt"])
def test_a_changed_character_of_a_table_is_an_error(tmp_path, file):
    export.write(networks.toy(), "spinnaker", tmp_path / "toy")
    path = tmp_path / "toy" / file
    text = path.read_text()
    # the last digit of the last number: the row is as valid as before
    position = max(index for index, letter in enumerate(text) if letter.isdigit())
    path.write_text(text[:position] + str((int(text[position]) + 1) % 10) + text[position + 1 :])
    with pytest.raises(ValueError, match=f"toy is damaged, .*{file}: it was changed since snnsim wrote it"):
        export.read("spinnaker", tmp_path / "toy")


def test_a_folder_without_digests_is_read(tmp_path):
    export.write(networks.toy(), "spinnaker", tmp_path / "toy")
    header = json.loads((tmp_path / "toy/network.json").read_text())
    assert header.pop("digests").keys() == {
        *header["neurons"].values(),
        *(row["file"] for row in header["connections"]),
    }
    (tmp_path / "toy/network.json").write_text(json.dumps(header))
    assert export.read("spinnaker", tmp_path / "toy").digest() == networks.toy().digest()
