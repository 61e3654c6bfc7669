"""The state of a layer between two chunks of time, and the circumstances of a current in it.

Shapes   each tensor (..., neuron), or with axes in front of these
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from snnsim.gradient_paths import ALL_PATHS, GradientPaths
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn.neuron_state import State, detached
from snnsim.nn.protocols import Synapse
from snnsim.renamed import fields


class LayerState(NamedTuple):
    """The state of a layer between two chunks of time; None stands for silence and rest."""

    history: Tensor | None = None
    """Last spikes of the input, as far back as delays reach."""
    neuron: State | None = None
    """State of the neurons."""
    mask: Tensor | None = None
    """Dropout mask of the sequence."""
    step: int = 0
    """Number of steps so far."""
    draws: Draws | None = None
    """Random counter of the neurons at the first step of the sequence."""
    recurrent: Tensor | None = None
    """Last spikes of the layer itself, as far back as its recurrent delays reach."""
    recurrent_mask: Tensor | None = None
    """Dropout mask of the recurrent current."""
    skips: tuple[Tensor | None, ...] = ()
    """Last spikes of the sources of skip connections that lead to the layer, as far back as their delays reach."""
    dropout: Draws | None = None
    """Random counter of dropout with masks of steps, at the first step of the sequence."""

    def detached(self) -> "LayerState":
        """Return the state without its gradient."""
        spikes = (self.history, self.recurrent, *self.skips)
        # a history without steps may hold a graph, too
        history, recurrent, *skips = (None if one is None else one.detach() for one in spikes)
        neuron = None if self.neuron is None else detached(self.neuron)
        return self._replace(history=history, neuron=neuron, recurrent=recurrent, skips=tuple(skips))


fields(LayerState, voltage="neuron", keep="mask", first="step")
REST = LayerState()


class SequenceContext(NamedTuple):
    """The circumstances of a current on its way through a layer."""

    valid: Tensor | None = None
    """Steps of each recording that count, (batch,), from the beginning of the sequence; None: all steps."""
    generator: torch.Generator | None = None
    """Generator of the dropout mask."""
    credit: GradientPaths = ALL_PATHS
    draws: Draws | None = None
    """Random counter of the neurons at the first step of the current."""
    chunk: bool = False
    """Whether the current is a chunk of a longer sequence; running averages normalize it."""


WHOLE_SEQUENCE = SequenceContext()
Observer = Callable[[Tensor, SequenceContext], Tensor]
"""Function that the spikes of a layer pass through on their way to the next one."""


def chunk_current(
    synapse: Synapse, spikes: Tensor, history: Tensor | None, before: int, credit: GradientPaths
) -> tuple[Tensor, Tensor | None]:
    """Return the synaptic currents of a chunk of time, and the next history if the state holds it.

    Args:
        synapse: The synapse.
        spikes: Spikes (time, ..., source).
        history: The spikes before the chunk, or None.
        before: Number of steps at the beginning of the spikes that are history, in place of `history`.
        credit: Gradient paths.
    """
    if before:
        return synapse.current(spikes, before=before, delayed=credit.delayed), None
    return synapse.run(spikes, history, delayed=credit.delayed)


def by_channel(
    current: Tensor, context: SequenceContext, step: int, *, channels: int | None, training: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return the currents (time, lane, channel), the steps that count (lane,), and the total of BatchNorm.

    A lane is a recording, or a pixel of one in a field.

    Args:
        current: The synaptic currents, (time, ..., neuron).
        context: Steps that count, and whether the current is a chunk.
        step: Number of steps of the sequence before the current.
        channels: Number of channels of a field; None without one.
        training: Whether the layer is in training mode.
    """
    valid, total, batch = context.valid, None, math.prod(current.shape[1:-1])
    if valid is not None:
        valid = gates.lengths(valid, who="layer", name="valid", batch=batch)
    if channels is not None:
        pixels = current.shape[-1] // channels
        valid = None if valid is None else valid.repeat_interleave(pixels)
        current = current.reshape(len(current), batch * pixels, channels)
    if context.chunk:
        if training:
            total = torch.tensor(current[..., 0].numel()) if valid is None else valid.sum()
        valid = None if valid is None else (valid - step).clamp(0, len(current))
    return current, valid, total
