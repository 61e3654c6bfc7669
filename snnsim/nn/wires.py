"""Connections within a loop of layers, whose currents are needed before all spikes are known.

    forward    I[t] = mask · synapse(s)[t]          of an earlier layer of the loop
    feedback   I[t] = mask · synapse(s)[t − 1]      of the same or a later layer: at least one step of delay

A wire goes on by slices of time, no longer than the least delay of all feedback, so the feedback of a slice comes from
spikes before it. Delays that are spread over windows have slices of one step: each spike adds its currents to those of
the next steps. Integer delays go through the kernels of evaluation.

Shapes   of a slice, spikes (time, batch, source) and currents (time, batch, target) · history (longest delay, batch,
         source)
"""

from typing import Protocol

import torch
from torch import Tensor

from snnsim.nn.delayed_linear import DelayedLinear
from snnsim.nn.linear import SparseLinear
from snnsim.nn.protocols import Synapse


class Wire(Protocol):
    """The currents of a sequence, slice by slice: `forward(spikes)`, or `feedback(steps)` and then `push(spikes)`."""

    def forward(self, spikes: Tensor) -> Tensor:
        """Return the currents of a slice from its spikes and those before.

        Args:
            spikes: Spikes of the slice, (time, batch, source).
        """

    def feedback(self, steps: int) -> Tensor:
        """Return the currents of the next steps from the spikes before them.

        Args:
            steps: Number of steps, at most the least delay.
        """

    def push(self, spikes: Tensor) -> None:
        """Take the spikes of a slice whose feedback was asked for.

        Args:
            spikes: Spikes of the slice, (time, batch, source).
        """


def wire(synapse: Synapse, history: Tensor, *, delayed: str, steps: int) -> Wire:
    """Return the wire of a synapse at the beginning of a sequence.

    Args:
        synapse: The synapse.
        history: The spikes before the sequence, as long as the longest delay; with feedback, one step longer.
        delayed: Gradient path from a current to the spikes that it came from; see `snnsim.gradient_paths`.
        steps: Length of a slice, that of the loop: at most the least delay of all its feedback.
    """
    hooked = synapse._forward_hooks or synapse._forward_pre_hooks or synapse._backward_hooks
    scatters = synapse.training and not hooked and delayed == "exact" and history.ndim == 3
    if scatters and steps == slice_steps(synapse) == 1:
        if isinstance(synapse, DelayedLinear):
            return _Scattered(synapse, synapse.kernel(), history)
        if type(synapse) is SparseLinear:
            return _Scattered(synapse, synapse.weight[None], history)
    return _Gathered(synapse, history, delayed)


def slice_steps(synapse: Synapse) -> int:
    """Return the least delay of a feedback connection in steps, from 1.

    Args:
        synapse: The synapse, whose delays count from the next step.
    """
    if isinstance(synapse, DelayedLinear) and not synapse.spreads and synapse.weight.numel():
        return int(synapse.integer_delay().min()) + 1
    return 1


class _Gathered:
    """Currents from the spikes as far back as delays reach, by the synapse itself."""

    def __init__(self, synapse: Synapse, history: Tensor, delayed: str) -> None:
        self.synapse, self.delayed = synapse, delayed
        self.history = history if delayed == "exact" else history.detach()

    def forward(self, spikes: Tensor) -> Tensor:
        joined = torch.cat([self.history, spikes])
        self.history = joined[len(joined) - self.synapse.max_delay :]
        return self.synapse.current(joined, before=self.synapse.max_delay, delayed=self.delayed)

    def feedback(self, steps: int) -> Tensor:
        # spikes of the slice itself come too late for it, as it is no longer than the least delay
        joined = torch.cat([self.history, self.history.new_zeros(steps - 1, *self.history.shape[1:])])
        return self.synapse.current(joined, before=self.synapse.max_delay)

    def push(self, spikes: Tensor) -> None:
        spikes = spikes if self.delayed == "exact" else spikes.detach()
        joined = torch.cat([self.history, spikes])
        self.history = joined[len(joined) - self.synapse.max_delay - 1 :]


class _Scattered:
    """Currents of the next steps, to which each spike adds its own, in slices of one step."""

    def __init__(self, synapse: Synapse, kernel: Tensor, history: Tensor) -> None:
        self.shape = len(kernel), synapse.targets
        # (source, delay and target), so that the spikes of a step take one product
        self.kernel = kernel.permute(2, 0, 1).flatten(1)
        self.pending = history.new_zeros(len(kernel), history.shape[1], synapse.targets)
        if len(history):
            silent = history.new_zeros(len(kernel) - 1, *history.shape[1:])
            earlier = synapse.current(torch.cat([history, silent]), before=synapse.max_delay)
            self.pending = torch.cat([earlier, self.pending[len(earlier) :]])

    def forward(self, spikes: Tensor) -> Tensor:
        self.push(spikes)
        current, self.pending = self.pending[:1], torch.cat([self.pending[1:], torch.zeros_like(self.pending[:1])])
        return current

    def feedback(self, steps: int) -> Tensor:
        current = self.pending[:steps]
        self.pending = torch.cat([self.pending[steps:], torch.zeros_like(current)])
        return current

    def push(self, spikes: Tensor) -> None:
        delays, targets = self.shape
        added = (spikes[0] @ self.kernel).view(-1, delays, targets).transpose(0, 1)
        self.pending = self.pending + added
