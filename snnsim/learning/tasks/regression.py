"""Numbers for each recording, or for each step: mean squared errors.

    recordings   Σ_b 1 / n[b] Σ_k (s[b, k] − y[b, k])²            s: a decision of the readout's voltage
    steps        Σ_b 1 / n[b] Σ_t Σ_k (u[t, b, k] − y[t, b, k])²

Sums go over the n[b] numbers of recording b that are not NaN. Numbers at and after the end of a recording do not count,
and every recording with a number weighs the same.

Shapes   y, s (batch, target), or y (time, batch, target) · scores s, or the output u itself
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from snnsim.choices import REGRESSION_DECISIONS
from snnsim.kernels.common import gates
from snnsim.learning import decisions
from snnsim.learning.losses import Batch
from snnsim.learning.tasks.protocols import Span, StepTask, Task, summed
from snnsim.metrics import METRICS, Metrics
from snnsim.nn.batch_norm import valid_steps
from snnsim.validation import one_of


def squared_errors(predicted: Tensor, target: Tensor, count: Tensor) -> Tensor:
    """Return the sum of squared errors, each divided by the number of those of its recording.

    Args:
        predicted: Numbers (..., batch, target).
        target: Numbers likewise; NaN for none.
        count: Numbers of each recording (batch,), at least 1.

    Raises:
        ValueError: If the shapes differ.
    """
    if predicted.shape != target.shape:
        raise ValueError(
            f"loss: the target must have the shape of the predictions, {tuple(predicted.shape)}, not "
            f"{tuple(target.shape)}"
        )
    present = ~target.isnan()
    error = torch.where(present, predicted - target.nan_to_num().to(predicted.dtype), 0.0)
    return (error.square() / count[:, None]).sum()


@dataclass(frozen=True)
class RecordingRegression(Task):
    """Numbers for each recording.

    Args:
        target: Name of the target with the numbers (batch, target), in which NaN stands for none.
        decision: Name of the function from the voltage of the readout to the numbers: mean_membrane, max_membrane, or
            last_membrane.
    """

    target: str = "target"
    decision: str = "mean_membrane"

    kind: ClassVar[str] = "regression"
    metrics: ClassVar[Metrics] = METRICS[kind]

    def __post_init__(self) -> None:
        one_of(self.decision, REGRESSION_DECISIONS, who="RecordingRegression", name="decision")

    def check_chunks(self) -> None:
        decisions.require_sum(decisions.get_decision(self.decision))

    @property
    def linear(self) -> bool:
        return False

    @property
    def decision_name(self) -> str:
        return self.decision

    def reading(self, target: str) -> Task:
        return replace(self, target=target)

    def targets(self) -> tuple[str, ...]:
        return (self.target,)

    def shares(self, output: Tensor, batch: Batch, span: Span) -> tuple[Tensor, ...]:  # noqa: ARG002
        return (self.scores(output, span),)

    def loss(self, shares: tuple[Tensor, ...], batch: Batch) -> Tensor:
        return self.score_loss(shares[0], batch)

    def scores(self, output: Tensor, span: Span) -> Tensor:
        decide, (valid, first) = decisions.get_decision(self.decision), span
        return decide(output, valid, first) if first else decide(output, valid)

    def combined(self, parts: Sequence[Tensor]) -> Tensor:
        return summed(parts)

    def score_loss(self, scores: Tensor, batch: Batch) -> Tensor:
        target = self.target_of(batch)
        return squared_errors(scores, target, (~target.isnan()).sum(1).clamp_min(1))

    def predicted(self, scores: Tensor) -> Tensor:
        return scores

    def target_of(self, batch: Batch) -> Tensor:
        return batch.named(self.target)


@dataclass(frozen=True)
class StepRegression(StepTask):
    """Numbers for each step.

    Args:
        target: Name of the target with the numbers (time, batch, target), in which NaN stands for none.
    """

    kind: ClassVar[str] = "step-regression"
    metrics: ClassVar[Metrics] = METRICS[kind]

    def shares(self, output: Tensor, batch: Batch, span: Span) -> tuple[Tensor, ...]:
        target = self.target_of(batch)
        count = (~target.isnan()).sum((0, 2)).clamp_min(1)
        part = target[span.first : span.first + len(output)]
        return (squared_errors(gates.current(output[: len(part)], who="loss"), part, count),)

    def predicted(self, scores: Tensor) -> Tensor:
        return scores

    def target_of(self, batch: Batch) -> Tensor:
        target = batch.named(self.target)
        inside = valid_steps(batch.lengths, len(target))
        return target.masked_fill(~inside[..., None], torch.nan)
