"""A learned bias: its currents and gradients are those of a sum, in every form of a layer."""

import copy
from functools import partial

import pytest
import torch

from helpers.sltt_cases import network, trained
from snnsim import LIF, BatchNorm, Events, SparseLinear, SpikingLayer, freeze, simulate
from snnsim.learning.rules import bptt, sltt
from snnsim.nn.bias import Bias


def with_biases(kind, net):
    draw = torch.Generator().manual_seed(7)
    for layer in net.layers:
        layer.norm = kind(layer.synapse.targets).double()
        with torch.no_grad():
            layer.norm.bias.copy_(torch.rand(layer.synapse.targets, generator=draw) * 0.3)
    return net


class Plain(Bias):
    """The definition, which no kernel takes."""

    supports_fused = False

    def forward(self, current, valid=None):  # noqa: ARG002
        return current + self.bias


@pytest.mark.parametrize("rule", [bptt, sltt])
def test_gradients_are_those_of_a_sum(rule):
    ours, result = trained_with_biases(Bias, rule)
    theirs, expected = trained_with_biases(Plain, rule)
    torch.testing.assert_close(result.loss, expected.loss)
    for name, grad in theirs.items():
        torch.testing.assert_close(ours[name], grad, rtol=1e-9, atol=1e-12)
    assert any(name.endswith("norm.bias") and grad.any() for name, grad in ours.items())


def trained_with_biases(kind, rule):
    net = with_biases(kind, network())
    result = None

    def keep(*arguments):
        nonlocal result
        result = rule(*arguments)
        for layer in net.layers:
            # a scale that is no parameter of training
            layer.norm.weight.grad = torch.zeros_like(layer.norm.weight)
        return result

    return trained(keep, net)[0], result


@pytest.mark.parametrize("chunk", [1, 4])
def test_chunks_have_the_gradients_of_the_sequence(chunk):
    expected, _ = trained_with_biases(Bias, sltt)
    ours, _ = trained_with_biases(Bias, partial(sltt, chunk=chunk))
    for name, grad in expected.items():
        torch.testing.assert_close(ours[name], grad, rtol=1e-9, atol=1e-12)


def test_training_leaves_the_statistics():
    net = with_biases(Bias, network())
    net(torch.rand(11, 4, 5, dtype=torch.float64))
    for layer in net.layers:
        assert torch.equal(layer.norm.running_mean, torch.zeros(layer.synapse.targets, dtype=torch.float64))
        assert torch.equal(layer.norm.running_var, torch.ones(layer.synapse.targets, dtype=torch.float64))


def test_a_program_has_the_biases():
    net = with_biases(Bias, network()).float().eval()
    program = freeze(net, time_step_ms=1.0, decision="summed_softmax")
    assert program.populations[0].bias.tolist() == net.layers[0].norm.bias.tolist()
    frames = (torch.rand(20, 3, 5, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    spikes = net.record(frames).spikes
    assert spikes[1].any()
    result = simulate(program, Events.from_frames(frames.numpy()))
    assert result.scores().argmax(1).tolist() == summed(net(frames)).argmax(1).tolist()


def summed(output):
    return output.softmax(-1).sum(0)


@pytest.mark.parametrize("kind", [BatchNorm, Bias])
def test_axes_of_a_batch_are_as_one_axis(kind):
    spikes = (torch.rand(6, 2, 3, 4, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    valid = torch.tensor([6, 5, 4, 3, 2, 1])
    torch.manual_seed(0)
    layer = SpikingLayer(SparseLinear(4, 5), LIF(), norm=kind(5), dropout=0.0)
    with torch.no_grad():
        layer.norm.bias.add_(0.5)
    copies = [copy.deepcopy(layer) for _ in range(4)]
    flat = spikes.flatten(1, 2)
    assert torch.equal(copies[0](spikes, valid), copies[1](flat, valid).view(6, 2, 3, 5))
    for counted in (valid, None):
        of_axes, of_one = (one.run(x, valid=counted)[0] for one, x in zip(copies[2:], (spikes, flat), strict=True))
        assert torch.equal(of_axes, of_one.view(6, 2, 3, 5))
        torch.testing.assert_close(copies[2].norm.running_mean, copies[3].norm.running_mean)
