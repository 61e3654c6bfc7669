"""Networks of stochastic neurons: their draws, in whole recordings and chunks, in training and evaluation."""

import pytest
import torch
from torch.testing import assert_close

from helpers.networks import BATCH, NEURONS, STEPS, TARGETS, eighths, generator, small_network
from snnsim.kernels.common.counter_rng import Draws
from snnsim.learning import rules
from snnsim.learning.decisions import summed_softmax
from snnsim.learning.rules import Batch
from snnsim.nn import Conv, LeakyReadout, MetaNeuron, SparseLinear
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.meta import Recovery
from snnsim.nn.network import SpikingNetwork


def noisy(features):
    return MetaNeuron(tau=2.0, threshold=0.25, width=0.2, learn="neuron", features=features)


def recovering(_):
    return MetaNeuron(tau=2.0, threshold=0.25, width=0.2, learn="layer", recovery=Recovery())


FRAMES = eighths(STEPS, BATCH, NEURONS, low=0)


@pytest.mark.parametrize("neuron", [noisy, recovering])
def test_training_draws_by_its_generator(neuron):
    network = small_network(neuron=neuron, dropout=0.3)
    first, repeated, other = (network(FRAMES, generator=generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, repeated)
    assert not torch.equal(first, other)
    first.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@torch.no_grad()
def test_evaluation_uses_the_given_draws():
    network = small_network(neuron=noisy).eval()
    assert torch.equal(network(FRAMES), network(FRAMES))
    drawn = network(FRAMES, draws=Draws.of(1))
    assert torch.equal(network(FRAMES, draws=Draws.of(1)), drawn)
    assert not torch.equal(network(FRAMES, draws=Draws.of(2)), drawn)
    assert not torch.equal(network(FRAMES), drawn)
    assert torch.equal(network.record(FRAMES, draws=Draws.of(1)).output, drawn)
    for member in range(BATCH):
        alone = network(FRAMES[:, member : member + 1], draws=Draws.of(1, recording=member))
        assert_close(alone[:, 0], drawn[:, member])


@torch.no_grad()
def test_layers_have_independent_draws():
    neuron = MetaNeuron(beta=0.0, threshold=5.0, width=5.0)
    layers = [SpikingLayer(SparseLinear(n, 50), neuron, norm=None, dropout=0.0) for n in (1, 50)]
    network = SpikingNetwork(layers, SparseLinear(50, 2), LeakyReadout()).eval()
    record = network.record(torch.zeros(200, 1, 1), draws=Draws.of(0))
    one, other = (spikes[:, 0].flatten() for spikes in record.spikes[1:])
    assert abs(float(torch.corrcoef(torch.stack([one, other]))[0, 1])) < 0.05


@torch.no_grad()
@pytest.mark.parametrize("neuron", [noisy, recovering])
@pytest.mark.parametrize("chunk", [1, 5])
def test_chunks_equal_the_recording(neuron, chunk):
    network = small_network(neuron=neuron).eval()
    expected = network(FRAMES, draws=Draws.of(3))
    state, outputs = network.start(Draws.of(3)), []
    for frames in FRAMES.split(chunk):
        output, state = network.run(frames, state)
        outputs.append(output)
    assert_close(torch.cat(outputs), expected)


@pytest.mark.parametrize("neuron", [noisy, recovering])
@pytest.mark.parametrize("chunk", [1, 4, STEPS])
def test_sltt_in_chunks_equals_sltt(neuron, chunk):
    batch = Batch(FRAMES, torch.full((BATCH,), STEPS), torch.arange(BATCH) % TARGETS, normalizer=float(BATCH))
    gradients = []
    for settings in ({}, {"chunk": chunk}):
        network = small_network(neuron=neuron, norm=False, dropout=0.3)
        rules.get_rule("sltt", **settings)(network, batch, summed_softmax, generator(5))
        gradients.append([parameter.grad for parameter in network.parameters() if parameter.grad is not None])
    assert sum(float(grad.abs().sum()) for grad in gradients[0]) > 0
    assert_close(*gradients)


@torch.no_grad()
def test_pixels_have_independent_draws():
    conv = Conv((2, 3, 1), 4, 3, generator=generator())
    layer = SpikingLayer(conv, MetaNeuron(width=1.0), norm=None, dropout=0.0).eval()
    spikes = layer(torch.zeros(300, 2, 6), draws=Draws.of(0))
    flat = SpikingLayer(SparseLinear(6, 24), MetaNeuron(width=1.0), norm=None, dropout=0.0).eval()
    assert torch.equal(spikes, flat(torch.zeros(300, 2, 6), draws=Draws.of(0)))
    assert 0.2 < spikes.mean() < 0.4
