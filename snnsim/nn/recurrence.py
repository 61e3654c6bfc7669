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

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from snnsim.gradient_paths import GradientPaths
from snnsim.kernels.common import dispatch
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.delay.currents import spread_current
from snnsim.kernels.delay.integer_delays import integer_current
from snnsim.kernels.recurrent import in_order, loop
from snnsim.kernels.recurrent.gradient import Gradient, attached, by_autograd, of_kernel
from snnsim.kernels.recurrent.loop import Connection, FilteredConnection, KernelConnection
from snnsim.kernels.recurrent.online import OnlineConvolution, OnlineFilter
from snnsim.nn.delayed_linear import DelayedLinear, sum_of
from snnsim.nn.dropout import SequenceDropout
from snnsim.nn.joint import Incoming, joined, sums_in_order
from snnsim.nn.linear import SparseLinear
from snnsim.nn.neuron_state import State
from snnsim.nn.protocols import Neuron, Synapse, check_module


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
        """Take the spikes (batch, source) of a step, after its current was asked for."""


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
        ordered = self.in_order(current, (), neuron, state, credit=credit, draws=draws) if mask is None else None
        if ordered is not None:
            return ordered
        if state.history is not None:
            earlier = self._from_history(state.history, len(current))
            current = current + (earlier if mask is None else earlier * mask)
        sent: list[Tensor] = []
        current = self._attached(current, sent, mask)
        compiled = self._compiled(current, neuron, state.neuron, mask=mask, credit=credit)
        spikes, after = compiled or self._by_steps(current, neuron, state.neuron, mask=mask, credit=credit, draws=draws)
        sent.append(spikes.detach())
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
        """Return spikes and the state after them in evaluation, by sums in the order of a Program; None if it cannot be.

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
        own = external.new_zeros(0, *external.shape[1:]) if state.history is None else state.history
        joint = _with_loop(self.synapse, incoming, own, like=external)
        after = None if _needs_graph(external, neuron, joint) else _compiled(external, joint, neuron, state.neuron)
        if after is None:
            after = _by_windows(external, joint, neuron, state.neuron, temporal=credit.temporal, draws=draws)
        return after[0], LoopState(after[1], self._history(state.history, after[0]))

    def _compiled(
        self, current: Tensor, neuron: Neuron[Any], state: State | None, *, mask: Tensor | None, credit: GradientPaths
    ) -> tuple[Tensor, State] | None:
        """Return spikes and the last state by the compiled loop; None if it does not know neurons or synapse."""
        connection = self._connection(current)
        form = None if connection is None else neuron.two_state_form(current, state)
        if connection is None or form is None:
            return None
        v, w, coefficients, reset = form
        paths = {"temporal": credit.temporal, "through": credit.delayed == "exact"}
        looped = loop.run(current, v, w, coefficients, connection, reset=reset, mask=mask, **paths)
        last = looped[1:] if credit.temporal else (part.detach() for part in looped[1:])
        return looped.spikes, neuron.from_two_state(*last)

    def _by_steps(
        self,
        current: Tensor,
        neuron: Neuron[Any],
        state: State | None,
        *,
        mask: Tensor | None,
        credit: GradientPaths,
        draws: Draws | None,
    ) -> tuple[Tensor, State | None]:
        """Return spikes and the last state, one step after the other."""
        steps, spikes = self._loop(current), []
        for step, external in enumerate(current.unbind()):
            recurrent = steps.current()
            total = external
            if recurrent is not None:
                total = external + (recurrent if mask is None else recurrent * mask)
            counter = None if draws is None else draws.at(draws.step + step)
            fired, state = neuron.run(total[None], state, temporal=credit.temporal, draws=counter)
            spikes.append(fired[0])
            steps.push(fired[0] if credit.delayed == "exact" else fired[0].detach())
        return torch.stack(spikes), state

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

    @property
    def _hooked(self) -> bool:
        """Whether the synapse has hooks, which only its own calls run."""
        synapse = self.synapse
        return bool(synapse._forward_hooks or synapse._forward_pre_hooks or synapse._backward_hooks)

    def _loops(self, current: Tensor) -> bool:
        """Return whether a loop over the synapse's weights stands for its calls."""
        known = isinstance(self.synapse, DelayedLinear) or type(self.synapse) is SparseLinear
        return known and self.synapse.training and current.ndim == 3 and not self._hooked

    def _filters(self) -> bool:
        synapse = self.synapse
        return isinstance(synapse, DelayedLinear) and synapse.spreads and synapse.delays != "synaptic"

    def _attached(self, current: Tensor, sent: list[Tensor], mask: Tensor | None) -> Tensor:
        """Return the currents of a sequence with the gradient of the loop's parameters attached."""
        synapse = self.synapse
        if not self._loops(current):
            return current
        if isinstance(synapse, DelayedLinear) and self._filters():
            gradient = by_autograd(synapse.filtered_current)
            return attached(current, sent, (synapse.weight, synapse.delay, synapse.sigma), gradient, mask=mask)
        if isinstance(synapse, DelayedLinear):
            parameters, gradient = _delayed(synapse, current.device)
            return attached(current, sent, parameters, gradient, mask=mask)
        gradient = by_autograd(lambda spikes, weight: spikes @ weight.mT)
        return attached(current, sent, (synapse.weight,), gradient, mask=mask)

    @torch.no_grad()
    def _connection(self, current: Tensor) -> Connection | None:
        """Return the synapse for the compiled loop, or None."""
        synapse, compiled = self.synapse, dispatch.of_neurons(current) == "numba"
        if not compiled or not self._loops(current) or current.numel() == 0 or synapse.weight.dtype != current.dtype:
            return None
        if isinstance(synapse, DelayedLinear) and self._filters():
            windows = synapse.tap_windows(synapse.delay, synapse.sigma)
            return FilteredConnection(windows, synapse.weight, axonal=synapse.delays == "axonal")
        if isinstance(synapse, DelayedLinear):
            return KernelConnection(synapse.kernel(), steps=len(current))
        same = current.new_ones(1, synapse.targets)
        return FilteredConnection([same], synapse.weight[..., None], axonal=False)

    @torch.no_grad()
    def _loop(self, current: Tensor) -> Loop:
        """Return the recurrent current of a sequence, step by step."""
        synapse = self.synapse
        if not self._loops(current):
            return _StepByStep(synapse)
        if isinstance(synapse, DelayedLinear) and self._filters():
            return _Filtered(synapse)
        kernel = synapse.kernel() if isinstance(synapse, DelayedLinear) else synapse.weight[None]
        return OnlineConvolution(kernel.detach(), steps=len(current))


def _delayed(synapse: DelayedLinear, device: torch.device) -> tuple[tuple[Tensor, ...], Gradient]:
    """Return the parameters of a synapse with delays, and the function of their gradients."""
    delays = synapse.max_delay + 1
    if not synapse.spreads:
        indices = synapse.integer_delay()
        return (synapse.weight,), by_autograd(_integer(indices, delays))
    parameters = synapse.parameters_of_kernel()
    if device.type == "cpu":
        return parameters, of_kernel(synapse.spread, delays=delays)
    return parameters, by_autograd(lambda spikes, *p: spread_current(spikes, synapse.spread, p, delays=delays))


def _integer(delay: Tensor, delays: int) -> Any:
    """Return the function from spikes and weights to currents of fixed integer delays."""
    return lambda spikes, weight: integer_current(spikes, weight, delay, delays=delays)


class _Loop(NamedTuple):
    """All connections that lead to a layer, its own one included."""

    sent: Tensor
    """Spikes of the other layers, (before + time, batch, source)."""
    own: Tensor
    """Spikes of the layer itself before the first step, (before, batch, neuron)."""
    weight: Tensor
    """(target, source and then neuron, tap)."""
    delay: Tensor


def _with_loop(synapse: Synapse, incoming: Sequence[Incoming], own: Tensor, *, like: Tensor) -> _Loop:
    """Return the connections to a layer, its own spikes last and one step later."""
    joint = joined([*incoming, Incoming(synapse, torch.zeros_like(like))])
    # delays of the loop are one step longer
    later = torch.zeros_like(joint.delay)
    later[:, joint.delay.shape[1] - synapse.targets :] = 1
    before, sent = joint.before + 1, joint.spikes[..., : joint.spikes.shape[2] - synapse.targets]
    missing = before - len(own)
    own = torch.cat([own.new_zeros(missing, *own.shape[1:]), own]) if missing > 0 else own[-missing:]
    return _Loop(torch.cat([torch.zeros_like(sent[:1]), sent]), own, joint.weight, joint.delay + later)


def _needs_graph(external: Tensor, neuron: Neuron[Any], joint: _Loop) -> bool:
    tensors = (external, joint.sent, joint.weight, *neuron.parameters())
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _compiled(external: Tensor, joint: _Loop, neuron: Neuron[Any], state: State | None) -> tuple[Tensor, State] | None:
    """Return spikes and the last state by the compiled loop; None for other neurons or devices."""
    form = neuron.two_state_form(external, state) if dispatch.of_neurons(external) == "numba" else None
    if form is None:
        return None
    v, w, coefficients, reset = form
    synapses = in_order.synapses(joint.weight, joint.delay)
    looped = in_order.fire(external, joint.sent, joint.own, synapses, v, w, coefficients, hard=reset.hard)
    return looped.spikes, neuron.from_two_state(looped.v, looped.w)


def _by_windows(
    external: Tensor, joint: _Loop, neuron: Neuron[Any], state: State | None, *, temporal: bool, draws: Draws | None
) -> tuple[Tensor, State]:
    """Return spikes and the last state, by the sum over the spikes of the last steps for one step after the other."""
    before, spikes, own = len(joint.own), [], list(joint.own)
    for step, now in enumerate(external.unbind()):
        latest = torch.stack([*own[len(own) - before :], torch.zeros_like(now)])
        window = torch.cat([joint.sent[step : step + before + 1], latest], dim=2)
        current = integer_current(window, joint.weight, joint.delay, delays=before + 1, before=before)
        counter = None if draws is None else draws.at(draws.step + step)
        fired, state = neuron.run(now + current, state, temporal=temporal, draws=counter)
        spikes.append(fired[0])
        own.append(fired[0])
    return torch.stack(spikes), cast(State, state)


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
