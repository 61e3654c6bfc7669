"""The outcome of a batch: its loss and its scores."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class StepResult:
    """The summed loss and the scores of a batch."""

    loss: Tensor
    """(), summed over the recordings."""
    scores: Tensor
    """(batch, class); of a task with labels of steps (time, batch, class)."""

    def detached(self) -> "StepResult":
        """Return the result without gradients."""
        return StepResult(self.loss.detach(), self.scores.detach())
