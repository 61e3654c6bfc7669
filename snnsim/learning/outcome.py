"""The outcome of a batch: its loss and its scores, of one readout or of named heads."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from snnsim.nn.heads import Output

Scores = Output
"""Scores (batch, output), or (time, batch, output) where labels are those of steps; of named heads by name."""


@dataclass(frozen=True)
class StepResult:
    """The summed loss and the scores of a batch."""

    loss: Tensor
    """(), summed over the recordings."""
    scores: Scores

    def detached(self) -> "StepResult":
        """Return the result without gradients."""
        return StepResult(self.loss.detach(), each(self.scores, Tensor.detach))


def each(output: Output, function: Callable[[Tensor], Tensor]) -> Output:
    """Return the values of a function of an output, or of the output of every head.

    Args:
        output: Output of a readout, or of each head.
        function: Function of one output.
    """
    if isinstance(output, dict):
        return {name: function(part) for name, part in output.items()}
    return function(output)


def steps_of(output: Output) -> int:
    """Return the number of steps of an output, or of those of all heads.

    Args:
        output: Output of a readout, or of each head.
    """
    return len(next(iter(output.values()))) if isinstance(output, dict) else len(output)
