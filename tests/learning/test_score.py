"""The score function in a network small enough for all its spike trains: unbiased, where straight-through is not."""

import itertools
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from helpers.networks import eighths, generator, small_network
from snnsim.learning import rules
from snnsim.learning.decisions import mean_membrane
from snnsim.learning.losses import Batch
from snnsim.learning.reinforce import score
from snnsim.nn import LeakyReadout, MetaNeuron, Recurrence, Skip, SparseLinear
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork

STEPS, HIDDEN, SAMPLES = 3, 2, 60_000
FRAMES = eighths(STEPS, 1, 2)


def a_network():
    draw = generator(1)
    neuron = MetaNeuron(beta=0.7, threshold=0.5, width=0.3, learn="layer")
    layer = SpikingLayer(SparseLinear(2, HIDDEN, generator=draw), neuron, norm=None, dropout=0.0)
    return SpikingNetwork([layer], SparseLinear(HIDDEN, 2, generator=draw), LeakyReadout(tau=2.0)).double()


def loss_of(network, spikes):
    output = network.readout(network.synapse(spikes))
    scores = mean_membrane(output, torch.full((spikes.shape[1],), STEPS))
    return functional.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long), reduction="none")


def exactly(network):
    trains = torch.tensor(list(itertools.product([0.0, 1.0], repeat=STEPS * HIDDEN)), dtype=torch.float64)
    trains = trains.view(-1, STEPS, HIDDEN).transpose(0, 1)
    (layer,) = network.layers
    drive = layer.current(FRAMES).expand(-1, trains.shape[1], -1)
    chance = layer.neuron.log_likelihood(drive, trains).sum((0, 2)).exp()
    assert float(chance.detach().sum()) == pytest.approx(1.0)
    return torch.autograd.grad((chance * loss_of(network, trains)).sum(), list(network.parameters()))


def by(rule, network):
    batch = Batch(
        FRAMES.expand(-1, SAMPLES, -1),
        torch.full((SAMPLES,), STEPS),
        torch.zeros(SAMPLES, dtype=torch.long),
        normalizer=float(SAMPLES),
    )
    network.zero_grad()
    result = rule(network, batch, mean_membrane, generator(2))
    assert not result.loss.requires_grad
    return [parameter.grad for parameter in network.parameters()]


def test_score_is_unbiased_and_straight_through_is_not():
    network = a_network()
    expected, by_score, straight = exactly(network), by(score, network), by(rules.bptt, network)
    size = torch.cat([part.flatten() for part in expected]).norm()

    def apart(gradients):
        return float(torch.cat([(a - b).flatten() for a, b in zip(gradients, expected, strict=True)]).norm() / size)

    assert apart(by_score) < 0.02
    assert apart(straight) > 5 * apart(by_score)


def test_other_neurons_are_refused():
    message = r"score: the neurons of 'hidden 1' must be MetaNeuron .*, not LIF behind Delayed"
    with pytest.raises(TypeError, match=message):
        score(small_network(), None, mean_membrane, None)


def test_probabilities_of_one_class_are_its_label():
    results = []
    for probabilities in (None, torch.tensor([[0.0, 1.0]] * 4)):
        batch = Batch(FRAMES.expand(-1, 4, -1), torch.full((4,), STEPS), torch.ones(4, dtype=torch.long), 4.0)
        batch = replace(batch, probabilities=probabilities)
        network = a_network()
        results.append((score(network, batch, mean_membrane, generator(2)), network))
    (hard, one), (soft, another) = results
    torch.testing.assert_close(soft.loss, hard.loss)
    for left, right in zip(one.parameters(), another.parameters(), strict=True):
        torch.testing.assert_close(right.grad, left.grad)


@pytest.mark.parametrize("kind", ["recurrent", "skip"])
def test_connections_that_it_does_not_follow_are_refused(kind):
    network = a_network()
    synapse = SparseLinear(HIDDEN, HIDDEN)
    if kind == "recurrent":
        network.layers[0].recurrent = Recurrence(synapse)
    else:
        network.skips.append(Skip(0, 2, synapse))
    with pytest.raises(ValueError, match="no recurrent, feedback or skip connections"):
        score(network, None, mean_membrane, None)


@pytest.mark.parametrize("settings", [{"width": 0.0}, {"estimator": "expectation"}])
def test_neurons_that_draw_nothing_are_refused(settings):
    layer = SpikingLayer(SparseLinear(2, HIDDEN), MetaNeuron(**settings), norm=None, dropout=0.0)
    with pytest.raises(TypeError, match=r"must be MetaNeuron that draws spikes.*not MetaNeuron without draws"):
        score(SpikingNetwork([layer], SparseLinear(HIDDEN, 2), LeakyReadout()), None, mean_membrane, None)
