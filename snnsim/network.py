"""Layers in order: synapse, normalisation, neuron, dropout; the last one is a synapse and a leaky readout.

    current = norm(synapse(spikes));  spikes = dropout(neuron(current));  ...;  output = readout(synapse(spikes))

Whole sequences, or windows of them one after the other: `run` takes the state and returns it.

Shapes   frames (time, batch, channel) · valid (batch,) · spikes (time, batch, neuron) · output (time, batch, class)
         fields of neurons are flat, see synapses/fields.py; each of their channels has one normalisation and one decay
Draws    chance is that of `draws` where given, of the generator in training; else what is likelier happens
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snnsim import chance
from snnsim.chance import SequenceDropout
from snnsim.credit import EVERY, Credit
from snnsim.kernels.draws import Draws
from snnsim.normalisation import BatchNorm
from snnsim.synapses import Conv, DelayedConv, DelayedLinear


class LayerState(NamedTuple):
    """What a layer takes from one window of time to the next; None stands for silence and rest."""

    history: Tensor | None = None
    """Last spikes of the input, as far back as delays reach."""
    voltage: Tensor | None = None
    keep: Tensor | None = None
    """What dropout multiplies the spikes of this sequence with."""
    first: int = 0
    """Steps that have been."""
    draws: Draws | None = None
    """What the layer's neurons draw from its first step on."""


class SpikingLayer(nn.Module):
    """A synapse, an optional normalisation, a neuron and dropout."""

    def __init__(self, synapse: nn.Module, neuron: nn.Module, *, norm: BatchNorm | None, dropout: float) -> None:
        super().__init__()
        self.synapse, self.norm, self.neuron = synapse, norm, neuron
        self.dropout = SequenceDropout(dropout)
        self.channels = synapse.into.channels if isinstance(synapse, Conv | DelayedConv) else None

    def forward(
        self,
        spikes: Tensor,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        draws: Draws | None = None,
    ) -> Tensor:
        """Return the layer's spikes after dropout."""
        draws = chance.drawn(self.neuron, draws, generator)
        return self.fire(self.current(spikes, EVERY, draws), valid, generator, draws=draws)

    def run(
        self,
        spikes: Tensor,
        state: LayerState | None = None,
        *,
        before: int = 0,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: Credit = EVERY,
    ) -> tuple[Tensor, LayerState]:
        """Return the layer's spikes in a window of time after dropout, and the state to go on from.

        Whoever keeps the history in another way gives it with the spikes, as their first `before` steps. `valid` counts
        from the beginning of the sequence. In training mode running averages normalise, and the window moves them.
        """
        state = LayerState() if state is None else state
        draws = state.draws if state.first else chance.drawn(self.neuron, state.draws, generator)
        released = chance.released(self.neuron, spikes, draws and draws.at(state.first - before))
        current, history = _arriving(self.synapse, released, state, before, credit)
        by_channel, every = self._by_channel(current.to(spikes.dtype), valid)
        keep = state.keep if state.first else self.dropout.factors(by_channel, generator)
        told = credit.of_neurons() | self._told(draws and draws.at(state.first), current)
        here = None if every is None else (every - state.first).clamp(0, len(current))
        whole = None
        if self.training:
            whole = torch.tensor(len(current) * by_channel.shape[1]) if every is None else every.sum()
        sent, voltage = self._fire(by_channel, here, keep, state.voltage, told, whole=whole)
        return sent.view_as(current), LayerState(history, voltage, keep, state.first + len(current), draws)

    def current(self, spikes: Tensor, credit: Credit = EVERY, draws: Draws | None = None) -> Tensor:
        """Return what the synapse makes of spikes, before it is normalised."""
        spikes = chance.released(self.neuron, spikes, draws)
        # neurons keep their voltage in full precision when products are done in a shorter one
        current: Tensor = self.synapse(spikes, **credit.of_synapses()).to(spikes.dtype)
        return current

    def drive(self, current: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return what reaches the neurons, of currents whose last axis is what the normalisation is for."""
        return current if self.norm is None else self.norm(current, valid)

    def fire(
        self,
        current: Tensor,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: Credit = EVERY,
        draws: Draws | None = None,
    ) -> Tensor:
        """Return the spikes, after dropout, that a synapse's current leads to."""
        by_channel, every = self._by_channel(current, valid)
        told = credit.of_neurons() | self._told(chance.drawn(self.neuron, draws, generator), current)
        if self._in_one_pass(by_channel):
            keep = self.dropout.factors(by_channel, generator)
            return self._fire(by_channel, every, keep, None, told)[0].view_as(current)
        spikes = self.neuron(self.drive(by_channel, every), **told)
        return self.dropout(spikes, generator).view_as(current)

    def _told(self, draws: Draws | None, current: Tensor) -> dict[str, Any]:
        """Return what the neurons are told about chance."""
        noisy = draws is not None and getattr(self.neuron, "noisy", False)
        return (
            {}
            if not noisy
            else {"draws": draws if self.channels is None else draws._replace(lanes=current.shape[-1] // self.channels)}
        )

    def _by_channel(self, current: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return currents (time, batch · pixel, channel) of a field, and the others as they are."""
        if self.channels is None:
            return current, valid
        pixels = current.shape[-1] // self.channels
        lanes = math.prod(current.shape[1:-1]) * pixels
        every = None if valid is None else valid.repeat_interleave(pixels)
        return current.reshape(len(current), lanes, self.channels), every

    def _fire(
        self,
        current: Tensor,
        valid: Tensor | None,
        keep: Tensor | None,
        voltage: Tensor | None,
        told: dict[str, Any],
        *,
        whole: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the spikes after dropout, and the voltage after them.

        `whole` is given for a window in training: how many steps of all recordings count.
        """
        # evaluation normalises every step; in training padding gets no current
        every = torch.full((current.shape[1],), len(current), device=current.device)
        counted = valid if self.training and valid is not None else every
        statistics = None if self.norm is None or whole is None else self.norm.window(current, counted, whole)
        if not self._in_one_pass(current):
            driven = (
                self.drive(current, valid) if statistics is None else self.norm.normalised(current, counted, statistics)
            )
            spikes, voltage = self.neuron.run(driven, voltage, **told)
            return spikes if keep is None else spikes * keep, voltage
        norm = None
        if self.norm is not None:
            norm = self.norm.weight, self.norm.bias, statistics or self.norm.statistics(current, counted)
        counted = None if norm is None else counted
        fired = self.neuron.fire(current, voltage, norm=norm, valid=counted, keep=keep, **told)
        return fired.spikes, fired.last

    def _in_one_pass(self, current: Tensor) -> bool:
        """Return whether normalisation, neurons and dropout are done at once; whoever watches a part sees it called."""
        parts = [part for part in (self.norm, self.neuron, self.dropout) if part is not None]
        watched = any(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks for part in parts)
        usual = isinstance(self.norm, BatchNorm) and self.norm.affine and self.norm.track_running_stats
        compiled = hasattr(self.neuron, "compiled") and self.neuron.compiled(current)
        return compiled and (self.norm is None or usual) and current.ndim == 3 and current.numel() > 0 and not watched


def _arriving(
    synapse: nn.Module, spikes: Tensor, state: LayerState, before: int, credit: Credit
) -> tuple[Tensor, Tensor | None]:
    """Return the currents of a window of time, and the history to go on with if the state has it."""
    if before:
        return synapse.current(spikes, before=before, **credit.of_synapses()), None
    return synapse.run(spikes, state.history, **credit.of_synapses())


@dataclass(frozen=True)
class Record:
    """What happened in a network over one batch."""

    spikes: list[Tensor]
    """The input and then the spikes of each hidden layer, (time, batch, neuron)."""
    output: Tensor
    """Voltage of the readout, (time, batch, class)."""


NetworkState = tuple[LayerState | None, ...]
"""That of every layer, and of the synapse and the readout behind them."""


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
        self,
        frames: Tensor,
        lengths: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: Credit = EVERY,
        draws: Draws | None = None,
    ) -> Tensor:
        """Return the readout's voltage (time + extra_steps, batch, class).

        `lengths` (batch,) are the recordings' own lengths in steps; what stands behind them is padding. `credit` says
        along which routes errors go back, `draws` what neurons that fire by chance draw.
        """
        spikes = self._extended(frames)
        valid = None if lengths is None else self.valid(lengths)
        for number, layer in enumerate(self.layers):
            # in two, so that spikes which have been sent are not kept while the next ones are made
            own = chance.drawn(layer.neuron, draws and draws.layer(number), generator)
            current = layer.current(spikes, credit, own)
            del spikes
            spikes = layer.fire(current, valid, generator, credit, own)
            del current
        return self._output(spikes, credit)

    def run(
        self,
        frames: Tensor,
        state: NetworkState | None = None,
        *,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: Credit = EVERY,
    ) -> tuple[Tensor, NetworkState]:
        """Return the readout's voltage in a window of time, and the state to go on from.

        `valid` (batch,) says how many steps of each sequence count, from its beginning. Nothing is added to the frames:
        let `extra_steps` frames of silence follow a recording. For draws, let the first state be `start(draws)`.
        """
        state = (None,) * (len(self.layers) + 1) if state is None else state
        spikes, after = frames, []
        for layer, before in zip(self.layers, state[:-1], strict=True):
            spikes, between = layer.run(spikes, before, valid=valid, generator=generator, credit=credit)
            after.append(between)
        output, last = self.read(spikes, state[-1], credit=credit)
        return output, (*after, last)

    def read(
        self, spikes: Tensor, state: LayerState | None = None, *, before: int = 0, credit: Credit = EVERY
    ) -> tuple[Tensor, LayerState]:
        """Return the readout's voltage for the last layer's spikes in a window of time, and the state to go on from.

        The first `before` steps of the spikes are their history, if it is not in the state.
        """
        state = LayerState() if state is None else state
        current, history = _arriving(self.synapse, spikes, state, before, credit)
        output, voltage = self.readout.run(current.to(spikes.dtype), state.voltage, **credit.of_neurons())
        return output, LayerState(history, voltage, None, state.first + len(current))

    def start(self, draws: Draws) -> NetworkState:
        """Return the state at rest of a network whose neurons fire by chance."""
        return (*(LayerState(draws=draws.layer(number)) for number in range(len(self.layers))), None)

    def record(self, frames: Tensor, lengths: Tensor | None = None, draws: Draws | None = None) -> Record:
        """Return the spikes of every layer and the output."""
        spikes, valid = [self._extended(frames)], None if lengths is None else self.valid(lengths)
        for number, layer in enumerate(self.layers):
            spikes.append(layer(spikes[-1], valid, draws=draws and draws.layer(number)))
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
        """Return the connections that have delays, those of convolutions included."""
        found = (synapse.connections if isinstance(synapse, DelayedConv) else synapse for synapse in self.synapses())
        return [connections for connections in found if isinstance(connections, DelayedLinear)]

    def _extended(self, frames: Tensor) -> Tensor:
        return (
            torch.cat([frames, frames.new_zeros(self.extra_steps, *frames.shape[1:])]) if self.extra_steps else frames
        )

    def _output(self, spikes: Tensor, credit: Credit = EVERY) -> Tensor:
        current = self.synapse(spikes, **credit.of_synapses()).to(spikes.dtype)
        return self.readout(current, **credit.of_neurons())
