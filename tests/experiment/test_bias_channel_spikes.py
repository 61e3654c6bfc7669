"""Simulation of Programs whose biases are synapses of bias channels, as after `snnsim import` of a file for Loihi."""

from dataclasses import replace

import numpy as np
import pytest

from snnsim.experiment import exports, programs
from snnsim.export import repairs
from snnsim.export.bias_channels import with_bias_channels
from snnsim.verification import networks


@pytest.fixture
def plain():
    program, _ = repairs.biases_to_grid(networks.biased())
    return replace(program, classes=tuple("abcde"))


@pytest.fixture
def moved(plain):
    return with_bias_channels(plain, most=5)


@pytest.fixture
def recordings(plain):
    events = networks.recordings(plain, 5)
    return programs.Recordings(events, {"readout": [np.array(number) for number in range(5)]})


def test_a_simulation_feeds_bias_channels(plain, moved, recordings):
    one, other = (programs.simulate(each, recordings, programs.Machine()) for each in (plain, moved))
    assert (one["activity"], one["summary"], one["loss"]) == (other["activity"], other["summary"], other["loss"])


def test_a_comparison_feeds_bias_channels(plain, moved, recordings):
    facts = programs.compared(plain, moved, recordings)
    assert facts["before"]["activity"] == facts["after"]["activity"]
    assert facts["agreement"] == 1


def test_predictions_of_steps_have_no_extra_steps(moved, recordings):
    program = replace(moved, task="step-class", decision=None, extra_steps=30)
    predictions = programs.Machine().run(program, recordings.events).predictions()
    assert [len(each) for each in predictions] == [networks.STEPS] * 5


def test_random_recordings_leave_bias_channels_out(plain, moved):
    events, _ = exports.recordings(moved, None, 3)
    assert events.channel.max() == plain.channels - 1
