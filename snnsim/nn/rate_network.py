"""A recurrent layer of leaky rate units, each with a time constant of its own.

    I[t] = W h[t−1] + b + V x[t] + c                      W without its diagonal
    h[t] = f((1 − 1/τ) h[t−1] + I[t] / τ)                 leak="inside" of the nonlinearity
    h[t] = (1 − 1/τ) h[t−1] + f(I[t]) / τ                 leak="outside"
    f(u) = u for u > 0, and κ u otherwise                 κ = 0.01

Shapes   x (time, batch, input) · h (time, batch, unit) · W (unit, unit) · V (unit, input) · b, c, τ (unit,)
Units    τ in steps
Source   Khajehabdollahi et al. 2024 (ICLR), arXiv 2309.12927
Differs  the diagonal of W has no gradient; in the published code, it counts in the norm that is clipped, and a step of
         the optimizer moves it until the next forward pass
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim import validation
from snnsim.kernels.common import gates
from snnsim.kernels.rate import autograd
from snnsim.nn import settings
from snnsim.nn.time_constant import TimeConstant

LEAKS = ("inside", "outside")


class RateNetwork(nn.Module):
    """A recurrent layer of leaky rate units; `network(x)` returns the states of every step.

    Args:
        units: Number of units.
        inputs: Number of input channels.
        leak: Whether the leak is "inside" or "outside" of the nonlinearity.
        slope: Slope κ of the nonlinearity below 0.
        tau: Interval in which the time constants start, in steps.
        bound: Bound of the time constants, "clamp" or "smooth", see nn/time_constant.py.
        learn_tau: Whether the time constants are trained.
        generator: Generator of the start; by default that of torch.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(  # noqa: PLR0913
        self,
        units: int,
        inputs: int = 1,
        *,
        leak: str = "inside",
        slope: float = 0.01,
        tau: tuple[float, float] = (1.0, 2.0),
        bound: str = "clamp",
        learn_tau: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        units = validation.integer(units, who="RateNetwork", name="units", at_least=1)
        inputs = validation.integer(inputs, who="RateNetwork", name="inputs", at_least=1)
        validation.one_of(leak, LEAKS, who="RateNetwork", name="leak")
        slope = validation.real(slope, who="RateNetwork", name="slope", at_least=0.0)
        self.shape = autograd.Shape(slope, leak == "inside")
        settings.carry(self, leak=leak, slope=slope)
        self.weight = nn.Parameter(_uniform((units, units), units, generator))
        self.bias = nn.Parameter(_uniform((units,), units, generator))
        self.input_weight = nn.Parameter(_uniform((units, inputs), inputs, generator))
        self.input_bias = nn.Parameter(_uniform((units,), inputs, generator))
        self.tau = TimeConstant(units, start=tau, bound=bound, learn=learn_tau, generator=generator)
        self.register_buffer("connected", 1 - torch.eye(units), persistent=False)

    @property
    def units(self) -> int:
        """Number of units."""
        return len(self.weight)

    def recurrent_weight(self) -> Tensor:
        """Return W, (unit, unit), with a diagonal of 0."""
        connected: Tensor = self.connected  # type: ignore[assignment]
        return self.weight * connected

    def initial_state(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Return random states before the first step, uniform from 0 to 0.1, (batch, unit).

        Args:
            batch: Number of sequences.
            generator: Generator of the states; by default that of torch.
        """
        return 0.1 * torch.rand(batch, self.units, generator=generator, dtype=self.weight.dtype)

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        """Return the states of every step, (time, batch, unit); the last ones are the state to go on from.

        Args:
            x: Input, (time, batch, input).
            state: States before the first step, (batch, unit); None for 0.

        Raises:
            TypeError: If the input is of another type.
            ValueError: If a shape does not match, or a number is not finite.
        """
        x = gates.spikes(x, who="RateNetwork", like=self.weight, width=self.input_weight.shape[1], name="x")
        external = functional.linear(x, self.input_weight, self.input_bias + self.bias)
        before = external.new_zeros(()) if state is None else state
        before = gates.state(before, external.shape[1:], who="RateNetwork", like=external)
        return autograd.run(external, before, self.recurrent_weight(), 1 / self.tau(), self.shape)


def _uniform(shape: tuple[int, ...], fan_in: int, generator: torch.Generator | None) -> Tensor:
    """Return numbers that are uniform up to 1 / √fan_in on both sides of 0, as torch's linear maps begin."""
    return (2 * torch.rand(shape, generator=generator) - 1) / math.sqrt(fan_in)
