"""Parameters of neurons, fixed or learned, with one number for a layer or one for each neuron.

    x = ξ                      learned, any number
    x = ln(1 + exp(ξ))         learned, positive: ξ is the parameter
    x = sigmoid(λ)             learned, between 0 and 1: λ is the parameter
    x = low + r (high − low)   learned within bounds: r, from 0 to 1, is the parameter
    x = low (high / low)^r     the same, uniform in the logarithm

Shapes   x (1,) or (neuron,)
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim import validation
from snnsim.nn import settings

Learn = Literal["fixed", "layer", "neuron"]
LEAST = 1e-6
"""Positive numbers that are learned do not fall below this, or below where they start."""


def learned_parameters(neurons: nn.Module) -> dict[str, Tensor]:
    """Return the learned parameters of a layer's neurons, by their names.

    Args:
        neurons: Neuron model of a layer, such as an AdLIF.

    Returns:
        Values as the neurons compute with them, (1,) or (neuron,), without gradients.
    """
    parts = {
        name: part for name, part in neurons.named_modules() if isinstance(part, NeuronParameter | Fraction | Bounded)
    }
    return {name: part().detach() for name, part in parts.items() if any(True for _ in part.parameters())}


class NeuronParameter(nn.Module):
    """A number of the neurons, one for a layer or one for each neuron.

    Args:
        value: The number at the start of training.
        learn: "fixed", or trained with one value for the "layer" or one for each "neuron".
        features: Number of neurons, needed for "neuron".
        positive: Whether the number stays positive while it is learned.

    Raises:
        ValueError: If a positive number that is learned does not start above 0.
    """

    value: Tensor
    raw: nn.Parameter | None

    def __init__(self, value: float, *, learn: Learn, features: int | None, positive: bool = False) -> None:
        super().__init__()
        value = validation.real(value, who="NeuronParameter", name="value")
        shape = learned_shape("learn", learn, features)
        if learn != "fixed" and positive and not value > 0:
            raise ValueError(f"a learned positive number must start above 0, not at {value}")
        initial = torch.full(shape, value)
        self.positive, self.least = positive, min(LEAST, value)
        # the name that saved states have
        settings.carry(self, kind="Learned", **({"value": value} if learn == "fixed" else {}))
        if learn == "fixed":
            self.register_buffer("value", initial, persistent=False)
            self.raw = None
        else:
            # ln(exp(x) − 1)
            self.raw = nn.Parameter(initial + torch.log(-torch.expm1(-initial)) if positive else initial)

    def forward(self) -> Tensor:
        """Return x, (1,) or (neuron,)."""
        if self.raw is None:
            return self.value
        # a quotient by x would not be finite at 0, the end of float32
        return functional.softplus(self.raw).clamp(min=self.least) if self.positive else self.raw


class Fraction(nn.Module):
    """A number from 0 to 1, such as a decay or a probability; one for a layer or one for each neuron.

    Args:
        value: The number at the start of training.
        name: Name of the number, for messages.
        learn: "fixed", or trained with one value for the "layer" or one for each "neuron".
        features: Number of neurons, needed for "neuron".

    Raises:
        ValueError: If a number that is learned does not start between 0 and 1.
    """

    value: Tensor
    logit: nn.Parameter | None

    def __init__(self, value: float, *, name: str, learn: Learn, features: int | None) -> None:
        super().__init__()
        shape = learned_shape(f"learn_{name}", learn, features)
        initial = torch.full(shape, value)
        # as the parameter has it: a number close to 1 may be rounded to 1, whose logit is infinite
        if learn != "fixed" and not 0 < float(initial[0]) < 1:
            raise ValueError(f"a learned {name} must start between 0 and 1, not at {value}")
        # the names that saved states have
        settings.carry(self, kind="Decay", **({"beta": value} if learn == "fixed" else {}))
        if learn == "fixed":
            self.register_buffer("value", initial, persistent=False)
            self.logit = None
        else:
            self.logit = nn.Parameter(torch.logit(initial))

    def forward(self) -> Tensor:
        """Return x, (1,) or (neuron,)."""
        return self.value if self.logit is None else torch.sigmoid(self.logit)


class Bounded(nn.Module):
    """A number that is learned within bounds, for each neuron from a uniform start; or a fixed number.

    Args:
        value: The bounds, a pair of numbers, or a fixed number.
        name: Name of the number, for messages.
        features: Number of neurons with a number of their own each; None for one number of the layer, which starts in
            the middle of the bounds.
        logarithmic: Whether the logarithm of the number is uniform; the bounds are then above 0.
        at_least: The least number that is allowed.
        above: A number below all that are allowed.
        generator: Generator of the start; by default that of torch.

    Raises:
        TypeError: If the value is neither a number nor a pair of numbers.
        ValueError: If the bounds are out of range, or not in ascending order.
    """

    value: Tensor
    share: nn.Parameter | None

    def __init__(  # noqa: PLR0913
        self,
        value: float | tuple[float, float],
        *,
        name: str,
        features: int | None,
        logarithmic: bool = False,
        at_least: float | None = None,
        above: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
        if len(pair) != 2:
            raise ValueError(f"{name} must be a number, or the pair of its bounds, not {validation.shown(value)}")
        self.low, self.high = (
            validation.real(end, who="neurons", name=name, at_least=at_least, above=above) for end in pair
        )
        if self.low > self.high:
            raise ValueError(f"{name}: the bounds must ascend, not be {self.low} and {self.high}")
        self.logarithmic = logarithmic
        settings.carry(self, low=self.low, high=self.high, logarithmic=logarithmic)
        shape = learned_shape(name, "fixed" if features is None else "neuron", features)
        if self.low == self.high:
            self.register_buffer("value", torch.full((1,), self.low), persistent=False)
            self.share = None
        else:
            start = torch.full(shape, 0.5) if features is None else torch.rand(shape, generator=generator)
            self.share = nn.Parameter(start)

    def forward(self) -> Tensor:
        """Return x, (1,) or (neuron,)."""
        if self.share is None:
            return self.value
        share = self.share.clamp(0, 1)
        if self.logarithmic:
            return self.low * (self.high / self.low) ** share
        return self.low + share * (self.high - self.low)

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring the number back within its bounds; called after each optimizer step."""
        if self.share is not None:
            self.share.clamp_(0, 1)


def learned_shape(name: str, learn: Learn, features: int | None) -> tuple[int]:
    """Return the shape of a number of the neurons: (1,), or (neuron,) where each neuron has its own.

    Args:
        name: Name of the argument `learn`, for the message.
        learn: "fixed", "layer" or "neuron".
        features: The number of neurons.

    Raises:
        TypeError: If the number of neurons is no integer.
        ValueError: If `learn` is unknown, or the number of neurons is missing or below 1.
    """
    if not isinstance(learn, str) or learn not in ("fixed", "layer", "neuron"):
        raise ValueError(f"{name} must be 'fixed', 'layer' or 'neuron', not {validation.shown(learn)}")
    if learn == "neuron" and features is None:
        raise ValueError(f"{name}='neuron' needs features, the number of neurons")
    if features is not None:
        features = validation.integer(features, who=name, name="features", at_least=1, at_most=2**28)
    return (features or 1,) if learn == "neuron" else (1,)
