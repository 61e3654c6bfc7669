"""An array of a wrong shape is refused by snnsim itself, in an error that shows the shape that came."""

import numpy as np
import pytest
import torch

import snnsim
from helpers.fuzzing import clear_refusal
from helpers.networks import BATCH, NEURONS, STEPS, small_network
from snnsim import nn
from snnsim.analysis import complexity, information
from snnsim.learning import decisions, rules
from snnsim.learning.losses import Batch
from snnsim.program import INPUT, Edge, Population
from snnsim.simulation import Events

WRONG = torch.zeros(STEPS, BATCH, NEURONS + 4)
STATE = torch.zeros(BATCH, NEURONS + 4)
RIGHT = torch.zeros(STEPS, BATCH, NEURONS)
PER_NEURON = {"learn": "neuron", "features": NEURONS}
MODULES = {
    "ALIF": lambda: nn.ALIF().run(RIGHT, nn.TwoState(STATE, STATE)),
    "AdLIF": lambda: nn.AdLIF().run(RIGHT, nn.TwoState(STATE, STATE)),
    "BatchNorm": lambda: nn.BatchNorm(NEURONS)(WRONG),
    "Conv": lambda: nn.Conv((NEURONS, 1, 1), 2, 3)(WRONG),
    "CubaLIF": lambda: nn.CubaLIF().run(RIGHT, nn.TwoState(STATE, STATE)),
    "DelayedConv": lambda: nn.DelayedConv((NEURONS, 1, 1), 2, 3, 3)(WRONG),
    "DelayedLinear": lambda: nn.DelayedLinear(NEURONS, 2, 4)(WRONG),
    "Head": lambda: nn.SpikingNetwork(
        [nn.SpikingLayer(nn.SparseLinear(NEURONS + 4, 2), nn.LIF(tau=2.0), norm=None, dropout=0.0)],
        heads={"class": nn.Head(nn.SparseLinear(NEURONS, 2), nn.LeakyReadout(tau=2.0), source=0)},
    )(WRONG),
    "LIF": lambda: nn.LIF(tau=2.0).run(RIGHT, STATE),
    "LeakyReadout": lambda: nn.LeakyReadout(tau=2.0).run(RIGHT, STATE),
    "LevyBaxter": lambda: nn.LevyBaxter().run(RIGHT, STATE),
    "LogisticConv": lambda: nn.LogisticConv((NEURONS, 1, 1), 2, 3, kernel=1)(WRONG),
    "MetaNeuron": lambda: nn.MetaNeuron(tau=2.0).run(RIGHT, STATE),
    "ScaledLIF": lambda: nn.ScaledLIF().run(RIGHT, STATE),
    "SecondOrder": lambda: nn.SecondOrder().run(RIGHT, STATE),
    "SiLIF": lambda: nn.SiLIF().run(RIGHT, nn.TwoState(STATE, STATE)),
    "SparseLinear": lambda: nn.SparseLinear(NEURONS, 2)(WRONG),
    "SpikingLayer": lambda: small_network().layers[0](WRONG.double()),
    "SpikingNetwork": lambda: small_network()(WRONG.double()),
    "UnitGainLIF": lambda: nn.UnitGainLIF(features=NEURONS).run(RIGHT, STATE),
}
WITHOUT_ARRAYS = {"Neuron", "Recurrence", "Skip", "Synapse", "TwoState", "constrain_after"}
"""Abstract modules, connections that layers and networks call, a state, and a function of optimizers."""
FUNCTIONS = {
    "DelayedLinear, history": (lambda: nn.DelayedLinear(NEURONS, 2, 4).run(RIGHT, STATE), STATE.shape),
    "LIF, a value per neuron": (
        lambda: nn.LIF(tau=2.0, learn_decay="neuron", features=NEURONS)(WRONG), (NEURONS,)
    ),
    "MetaNeuron, a value per neuron": (lambda: nn.MetaNeuron(tau=2.0, **PER_NEURON)(WRONG), (NEURONS,)),
    "SecondOrder, a value per neuron": (lambda: nn.SecondOrder(**PER_NEURON)(WRONG), (NEURONS,)),
    "SpikingNetwork, lengths": (lambda: small_network()(RIGHT.double(), torch.tensor([1, 2])), (2,)),
    "a rule, labels": (
        lambda: rules.bptt(
            small_network(), Batch(RIGHT.double(), torch.tensor([STEPS] * BATCH), torch.tensor([0]), normalizer=1.0),
            decisions.summed_softmax, None,
        ),
        (1,),
    ),
    "a decision, valid": (lambda: decisions.max_membrane(RIGHT, torch.tensor([1, 2])), (2,)),
    "a decision, output": (lambda: decisions.max_membrane(STATE, torch.tensor([1, 2])), STATE.shape),
    "lz76": (lambda: snnsim.lz76(np.zeros((3, 2))), (3, 2)),
    "joint": (lambda: complexity.joint(np.zeros(3)), (3,)),
    "entropy_rate": (lambda: information.entropy_rate(np.zeros((3, 2))), (3, 2)),
    "Events.from_frames": (lambda: Events.from_frames(np.zeros((3, 2))), (3, 2)),
    "Events.single": (lambda: Events.single(np.zeros((3, 2), int), np.zeros(3, int), steps=3), (3, 2)),
    "Population": (
        lambda: Population("a", "lif_hard", np.zeros(3), np.ones(2), np.zeros(3), np.ones(3)), (2,)
    ),
    "Edge": (lambda: Edge.of(INPUT, "a", 4 * [np.zeros((3, 2), int)], sources=3), (3, 2)),
}  # fmt: skip


def refusal(call):
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    assert clear_refusal(error.value) is None
    return str(error.value)


@pytest.mark.parametrize("name", sorted(set(nn.__all__) - WITHOUT_ARRAYS))
def test_modules(name):
    shape = WRONG.shape if "run" not in MODULES[name].__code__.co_names else STATE.shape
    assert str(tuple(shape)) in refusal(MODULES[name])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    call, shape = FUNCTIONS[name]
    assert str(tuple(shape)) in refusal(call)
