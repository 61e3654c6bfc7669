"""Layers in order: synapse, normalisation, neuron, dropout; the last one is a synapse and a leaky readout.

    current = norm(synapse(spikes));  spikes = dropout(neuron(current));  ...;  output = readout(synapse(spikes))

Shapes   frames (time, batch, channel) · valid (batch,) · spikes (time, batch, neuron) · output (time, batch, class)
Differs  dropout draws one mask for a whole sequence, as a missing neuron is missing for good
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from snnsim.normalisation import BatchNorm
from snnsim.synapses import DelayedLinear


class SequenceDropout(nn.Module):
    """Drop neurons with probability `p` for a whole sequence, and scale the others by 1 / (1 − p)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {p}")
        self.p = p

    def forward(self, spikes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the spikes of the neurons that are kept; `generator` lives on the CPU for any device."""
        if not self.training or self.p == 0:
            return spikes
        mask = torch.rand(spikes.shape[1:], generator=generator) >= self.p
        return spikes * (mask.to(spikes.device, spikes.dtype) / (1 - self.p))


class SpikingLayer(nn.Module):
    """A synapse, an optional normalisation, a neuron and dropout."""

    def __init__(self, synapse: nn.Module, neuron: nn.Module, *, norm: BatchNorm | None, dropout: float) -> None:
        super().__init__()
        self.synapse, self.norm, self.neuron = synapse, norm, neuron
        self.dropout = SequenceDropout(dropout)

    def current(self, spikes: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return what reaches the neurons."""
        # neurons keep their voltage in full precision when products are done in a shorter one
        current = self.synapse(spikes).to(spikes.dtype)
        return current if self.norm is None else self.norm(current, valid)

    def forward(self, spikes: Tensor, valid: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Return the layer's spikes after dropout."""
        return self.dropout(self.neuron(self.current(spikes, valid)), generator)


@dataclass(frozen=True)
class Record:
    """What happened in a network over one batch."""

    spikes: list[Tensor]
    """The input and then the spikes of each hidden layer, (time, batch, neuron)."""
    output: Tensor
    """Voltage of the readout, (time, batch, class)."""


class SpikingNetwork(nn.Module):
    """A feed-forward spiking network; `network(frames)` gives the voltage of its readout over time.

    `extra_steps` is how long the network runs on after the input has ended, so that late spikes still arrive.
    """

    def __init__(
        self, layers: Sequence[SpikingLayer], synapse: nn.Module, readout: nn.Module, *, extra_steps: int = 0
    ) -> None:
        super().__init__()
        if extra_steps < 0:
            raise ValueError(f"extra_steps must be 0 or more, not {extra_steps}")
        self.layers = nn.ModuleList(layers)
        self.synapse, self.readout = synapse, readout
        self.extra_steps = extra_steps

    def forward(
        self, frames: Tensor, lengths: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the readout's voltage (time + extra_steps, batch, class).

        `lengths` (batch,) are the recordings' own lengths in steps; what stands behind them is padding.
        """
        spikes = self._extended(frames)
        valid = None if lengths is None else self.valid(lengths)
        for layer in self.layers:
            spikes = layer(spikes, valid, generator)
        return self._output(spikes)

    def record(self, frames: Tensor, lengths: Tensor | None = None) -> Record:
        """Return the spikes of every layer and the output."""
        spikes = [self._extended(frames)]
        for layer in self.layers:
            spikes.append(layer(spikes[-1], None if lengths is None else self.valid(lengths)))
        return Record(spikes, self._output(spikes[-1]))

    def valid(self, lengths: Tensor) -> Tensor:
        """Return how many steps count for recordings of these lengths."""
        return lengths + self.extra_steps

    def constrain(self) -> None:
        """Bring all parameters back to what they may be; call after each optimiser step."""
        for synapse in self.synapses():
            synapse.constrain()

    def synapses(self) -> Iterator[nn.Module]:
        """Yield the synapses from the input to the output."""
        yield from (layer.synapse for layer in self.layers)
        yield self.synapse

    def delayed_synapses(self) -> list[DelayedLinear]:
        """Return the synapses that have delays."""
        return [synapse for synapse in self.synapses() if isinstance(synapse, DelayedLinear)]

    def _extended(self, frames: Tensor) -> Tensor:
        return (
            torch.cat([frames, frames.new_zeros(self.extra_steps, *frames.shape[1:])]) if self.extra_steps else frames
        )

    def _output(self, spikes: Tensor) -> Tensor:
        return self.readout(self.synapse(spikes).to(spikes.dtype))
