"""Loops of several layers: connections that lead back to an earlier layer, or to the layer itself.

    I[t, n] = norm(x[t, n] + Σ_forward synapse(s)[t]) + Σ_feedback synapse(s)[t − 1] + recurrent current
    s[t, n] = dropout(neuron(I[t, n]))          x: currents from outside of the loop, known before

A feedback connection leads from a layer to the same or an earlier one. Its layers, and all between them, form a loop;
loops with a layer in common are one. The layers of a loop are computed together, slice of time by slice, in their
order; a slice is as long as the least delay of all feedback, which is at least one step.

The first layer of a loop is normalized as any other layer, as its current comes from outside. The later ones are
normalized by their running averages in training mode, too, which the sequence updates afterward.

Shapes   spikes, current (time, batch, neuron)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron.autograd import Statistics
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.dropout import neuron_draws
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.layer_state import REST, LayerState, SequenceContext
from snnsim.nn.protocols import Synapse
from snnsim.nn.skip import SentSpikes, Skip, joint_layers
from snnsim.nn.wires import Wire, slice_steps, wire


def check_loops(layers: Sequence[SpikingLayer], skips: Sequence[Skip]) -> None:
    """Check the layers within loops.

    Args:
        layers: All layers of the network.
        skips: The skip and feedback connections.

    Raises:
        ValueError: If one of them is a convolution.
    """
    for numbers in joint_layers(len(layers), skips):
        fields = [number for number in numbers if layers[number - 1].channels is not None]
        if fields and is_loop(numbers, skips):
            raise ValueError(
                f"SpikingNetwork: a loop of layers must have no convolution, and layer {fields[0]} is one; leave out "
                "the feedback, or lead it past this layer"
            )


def is_loop(numbers: range, skips: Sequence[Skip]) -> bool:
    """Return whether the layers of one range of `joint_layers` are a loop.

    Args:
        numbers: Numbers of the layers, counted from 1.
        skips: The skip and feedback connections.
    """
    return any(skip.is_feedback and skip.source in numbers for skip in skips)


@dataclass
class _Connection:
    """A connection that leads to a layer of a loop, during a sequence."""

    synapse: Synapse
    source: int
    """Number of the layer that sends the spikes."""
    feedback: bool
    history: Tensor | None
    """Spikes before the sequence, as far back as delays reach; None for silence."""
    mask: Tensor | None = None
    """Dropout mask of the current."""
    wire: Wire | None = None
    """None where the spikes come from outside of the loop."""
    passed: list[Tensor] = field(default_factory=list)
    """Spikes of the sequence that went through the wire."""

    def connect(self, like: Tensor, sources: int, delayed: str, steps: int) -> None:
        """Set the wire, for slices of spikes (time, ..., source) with the axes of a tensor."""
        if self.history is None:
            length = self.synapse.max_delay + self.feedback
            self.history = like.new_zeros(length, *like.shape[1:-1], sources)
        self.wire = wire(self.synapse, self.history, delayed=delayed, steps=steps)

    def after(self) -> Tensor | None:
        """Return the history after the sequence."""
        if self.history is None or not self.passed:
            return self.history
        joined = torch.cat([self.history, *self.passed])
        return joined[len(joined) - len(self.history) :]


@dataclass
class _Member:
    """A layer of a loop during a sequence."""

    layer: SpikingLayer
    state: LayerState
    draws: Draws | None
    chain: _Connection
    """The synapse of the layer."""
    skips: list[_Connection]
    own: _Connection | None
    """The recurrent connection, which gets spikes before dropout."""
    outside: Tensor | None = None
    """Current from outside of the loop; that of the first layer is normalized."""
    averages: Statistics | None = None
    """Mean and variance that normalize slices; None where nothing does."""
    currents: list[Tensor] = field(default_factory=list)
    """Currents of slices before their normalization."""
    spikes: list[Tensor] = field(default_factory=list)
    """Spikes of slices after dropout."""

    @property
    def connections(self) -> list[_Connection]:
        """All connections that lead to the layer."""
        return [self.chain, *self.skips, *([] if self.own is None else [self.own])]


class Loop:
    """The layers of a loop over one sequence or chunk of time.

    Args:
        layers: All layers of the network.
        numbers: Numbers of the loop's layers, counted from 1.
        states: States of the loop's layers before the sequence.
        sent: Spikes from outside; those of the loop are added.
        context: Steps that count, randomness and gradient paths; its draws are those of the network.
    """

    def __init__(
        self,
        layers: Sequence[SpikingLayer],
        numbers: range,
        states: Sequence[LayerState | None],
        sent: SentSpikes,
        context: SequenceContext,
    ) -> None:
        self.numbers, self.sent, self.context = numbers, sent, context
        self.members = {
            number: self._member(layers[number - 1], number, state or REST)
            for number, state in zip(numbers, states, strict=True)
        }
        for member in self.members.values():
            self._take_outside(member)
        first = self.members[numbers[0]]
        self.like = cast(Tensor, first.outside)
        first.outside = first.layer.driven(self.like, context, first.state.step)
        self.back = [one for member in self.members.values() for one in member.connections if one.feedback]
        self.length = min((slice_steps(one.synapse) for one in self.back), default=1)  # of a slice
        for number, member in self.members.items():
            self._connect(member, first=number == numbers[0])

    def run(self) -> list[LayerState]:
        """Compute the spikes of all layers, and return their next states."""
        total = len(self.like)
        for begin in range(0, total, self.length):
            steps = slice(begin, min(begin + self.length, total))
            for member in self.members.values():
                self._fire(member, steps)
            for one in self.back:
                # the recurrent connection has its spikes already
                if len(one.passed) < len(self.members[one.source].spikes):
                    self._push(one, self.members[one.source].spikes[-1])
        return [self._finished(number, member) for number, member in self.members.items()]

    def _member(self, layer: SpikingLayer, number: int, state: LayerState) -> _Member:
        draws = state.draws if state.draws is not None else self.context.draws and self.context.draws.layer(number - 1)
        draws = draws if state.step else neuron_draws(layer.neuron, draws, self.context.generator)
        leading = [skip for skip in self.sent.skips if skip.target == number]
        histories = state.skips or (None,) * len(leading)
        skips = [
            _Connection(skip.synapse, skip.source, skip.source >= number, history)
            for skip, history in zip(leading, histories, strict=True)
        ]
        loop = layer.recurrent
        own = None if loop is None else _Connection(loop.synapse, number, True, state.recurrent)
        return _Member(layer, state, draws, _Connection(layer.synapse, number - 1, False, state.history), skips, own)

    def _take_outside(self, member: _Member) -> None:
        """Sum the currents from outside of the loop."""
        for one in [member.chain, *member.skips]:
            if one.source < self.numbers[0]:
                own = one is member.chain
                spikes = self.sent.take(one.source) if own else self.sent.spikes[one.source]
                spikes = self._released(member, spikes, 0) if own else spikes
                current, one.history = one.synapse.run(spikes, one.history, delayed=self.context.credit.delayed)
                current = current.to(spikes.dtype)
                member.outside = current if member.outside is None else member.outside + current

    def _released(self, member: _Member, spikes: Tensor, begin: int) -> Tensor:
        return member.layer.neuron.release(spikes, member.draws and member.draws.at(member.state.step + begin))

    def _connect(self, member: _Member, *, first: bool) -> None:
        """Draw the dropout masks of a layer, and set its wires and the averages of its normalization.

        Raises:
            ValueError: If the layer has bounds of spike rates, or dropout with masks of steps.
        """
        layer, generator, delayed = member.layer, self.context.generator, self.context.credit.delayed
        if not member.state.step:
            like = self.like.new_empty(1, *self.like.shape[1:-1], layer.synapse.targets)
            if layer.observer is not None or (layer.training and layer.dropout.per_step):
                raise ValueError(
                    "feedback between layers: bounds of spike rates and dropout with a mask for each step are not "
                    "defined; leave out the rates, or take one mask for a recording"
                )
            member.state = member.state._replace(mask=layer.dropout.mask(like, generator))
            if layer.recurrent is not None:
                mask = layer.recurrent.dropout.mask(like, generator)
                member.state = member.state._replace(recurrent_mask=mask)
        if member.own is not None:
            member.own.mask = member.state.recurrent_mask
        for one in member.connections:
            if one.source in self.members:
                sources = self.members[one.source].layer.synapse.targets
                one.connect(self.like, sources, delayed, self.length)
        if layer.norm is not None and not first:
            running = layer.norm.running()
            member.averages = running._replace(mean=running.mean.clone(), variance=running.variance.clone())

    def _fire(self, member: _Member, steps: slice) -> None:
        """Compute the spikes of a layer in a slice, from those of earlier layers and of slices before."""
        total = None if member.outside is None else member.outside[steps]
        for one in [member.chain, *member.skips]:
            if one.wire is not None and not one.feedback:
                spikes = self.members[one.source].spikes[-1]
                spikes = self._released(member, spikes, steps.start) if one is member.chain else spikes
                one.passed.append(spikes)
                current = one.wire.forward(spikes).to(spikes.dtype)
                total = current if total is None else total + current
        total = cast(Tensor, total)
        if member.averages is not None:
            member.currents.append(total.detach())
            counted = self._counted(member, steps.start, total)
            total = cast(BatchNorm, member.layer.norm).normalized(total, counted, member.averages)
        for one in member.connections:
            if one.wire is not None and one.feedback:
                current = one.wire.feedback(len(total)).to(total.dtype)
                total = total + (current if one.mask is None else current * one.mask)
        draws = member.draws and member.draws.at(member.state.step + steps.start)
        fired, after = member.layer.neuron.run(
            total, member.state.neuron, temporal=self.context.credit.temporal, draws=draws
        )
        member.state = member.state._replace(neuron=after)
        if member.own is not None:
            self._push(member.own, fired)
        member.spikes.append(fired if member.state.mask is None else fired * member.state.mask)

    def _push(self, one: _Connection, spikes: Tensor) -> None:
        one.passed.append(spikes)
        cast(Wire, one.wire).push(spikes)

    def _counted(self, member: _Member, begin: int, current: Tensor) -> Tensor:
        """Return the steps of each recording that count in a slice; in evaluation mode all do."""
        every = torch.full((current.shape[1],), len(current), device=current.device)
        if self.context.valid is None or not member.layer.training:
            return every
        return (self.context.valid - member.state.step - begin).clamp(0, len(current))

    def _average(self, member: _Member, current: Tensor) -> None:
        """Update the running averages of a layer by the currents that they have normalized."""
        valid, total = self.context.valid, None
        if self.context.chunk:
            total = torch.tensor(current[..., 0].numel()) if valid is None else valid.sum()
        cast(BatchNorm, member.layer.norm).statistics(current, self._counted(member, 0, current), total)

    def _finished(self, number: int, member: _Member) -> LayerState:
        """Return the state of a layer after the sequence, and let others have its spikes."""
        silent = self.like.new_zeros(0, *self.like.shape[1:-1], member.layer.synapse.targets)
        self.sent.keep(number, gates.known(torch.cat([silent, *member.spikes])))
        if member.currents and member.layer.training:
            self._average(member, torch.cat(member.currents))
        return member.state._replace(
            history=member.chain.after(),
            recurrent=None if member.own is None else member.own.after(),
            skips=tuple(one.after() for one in member.skips),
            draws=member.draws,
            step=member.state.step + len(self.like),
        )
