"""The loop over steps of a recurrent layer in training: compiled, or one step after the other.

A compiled loop (kernels/recurrent/loop.py) knows neurons that have a form with two state variables, on the CPU. For all
others, an online convolution or filter gives the recurrent current of each step (kernels/recurrent/online.py). Other
synapses compute one step after the other.

Shapes   current, spikes (time, batch, neuron) · mask (batch, neuron)
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from snnsim.gradient_paths import GradientPaths
from snnsim.kernels.common import dispatch
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.delay.currents import spread_current
from snnsim.kernels.delay.integer_delays import integer_current
from snnsim.kernels.delay.shared_delays import sum_of
from snnsim.kernels.recurrent import loop
from snnsim.kernels.recurrent.connections import Connection, FilteredConnection, KernelConnection
from snnsim.kernels.recurrent.gradient import Fired, Gradient, attached, by_autograd, of_kernel, of_windows
from snnsim.kernels.recurrent.online import OnlineConvolution, OnlineFilter
from snnsim.nn.conv import DelayedConv
from snnsim.nn.conv_loop import ConvLoop
from snnsim.nn.delayed_linear import DelayedLinear
from snnsim.nn.linear import SparseLinear
from snnsim.nn.neuron_state import State
from snnsim.nn.protocols import Neuron, Synapse


class StepLoop(Protocol):
    """The recurrent current of one sequence, step by step: `current()`, then `push(spikes)`, and so on."""

    def current(self) -> Tensor | None:
        """Return the current of the next step, (batch, target), or None where it is 0."""

    def push(self, spikes: Tensor) -> None:
        """Take the spikes of a step, after its current was asked for.

        Args:
            spikes: Spikes of the step, (batch, source).
        """


def compiled(
    synapse: Synapse,
    current: Tensor,
    neuron: Neuron[Any],
    state: State | None,
    *,
    mask: Tensor | None,
    credit: GradientPaths,
) -> tuple[Tensor, State] | None:
    """Return spikes and the last state by the compiled loop; None if it does not know neurons or synapse.

    Args:
        synapse: The recurrent synapse.
        current: The currents without the recurrent ones, (time, batch, neuron).
        neuron: The neurons.
        state: Their state before the first step.
        mask: Factors of the recurrent current, (batch, neuron), or None.
        credit: Gradient paths.
    """
    connection = _connection(synapse, current)
    form = None if connection is None else neuron.two_state_form(current, state)
    if connection is None or form is None:
        return None
    paths = {"temporal": credit.temporal, "through": credit.delayed == "exact"}
    looped = loop.run(current, form.v, form.w, form.coefficients, connection, reset=form.reset, mask=mask, **paths)
    last = looped[1:] if credit.temporal else (part.detach() for part in looped[1:])
    return looped.spikes, form.state(*last)


def by_steps(  # noqa: PLR0913
    synapse: Synapse,
    current: Tensor,
    neuron: Neuron[Any],
    state: State | None,
    *,
    mask: Tensor | None,
    credit: GradientPaths,
    draws: Draws | None,
) -> tuple[Tensor, State | None]:
    """Return spikes and the last state, one step after the other.

    Args:
        synapse: The recurrent synapse.
        current: The currents without the recurrent ones, (time, batch, neuron).
        neuron: The neurons.
        state: Their state before the first step.
        mask: Factors of the recurrent current, (batch, neuron), or None.
        credit: Gradient paths.
        draws: Random counter of the first step; None for no randomness.
    """
    steps, spikes = _loop(synapse, current), []
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


def _loops(synapse: Synapse, current: Tensor) -> bool:
    """Return whether a loop over the synapse's weights stands for its calls."""
    known = isinstance(synapse, DelayedLinear) or type(synapse) is SparseLinear
    return known and synapse.training and current.ndim == 3 and not _hooked(synapse)


def _hooked(synapse: Synapse) -> bool:
    """Return whether a synapse has hooks, which only its own calls run."""
    return bool(synapse._forward_hooks or synapse._forward_pre_hooks or synapse._backward_hooks)


def _filters(synapse: Synapse) -> bool:
    return isinstance(synapse, DelayedLinear) and synapse.spreads and synapse.delays != "synaptic"


def with_gradient(synapse: Synapse, current: Tensor, sent: list[Fired], mask: Tensor | None) -> Tensor:
    """Return the currents of a sequence with the gradient of the synapse's parameters attached.

    Args:
        synapse: The recurrent synapse.
        current: The currents without the recurrent ones, (time, batch, neuron).
        sent: A list that holds the spikes of the layer by the backward pass, see `attached`.
        mask: Factors of the recurrent current, (batch, neuron), or None.
    """
    if not _loops(synapse, current):
        return current
    if isinstance(synapse, DelayedLinear) and _filters(synapse):
        gradient = by_autograd(synapse.filtered_current)
        if dispatch.of_neurons(current) == "numba":
            gradient = of_windows(synapse.tap_windows, axonal=synapse.delays == "axonal")
        return attached(current, sent, (synapse.weight, synapse.delay, synapse.sigma), gradient, mask=mask)
    if isinstance(synapse, DelayedLinear):
        parameters, gradient = _delayed(synapse, current)
        return attached(current, sent, parameters, gradient, mask=mask)
    gradient = by_autograd(lambda spikes, weight: spikes @ weight.mT)
    return attached(current, sent, (synapse.weight,), gradient, mask=mask)


@torch.no_grad()
def _connection(synapse: Synapse, current: Tensor) -> Connection | None:
    """Return the synapse for the compiled loop, or None."""
    compiled = dispatch.of_neurons(current) == "numba"
    if not compiled or not _loops(synapse, current) or current.numel() == 0 or synapse.weight.dtype != current.dtype:
        return None
    if isinstance(synapse, DelayedLinear) and _filters(synapse):
        windows = synapse.tap_windows(synapse.delay, synapse.sigma)
        return FilteredConnection(windows, synapse.weight, axonal=synapse.delays == "axonal")
    if isinstance(synapse, DelayedLinear):
        return KernelConnection(synapse.kernel(), steps=len(current))
    same = current.new_ones(1, synapse.targets)
    return FilteredConnection([same], synapse.weight[..., None], axonal=False)


def _loop(synapse: Synapse, current: Tensor) -> StepLoop:
    """Return the recurrent current of a sequence, step by step; gradients of a convolution pass through its kernel."""
    if not _loops(synapse, current):
        trains = synapse.training and current.ndim == 3 and not _hooked(synapse)
        return ConvLoop(synapse) if isinstance(synapse, DelayedConv) and trains else _StepByStep(synapse)
    if isinstance(synapse, DelayedLinear) and _filters(synapse):
        return _Filtered(synapse)
    with torch.no_grad():
        kernel = synapse.kernel() if isinstance(synapse, DelayedLinear) else synapse.weight[None]
    return OnlineConvolution(kernel.detach(), steps=len(current))


def _delayed(synapse: DelayedLinear, current: Tensor) -> tuple[tuple[Tensor, ...], Gradient]:
    """Return the parameters of a synapse with delays, and the function of their gradients."""
    delays = synapse.max_delay + 1
    if not synapse.spreads:
        indices = synapse.integer_delay()
        return (synapse.weight,), by_autograd(_integer(indices, delays))
    parameters = synapse.parameters_of_kernel()
    # compiled code has no numbers of 16 bits
    if current.device.type == "cpu" and current.dtype in (torch.float32, torch.float64):
        return parameters, of_kernel(synapse.spread, delays=delays)
    return parameters, by_autograd(lambda spikes, *p: spread_current(spikes, synapse.spread, p, delays=delays))


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
