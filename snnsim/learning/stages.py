"""Stages of a network in chunks of time: a layer or a readout, the connections that lead to it, and its pending chunks.

A stage goes back through a chunk once the errors of its output are complete: when every stage that gets its spikes is
back through the steps up to the longest delay after the chunk. chunked.py explains why.

Shapes   spikes, output (time, batch, neuron) of a chunk; with history, the longest delay of steps more
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from snnsim.gradient_paths import GradientPaths
from snnsim.kernels.delay.bitpack import Packed, packed
from snnsim.nn.layer_state import LayerState
from snnsim.nn.network import SpikingNetwork
from snnsim.nn.protocols import Synapse


@dataclass
class Incoming:
    """A connection that leads to a stage, with the spikes before the next chunk as far back as its delays reach."""

    synapse: Synapse
    source: int
    """Number of the layer that sends the spikes; 0 is the input, to which no errors go."""
    reach: int
    """Steps that an error of a current reaches back to spikes."""
    history: Packed | None = None

    @classmethod
    def of(cls, synapse: Synapse, source: int, credit: GradientPaths) -> "Incoming":
        """Return a connection before the first chunk.

        Args:
            synapse: The synapse.
            source: Number of the layer that sends the spikes; 0 is the input.
            credit: Gradient paths.
        """
        return cls(synapse, source, synapse.max_delay if credit.delayed == "exact" else 0)

    @property
    def before(self) -> int:
        """Steps of history that a chunk needs: the longest delay."""
        return self.synapse.max_delay

    def receive(self, spikes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the spikes of a chunk with the history first, and the sink of their errors.

        Args:
            spikes: Spikes of the chunk, (time, ..., source).
        """
        joined = self._with_history(spikes.detach())
        # expanded from one zero: a shape without memory, so that a pending chunk keeps no spikes
        sink = joined.new_zeros(()).expand(joined.shape)
        if self.source:
            joined = _ToSink.apply(sink.requires_grad_(), joined)  # type: ignore[no-untyped-call]
        return joined, sink

    def _with_history(self, spikes: Tensor) -> Tensor:
        if not self.before:
            return spikes
        joined = spikes.new_zeros(self.before + len(spikes), *spikes.shape[1:])
        if self.history is not None:
            self.history.into(joined[: self.before])
        joined[self.before :] = spikes
        self.history = packed(joined[len(spikes) :])
        return joined


@dataclass
class _Chunk:
    """A chunk of a stage between its forward and its backward pass."""

    first: int
    end: int
    output: GradientEdge
    """Entry of the errors of the output."""
    sinks: list[Tensor]
    """Exits of the errors of the inputs: tensors in the inputs' shapes, whose gradients they become."""
    error: Tensor | None = None
    """Error of the output so far, from the chunks of later stages that are back."""


@dataclass
class Stage:
    """A layer, or a readout with its synapse, and its pending chunks."""

    run: Callable[..., tuple[Tensor, LayerState]]
    """run(spikes, state, before=steps of history, extra=current of skip connections)."""
    incoming: list[Incoming]
    """Its own synapse first, then skip connections."""
    credit: GradientPaths
    receivers: list[tuple["Stage", int]] = field(default_factory=list)
    """Stages that get the spikes, and the steps that their errors reach back."""
    state: LayerState = field(default_factory=LayerState)
    pending: deque[_Chunk] = field(default_factory=deque)
    """Chunks before their backward pass, the oldest first."""
    back_until: int = 0
    """Number of steps that the backward pass has gone through."""

    def forward(self, sent: dict[int, Tensor]) -> Tensor:
        """Return the output of a chunk, which waits for its error.

        Args:
            sent: Spikes of the chunk by the number of their layer.
        """
        inputs, sinks = zip(*(link.receive(sent[link.source]) for link in self.incoming), strict=True)
        extra = None
        for link, spikes in zip(self.incoming[1:], inputs[1:], strict=True):
            current = link.synapse.current(spikes, before=link.before, delayed=self.credit.delayed)
            extra = current if extra is None else extra + current
        output, state = self.run(inputs[0], self.state, before=self.incoming[0].before, extra=extra)
        self.pending.append(_Chunk(self.state.step, state.step, get_gradient_edge(output), list(sinks)))
        self.state = state.detached()
        return output

    def complete(self) -> Iterator[_Chunk]:
        """Yield the pending chunks whose errors are complete, the oldest first."""
        while self.pending and all(self.pending[0].end + reach <= stage.back_until for stage, reach in self.receivers):
            yield self.pending.popleft()

    def backward(self, chunk: _Chunk) -> None:
        """Backpropagate the error of a chunk through the stage.

        Args:
            chunk: The chunk, which is no longer pending.
        """
        if chunk.error is not None:
            torch.autograd.backward(chunk.output, chunk.error)

    def receive(self, first: int, error: Tensor) -> None:
        """Add an error of the spikes to the pending chunks.

        Args:
            first: Number of the step at which the error begins.
            error: The error, (time, ..., neuron).
        """
        for chunk in self.pending:
            begin, end = max(first, chunk.first), min(first + len(error), chunk.end)
            if begin < end:
                if chunk.error is None:
                    chunk.error = error.new_zeros(chunk.end - chunk.first, *error.shape[1:])
                chunk.error[begin - chunk.first : end - chunk.first] += error[begin - first : end - first]


class Stages:
    """The stages of a network, which go forward and back together.

    Args:
        network: The network.
        credit: Gradient paths, without a path through the membrane.
        valid: Steps of each recording that count, (batch,); None if every step counts.
        generator: Generator of dropout and draws.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        credit: GradientPaths,
        *,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self.network = network
        self.layers: list[Stage] = []
        for number, layer in enumerate(network.layers, start=1):
            run = partial(layer.run, valid=valid, generator=generator, credit=credit)
            incoming = _incoming(network, number, (layer.synapse, number - 1), credit)
            self.layers.append(Stage(run, incoming, credit))
        self.heads: list[Stage] = []
        for head in network.readouts():
            incoming = _incoming(network, head.key, (head.synapse, head.source), credit)
            self.heads.append(Stage(partial(head.run, credit=credit), incoming, credit))
        for stage in [*self.layers, *self.heads]:
            for link in stage.incoming:
                if link.source:
                    self.layers[link.source - 1].receivers.append((stage, link.reach))

    def forward(self, frames: Tensor) -> Any:
        """Return the output of the network for a chunk, a tensor or voltages by name.

        Args:
            frames: Frames of the chunk, (time, batch, channel).
        """
        sent = {0: frames}
        for number, stage in enumerate(self.layers, start=1):
            sent[number] = stage.forward(sent)
        return self.network.named([stage.forward(sent) for stage in self.heads])

    def backward(self, loss: Tensor | None) -> None:
        """Backpropagate the loss of the newest chunk, and every chunk of a layer whose error is then complete.

        Args:
            loss: The loss, or None.
        """
        if loss is not None:
            loss.backward()  # type: ignore[no-untyped-call]
        for stage in self.heads:
            self._pass_on(stage, stage.pending.popleft())
        for stage in reversed(self.layers):
            for chunk in stage.complete():
                self._through(stage, chunk)

    def finish(self) -> None:
        """Backpropagate all pending chunks: no later errors will come."""
        for stage in reversed(self.layers):
            while stage.pending:
                self._through(stage, stage.pending.popleft())

    def _through(self, stage: Stage, chunk: _Chunk) -> None:
        stage.backward(chunk)
        self._pass_on(stage, chunk)

    def _pass_on(self, stage: Stage, chunk: _Chunk) -> None:
        """Pass the errors of the inputs of a chunk on to the stages before."""
        stage.back_until = chunk.end
        for link, sink in zip(stage.incoming, chunk.sinks, strict=True):
            if link.source and sink.grad is not None:
                self.layers[link.source - 1].receive(chunk.first - link.before, sink.grad)
                # the graph of a loss outlives its backward pass, and holds the sink
                sink.grad = None


def _incoming(
    network: SpikingNetwork, target: int | str, own: tuple[Synapse, int], credit: GradientPaths
) -> list[Incoming]:
    """Return the connections that lead to a layer or a head: its own synapse, and skip connections."""
    skips = ((skip.synapse, skip.source) for skip in network.skips if skip.target == target)
    return [Incoming.of(synapse, source, credit) for synapse, source in (own, *skips)]


class _ToSink(torch.autograd.Function):
    """The values themselves, whose error goes to a sink."""

    @staticmethod
    def forward(ctx: Any, sink: Tensor, values: Tensor) -> Tensor:  # noqa: ARG004
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return error, None
