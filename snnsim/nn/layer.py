"""A layer: a synapse, an optional normalization, neurons and dropout, over whole sequences or windows of them.

    current = norm(synapse(spikes));  spikes = dropout(neuron(current))

Shapes   spikes, current (time, batch, neuron) · valid (batch,)
         fields of neurons are flat, see nn/patches.py; each of their channels has one normalization and one decay
Draws    chance is that of `draws` where given, of the generator in training; else what is likelier happens
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snnsim.gradient_paths import ALL_PATHS, GradientPaths
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn import dropout
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.conv import Conv, DelayedConv
from snnsim.nn.delayed_linear import DelayedLinear
from snnsim.nn.dropout import SequenceDropout
from snnsim.nn.linear import SparseLinear
from snnsim.validation import shown


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
    """A synapse, an optional normalization, a neuron and dropout."""

    def __init__(self, synapse: nn.Module, neuron: nn.Module, *, norm: BatchNorm | None, dropout: float) -> None:
        super().__init__()
        self.synapse = checked_part(synapse, "run", who="SpikingLayer", name="synapse", such="a DelayedLinear")
        self.neuron = checked_part(neuron, "run", who="SpikingLayer", name="neuron", such="a LIF")
        self.norm = (
            norm
            if norm is None
            else checked_part(norm, "window", who="SpikingLayer", name="norm", such="a BatchNorm, or None")
        )
        self.dropout = SequenceDropout(dropout)
        self.channels = synapse.into.channels if isinstance(synapse, Conv | DelayedConv) else None
        targets = self.channels or (len(synapse.weight) if isinstance(synapse, DelayedLinear | SparseLinear) else None)
        width = getattr(norm, "num_features", None)
        if targets and width and width != targets:
            what = "channels" if self.channels else "neurons"
            raise ValueError(
                f"SpikingLayer: norm must be of the {targets} {what} that the synapse leads to, not {width}"
            )

    def forward(
        self,
        spikes: Tensor,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        draws: Draws | None = None,
    ) -> Tensor:
        """Return the layer's spikes after dropout."""
        draws = dropout.drawn(self.neuron, draws, generator)
        return self.fire(self.current(spikes, ALL_PATHS, draws), valid, generator, draws=draws)

    def run(
        self,
        spikes: Tensor,
        state: LayerState | None = None,
        *,
        before: int = 0,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: GradientPaths = ALL_PATHS,
    ) -> tuple[Tensor, LayerState]:
        """Return the layer's spikes in a window of time after dropout, and the state to go on from.

        Whoever keeps the history in another way gives it with the spikes, as their first `before` steps. `valid` counts
        from the beginning of the sequence. In training mode running averages normalize, and the window moves them.
        """
        state = LayerState() if state is None else state
        spikes = self._taken(spikes)
        draws = state.draws if state.first else dropout.drawn(self.neuron, state.draws, generator)
        released = dropout.released(self.neuron, spikes, draws and draws.at(state.first - before))
        current, history = arriving(self.synapse, released, state, before, credit)
        by_channel, every = self._by_channel(current.to(spikes.dtype), valid)
        keep = state.keep if state.first else self.dropout.factors(by_channel, generator)
        told = credit.of_neurons() | self._told(draws and draws.at(state.first), current)
        here = None if every is None else (every - state.first).clamp(0, len(current))
        whole = None
        if self.training:
            whole = torch.tensor(len(current) * by_channel.shape[1]) if every is None else every.sum()
        sent, voltage = self._fire(by_channel, here, keep, state.voltage, told, whole=whole)
        return gates.known(sent.view_as(current)), LayerState(history, voltage, keep, state.first + len(current), draws)

    def current(self, spikes: Tensor, credit: GradientPaths = ALL_PATHS, draws: Draws | None = None) -> Tensor:
        """Return what the synapse makes of spikes, before it is normalized."""
        spikes = self._taken(spikes)
        spikes = dropout.released(self.neuron, spikes, draws)
        # neurons keep their voltage in full precision when products are done in a shorter one
        current: Tensor = self.synapse(spikes, **credit.of_synapses()).to(spikes.dtype)
        return current

    def drive(self, current: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return what reaches the neurons, of currents whose last axis is what the normalization is for."""
        return current if self.norm is None else self.norm(current, valid)

    def fire(
        self,
        current: Tensor,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: GradientPaths = ALL_PATHS,
        draws: Draws | None = None,
    ) -> Tensor:
        """Return the spikes, after dropout, that a synapse's current leads to."""
        by_channel, every = self._by_channel(current, valid)
        told = credit.of_neurons() | self._told(dropout.drawn(self.neuron, draws, generator), current)
        if self._in_one_pass(by_channel):
            keep = self.dropout.factors(by_channel, generator)
            return gates.known(self._fire(by_channel, every, keep, None, told)[0].view_as(current))
        spikes = self.neuron(self.drive(by_channel, every), **told)
        return gates.known(self.dropout(spikes, generator).view_as(current))

    def _taken(self, spikes: Tensor) -> Tensor:
        """Return spikes of the parameters' type."""
        weight = getattr(self.synapse, "weight", None)
        return gates.spikes(spikes, who="layer", like=spikes if weight is None else weight)

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
        if valid is not None:
            valid = gates.lengths(valid, who="layer", name="valid", batch=math.prod(current.shape[1:-1]))
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
        # evaluation normalizes every step; in training padding gets no current
        every = torch.full((current.shape[1],), len(current), device=current.device)
        counted = valid if self.training and valid is not None else every
        statistics = None if self.norm is None or whole is None else self.norm.window(current, counted, whole)
        if not self._in_one_pass(current):
            driven = (
                self.drive(current, valid) if statistics is None else self.norm.normalized(current, counted, statistics)
            )
            spikes, voltage = self.neuron.run(driven, voltage, **told)
            return spikes if keep is None else spikes * keep, voltage
        norm = None
        if self.norm is not None:
            norm = self.norm.weight, self.norm.bias, statistics or self.norm.statistics(current, counted)
        counted = None if norm is None else counted
        fired = self.neuron.fire(current, voltage, norm=norm, lengths=counted, mask=keep, **told)
        return fired.spikes, fired.last

    def _in_one_pass(self, current: Tensor) -> bool:
        """Return whether normalization, neurons and dropout are done at once; whoever watches a part sees it called."""
        parts = [part for part in (self.norm, self.neuron, self.dropout) if part is not None]
        watched = any(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks for part in parts)
        usual = isinstance(self.norm, BatchNorm) and self.norm.affine and self.norm.track_running_stats
        compiled = hasattr(self.neuron, "compiled") and self.neuron.compiled(current)
        return compiled and (self.norm is None or usual) and current.ndim == 3 and current.numel() > 0 and not watched


def checked_part(part: Any, method: str, *, who: str, name: str, such: str) -> nn.Module:
    """Return a part of a layer or network if it is a module that can do what such a part does.

    Args:
        part: What was given.
        method: What it must be able to do.
        who: Name of the class that was called, for the message.
        name: Name of the argument, for the message.
        such: What to give, for the message.

    Raises:
        TypeError: If it is none.
    """
    if not isinstance(part, nn.Module) or not callable(getattr(part, method, None)):
        raise TypeError(f"{who}: {name} must be a module with `{method}`, such as {such}, not {shown(part)}")
    return part


def arriving(
    synapse: nn.Module, spikes: Tensor, state: LayerState, before: int, credit: GradientPaths
) -> tuple[Tensor, Tensor | None]:
    """Return the currents of a window of time, and the history to go on with if the state has it."""
    if before:
        return synapse.current(spikes, before=before, **credit.of_synapses()), None
    return synapse.run(spikes, state.history, **credit.of_synapses())
