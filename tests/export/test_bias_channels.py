import json
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_programs import frames_for, programs
from snnsim import export
from snnsim.export import repairs
from snnsim.export.bias_channels import with_bias_channel, with_bias_channels, with_bias_spikes
from snnsim.export.pynn import run as script
from snnsim.simulation import Events, Probe, Simulator
from snnsim.verification import networks


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_bias_channel_does_the_same_as_biases(data):
    program = data.draw(programs(fixed=False))
    events = Events.from_frames(data.draw(frames_for(program)))
    changed = with_bias_channel(program)
    assert not any(part.bias.any() for part in changed.populations)
    before = Simulator(program).run(events, Probe(spikes=True))
    still, fed = with_bias_spikes(changed, events)
    after = Simulator(still).run(fed, Probe(spikes=True))
    for part in program.populations:
        if part.fires:
            for recording in range(len(events)):
                for one, other in zip(
                    before.spikes(part.name, recording), after.spikes(part.name, recording), strict=True
                ):
                    np.testing.assert_array_equal(one, other)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_biases_of_integers_are_too_fine_for_a_synapse(data):
    program = data.draw(programs(fixed=True).filter(lambda each: any(part.bias.any() for part in each.populations)))
    with pytest.raises(ValueError, match="biases of a program in integers are finer than its weights"):
        with_bias_channel(program)


@pytest.fixture
def moved():
    """Return a Program in integers of 20 channels, whose biases are synapses of the bias channels 20, 21 and 22."""
    program, _ = repairs.biases_to_grid(networks.biased())
    moved = with_bias_channels(program, most=5)
    assert moved.provenance["clock"] == [20, 21, 22]
    return moved


@pytest.mark.parametrize(("target", "header"), [("sonata", "snnsim.json"), ("spinnaker", "network.json")])
def test_a_folder_names_the_bias_channel_that_its_export_added(tmp_path, moved, target, header):
    """Those of earlier exports are in the recordings, as for every other target."""
    export.write(moved, target, tmp_path / "earlier")
    assert json.loads((tmp_path / "earlier" / header).read_text())["clock"] is None
    assert export.read(target, tmp_path / "earlier").same_as(moved)
    biased = replace(moved, populations=tuple(replace(part, bias=np.full(part.size, 64)) for part in moved.populations))
    export.write(biased, target, tmp_path / "both")
    assert json.loads((tmp_path / "both" / header).read_text())["clock"] == 23


def test_a_second_bias_channel_leaves_the_first_ones_their_spikes(tmp_path, moved):
    biased = replace(moved, populations=tuple(replace(part, bias=np.full(part.size, 64)) for part in moved.populations))
    export.write(biased, "sonata", tmp_path / "net")
    with h5py.File(tmp_path / "net/inputs.h5") as file:
        counts = np.bincount(file["spikes/input/node_ids"][()])
    assert counts.tolist() == [1] * 20 + [100] * 4


def test_the_script_of_a_folder_feeds_bias_channels_of_earlier_exports(tmp_path, moved, monkeypatch):
    export.write(moved, "spinnaker", tmp_path / "net")
    network, fed = script.load(tmp_path / "net"), []

    def simulate(_backend, _network, recordings):
        fed.extend(recordings)
        yield {}, None

    monkeypatch.setattr(script, "load", lambda: network)
    monkeypatch.setattr(script, "simulate", simulate)
    monkeypatch.setattr(sys, "argv", ["run.py", "nest", "-o", str(tmp_path)])
    script.main()
    (((_, channel), steps),) = fed
    assert np.bincount(channel).tolist() == [1] * 20 + [steps] * 3


@pytest.mark.parametrize("clock", [[99], "a", [0.5], {"a": 1}])
def test_bias_channels_that_a_program_does_not_have_are_named(clock):
    program = networks.toy().came_from(clock=clock)
    with pytest.raises(ValueError, match="bias channels: clock must be"):
        with_bias_spikes(program, networks.recordings(program, 1))
