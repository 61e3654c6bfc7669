"""The identity of conversion, as equalities: an activation with T levels is a neuron of T steps, ties included.

All numbers are multiples of powers of two, so that no sum or product is rounded.
"""

import pytest
import torch
from torch import nn

from helpers.networks import generator
from snnsim.conversion import QCFS, BurstIF, Settings, SignedIF, convert, rate
from snnsim.nn import LIF
from snnsim.nn.folded import DirectEncoding, SpikingActivation, folded, unfolded


def dyadic(*shape, seed=0, scale=8):
    return torch.randint(-16, 24, shape, generator=generator(seed)).double() / scale


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5, 8])
def test_counts_of_a_layer_are_the_levels_of_its_activation(levels):
    threshold, current = 0.5, dyadic(2000, scale=32)
    scaled = current * levels / threshold + 0.5
    neurons = SpikingActivation(LIF(beta=1.0, reset="soft", threshold=threshold).double(), levels, initial=0.5)
    counts = unfolded(neurons(DirectEncoding(levels)(current[:, None])), levels).sum(0)[:, 0]
    assert torch.equal(counts, scaled.floor().clamp(0, levels))
    activation = QCFS(levels, threshold).double()
    if levels in (1, 2, 4, 8):
        # 1 / 3 and 1 / 5 are rounded in the activation itself
        assert torch.equal(activation(current), threshold * counts / levels)
        assert torch.equal(rate(current, threshold, levels, 0.5), threshold * counts / levels)
        assert (current * levels / threshold % 1 == 0.5).any()


def network(levels, *, seed=0):
    """Return a random network of four layers, with weights of few bits."""
    modules = [
        nn.Conv2d(1, 4, 3, padding=1), QCFS(levels, 2.0), nn.AvgPool2d(2), nn.Conv2d(4, 6, 3, padding=1),
        QCFS(levels, 1.0), nn.Conv2d(6, 4, 2, stride=2), QCFS(levels, 1.0), nn.Flatten(), nn.Linear(16, 8),
        QCFS(levels, 0.5), nn.Linear(8, 5),
    ]  # fmt: skip
    net = nn.Sequential(*modules).double().eval()
    with torch.no_grad():
        for index, parameter in enumerate(net.parameters()):
            if parameter.ndim > 1 or len(parameter) > 1:
                draw = torch.randint(-8, 9, parameter.shape, generator=generator(100 * seed + index))
                parameter.copy_(draw / 8)
    return net


@pytest.mark.parametrize("levels", [1, 2, 4, 8])
@pytest.mark.parametrize("seed", [0, 1, 4])
def test_a_deep_network_that_accumulates_then_fires_is_the_quantized_one(levels, seed):
    net, image = network(levels, seed=seed), dyadic(8, 1, 8, 8, seed=seed)
    converted = convert(net, image, Settings(levels, "qcfs", accumulate=True))
    result = converted.network(image)
    assert torch.equal(result, net(image))
    # networks of other seeds are silent or saturated, and would show nothing
    assert len(result.detach().unique(dim=0)) > 3


def test_without_waiting_the_difference_is_unevenness_which_falls_with_the_steps():
    net, image = network(4), dyadic(32, 1, 8, 8)
    names = [f"neurons_{number}" for number in range(1, 5)]
    gaps = {}
    for steps in (4, 64):
        rates = {}
        for accumulate in (False, True):
            converted = convert(net, image, Settings(steps, "qcfs", accumulate=accumulate)).network
            rates[accumulate] = rates_of(converted, image, names, steps)
        gaps[steps] = [(one - other).abs().mean().item() for one, other in zip(rates[False], rates[True], strict=True)]
    # the first layer has the same input in every step
    assert gaps[4][0] == gaps[64][0] == 0
    assert all(0 < late < 0.4 * early for early, late in zip(gaps[4][1:], gaps[64][1:], strict=True))


def rates_of(network, image, names, steps):
    rates = []
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda _, __, output: rates.append(unfolded(output, steps).mean(0))
        )
        for name in names
    ]
    network(image)
    for hook in hooks:
        hook.remove()
    return rates


def test_signed_neurons_take_early_spikes_back():
    # three steps of 1 and three of −1: the sum is 0, after spikes that came too early
    current = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0]).double()[:, None]
    plain, signed, burst = (
        unfolded(SpikingActivation(neuron.double(), 6)(folded(current[:, None])), 6).flatten().tolist()
        for neuron in (LIF(beta=1.0, reset="soft"), SignedIF(), BurstIF(most=2))
    )
    assert plain == burst == [1, 1, 1, 0, 0, 0]
    assert signed == [1, 1, 1, -1, -1, -1]
    late = torch.tensor([-1.0, 0.0, 3.5]).double()[:, None]
    assert unfolded(SpikingActivation(BurstIF(most=2).double(), 3)(late), 3).flatten().tolist() == [0, 0, 2]
    # the count never falls below 0
    assert unfolded(SpikingActivation(SignedIF().double(), 3)(late), 3).flatten().tolist() == [0, 0, 1]
