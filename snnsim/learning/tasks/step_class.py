"""One class for each step; steps without a label do not count.

    Σ_b 1 / n[b] Σ_t CE(u[t, b], y[t, b])      over the n[b] steps t of recording b with y[t, b] >= 0

Every recording with a label weighs the same, however many of its steps have one. Steps at and after the end of a
recording never have a label, the extra steps of the network neither.

Shapes   y (time, batch) · scores, the output itself, (time, batch, class)
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from snnsim.learning.losses import Batch
from snnsim.learning.tasks.protocols import Span, StepTask
from snnsim.metrics import METRICS, Metrics
from snnsim.nn.batch_norm import valid_steps


@dataclass(frozen=True)
class StepClass(StepTask):
    """One class for each step.

    Args:
        target: Name of the target with the classes (time, batch), in which -1 stands for no label.
    """

    kind: ClassVar[str] = "step-class"
    metrics: ClassVar[Metrics] = METRICS[kind]

    def shares(self, output: Tensor, batch: Batch, span: Span) -> tuple[Tensor, ...]:
        labels = self.target_of(batch)
        labeled = labels >= 0
        weight = labeled / labeled.sum(0).clamp_min(1)
        most = int(labels.max()) if labels.numel() else -1
        if most >= output.shape[-1]:
            raise ValueError(f"loss: classes must be from 0 to {output.shape[-1] - 1}, or -1 for none, not {most}")
        part = slice(span.first, span.first + len(output))
        output, labels, weight = output[: len(labels[part])], labels[part], weight[part]
        losses = functional.cross_entropy(output.flatten(0, 1), labels.flatten(), ignore_index=-1, reduction="none")
        return ((losses.view(weight.shape) * weight).sum(),)

    def predicted(self, scores: Tensor) -> Tensor:
        return scores.argmax(-1)

    def target_of(self, batch: Batch) -> Tensor:
        labels = batch.named(self.target)
        if labels.dtype != torch.int64 or labels.ndim != 2 or labels.shape[1] != len(batch.lengths):
            raise ValueError(
                f"loss: classes of steps must be int64 (time, {len(batch.lengths)}), not {labels.dtype} "
                f"{tuple(labels.shape)}"
            )
        return labels.masked_fill(~valid_steps(batch.lengths, len(labels)), -1)
