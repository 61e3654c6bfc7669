"""The protocol of a task.

A loss is a function of shares, which are sums over time: `shares` of chunks of steps add up to those of a recording,
and `loss` takes their sum. The loss of steps is its own share, and is linear: a rule then needs one pass over the
chunks. The loss of a decision needs the complete sum before its gradient is known.

    whole recordings    L = loss(shares(u))
    chunks of time      L = loss(Σ_c shares(u[c])),  ∂L/∂u[c] = ∂L/∂shares · ∂shares(u[c])/∂u[c]

Shapes   output u (time, batch, output) · valid (batch,), steps that count · scores (batch, output) of a recording, or
         (time, batch, output) of steps
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from snnsim.learning.outcome import StepResult, steps_of
from snnsim.metrics import Metrics, Report

if TYPE_CHECKING:
    from snnsim.learning.losses import Batch


class Span(NamedTuple):
    """The steps of an output in the recordings."""

    valid: Tensor
    """Steps of each recording that count, (batch,)."""
    first: int = 0
    """Number of the first step of the output."""


Sums = tuple[np.ndarray, ...]
"""Sums of metrics, one array for each head."""


class Task(ABC):
    """What a network learns."""

    kind: ClassVar[str]
    """Name in a config."""
    per_step: ClassVar[bool] = False
    """Whether there is a label for each step."""
    metrics: ClassVar[Metrics]
    """The metrics; those of several heads are of their tasks."""

    def check_chunks(self) -> None:  # noqa: B027
        """Raise a ValueError unless scores and loss are functions of sums over time, as chunks of time need."""

    @property
    def best(self) -> tuple[str, bool]:
        """The metric by which the best epoch is chosen, and whether a higher value is better."""
        return self.metrics.main, self.metrics.rises

    @property
    @abstractmethod
    def linear(self) -> bool:
        """Whether the loss is a sum over time itself."""

    @property
    def decision_name(self) -> Any:
        """The name of the decision that a Program holds; None where there is none. Of several heads, by their names."""
        return None

    @property
    def program_task(self) -> Any:
        """The name of the task that a Program holds; of several heads, by their names."""
        return self.kind

    @abstractmethod
    def reading(self, target: str) -> "Task":
        """Return the same task for another target.

        Args:
            target: Name of the target.
        """

    @abstractmethod
    def targets(self) -> tuple[str, ...]:
        """Return the names of the targets besides the labels that the task reads."""

    @abstractmethod
    def shares(self, output: Any, batch: "Batch", span: Span) -> tuple[Tensor, ...]:
        """Return the shares of a chunk of steps in the sums that the loss depends on.

        Args:
            output: Voltage of the readout, (time, batch, output).
            batch: The recordings.
            span: The steps of the output in the recordings.
        """

    @abstractmethod
    def loss(self, shares: tuple[Tensor, ...], batch: "Batch") -> Tensor:
        """Return the loss, summed over the recordings, of the shares of all steps.

        Args:
            shares: Sums over all steps.
            batch: The recordings.
        """

    @abstractmethod
    def scores(self, output: Any, span: Span) -> Any:
        """Return the part of a chunk of steps in the scores.

        Args:
            output: Voltage of the readout, (time, batch, output).
            span: The steps of the output in the recordings.
        """

    @abstractmethod
    def combined(self, parts: Sequence[Any]) -> Any:
        """Return the scores of the parts of consecutive chunks.

        Args:
            parts: Scores of consecutive chunks.
        """

    @abstractmethod
    def score_loss(self, scores: Any, batch: "Batch") -> Tensor:
        """Return the loss of complete scores, summed over the recordings, by which networks are compared.

        Args:
            scores: Scores of the recordings.
            batch: The recordings.
        """

    @abstractmethod
    def predicted(self, scores: Any) -> Any:
        """Return the predictions of scores: classes, or numbers.

        Args:
            scores: Scores of the recordings.
        """

    @abstractmethod
    def target_of(self, batch: "Batch") -> Any:
        """Return the target of a batch: classes, -1 for none, or numbers, NaN for none; nothing of its padding.

        Args:
            batch: The recordings.
        """

    def result(self, output: Any, batch: "Batch") -> StepResult:
        """Return the summed loss and the scores of an output.

        Args:
            output: Voltage of the readout, (time, batch, output), with the extra steps of the network.
            batch: The recordings.
        """
        valid = batch.lengths + (steps_of(output) - len(batch.frames))
        return StepResult(
            self.loss(self.shares(output, batch, Span(valid)), batch), self.scores(output.detach(), Span(valid))
        )

    @torch.no_grad()
    def sums(self, scores: Any, batch: "Batch") -> Sums:
        """Return the sums of the metrics of a batch.

        Args:
            scores: Scores of the recordings.
            batch: The recordings.
        """
        target = self.target_of(batch)
        predicted = self.predicted(scores)[: len(target)]
        return (self.metrics.sums(predicted.cpu().numpy(), target.cpu().numpy(), scores.shape[-1]),)

    def zeros(self, outputs: Any) -> Sums:
        """Return the sums of no recording, for a number of outputs, or those of each head by name.

        Args:
            outputs: Number of outputs, or that of each head.

        Raises:
            ValueError: If there are several heads, and the task is of one readout.
        """
        if isinstance(outputs, dict):
            raise ValueError(
                f"task {self.kind}: the network must have one readout without a name; for its heads "
                f"{', '.join(outputs)}, give a task for each: Heads({{{next(iter(outputs))!r}: ...}})"
            )
        return (self.metrics.zeros(outputs),)

    def report(self, sums: Sums, names: Any = ()) -> Report:
        """Return the report of sums.

        Args:
            sums: Sums over all recordings.
            names: Names of the classes or targets; of several heads by their names.
        """
        return self.metrics.report(sums[0], names)


@dataclass(frozen=True)
class StepTask(Task):
    """A task with a label for each step, whose loss is a sum over steps and whose scores are the output itself.

    Args:
        target: Name of the target with the labels.
    """

    target: str = "target"

    per_step: ClassVar[bool] = True

    def reading(self, target: str) -> Task:
        return replace(self, target=target)

    def targets(self) -> tuple[str, ...]:
        return (self.target,)

    @property
    def linear(self) -> bool:
        return True

    def loss(self, shares: tuple[Tensor, ...], batch: "Batch") -> Tensor:  # noqa: ARG002
        return shares[0]

    def scores(self, output: Tensor, span: Span) -> Tensor:  # noqa: ARG002
        return output

    def combined(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts))

    def score_loss(self, scores: Tensor, batch: "Batch") -> Tensor:
        return self.shares(scores, batch, Span(batch.lengths))[0]


def summed(parts: Sequence[Tensor]) -> Tensor:
    """Return the sum of the parts of a sum over time.

    Args:
        parts: Tensors of one shape, at least one.
    """
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
