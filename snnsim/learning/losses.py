"""The loss of a batch: of the decision about each recording, or of every step's output.

    decision   Σ_b CE(scores[b], y[b])
    steps      Σ_b 1 / valid[b] Σ_t CE(u[t, b], y[b])      over the steps t < valid[b]
    highest    Σ_b Σ_j max(0, κ + θ − û) for the neuron j = y[b], max(0, κ + û − θ) for the others; û = max_t u[t, b, j]

Shapes   output u (time, batch, class) · valid, labels y (batch,) · scores (batch, class)
Names    CE cross-entropy of the softmax · θ threshold · κ margin
Source   a loss of every step: Meng et al. 2023 (ICCV), arXiv 2302.14311, without their regularizing second term.
         The highest membrane: its gradient is the rule of the Tempotron, see learning/tempotron.py
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from snnsim.kernels.common import gates
from snnsim.learning import decisions
from snnsim.learning.decisions import Decision
from snnsim.nn.batch_norm import valid_steps
from snnsim.validation import integer, known, shown

LOSSES = ("decision", "steps")


@dataclass(frozen=True)
class Batch:
    """Recordings padded to the longest of them."""

    frames: Tensor
    lengths: Tensor
    labels: Tensor
    whole: float
    """Number of recordings that the mean loss is taken over: len(labels), or the fair share of a parallel batch."""


@dataclass(frozen=True)
class StepResult:
    """The summed loss and the scores of a batch."""

    loss: Tensor
    scores: Tensor

    def detached(self) -> "StepResult":
        """Return the same without gradients."""
        return StepResult(self.loss.detach(), self.scores.detach())


def of_scores(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the summed loss of decisions."""
    if gates.current(scores, who="of_scores").ndim != 2:
        raise ValueError(f"of_scores: the scores must be (batch, class), not {tuple(scores.shape)}")
    _check_labels(labels, scores)
    return functional.cross_entropy(scores, labels, reduction="sum")


def of_steps(output: Tensor, labels: Tensor, valid: Tensor, first: int = 0) -> Tensor:
    """Return what a window of steps, from step `first` of the recordings on, adds to the summed loss of steps."""
    valid = decisions.checked(output, valid)
    _check_labels(labels, output)
    each = functional.cross_entropy(output.flatten(0, 1), labels.repeat(len(output)), reduction="none")
    counted = valid_steps(valid - first, len(output)) / valid
    return (each.view(counted.shape) * counted).sum()


def highest_membrane(membrane: Tensor, labels: Tensor, *, threshold: Tensor, margin: float = 0.0) -> Tensor:
    """Return the summed loss of membranes (time, batch, class), of which only its class's is to reach the threshold."""
    if gates.current(membrane, who="highest_membrane").ndim != 3 or len(membrane) == 0:
        raise ValueError(f"highest_membrane: the membrane must be (time, batch, class), not {tuple(membrane.shape)}")
    _check_labels(labels, membrane)
    above = membrane.amax(0) - threshold
    wanted = functional.one_hot(labels, membrane.shape[-1]).bool()
    return (margin + torch.where(wanted, -above, above)).clamp_min(0).sum()


def _check_labels(labels: Tensor, scores: Tensor) -> None:
    """Raise unless there is a class for each recording of scores (..., batch, class)."""
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        raise TypeError(f"loss: labels must be a torch tensor of int64, not {shown(labels)}")
    batch, classes = scores.shape[-2:]
    if labels.shape != (batch,):
        raise ValueError(f"loss: labels must be one for each of the {batch} recordings, not {tuple(labels.shape)}")
    least, most = (int(end) for end in labels.aminmax()) if batch else (0, 0)
    if least < 0 or (batch and most >= classes):
        raise ValueError(f"loss: labels must be from 0 to {classes - 1}, not {least if least < 0 else most}")


def outcome(output: Tensor, batch: Batch, decide: Decision, loss: str = "decision") -> StepResult:
    """Return the summed loss and the scores of an output."""
    valid = batch.lengths + (len(output) - len(batch.frames))
    scores = decide(output, valid)
    if checked(loss) == "steps":
        return StepResult(of_steps(output, batch.labels, valid), scores.detach())
    return StepResult(of_scores(scores, batch.labels), scores)


def checked(loss: str) -> str:
    """Return the name of a loss."""
    known(loss, LOSSES, "loss")
    return loss


def chosen(k: int | None, steps: int, generator: torch.Generator | None) -> Tensor | None:
    """Return which of the steps have an error, `k` drawn without replacement, or all: (time,), or None for all."""
    if k is not None:
        k = integer(k, who="sltt-k", name="k")
    if k is None or k >= steps:
        return None
    if k < 1:
        raise ValueError(f"sltt-k needs at least 1 step, not k = {k}")
    mask = torch.zeros(steps, dtype=torch.bool)
    mask[torch.randperm(steps, generator=generator)[:k]] = True
    return mask


def at(output: Tensor, mask: Tensor | None) -> Tensor:
    """Return the output, with gradients at the chosen steps alone."""
    return output if mask is None else torch.where(mask.to(output.device)[:, None, None], output, output.detach())


Objective = Callable[[Tensor, int], Tensor | None]
"""From the output of a window of time and its first step to the loss there, or None where it has none."""
