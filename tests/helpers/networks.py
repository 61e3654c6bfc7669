"""Small inputs and a small network: float64, and currents in eighths, so that no spike hangs on a rounding."""

import itertools
import math
from collections.abc import Callable

from torch import Tensor, nn

from snnsim.nn import LIF, Conv, DelayedConv, DelayedLinear, LeakyReadout
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork
from snnsim.testing.inputs import BATCH as BATCH
from snnsim.testing.inputs import NEURONS, generator
from snnsim.testing.inputs import STEPS as STEPS
from snnsim.testing.inputs import eighths as eighths
from snnsim.testing.inputs import random_spikes as random_spikes

TARGETS = 4
MAX_DELAY = 6


def small_network(
    *,
    dropout: float = 0.0,
    norm: bool = True,
    extra_steps: int = 0,
    max_delay: int = MAX_DELAY,
    sparsity: float = 0.0,
    neuron: Callable[[int], nn.Module] = lambda _: LIF(tau=2.0, threshold=0.25),
) -> SpikingNetwork:
    """Return a network of two layers with delays and a leaky readout, float64, always with the same parameters.

    Args:
        dropout: Share of spikes that dropout removes.
        norm: Whether layers have batch normalization.
        extra_steps: Steps of silence after every recording.
        max_delay: The longest delay, in steps.
        sparsity: Share of absent connections.
        neuron: Function from a number of neurons to the neurons.
    """
    draw = generator(3)
    sizes = [NEURONS, 8, 7]
    layers = [
        SpikingLayer(
            DelayedLinear(sources, targets, max_delay, sigma=1.5, sparsity=sparsity, generator=draw),
            neuron(targets),
            norm=BatchNorm(targets) if norm else None,
            dropout=dropout,
        )
        for sources, targets in itertools.pairwise(sizes)
    ]
    synapse = DelayedLinear(sizes[-1], TARGETS, max_delay, sigma=1.5, sparsity=sparsity, generator=draw)
    return SpikingNetwork(layers, synapse, LeakyReadout(tau=3.0), extra_steps=extra_steps).double()


PIXELS = (4, 6, 2)
"""The field that a small convolutional network looks at."""


def small_images(*, seed: int = 0) -> Tensor:
    """Return random counts of the pixels of PIXELS, float64 (time, batch, pixel), from 0 to 3.

    Args:
        seed: Seed of the counts.
    """
    return eighths(STEPS, BATCH, math.prod(PIXELS), low=-8, high=18, seed=seed).clamp(0).mul(4).floor().clamp(max=3)


def small_convolutional_network(
    *, delays: bool, dropout: float = 0.0, extra_steps: int = 0, norm: bool = True
) -> SpikingNetwork:
    """Return a network of three convolutional layers and a leaky readout, float64, always with the same parameters.

    Args:
        delays: Whether the convolutions have delays.
        dropout: Share of spikes that dropout removes.
        extra_steps: Steps of silence after every recording.
        norm: Whether layers have batch normalization.
    """
    draw = generator(5)

    def conv(field, out, kernel, **where):
        if delays:
            return DelayedConv(field, out, 3, kernel, sigma=1.5, taps=2, generator=draw, **where)
        return Conv(field, out, kernel, generator=draw, **where)

    first = conv(PIXELS, 5, 3)
    second = conv(first.into, 4, (1, 3), pool=2)
    third = conv(second.into, 6, (2, 3), padding=0)
    layers = [
        SpikingLayer(
            synapse,
            LIF(tau=2.0, threshold=0.25, reset="soft", surrogate="triangle", learn_decay="neuron", features=channels),
            norm=BatchNorm(channels) if norm else None,
            dropout=dropout,
        )
        for synapse, channels in ((first, 5), (second, 4), (third, 6))
    ]
    synapse = DelayedLinear(6, TARGETS, 3, sigma=1.5, generator=draw)
    return SpikingNetwork(layers, synapse, LeakyReadout(tau=3.0), extra_steps=extra_steps).double()
