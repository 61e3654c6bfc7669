"""Connections of a layer to itself: the current of a step holds spikes of the same neurons, one step ago or earlier.

    I[t] = x[t] + mask · current(s)[t − 1]        s[t] = neuron(I[t])

Any synapse can be recurrent. Its delays count from the step after the spike: a delay of 0 in the synapse is one step in
the loop, and so is a synapse without delays. Dropout has one mask for a whole sequence, on the recurrent current.

In training, a compiled loop computes the neurons and the currents (nn/loops.py), and gradients of weights and delays
come from correlations after the loop; errors reach spikes through every delay exactly. In evaluation, currents are
summed in the order of a Program (nn/loops_in_order.py).

With the gradient paths "cut" and "stale" for delays, no error passes through the loop, as every recurrent delay is at
least one step.

Shapes   x, current (time, batch, neuron) · history (longest delay, batch, neuron)
Units    delays in steps
Source   recurrent delays: DelRec, Queant et al. 2025, arXiv 2509.24852
Differs  DelRec spreads delays over a triangle and rounds its parameters during training; here the windows of
         nn/delay_windows.py spread them, and evaluation rounds a copy
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snnsim.gradient_paths import GradientPaths
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.recurrent.gradient import Fired
from snnsim.nn import loops, loops_in_order
from snnsim.nn.conv import DelayedConv
from snnsim.nn.dropout import SequenceDropout
from snnsim.nn.joint import Incoming, sums_in_order
from snnsim.nn.neuron_state import State
from snnsim.nn.protocols import Neuron, Synapse, check_module
from snnsim.validation import shown


class LoopState(NamedTuple):
    """The state of a loop between two chunks of time."""

    neuron: State | None = None
    """State of the neurons; None for rest."""
    history: Tensor | None = None
    """Last spikes of the neurons, (longest delay, batch, neuron); None for silence."""


class Recurrence(nn.Module):
    """A connection of a layer to itself.

    Args:
        synapse: A synapse with as many sources as targets; its delays count from the step after the spike.
        dropout: Probability of dropout of the recurrent current.

    Raises:
        TypeError: If the synapse is none.
        ValueError: If the probability is out of its range.
    """

    def __init__(self, synapse: Synapse, *, dropout: float = 0.0) -> None:
        super().__init__()
        check_module(synapse, Synapse, who="Recurrence", name="synapse", example="DelayedLinear")
        self.synapse = synapse
        self.dropout = SequenceDropout(dropout)

    @classmethod
    def along_neurons(
        cls, neurons: int, max_delay: int, *, kernel: int = 3, dropout: float = 0.0, **settings: Any
    ) -> "Recurrence":
        """Return a convolution along the neuron axis: each neuron gets spikes of its neighbors, by one shared kernel.

        Args:
            neurons: Number of neurons of the layer.
            max_delay: The longest delay of the synapse in steps, one less than that of the loop.
            kernel: Number of weights, one odd number: a neuron and its neighbors on both sides.
            dropout: Probability of dropout of the recurrent current.
            **settings: Keywords of DelayedLinear: taps, window, sigma, learn_delay, learn_sigma, generator.
        """
        return cls(DelayedConv((1, neurons, 1), 1, max_delay, (1, kernel), **settings), dropout=dropout)

    @property
    def max_delay(self) -> int:
        """The longest delay in steps, from 1."""
        return self.synapse.max_delay + 1

    def run(
        self,
        current: Tensor,
        neuron: Neuron[Any],
        state: LoopState,
        *,
        mask: Tensor | None = None,
        credit: GradientPaths,
        draws: Draws | None = None,
    ) -> tuple[Tensor, LoopState]:
        """Return the spikes of a sequence or a chunk of one, and the state after it.

        Args:
            current: The currents without the recurrent ones, (time, batch, neuron).
            neuron: The neurons.
            state: The state before the first step.
            mask: Factors of the recurrent current, (batch, neuron), or None; see `dropout.mask`.
            credit: Gradient paths.
            draws: Random counter of the first step; None for no randomness.
        """
        if len(current) == 0:
            return current, LoopState(
                neuron.initial_state(current, state.neuron), self._history(state.history, current)
            )
        ordered = self.in_order(current, (), neuron, state, credit=credit, draws=draws) if mask is None else None
        if ordered is not None:
            return ordered
        if state.history is not None:
            earlier = self._from_history(state.history, len(current))
            current = current + (earlier if mask is None else earlier * mask)
        sent: list[Fired] = []
        current = loops.with_gradient(self.synapse, current, sent, mask)
        compiled = loops.compiled(self.synapse, current, neuron, state.neuron, mask=mask, credit=credit)
        spikes, after = compiled or loops.by_steps(
            self.synapse, current, neuron, state.neuron, mask=mask, credit=credit, draws=draws
        )
        sent.append(Fired.of(spikes))
        return spikes, LoopState(after, self._history(state.history, spikes))

    def in_order(
        self,
        external: Tensor,
        incoming: Sequence[Incoming],
        neuron: Neuron[Any],
        state: LoopState,
        *,
        credit: GradientPaths,
        draws: Draws | None = None,
    ) -> tuple[Tensor, LoopState] | None:
        """Return spikes and the state after them in evaluation, by sums in the order of a Program; None if it cannot.

        Args:
            external: Currents that are there before those of the connections, (time, batch, neuron).
            incoming: Connections that lead to the neurons from elsewhere, by the order of their sources.
            neuron: The neurons.
            state: The state before the first step.
            credit: Gradient paths.
            draws: Random counter of the first step; None for no randomness.
        """
        synapses = (self.synapse, *(one.synapse for one in incoming))
        if external.ndim != 3 or external.numel() == 0 or credit.delayed != "exact":
            return None
        if not all(sums_in_order(synapse) and synapse.weight.dtype == external.dtype for synapse in synapses):
            return None
        loop = loops_in_order.with_loop(self.synapse, incoming, state.history, like=external)
        spikes, after = loops_in_order.fire(external, loop, neuron, state.neuron, temporal=credit.temporal, draws=draws)
        return spikes, LoopState(after, self._history(state.history, spikes))

    def _from_history(self, history: Tensor, steps: int) -> Tensor:
        """Return the currents of the next steps from the spikes before them."""
        silent = history.new_zeros(steps - 1, *history.shape[1:])
        return self.synapse.current(torch.cat([history, silent]), before=self.synapse.max_delay)

    def _history(self, history: Tensor | None, spikes: Tensor) -> Tensor:
        missing = self.max_delay - len(spikes)
        if missing <= 0:
            # a copy: the state stays as it is if the spikes change, and does not keep them in memory
            return spikes[len(spikes) - self.max_delay :].clone()
        if history is None:
            history = spikes.new_zeros(self.max_delay, *spikes.shape[1:])
        return torch.cat([history[len(history) - missing :], spikes])


def checked(recurrent: Recurrence | None, synapse: Synapse) -> Recurrence | None:
    """Return the recurrent connection of a layer.

    Args:
        recurrent: The connection, or None.
        synapse: The synapse that leads to the layer.

    Raises:
        TypeError: If it is no Recurrence.
        ValueError: If it is of another number of neurons, or the layer is a convolution.
    """
    if recurrent is None:
        return None
    if not isinstance(recurrent, Recurrence):
        raise TypeError(f"SpikingLayer: recurrent must be a Recurrence or None, not {shown(recurrent)}")
    if synapse.channels is not None:
        raise ValueError("SpikingLayer: a convolution has no recurrent connection; use a DelayedLinear or SparseLinear")
    if recurrent.synapse.targets != synapse.targets:
        raise ValueError(
            f"SpikingLayer: the recurrent connection must be of the layer's {synapse.targets} neurons, not "
            f"{recurrent.synapse.targets}"
        )
    return recurrent
