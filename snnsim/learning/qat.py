"""Quantization-aware training: forward and backward on the grid, updates of the unrounded parameters.

    forward, backward    ŵ = s round(w / s), one scale s per output channel;  d̂ = nearest delay of the grid
    update               w ← w − η ∂L/∂ŵ,  d ← d − η ∂L/∂d̂           the gradient passes straight through

The parameters hold ŵ while a rule runs and w afterwards, so it works with any rule and any optimizer.

Names    w, d parameters · ŵ, d̂ their rounded values · s scale · η learning rate
Source   Bengio, Léonard, Courville 2013, arXiv 1308.3432; grids: quantization/grids.py
Differs  the scale is that of the largest weight, or of ternary weights; a Program's quantization, which searches one,
         finds the same, as its error is then 0. A batch norm scales whole channels, so folding it changes no integer
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from snnsim.nn.network import SpikingNetwork
from snnsim.quantization import grids


@dataclass(frozen=True)
class Grid:
    """The grids of a network's synapses; None leaves weights or delays as they are.

    The training loop of `snnsim train` uses it for `training.weights` and `training.delays`.
    """

    weights: str | None = None
    """int2 to int16, or ternary."""
    delays: str | None = None
    """A grid of delays, such as 5bit or 5bit:2; see quantization."""

    def __post_init__(self) -> None:
        if self.weights is not None:
            grids.bits(self.weights)
        if self.delays is not None:
            grids.DelayGrid.named(self.delays)

    @contextmanager
    def on(self, network: SpikingNetwork) -> Iterator[None]:
        """Return a context in which the parameters of the synapses are on the grid.

        Args:
            network: Network whose parameters are rounded in place; after the context they have their old values.
        """
        saved = [(parameter, parameter.detach().clone()) for parameter in self._parameters(network)]
        self.apply(network)
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, value in saved:
                    parameter.copy_(value)

    @torch.no_grad()
    def apply(self, network: SpikingNetwork) -> None:
        """Put the parameters of the synapses on the grid for good.

        Args:
            network: Network whose parameters are rounded in place.
        """
        if self.weights is not None:
            for synapse in network.synapses():
                synapse.weight.copy_(_rounded(synapse.weight, self.weights))
        if self.delays is not None:
            grid = grids.DelayGrid.named(self.delays)
            loops = network.looped_synapses()
            for connections in network.delayed_synapses():
                # a delay of 0 in a loop is one step in a Program, whose grid has no 0 there
                offset = int(any(connections is loop for loop in loops))
                nearest = grid.nearest(connections.delay.cpu().double().numpy() + offset)
                # a longest delay between two steps of the grid is rounded down, as no delay may be longer
                longest = (connections.max_delay + offset) // grid.resolution * grid.resolution
                steps = np.minimum(nearest, longest).clip(offset * grid.resolution) - offset
                connections.delay.copy_(torch.from_numpy(steps))

    def _parameters(self, network: SpikingNetwork) -> Iterator[nn.Parameter]:
        if self.weights is not None:
            yield from (synapse.weight for synapse in network.synapses())
        if self.delays is not None:
            yield from (connections.delay for connections in network.delayed_synapses())


def _rounded(weight: Tensor, kind: str) -> Tensor:
    flat = weight.detach().cpu().double().numpy().reshape(len(weight), -1)
    channel = np.repeat(np.arange(len(flat)), flat.shape[1])
    scale = grids.scaled(flat.ravel(), channel, len(flat), kind=kind, search=False)[:, None]
    integers = grids.rounded(flat, np.broadcast_to(scale, flat.shape), kind)
    return torch.from_numpy(integers * scale).view(weight.shape)
