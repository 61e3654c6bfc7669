import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from helpers.random_programs import HARD_MODELS, programs
from snnsim import export
from snnsim.export.common import plain_names
from snnsim.program import INPUT
from snnsim.simulation import Events, Probe, Simulator
from snnsim.verification import networks


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_program=programs(models=HARD_MODELS))
def test_reading_back_is_identity(tmp_path, given_program):
    program = given_program.came_from(epoch=3)
    assume(not list(export.TARGETS["sonata"].check(program)))
    export.write(program, "sonata", tmp_path / "folder")
    assert export.targets.target_of(tmp_path / "folder") == "sonata"
    read = export.read("sonata", tmp_path / "folder")
    assert read.header() == program.header()
    for (name, one), (_, other) in zip(read.arrays(), program.arrays(), strict=True):
        np.testing.assert_array_equal(one, other, name)


@pytest.fixture
def folder(tmp_path):
    """Return a folder in SONATA of which nothing says that it is ours."""
    export.write(networks.toy(), "sonata", tmp_path / "network")
    (tmp_path / "network" / "snnsim.json").unlink()
    return tmp_path / "network"


def test_a_folder_of_others_is_the_network_that_nest_would_run(folder):
    """Neither late nor retimed: what our network does a step late per layer."""
    theirs, ours = export.read("sonata", folder), networks.toy()
    assert {part.name: part.size for part in theirs.populations} == {"first": 16, "second": 10}
    assert theirs.channels == 20
    assert theirs.time_step_ms == 10
    events = networks.recordings(ours, 3)
    results = [Simulator(each).run(events, Probe(spikes=True)) for each in (ours, theirs)]
    for late, name in ((1, "first"), (2, "second")):
        for recording in range(3):
            (step, neuron), (other_step, other_neuron) = (result.spikes(name, recording) for result in results)
            mask = step + late < networks.STEPS
            assert mask.sum() > 100
            np.testing.assert_array_equal(other_step, step[mask] + late)
            np.testing.assert_array_equal(other_neuron, neuron[mask])


def test_units_and_currents_of_others_are_ours(folder):
    """E_L −65, C_m 2 and a constant current: V − E_L is our membrane, and the current adds I τ (1 − β) / C."""
    for file in (folder / "components/point_neuron_models").iterdir():
        cell = json.loads(file.read_text()) | {"E_L": -65.0, "V_reset": -65.0, "V_m": -65.0, "C_m": 2.0, "I_e": 30.0}
        file.write_text(json.dumps(cell | {"V_th": cell["V_th"] - 65.0}))
    part = export.read("sonata", folder).populations[0]
    plain = networks.toy().populations[0]
    np.testing.assert_allclose(part.threshold, plain.threshold - 0.5)
    np.testing.assert_allclose(part.decay, 0.5)
    np.testing.assert_allclose(part.bias, 30 * (10 / np.log(2)) * 0.5 / 2)


def test_several_inputs_are_channels_one_after_another(folder):
    """The network twice, with the second input and populations under names of their own."""
    network = folder / "network"
    for kind in ("input_nodes", "nodes", "edges"):
        with h5py.File(network / f"{kind}.h5", "a") as file:
            top = kind.removeprefix("input_")
            for name in list(file[top]):
                file.copy(file[f"{top}/{name}"], file[top], f"other {name}")
                if top == "edges":
                    for end in ("source", "target"):
                        at = file[f"edges/other {name}/{end}_node_id"].attrs
                        at["node_population"] = "other " + at["node_population"]
    read = export.read("sonata", folder)
    assert read.channels == 40
    assert read.provenance["sonata"]["input"] == {INPUT: 0, f"other {INPUT}": 20}
    frames = np.zeros((60, 1, 40), int)
    frames[:, :, :20] = frames[:, :, 20:] = np.random.default_rng(0).random((60, 1, 20)) < 0.1
    result = Simulator(read).run(Events.from_frames(frames), Probe(spikes=True))
    assert result.counts("first").sum() > 10
    np.testing.assert_array_equal(result.counts("first"), result.counts("other first"))


def change(folder, **parts):
    file = folder / "components/point_neuron_models/neuron_0.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | parts))


def text(folder, name, old, new):
    file = folder / name
    content = file.read_text()
    assert old in content
    file.write_text(content.replace(old, new))


def delays(folder, change):
    with h5py.File(folder / "network/edges.h5", "a") as file:
        for group in file["edges"].values():
            group["0/delay"][...] = change(group["0/delay"][()])


def reversed_nodes(folder):
    with h5py.File(folder / "network/nodes.h5", "a") as file:
        file["nodes/first/node_id"][...] = np.arange(16)[::-1]


def test_attributes_of_edges_may_be_in_several_groups_in_any_order(folder):
    expected = export.read("sonata", folder)
    with h5py.File(folder / "network/edges.h5", "a") as file:
        for group in file["edges"].values():
            number = np.arange(len(group["edge_type_id"])) % 2
            group["edge_group_id"][...] = number
            for each in (0, 1):
                mask = number == each
                group["edge_group_index"][mask] = np.arange(mask.sum())[::-1]
            for name in ("syn_weight", "delay"):
                values = group[f"0/{name}"][()]
                del group[f"0/{name}"]
                for each in (0, 1):
                    group[f"{each}/{name}"] = values[number == each][::-1]
    assert export.read("sonata", folder).same_as(expected)


def test_a_group_without_an_attribute_takes_it_from_the_type(folder):
    text(folder, "network/edge_types.csv", "dynamics_params\n", "dynamics_params delay\n")
    text(folder, "network/edge_types.csv", "static.json\n", "static.json 30.0\n")
    with h5py.File(folder / "network/edges.h5", "a") as file:
        for group in file["edges"].values():
            group["edge_group_id"][::2] = 1
            group["1/syn_weight"] = group["0/syn_weight"][()]
    for edge in export.read("sonata", folder).edges:
        assert (edge.delay == 3).sum() >= edge.synapses / 2


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (reversed_nodes, "node_id of the nodes 'first' must be the numbers from 0 to 15 in order"),
        (lambda folder: change(folder, t_ref=2.0), "population 'first': t_ref must be 0, as there is no refractory"),
        (lambda folder: change(folder, V_reset=-3.0), "V_reset must be E_L, to which a membrane decays, not -3"),
        (
            lambda folder: text(folder, "network/node_types.csv", "nest:iaf_psc_delta", "nest:aeif_cond_alpha"),
            "population 'first' has cells of point_neuron 'nest:aeif_cond_alpha'; the only known ones are",
        ),
        (
            lambda folder: text(folder, "network/edge_types.csv", "static", "stdp"),
            "edges '0_input_to_first' are 'stdp_synapse'; only static_synapse",
        ),
        (lambda folder: delays(folder, lambda each: each + 3), "must be whole steps of 10 ms, 1 or more"),
        (lambda folder: delays(folder, lambda each: each * 0), "must be whole steps of 10 ms, 1 or more"),
        (lambda folder: (folder / "simulation_config.json").unlink(), r"says how long a step is \(run.dt\)"),
        (
            lambda folder: (folder / "network/edges.h5").write_bytes(b"what"),
            "is damaged, or is not a network in SONATA",
        ),
    ],
)
def test_what_no_program_has_is_named(folder, broken, message):
    broken(folder)
    with pytest.raises(ValueError, match=message):
        export.read("sonata", folder)


def test_rules_that_are_broken_are_all_named(tmp_path):
    with pytest.raises(
        ValueError, match=r"(?s)breaks 2 of its rules.*'first': the model.*'second': the model must be lif_hard"
    ):
        export.write(networks.toy(model="lif_soft"), "sonata", tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("target", ["sonata", "spinnaker"])
def test_names_are_written_without_what_readers_take_apart(tmp_path, target):
    program = renamed(networks.biased(), {"first": "a/b c", "second": "a b/c", "readout": "a_b_c"})
    assert plain_names(program) == {INPUT: INPUT, "a/b c": "a_b_c", "a b/c": "a_b_c_2", "a_b_c": "a_b_c_3"}
    export.write(program, target, tmp_path / "folder")
    read = export.read(target, tmp_path / "folder")
    assert (read.digest(), read.header()["populations"]) == (program.digest(), program.header()["populations"])


def renamed(program, names):
    populations = tuple(replace(part, name=names[part.name]) for part in program.populations)
    edges = tuple(
        replace(edge, source=names.get(edge.source, edge.source), target=names[edge.target]) for edge in program.edges
    )
    return replace(program, populations=populations, edges=edges, readout=names[program.readout])


def test_a_loop_of_a_step_through_two_populations_is_refused():
    both = networks.recurrent()
    short = replace(
        both,
        populations=(both.populations[0], replace(both.populations[0], name="second")),
        edges=(*both.edges, *_loop(both.edges[1])),
    )
    result = [violation.rule for violation in export.TARGETS["sonata"].check(short)]
    assert result == ["hardware_delays"]


def _loop(edge):
    forth = replace(edge, source="first", target="second", delay=np.zeros_like(edge.delay))
    return forth, replace(edge, source="second", target="first", delay=np.ones_like(edge.delay))
