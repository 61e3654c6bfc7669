"""One class for each recording: the task of every preset of earlier versions.

    decision   Σ_b CE(scores[b], y[b])                                 scores by a decision, see decisions.py
    steps      Σ_b 1 / valid[b] Σ_{t < valid[b]} CE(u[t, b], y[b])      see losses.py

Predictions are the classes of the largest scores, whatever the loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from snnsim.learning import decisions, losses
from snnsim.learning.decisions import Decision
from snnsim.learning.losses import Batch
from snnsim.learning.outcome import StepResult, steps_of
from snnsim.learning.tasks.protocols import Span, Task, summed
from snnsim.metrics import METRICS, Metrics
from snnsim.validation import shown


@dataclass(frozen=True)
class RecordingClass(Task):
    """One class for each recording.

    Args:
        decision: Name of the function from the voltage of the readout to one score per class, or the function.
        loss_of: "decision" takes the cross-entropy of the scores, "steps" the mean of those of all steps.
        target: Name of the target with the classes, in which -1 stands for no label; None takes the labels.
    """

    decision: str | Decision = "summed_softmax"
    loss_of: str = "decision"
    target: str | None = None

    kind: ClassVar[str] = "class"
    metrics: ClassVar[Metrics] = METRICS[kind]

    def __post_init__(self) -> None:
        losses.checked(self.loss_of)
        self._decide()

    def _decide(self) -> Decision:
        return self.decision if callable(self.decision) else decisions.get_decision(self.decision)

    def check_chunks(self) -> None:
        decisions.require_sum(self._decide())

    @property
    def linear(self) -> bool:
        """Whether the loss is that of steps."""
        return self.loss_of == "steps"

    @property
    def decision_name(self) -> str:
        return self.decision if isinstance(self.decision, str) else self.decision.__name__

    def reading(self, target: str) -> Task:
        return replace(self, target=target)

    def targets(self) -> tuple[str, ...]:
        return () if self.target is None else (self.target,)

    def shares(self, output: Tensor, batch: Batch, span: Span) -> tuple[Tensor, ...]:
        if not self.linear:
            return (self.scores(output, span),)
        target, labeled = self._labeled(batch)
        if labeled is None:
            return (losses.step_loss(output, target, span.valid, span.first),)
        return (losses.step_loss(output[:, labeled], target[labeled], span.valid[labeled], span.first),)

    def loss(self, shares: tuple[Tensor, ...], batch: Batch) -> Tensor:
        return shares[0] if self.linear else self.score_loss(shares[0], batch)

    def scores(self, output: Tensor, span: Span) -> Tensor:
        # only sums over time take the number of their first step
        decide, (valid, first) = self._decide(), span
        return decide(output, valid, first) if first else decide(output, valid)

    def combined(self, parts: Sequence[Tensor]) -> Tensor:
        return summed(parts)

    def score_loss(self, scores: Tensor, batch: Batch) -> Tensor:
        target, labeled = self._labeled(batch)
        if labeled is None:
            return losses.decision_loss(scores, target)
        return losses.decision_loss(scores[labeled], target[labeled])

    def predicted(self, scores: Tensor) -> Tensor:
        return scores.argmax(-1)

    def target_of(self, batch: Batch) -> Tensor:
        return batch.labels if self.target is None else batch.named(self.target)

    def result(self, output: Tensor, batch: Batch) -> StepResult:
        valid = batch.lengths + (steps_of(output) - len(batch.frames))
        scores = self.scores(output, Span(valid))
        if self.linear:
            return StepResult(self.loss(self.shares(output, batch, Span(valid)), batch), scores.detach())
        return StepResult(self.score_loss(scores, batch), scores)

    def _labeled(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return the target of the loss, and the recordings that have one; None for all."""
        if self.target is None:
            return batch.target, None
        target = batch.named(self.target)
        return target, torch.nonzero(target >= 0)[:, 0]


def as_task(task: Task | Decision, loss: str = "decision") -> Task:
    """Return a task, which a decision stands for in older programs: one class for each recording.

    Args:
        task: A task, or the decision of one.
        loss: Loss of a decision, "decision" or "steps"; a task has its own.

    Raises:
        TypeError: If it is neither.
    """
    if isinstance(task, Task):
        return task
    if not isinstance(task, Callable):  # type: ignore[arg-type]
        raise TypeError(f"a task such as RecordingClass(), or a decision, is needed, not {shown(task)}")
    decide: Any = task
    return RecordingClass(decide, loss)
