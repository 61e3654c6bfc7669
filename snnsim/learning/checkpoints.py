"""Chunks of time backward from the last one, for exact gradients through loops.

A recurrent connection passes errors from every step to earlier ones, so the errors of a chunk are complete at the end
of the recording alone. The forward pass keeps the state before each chunk and no graph. The backward pass computes the
chunks again, from the last to the first, and takes the errors of the state after a chunk from the chunk behind:

    forward    output[c], state[c + 1] = network(frames[c], state[c])
    backward   ∂L/∂state[c] of L[c](output[c]) + state[c + 1] · ∂L/∂state[c + 1]

Running averages and random numbers of a chunk are the same in both passes.

Memory holds the graph of one chunk, and for each chunk its frames and the spikes as far back as delays reach, in bits,
and the state of the neurons.

Shapes   frames (time, batch, channel) of a chunk · output (time, batch, class)
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from snnsim.gradient_paths import GradientPaths
from snnsim.kernels.delay.bitpack import Packed, packed
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer_state import LayerState
from snnsim.nn.network import NetworkState, SpikingNetwork


@dataclass
class _Checkpoint:
    """A chunk, and all that it starts from."""

    first: int
    frames: Packed
    state: list[LayerState] | None
    """Its spikes are in `history`, packed."""
    history: list[Packed | None]
    averages: list[Tensor]
    """Running averages before the chunk."""


@dataclass
class Checkpoints:
    """A network that goes forward through all chunks, and then back."""

    network: SpikingNetwork
    credit: GradientPaths
    valid: Tensor | None = None
    generator: torch.Generator = torch.default_generator
    saved: list[_Checkpoint] = field(default_factory=list)

    @torch.no_grad()
    def forward(self, chunks: Iterable[Tensor], observe: Callable[[Any, int], None] | None = None) -> None:
        """Run all chunks, and keep what each starts from; averages and random numbers then stay as they were.

        Args:
            chunks: Frames (time, batch, channel) in chunks of any lengths.
            observe: Function of the output of a chunk and the number of its first step; None for none.
        """
        self.random, before = self.generator.get_state(), self._averages()
        state, first = None, 0
        for frames in chunks:
            averages = [value.clone() for value in self._averages()]
            self.saved.append(_Checkpoint(first, packed(frames), *_packed(state), averages))
            output, state = self.network.run(frames, state, valid=self.valid, generator=self.generator)
            if observe is not None:
                observe(output, first)
            del output
            first += len(frames)
        self.end = self.generator.get_state(), [value.clone() for value in before]
        self._restore(self.saved[0].averages if self.saved else [], self.random)

    def backward(self, objective: Callable[[Any, int], Tensor | None]) -> float:
        """Add the gradients of a loss that is a sum over chunks to those of the parameters; return the loss.

        Args:
            objective: Function from the output of a chunk and the number of its first step to its loss, or None.
        """
        total, errors = 0.0, list[Tensor | None]()
        while self.saved:
            checkpoint = self.saved.pop()
            self._restore(checkpoint.averages, self.random)
            state = self._state(checkpoint)
            leaves = list(_variables(state or (), temporal=self.credit.temporal))
            output, after = self.network.run(
                checkpoint.frames.restored(checkpoint.frames.scale.dtype),
                state,
                valid=self.valid,
                generator=self.generator,
                credit=self.credit,
            )
            loss = objective(output, checkpoint.first)
            total += 0.0 if loss is None else loss.item()
            ends = zip(_variables(after, temporal=self.credit.temporal), errors, strict=bool(errors))
            roots = [(end, error) for end, error in ends if error is not None and end.requires_grad]
            roots += [] if loss is None else [(loss, torch.ones_like(loss))]
            if roots:
                torch.autograd.backward([root for root, _ in roots], [error for _, error in roots])
            errors = [leaf.grad for leaf in leaves]
        random, averages = self.end
        self._restore(averages, random)
        return total

    def _state(self, checkpoint: _Checkpoint) -> NetworkState | None:
        """Return the state before a chunk, as tensors that errors go to."""
        if checkpoint.state is None:
            return None
        history, state = zip(checkpoint.history, _sources(self.network), strict=True), []
        for part in checkpoint.state:
            spikes = []
            # in this order, as zip takes an entry of the first before it finds the end of the second
            for _, (bits, source) in zip(_histories(part), history, strict=False):
                values = None if bits is None else bits.restored(bits.scale.dtype)
                spikes.append(values if values is None else values.requires_grad_(source > 0))
            part = part._replace(history=spikes[0], recurrent=spikes[1], skips=tuple(spikes[2:]))
            state.append(_with_neuron(part, _leaf) if self.credit.temporal else part)
        return tuple(state)

    def _averages(self) -> list[Tensor]:
        norms = (module for module in self.network.modules() if isinstance(module, BatchNorm))
        return [buffer for norm in norms for buffer in norm.buffers()]

    def _restore(self, averages: list[Tensor], random: Tensor) -> None:
        for buffer, value in zip(self._averages(), averages, strict=False):
            buffer.copy_(value)
        self.generator.set_state(random)


def _packed(state: NetworkState | None) -> tuple[list[LayerState] | None, list[Packed | None]]:
    """Return the state of a network without its spikes, and its spikes in bits."""
    if state is None:
        return None, []
    parts = [LayerState() if part is None else part for part in state]
    history = [None if spikes is None else packed(spikes) for part in parts for spikes in _histories(part)]
    silent = (part._replace(history=None, recurrent=None, skips=(None,) * len(part.skips)) for part in parts)
    return [_with_neuron(part, torch.clone) for part in silent], history


def _sources(network: SpikingNetwork) -> Iterator[int]:
    """Yield the number of the layer that sent each of the spikes in the state of a network, 0 for the input."""
    ends: list[tuple[int | str, int]] = [(number, number - 1) for number in range(1, len(network.layers) + 1)]
    for target, source in ends + [(head.key, head.source) for head in network.readouts()]:
        # the input, the layer itself, and the sources of skip connections
        yield from (source, target if isinstance(target, int) else 0)
        yield from (skip.source for skip in network.skips if skip.target == target)


def _histories(part: LayerState) -> tuple[Tensor | None, ...]:
    return part.history, part.recurrent, *part.skips


def _variables(state: NetworkState, *, temporal: bool) -> Iterator[Tensor]:
    """Yield the tensors of a state that errors pass through: spikes, and the state of neurons with temporal paths."""
    for part in state:
        if part is None:
            continue
        yield from (spikes for spikes in _histories(part) if spikes is not None)
        if temporal and part.neuron is not None:
            yield from part.neuron if isinstance(part.neuron, tuple) else (part.neuron,)


def _with_neuron(part: LayerState, function: Callable[[Tensor], Tensor]) -> LayerState:
    """Return the state of a layer with a function applied to the variables of its neurons."""
    neuron = part.neuron
    if isinstance(neuron, tuple):
        return part._replace(neuron=type(neuron)(*map(function, neuron)))
    return part if neuron is None else part._replace(neuron=function(neuron))


def _leaf(values: Tensor) -> Tensor:
    return values.detach().requires_grad_()
