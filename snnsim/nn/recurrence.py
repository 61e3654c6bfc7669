"""Connections of a layer to itself: the current of a step holds spikes of the same neurons, one step ago or earlier.

    I[t] = x[t] + mask · current(s)[t − 1]        s[t] = neuron(I[t])

Any synapse can be recurrent. Its delays count from the step after the spike: a delay of 0 in the synapse is one step in
the loop, and so is a synapse without delays. Dropout has one mask for a whole sequence, on the recurrent current.

In training, currents of learned delays come from an online convolution (kernels/recurrent/online.py), and gradients of
weights and delays from correlations after the loop; errors reach spikes through every delay exactly. In evaluation,
and for other synapses, the synapse computes one step after the other.

With the gradient paths "cut" and "stale" for delays, no error passes through the loop, as every recurrent delay is at
least one step.

Shapes   x, current (time, batch, neuron) · history (longest delay, batch, neuron)
Units    delays in steps
Source   recurrent delays: DelRec, Queant et al. 2025, arXiv 2509.24852
Differs  DelRec spreads delays over a triangle and rounds its parameters during training; here the windows of
         nn/delay_windows.py spread them, and evaluation rounds a copy
"""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from snnsim.gradient_paths import GradientPaths
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.delay.currents import spread_current
from snnsim.kernels.delay.integer_delays import integer_current
from snnsim.kernels.recurrent.gradient import Gradient, attached, by_autograd, of_kernel
from snnsim.kernels.recurrent.online import OnlineConvolution, OnlineFilter
from snnsim.nn.conv import DelayedConv
from snnsim.nn.conv_loop import ConvLoop
from snnsim.nn.delayed_linear import DelayedLinear, sum_of
from snnsim.nn.dropout import SequenceDropout
from snnsim.nn.linear import SparseLinear
from snnsim.nn.neuron_state import State
from snnsim.nn.protocols import Neuron, Synapse, check_module
from snnsim.validation import shown


class LoopState(NamedTuple):
    """The state of a loop between two chunks of time."""

    neuron: State | None = None
    """State of the neurons; None for rest."""
    history: Tensor | None = None
    """Last spikes of the neurons, (longest delay, batch, neuron); None for silence."""


class Loop(Protocol):
    """The recurrent current of one sequence, step by step: `current()`, then `push(spikes)`, and so on."""

    def current(self) -> Tensor | None:
        """Return the current of the next step, (batch, target), or None where it is 0."""

    def push(self, spikes: Tensor) -> None:
        """Take the spikes of a step, after its current was asked for.

        Args:
            spikes: Spikes of the step, (batch, source).
        """


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
        if state.history is not None:
            earlier = self._from_history(state.history, len(current))
            current = current + (earlier if mask is None else earlier * mask)
        sent: list[Tensor] = []
        loop, current = self._loop(current, sent, mask)
        spikes, after = [], state.neuron
        for step, external in enumerate(current.unbind()):
            recurrent = loop.current()
            total = external
            if recurrent is not None:
                total = external + (recurrent if mask is None else recurrent * mask)
            counter = None if draws is None else draws.at(draws.step + step)
            fired, after = neuron.run(total[None], after, temporal=credit.temporal, draws=counter)
            spikes.append(fired[0])
            sent.append(fired[0].detach())
            loop.push(fired[0] if credit.delayed == "exact" else sent[-1])
        result = torch.stack(spikes)
        return result, LoopState(after, self._history(state.history, result))

    def _from_history(self, history: Tensor, steps: int) -> Tensor:
        """Return the currents of the next steps from the spikes before them."""
        silent = history.new_zeros(steps - 1, *history.shape[1:])
        return self.synapse.current(torch.cat([history, silent]), before=self.synapse.max_delay)

    def _history(self, history: Tensor | None, spikes: Tensor) -> Tensor:
        missing = self.max_delay - len(spikes)
        if missing <= 0:
            return spikes[len(spikes) - self.max_delay :]
        if history is None:
            history = spikes.new_zeros(self.max_delay, *spikes.shape[1:])
        return torch.cat([history[len(history) - missing :], spikes])

    def _loop(self, current: Tensor, sent: list[Tensor], mask: Tensor | None) -> tuple[Loop, Tensor]:
        """Return the loop of a sequence, and its currents with the gradient of the loop's parameters attached."""
        synapse, steps = self.synapse, len(current)
        # the attached gradient would not see hooks of a module
        hooked = synapse._forward_hooks or synapse._forward_pre_hooks or synapse._backward_hooks
        if hooked or not synapse.training or current.ndim != 3:
            return _StepByStep(synapse), current
        if isinstance(synapse, DelayedLinear) and synapse.spreads and synapse.delays != "synaptic":
            gradient = by_autograd(synapse.filtered_current)
            own = synapse.weight, synapse.delay, synapse.sigma
            return _Filtered(synapse), attached(current, sent, own, gradient, mask=mask)
        if isinstance(synapse, DelayedLinear):
            kernel, parameters, gradient = _delayed(synapse, current.device)
        elif type(synapse) is SparseLinear:
            kernel, parameters = synapse.weight[None], (synapse.weight,)
            gradient = by_autograd(lambda spikes, weight: spikes @ weight.mT)
        elif isinstance(synapse, DelayedConv):
            return ConvLoop(synapse), current
        else:
            return _StepByStep(synapse), current
        loop = OnlineConvolution(kernel.detach(), steps=steps)
        return loop, attached(current, sent, parameters, gradient, mask=mask)


def _delayed(synapse: DelayedLinear, device: torch.device) -> tuple[Tensor, tuple[Tensor, ...], Gradient]:
    """Return the kernel of a synapse with delays, its parameters, and the function of their gradients."""
    delays = synapse.max_delay + 1
    with torch.no_grad():
        kernel = synapse.kernel()
    if not synapse.spreads:
        indices = synapse.integer_delay()
        return kernel, (synapse.weight,), by_autograd(_integer(indices, delays))
    parameters = synapse.parameters_of_kernel()
    if device.type == "cpu":
        return kernel, parameters, of_kernel(synapse.spread, delays=delays)
    return kernel, parameters, by_autograd(lambda spikes, *p: spread_current(spikes, synapse.spread, p, delays=delays))


def _integer(delay: Tensor, delays: int) -> Any:
    """Return the function from spikes and weights to currents of fixed integer delays."""
    return lambda spikes, weight: integer_current(spikes, weight, delay, delays=delays)


class _Filtered:
    """The recurrent current of axonal or dendritic delays in training."""

    def __init__(self, synapse: DelayedLinear) -> None:
        with torch.no_grad():
            windows = synapse.tap_windows(synapse.delay, synapse.sigma)
        self.filters = [OnlineFilter(window) for window in windows]
        self.weights = synapse.weight.detach().permute(2, 1, 0).contiguous()
        self.axonal = synapse.delays == "axonal"

    def current(self) -> Tensor | None:
        """Return the current of the next step, (batch, target); None before the first spikes."""
        currents = [one.current() for one in self.filters]
        if currents[0] is None:
            return None
        terms = zip(currents, self.weights, strict=True)
        return sum_of(current @ weight if self.axonal else current for current, weight in terms if current is not None)

    def push(self, spikes: Tensor) -> None:
        """Take the spikes (batch, source) of a step."""
        for one, weight in zip(self.filters, self.weights, strict=True):
            one.push(spikes if self.axonal else spikes @ weight)


class _StepByStep:
    """The recurrent current of any synapse, which computes one step after the other."""

    def __init__(self, synapse: Synapse) -> None:
        self.synapse = synapse
        self.spikes: Tensor | None = None
        self.history: Tensor | None = None

    def current(self) -> Tensor | None:
        """Return the current of the next step, (batch, target); None before the first spikes."""
        if self.spikes is None:
            return None
        current, self.history = self.synapse.run(self.spikes[None], self.history)
        return current[0]

    def push(self, spikes: Tensor) -> None:
        """Take the spikes (batch, source) of a step."""
        self.spikes = spikes


def checked_recurrence(recurrent: Recurrence | None, synapse: Synapse) -> Recurrence | None:
    """Return the recurrent connection of a layer.

    Args:
        recurrent: The connection, or None.
        synapse: The synapse in front of the neurons.

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
