"""The Levy-Baxter neuron: how often it fires, and what its release learns."""

import pytest
import torch
from scipy import stats
from torch.autograd import gradcheck
from torch.testing import assert_close

from helpers.networks import generator
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn import LIF, DelayedLinear, LeakyReadout, LevyBaxter, Recurrence, Skip, SparseLinear
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork

SOURCES = 12


def layer_of(neuron, *, targets=3):
    layer = SpikingLayer(SparseLinear(SOURCES, targets), neuron, norm=None, dropout=0.0).double().eval()
    with torch.no_grad():
        layer.synapse.weight.fill_(1.0)
    return layer


@pytest.mark.parametrize(("success", "amplitude", "threshold"), [(0.25, 1.0, 1.0), (0.7, 0.5, 1.0), (1.0, 2.0, 6.0)])
def test_rate_is_the_tail_of_a_binomial(success, amplitude, threshold):
    # each of n inputs fires with p and arrives with s: Binomial(n, p s) quanta, of which g / Q are needed
    rate = 0.3
    sent = (torch.rand(4000, 2, SOURCES, generator=generator()) < rate).double()
    layer = layer_of(LevyBaxter(success=success, amplitude=amplitude, threshold=threshold), targets=1)
    spikes = layer(sent, draws=Draws.of(1))
    expected = stats.binom.sf(threshold / amplitude - 1, SOURCES, rate * success)
    result = stats.binomtest(int(spikes.sum()), spikes.numel()).proportion_ci(0.999)
    assert result.low < expected < result.high


def test_release_fails_at_its_rate_for_all_neurons_alike():
    neuron = LevyBaxter(success=0.4, amplitude=1.5)
    released = neuron.release(torch.ones(500, 3, SOURCES), Draws.of(2))
    assert set(released.unique().tolist()) == {0.0, 1.5}
    interval = stats.binomtest(int((released > 0).sum()), released.numel()).proportion_ci(0.999)
    assert interval.low < 0.4 < interval.high
    spikes = layer_of(neuron)(torch.ones(100, 2, SOURCES, dtype=torch.float64), draws=Draws.of(2))
    assert torch.equal(spikes[..., 0], spikes[..., 2])


def test_without_draws_the_mean_arrives():
    neuron = LevyBaxter(success=0.25, amplitude=2.0)
    assert_close(neuron.release(torch.ones(3, 1, 4)), torch.full((3, 1, 4), 0.5))
    assert not LevyBaxter(success=1.0).is_stochastic
    assert neuron.is_stochastic


def test_expectation_by_finite_differences():
    neuron = LevyBaxter(learn="neuron", sources=4).double()
    spikes = torch.rand(3, 2, 4, generator=generator(), dtype=torch.float64).requires_grad_()
    names = ["of.success.logit", "of.amplitude.raw"]

    def mean(spikes, *values):
        # a module's call is its neurons'; this one is of the release
        return torch.func.functional_call(_Release(neuron), dict(zip(names, values, strict=True)), (spikes,))

    assert gradcheck(mean, (spikes, neuron.success.logit, neuron.amplitude.raw))


class _Release(torch.nn.Module):
    def __init__(self, of):
        super().__init__()
        self.of = of

    def forward(self, spikes):
        return self.of.release(spikes)


def test_gradient_of_a_drawn_release_is_that_of_its_mean():
    neuron = LevyBaxter(learn="neuron", sources=4, amplitude=1.5).double()
    weight = torch.randn(4, generator=generator(), dtype=torch.float64)
    spikes = torch.ones(20_000, 1, 4, dtype=torch.float64)
    inputs = (neuron.success.logit, neuron.amplitude.raw)
    result = torch.autograd.grad((neuron.release(spikes, Draws.of(3)) * weight).mean(), inputs)
    expected = torch.autograd.grad((neuron.release(spikes) * weight).mean(), inputs)
    assert_close(result[0], expected[0])
    assert_close(result[1], expected[1], rtol=0.02, atol=1e-4)


@pytest.mark.parametrize("chunk_length", [1, 4])
def test_chunks_release_the_same(chunk_length):
    layers = [
        SpikingLayer(DelayedLinear(n, m, 4, generator=generator(n)), LevyBaxter(threshold=0.3), norm=None, dropout=0.0)
        for n, m in ((5, 8), (8, 7))
    ]
    network = SpikingNetwork(layers, DelayedLinear(7, 4, 3, generator=generator()), LeakyReadout()).double().eval()
    frames = (torch.rand(14, 3, 5, generator=generator()) < 0.4).double()
    expected, state, result = network.record(frames, draws=Draws.of(1)), network.start(Draws.of(1)), []
    assert expected.spikes[2].sum() > 0
    for chunk in frames.split(chunk_length):
        output, state = network.run(chunk, state)
        result.append(output)
    assert_close(torch.cat(result), expected.output)
    assert not torch.equal(network(frames, draws=Draws.of(2)), expected.output)


@pytest.mark.parametrize("connection", ["recurrent", "skip"])
def test_a_release_without_failures_keeps_its_amplitude_beside_other_connections(connection):
    neuron, silent = LevyBaxter(success=1.0, amplitude=2.0, threshold=2.0), SparseLinear(3, 3)
    first = SpikingLayer(SparseLinear(3, 3), LIF(beta=0.0), norm=None, dropout=0.0)
    recurrent = Recurrence(silent) if connection == "recurrent" else None
    layer = SpikingLayer(SparseLinear(3, 3), neuron, norm=None, dropout=0.0, recurrent=recurrent)
    skips = [Skip(0, 2, silent)] if connection == "skip" else []
    network = SpikingNetwork([first, layer], SparseLinear(3, 2), LeakyReadout(), skips=skips)
    with torch.no_grad():
        silent.weight.zero_()
        for synapse in (first.synapse, layer.synapse):
            synapse.weight.copy_(torch.eye(3))
    sent = (torch.rand(10, 2, 3, generator=generator()) < 0.5).float()
    for mode in (True, False):
        network.train(mode)
        assert_close(network.record(sent).spikes[2], sent)


def test_a_layer_learns_its_release():
    neuron = LevyBaxter(learn="neuron", sources=SOURCES)
    layer = layer_of(neuron).train()
    spikes = (torch.rand(30, 4, SOURCES, generator=generator()) < 0.3).double()
    layer(spikes, generator=generator(1)).sum().backward()
    for parameter in (neuron.success.logit, neuron.amplitude.raw, neuron.threshold, layer.synapse.weight):
        assert parameter.grad.abs().sum() > 0
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"success": 0.0}, "LevyBaxter: success must be above 0 and at most 1, not 0.0"),
        ({"success": 1.5}, "LevyBaxter: success must be above 0 and at most 1, not 1.5"),
        ({"amplitude": -1.0}, "LevyBaxter: amplitude must be positive, not -1.0"),
        ({"learn": "neuron"}, "LevyBaxter: learn='neuron' needs sources"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        LevyBaxter(**settings)
