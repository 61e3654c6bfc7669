"""The parts of a layer, as abstract modules: a neuron model or a synapse of your own subclasses one of them.

    current = synapse(spikes)          a synapse maps spikes to currents
    spikes  = neuron(current)          a neuron model maps currents to spikes

A neuron model says its equations in `advance`, its state at rest in `rest` and its threshold in `firing_threshold`.
The state is a tensor or a NamedTuple of tensors; layers and networks pass it on and never look inside. A model that a
compiled kernel computes also overrides `supports_fused` and `fused`.

Shapes   spikes, current (time, ..., neuron) · state: tensors (..., neuron), or with axes in front of these
"""

from abc import ABC, abstractmethod
from typing import Any, Generic, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn.neuron_options import DEFAULTS as DEFAULTS
from snnsim.nn.neuron_options import NeuronOptions as NeuronOptions
from snnsim.nn.neuron_options import Normalization as Normalization
from snnsim.nn.neuron_state import Activity, S, TwoStateForm, check_finite, detached, matched
from snnsim.nn.parameters import Bounded, Fraction, NeuronParameter
from snnsim.validation import shown


class Neuron(nn.Module, ABC, Generic[S]):
    """A neuron model; `neuron(current)` gives the spikes of a whole sequence that starts at rest."""

    @property
    def is_stochastic(self) -> bool:
        """Whether the spikes are random, so that `draws` matter."""
        return False

    @abstractmethod
    def rest(self, current: Tensor) -> S:
        """Return the state at rest.

        Args:
            current: The currents (time, ..., neuron), whose shape, type and device the state has.
        """

    @abstractmethod
    def firing_threshold(self) -> Tensor:
        """Return θ as the neurons compute with it, (1,) or (neuron,)."""

    @abstractmethod
    def advance(self, current: Tensor, state: S, draws: Draws | None = None) -> tuple[Tensor, Tensor, S]:
        """Return the spikes and the membrane of one step, and the state after it: the equations of the model.

        Args:
            current: The current of the step, (..., neuron).
            state: The state before the step.
            draws: Random counter of the step, or None for no randomness.
        """

    def supports_fused(self, current: Tensor) -> bool:  # noqa: ARG002
        """Return whether a compiled kernel computes these currents, with normalization and dropout in the same pass.

        Args:
            current: The currents (time, ..., neuron), whose type and device count.
        """
        return False

    def fused(self, current: Tensor, state: S | None = None, options: NeuronOptions = DEFAULTS) -> Activity[S]:
        """Return the activity of a sequence by the compiled kernel, for currents that `supports_fused` accepts.

        Args:
            current: The currents, (time, ..., neuron).
            state: The state before the first step, or None for rest.
            options: Gradient path, random counter, normalization and dropout.

        Raises:
            NotImplementedError: If the model has no compiled kernel.
        """
        raise NotImplementedError(f"{type(self).__name__} has no compiled kernel")

    def two_state_form(self, current: Tensor, state: S | None) -> TwoStateForm | None:  # noqa: ARG002
        """Return the neurons as those with two state variables, which compiled loops compute; None if they are others.

        Args:
            current: The currents, (time, ..., neuron).
            state: The state before the first step, or None for rest.
        """
        return None

    def release(self, spikes: Tensor, draws: Draws | None = None) -> Tensor:  # noqa: ARG002
        """Return the part of a layer's input (time, ..., source) that reaches the synapse; by default all of it.

        Args:
            spikes: The input of the layer.
            draws: Random counter of the first step, or None for no randomness.
        """
        return spikes

    def constrain(self) -> None:
        """Bring learned parameters back into their ranges; called after each optimizer step."""

    def integrate(
        self,
        current: Tensor,
        state: S | None = None,
        *,
        temporal: bool = True,
        draws: Draws | None = None,
        record: bool = False,
    ) -> Activity[S]:
        """Return spikes, membrane and state of a sequence, by the fastest form that supports it.

        Args:
            current: The currents, (time, ..., neuron).
            state: The state before the first step, or None for rest.
            temporal: Whether gradients pass through the state from step to step.
            draws: Random counter of the first step; None for no randomness.
            record: Whether the membrane is recorded.

        Raises:
            TypeError: If the current or the state is no tensor of floating numbers.
            ValueError: If shapes do not match, or the state does not stay finite.
        """
        current = gates.current(current, who=type(self).__name__)
        if current.numel() == 0:
            return Activity(current, current if record else None, self.initial_state(current, state))
        if self.supports_fused(current):
            return self.fused(current, state, NeuronOptions(temporal, draws, record))
        state = self.initial_state(current, state)
        self._check(current)
        spikes, membranes = [], []
        for step, now in enumerate(current):
            before = state if temporal else detached(state)
            at_step = None if draws is None else draws.at(draws.step + step)
            fired, membrane, state = self.advance(now, before, at_step)
            spikes.append(fired)
            membranes.append(membrane)
        state = state if temporal else detached(state)
        check_finite(state, who="neurons")
        return Activity(torch.stack(spikes), torch.stack(membranes) if record else None, state)

    def forward(self, current: Tensor, *, temporal: bool = True, draws: Draws | None = None) -> Tensor:
        """Return the spikes of a sequence that starts at rest.

        Args:
            current: The currents, (time, ..., neuron).
            temporal: Whether gradients pass through the state from step to step.
            draws: Random counter of the first step; None for no randomness.
        """
        return self.integrate(current, temporal=temporal, draws=draws).spikes

    def run(
        self, current: Tensor, state: S | None = None, *, temporal: bool = True, draws: Draws | None = None
    ) -> tuple[Tensor, S]:
        """Return the spikes of a sequence and the state after it.

        Args:
            current: The currents, (time, ..., neuron).
            state: The state before the first step, or None for rest.
            temporal: Whether gradients pass through the state from step to step.
            draws: Random counter of the first step; None for no randomness.
        """
        activity = self.integrate(current, state, temporal=temporal, draws=draws)
        return activity.spikes, activity.state

    def trace(self, current: Tensor, state: S | None = None, draws: Draws | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes and the membrane before the reset, both (time, ..., neuron).

        Args:
            current: The currents, (time, ..., neuron).
            state: The state before the first step, or None for rest.
            draws: Random counter of the first step; None for no randomness.
        """
        activity = self.integrate(current, state, record=True, draws=draws)
        membrane: Tensor = activity.membrane  # type: ignore[assignment]
        return activity.spikes, membrane

    def step(self, current: Tensor, state: S | None = None, draws: Draws | None = None) -> tuple[Tensor, S]:
        """Return the spikes of one step and the state after it.

        Args:
            current: The current of the step, (..., neuron).
            state: The state before the step, or None for rest.
            draws: Random counter of the step; None for no randomness.
        """
        spikes, membrane, state = self.advance(current, self.initial_state(current[None], state), draws)
        gates.ended(membrane, who=type(self).__name__)
        return spikes, state

    def initial_state(self, current: Tensor, state: S | None) -> S:
        """Return the state before a sequence of currents, checked.

        Args:
            current: The currents, (time, ..., neuron).
            state: The state to check, or None for rest.
        """
        rest = self.rest(current)
        return rest if state is None else matched(state, rest, who=type(self).__name__)

    def _check(self, current: Tensor) -> None:
        """Raise a ValueError if a parameter is not finite, or of another number of neurons than the current."""
        name = type(self).__name__
        for parameter_name, parameter in self.named_parameters():
            gates.finite(parameter, who=name, name=parameter_name)
        for part_name, part in self.named_modules():
            if isinstance(part, NeuronParameter | Fraction | Bounded):
                gates.each_neuron(part(), current, who=name, name=part_name)


class Synapse(nn.Module, ABC):
    """A map from spikes to currents; `synapse(spikes)` takes (time, ..., source) and returns (time, ..., target)."""

    weight: nn.Parameter
    connected: Tensor | None
    """Mask of the connections that exist, in the shape of `weight`; None if all exist."""

    max_delay: int = 0
    """The longest delay in steps."""
    channels: int | None = None
    """Channels of a convolution's targets, with one normalization and decay each; None for other synapses."""

    @property
    @abstractmethod
    def targets(self) -> int:
        """Number of target neurons."""

    @abstractmethod
    def current(self, spikes: Tensor, *, before: int = 0, delayed: str = "exact") -> Tensor:
        """Return the currents of all steps but the first `before`.

        Args:
            spikes: Spikes (time, ..., source).
            before: Number of steps at the beginning whose spikes are history; at most the longest delay.
            delayed: Gradient path from a current to the spikes that it came from; see `snnsim.gradient_paths`.
        """

    @abstractmethod
    def run(
        self, spikes: Tensor, history: Tensor | None = None, *, delayed: str = "exact"
    ) -> tuple[Tensor, Tensor | None]:
        """Return the currents of a sequence that goes on from a history, and the next history.

        Args:
            spikes: Spikes (time, ..., source).
            history: The last `max_delay` steps of the input before them, (max_delay, ..., source); None for silence.
            delayed: Gradient path from a current to the spikes that it came from.
        """

    @abstractmethod
    def constrain(self) -> None:
        """Bring the parameters back into their ranges; called after each optimizer step."""

    def forward(self, spikes: Tensor, *, delayed: str = "exact") -> Tensor:
        """Return the currents of a sequence (time, ..., source) without spikes before it.

        Args:
            spikes: Spikes (time, ..., source).
            delayed: Gradient path from a current to the spikes that it came from; see `snnsim.gradient_paths`.
        """
        return self.current(spikes, delayed=delayed)


@runtime_checkable
class Readout(Protocol):
    """The last part of a network, such as a LeakyReadout: a map from currents to voltages (time, ..., class)."""

    def __call__(self, current: Tensor, *, temporal: bool = True) -> Tensor:
        """Return the voltages of a sequence that starts at rest.

        Args:
            current: The currents, (time, ..., class).
            temporal: Whether gradients pass through the voltage from step to step.
        """

    def run(self, current: Tensor, voltage: Any = None, *, temporal: bool = True) -> tuple[Tensor, Any]:
        """Return the voltages of a sequence, and the state to go on from.

        Args:
            current: The currents, (time, ..., class).
            voltage: The state to start from, as the second result; None for rest.
            temporal: Whether gradients pass through the voltage from step to step.
        """


def check_module(part: object, kind: type, *, who: str, name: str, example: str) -> None:
    """Raise a TypeError unless a part of a layer or network is a module of its protocol.

    Args:
        part: The argument to check.
        kind: `Neuron`, `Synapse` or `Readout`.
        who: Name of the class that was called, for the message.
        name: Name of the argument, for the message.
        example: A class that fits, for the message.

    Raises:
        TypeError: If the part is another object.
    """
    if not isinstance(part, kind) or not isinstance(part, nn.Module):
        raise TypeError(f"{who}: {name} must be a {kind.__name__}, such as a {example}, not {shown(part)}")
