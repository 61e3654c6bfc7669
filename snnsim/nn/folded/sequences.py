"""Sequences whose time is folded into the batch, so that torch's own modules compute all steps at once.

    folded[t · N + n] = x[t, n]        t = 0 .. T − 1, n = 0 .. N − 1

A convolution, a pooling, a normalization or a linear map has no memory of earlier steps, so `torch.nn.Conv2d` and its
kind take a folded sequence as a larger batch. Modules of this folder that need time know T, their attribute `steps`.

Shapes   x (time, batch, ...) · folded (time · batch, ...), such as (time · batch, channel, row, column)
Names    T steps · N pictures of a batch
Source   direct encoding: the picture itself is the input current of every step (N. Rathi & K. Roy 2021, DIET-SNN)
"""

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.nn.dropout import SequenceDropout

MOST_STEPS = 2**20


class Folded(nn.Module):
    """A module of folded sequences of so many steps; `set_steps` changes the number.

    Args:
        steps: Number of steps.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = checked_steps(steps, who=type(self).__name__)

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return f"steps={self.steps}"


def checked_steps(steps: int, *, who: str) -> int:
    """Return a number of steps, at least 1.

    Args:
        steps: Number of steps.
        who: Name of the function or class that was called, for the message.
    """
    return validation.integer(steps, who=who, name="steps", at_least=1, at_most=MOST_STEPS)


def set_steps(network: nn.Module, steps: int) -> None:
    """Set the number of steps of every module of folded sequences, such as the neurons of a network.

    Args:
        network: Module with such modules at any depth.
        steps: Number of steps.

    Raises:
        ValueError: If the number is below 1, or the network has no such module.
    """
    steps = checked_steps(steps, who="set_steps")
    parts = [part for part in network.modules() if isinstance(part, Folded)]
    validation.require(bool(parts), "set_steps: the network must have a module of snnsim.nn.folded; it has none")
    for part in parts:
        part.steps = steps


def folded(sequence: Tensor) -> Tensor:
    """Return a sequence with its time folded into the batch, (time · batch, ...).

    Args:
        sequence: Values (time, batch, ...).
    """
    return sequence.flatten(0, 1)


def unfolded(values: Tensor, steps: int, *, who: str = "unfolded") -> Tensor:
    """Return a folded sequence as (time, batch, ...), without a copy.

    Args:
        values: Values (time · batch, ...).
        steps: Number of steps.
        who: Name of the function or class that was called, for the message.

    Raises:
        TypeError: If the values are no tensor.
        ValueError: If the first axis is no multiple of the steps.
    """
    validation.instance(values, Tensor, who=who, name="a folded sequence")
    if values.ndim < 2 or len(values) % steps:
        raise ValueError(
            f"{who}: a folded sequence must be (steps · batch, ...), with {steps} steps, not {tuple(values.shape)}; "
            "begin the network with a DirectEncoding, or set the steps of all modules by set_steps"
        )
    return values.view(steps, len(values) // steps, *values.shape[1:])


class DirectEncoding(Folded):
    """Repeat an input in every step: (batch, ...) becomes (time · batch, ...).

    Behind the first convolution and its normalization, it saves their repetition, as their result is the same in every
    step.

    Args:
        steps: Number of steps.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Return the folded sequence in which every step has the same values.

        Args:
            values: The input, or the currents of a first layer, (batch, ...).
        """
        # torch.cat keeps channels last in memory where they are
        return torch.cat([values] * self.steps)


class TimeMean(Folded):
    """Average a folded sequence over time: a readout that integrates without leak, divided by the number of steps.

    Args:
        steps: Number of steps.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Return the mean over time, (batch, ...).

        Args:
            values: Folded sequence, (time · batch, ...).
        """
        return unfolded(values, self.steps, who="TimeMean").mean(0)


class FoldedDropout(Folded):
    """Drop neurons with probability `p`, the same ones in every step of a folded sequence.

    Args:
        p: Probability, at least 0 and below 1.
        steps: Number of steps.
    """

    def __init__(self, p: float, steps: int) -> None:
        super().__init__(steps)
        self.dropout = SequenceDropout(p)

    def forward(self, values: Tensor) -> Tensor:
        """Return the values after dropout; the mask is (batch, ...), and all values pass in evaluation.

        Args:
            values: Folded sequence, (time · batch, ...).
        """
        result: Tensor = self.dropout(unfolded(values, self.steps, who="FoldedDropout"))
        return folded(result)


class Residual(nn.Module):
    """A sum of two paths: y = body(x) + shortcut(x).

    With neurons first in the body, this is a pre-activation residual: currents are added, not spikes, and every neuron
    receives a sum of real numbers.

    Args:
        body: Modules of the longer path, such as Sequential(SpikingActivation(...), Conv2d(...), BatchNorm2d(...)).
        shortcut: Module of the shorter path; None for the identity.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, values: Tensor) -> Tensor:
        """Return the sum of both paths.

        Args:
            values: Input of both paths, of any shape.
        """
        result: Tensor = self.body(values) + self.shortcut(values)
        return result
