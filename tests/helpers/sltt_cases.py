"""A small network and batch for tests of SLTT, and comparisons of gradients."""

import itertools

import torch
from torch.testing import assert_close

from helpers.networks import generator
from snnsim.learning import losses
from snnsim.learning.decisions import summed_softmax
from snnsim.nn import LIF, DelayedLinear, LeakyReadout
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork

STEPS, BATCH, CHANNELS, CLASSES, MAX_DELAY = 11, 4, 5, 3, 4
EXTRA = 2
LENGTHS, LABELS = torch.tensor([11, 7, 9, 4]), torch.tensor([0, 1, 2, 1])


def network(*, beta=0.5, norm=False, dropout=0.0, max_delay=MAX_DELAY, learn=False, taps=1):
    """Return a network of two layers with delays and a leaky readout, float64, always with the same parameters.

    Args:
        beta: Decay of neurons and readout.
        norm: Whether layers have batch normalization.
        dropout: Share of spikes that dropout removes.
        max_delay: The longest delay, in steps.
        learn: Whether decays and thresholds are trained.
        taps: Synapses of each pair of neurons.
    """
    draw = generator(3)
    learned = {"learn_decay": "neuron", "learn_threshold": True} if learn else {}
    sizes = [CHANNELS, 7, 6]
    layers = [
        SpikingLayer(
            DelayedLinear(source, target, max_delay, sigma=1.2, taps=taps, generator=draw),
            LIF(beta=beta, threshold=0.25, features=target, **learned),
            norm=BatchNorm(target) if norm else None,
            dropout=dropout,
        )
        for source, target in itertools.pairwise(sizes)
    ]
    synapse = DelayedLinear(6, CLASSES, max_delay, sigma=1.2, taps=taps, generator=draw)
    readout = LeakyReadout(beta=beta, learn_decay="neuron" if learn else "fixed", features=CLASSES)
    return SpikingNetwork(layers, synapse, readout, extra_steps=EXTRA).double().train()


def batch():
    frames = torch.rand(STEPS, BATCH, CHANNELS, generator=generator(1), dtype=torch.float64) * 2
    frames *= (torch.arange(STEPS)[:, None] < LENGTHS)[..., None]
    return losses.Batch(frames, LENGTHS, LABELS, normalizer=float(BATCH))


def trained(rule, net, decide=summed_softmax, seed=0):
    """Return the gradients that a rule leaves, by name of the parameter, and its result.

    Args:
        rule: The learning rule.
        net: The network, which `batch` is for.
        decide: Decision from the readout's membranes.
        seed: Seed of dropout and of sampled steps.
    """
    result = rule(net, batch(), decide, generator(seed))
    grads = {name: parameter.grad for name, parameter in net.named_parameters()}
    assert all(grad is not None and grad.isfinite().all() for grad in grads.values())
    return grads, result


def alike(one, other):
    """Check that two results are equal up to rounding.

    Args:
        one: Tensors, or tensors by name.
        other: The same of another computation.
    """
    assert_close(one, other, rtol=1e-9, atol=1e-12)


def different(one, other):
    """Return the names of gradients that differ by more than rounding.

    Args:
        one: Gradients by name of the parameter.
        other: The same of another computation.
    """
    return [name for name in one if not torch.allclose(one[name], other[name], rtol=1e-6)]
