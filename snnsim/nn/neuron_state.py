"""The activity of neurons, and their state between two steps: a tensor, or a NamedTuple of several state variables.

Shapes   each tensor (..., neuron), or with axes in front of these
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar, cast

from torch import Tensor

from snnsim.kernels.common import gates
from snnsim.kernels.neuron.functions import Reset
from snnsim.kernels.neuron.two_state_types import Coefficients
from snnsim.validation import shown

State = Tensor | tuple[Tensor, ...]
S = TypeVar("S", bound=State)


class Activity(NamedTuple, Generic[S]):
    """The result of neurons over a sequence."""

    spikes: Tensor
    """(time, ..., neuron)."""
    membrane: Tensor | None
    """Membrane before the reset, (time, ..., neuron), if it was recorded."""
    state: S
    """State after the last step."""


class TwoStateForm(NamedTuple):
    """Neurons as those with two state variables, of nn/two_state.py."""

    v: Tensor
    """Voltage before the first step, (..., neuron)."""
    w: Tensor
    """Second variable before it."""
    coefficients: Coefficients[Tensor]
    """(neuron,) each."""
    reset: Reset
    state: Callable[[Tensor, Tensor], State]
    """Function from v and w to the state."""


def each_neuron(coefficients: Coefficients[Tensor], current: Tensor) -> Coefficients[Tensor]:
    """Return coefficients as one number for each neuron, checked and in the type of the current.

    Args:
        coefficients: The coefficients, (1,) or (neuron,) each.
        current: The currents, (time, ..., neuron).
    """
    named = coefficients._asdict().items()
    return Coefficients(*(gates.each_neuron(part, current, who="neurons", name=name) for name, part in named))


def detached(state: S) -> S:
    """Return the state without its gradient.

    Args:
        state: State of neurons, a tensor or a NamedTuple of tensors.
    """
    return _map(Tensor.detach, state)


def matched(state: S, rest: S, *, who: str) -> S:
    """Return a state in the shape and type of a state at rest.

    Args:
        state: The state to check.
        rest: A state at rest of the same neurons.
        who: Name of the neuron model, for the message.

    Raises:
        TypeError: If the state is of another kind, or no tensor of floating numbers.
        ValueError: If the state is of other neurons or another batch, or not finite.
    """
    if isinstance(rest, tuple) and type(state) is not type(rest):
        raise TypeError(f"{who}: the state must be of type {type(rest).__name__}, not {shown(state)}")
    return _map(lambda part, like: gates.state(part, like.shape, who=who, like=like), state, rest)


def check_finite(state: State, *, who: str) -> None:
    """Raise a ValueError if a variable of the state is NaN or infinite.

    Args:
        state: The state after a sequence.
        who: Name of the neuron model, for the message.
    """
    for part in state if isinstance(state, tuple) else (state,):
        gates.ended(part, who=who)


def _map(function: Callable[..., Tensor], state: S, *others: S) -> S:
    if isinstance(state, tuple):
        return cast(S, type(state)(*map(function, state, *others)))
    return cast(S, function(state, *others))
