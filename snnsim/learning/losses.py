"""The loss of a batch: of the decision about each recording, or of every step's output.

    decision   Σ_b CE(scores[b], y[b])
    steps      Σ_b 1 / valid[b] Σ_t CE(u[t, b], y[b])      over the steps t < valid[b]
               y[b] is a class, or probabilities p of all classes: CE(s, p) = −Σ_j p[j] ln softmax(s)[j]
    highest    Σ_b Σ_j max(0, κ + θ − û) for the neuron j = y[b], max(0, κ + û − θ) for the others; û = max_t u[t, b, j]

Shapes   output u (time, batch, class) · valid, labels y (batch,) · scores (batch, class)
Names    CE cross-entropy of the softmax · θ threshold · κ margin
Source   a loss of every step: Meng et al. 2023 (ICCV), arXiv 2302.14311, without their regularizing second term.
         The highest membrane: its gradient is the rule of the Tempotron, see learning/tempotron.py
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from snnsim.kernels.common import gates
from snnsim.learning import decisions
from snnsim.learning.outcome import StepResult as StepResult
from snnsim.learning.outcome import each
from snnsim.nn.batch_norm import valid_steps
from snnsim.nn.heads import Output
from snnsim.renamed import attributes, fields
from snnsim.validation import integer, known, shown

LOSSES = ("decision", "steps")
SUM_TOLERANCE = 1e-3
"""Largest distance between 1 and the sum of probabilities, which are rounded."""
__getattr__ = attributes(
    __name__,
    {"of_scores": "decision_loss", "of_steps": "step_loss", "chosen": "random_steps", "at": "with_gradient_at"},
)


@dataclass(frozen=True)
class Batch:
    """Recordings padded to the longest of them."""

    frames: Tensor
    """(time, batch, channel)."""
    lengths: Tensor
    """Steps of each recording before its padding, int64 (batch,)."""
    labels: Tensor
    """Classes, int64 (batch,)."""
    normalizer: float
    """Number of recordings of the mean loss: len(labels), or the fair share of a parallel batch."""
    probabilities: Tensor | None = None
    """Probabilities of the classes (batch, class), whose loss is taken; None takes that of the labels."""
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    """Targets besides the labels by name: classes int64 (batch,) or (time, batch), -1 for none; numbers (batch, target)
    or (time, batch, target), NaN for none."""

    @property
    def target(self) -> Tensor:
        """The target of the loss: probabilities if there are any, else labels."""
        return self.labels if self.probabilities is None else self.probabilities

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device.

        Args:
            device: The device.
        """
        return replace(
            self,
            frames=self.frames.to(device),
            lengths=self.lengths.to(device),
            labels=self.labels.to(device),
            probabilities=None if self.probabilities is None else self.probabilities.to(device),
            targets={name: target.to(device) for name, target in self.targets.items()},
        )

    def named(self, name: str) -> Tensor:
        """Return a target by its name.

        Args:
            name: Name of the target.

        Raises:
            ValueError: If the recordings have no such target.
        """
        if name not in self.targets:
            known = ", ".join(self.targets) or "none"
            raise ValueError(f"loss: the recordings have no target {name!r}; their targets are: {known}")
        return self.targets[name]


fields(Batch, whole="normalizer")


def decision_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the summed cross-entropy of scores (batch, class).

    Args:
        scores: Scores (batch, class).
        labels: Classes, int64 (batch,), or their probabilities (batch, class).

    Raises:
        ValueError: If the scores have another shape.
    """
    if gates.current(scores, who="decision_loss").ndim != 2:
        raise ValueError(f"decision_loss: the scores must be (batch, class), not {tuple(scores.shape)}")
    labels = checked_target(labels, scores)
    return functional.cross_entropy(scores, labels, reduction="sum")


def step_loss(output: Tensor, labels: Tensor, valid: Tensor, first: int = 0) -> Tensor:
    """Return the summed cross-entropy of the steps, or the share of a chunk of steps in it.

    Args:
        output: Voltage of the readout, (time, batch, class).
        labels: Classes, int64 (batch,), or their probabilities (batch, class).
        valid: Steps of each recording that count, (batch,).
        first: Number of the first step of the output in the recordings.
    """
    valid = decisions.checked(output, valid)
    labels = checked_target(labels, output)
    targets = labels.expand(len(output), *labels.shape).flatten(0, 1)
    losses = functional.cross_entropy(output.flatten(0, 1), targets, reduction="none")
    weight = valid_steps(valid - first, len(output)) / valid
    return (losses.view(weight.shape) * weight).sum()


def highest_membrane(membrane: Tensor, labels: Tensor, *, threshold: Tensor, margin: float = 0.0) -> Tensor:
    """Return the summed loss of highest membranes: the one of the class, and no other, must reach the threshold.

    The rule `tempotron` of `snnsim reproduce meta` trains with it.

    Args:
        membrane: Membranes (time, batch, class).
        labels: Classes, int64 (batch,).
        threshold: Threshold θ.
        margin: Margin κ on both sides of the threshold.

    Raises:
        ValueError: If the membrane has another shape, or no step.
    """
    if gates.current(membrane, who="highest_membrane").ndim != 3 or len(membrane) == 0:
        raise ValueError(f"highest_membrane: the membrane must be (time, batch, class), not {tuple(membrane.shape)}")
    _check_labels(labels, membrane)
    above = membrane.amax(0) - threshold
    wanted = functional.one_hot(labels, membrane.shape[-1]).bool()
    return (margin + torch.where(wanted, -above, above)).clamp_min(0).sum()


def checked_target(target: Tensor, scores: Tensor) -> Tensor:
    """Return checked classes, or probabilities of classes in the type of the scores.

    Args:
        target: Classes, int64 (batch,), or their probabilities (batch, class).
        scores: Scores (..., batch, class).

    Raises:
        ValueError: If there are not the classes of each recording, or one has no probabilities.
    """
    if not isinstance(target, Tensor) or not target.is_floating_point():
        _check_labels(target, scores)
        return target
    if target.shape != scores.shape[-2:]:
        raise ValueError(
            f"loss: probabilities must be (batch, class) = {tuple(scores.shape[-2:])}, not {tuple(target.shape)}"
        )
    # comparisons with NaN are false
    if not bool((target >= 0).all()) or not bool(((target.sum(-1) - 1).abs() <= SUM_TOLERANCE).all()):
        raise ValueError("loss: the probabilities of a recording must be 0 or more and add up to 1; some do not")
    return target.to(scores.dtype)


def _check_labels(labels: Tensor, scores: Tensor) -> None:
    """Check that there is a class for each recording of scores (..., batch, class).

    Raises:
        TypeError: If the labels are no int64.
        ValueError: If there are more or fewer than recordings, or one is no class.
    """
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        raise TypeError(f"loss: labels must be a torch tensor of int64, not {shown(labels)}")
    batch, classes = scores.shape[-2:]
    if labels.shape != (batch,):
        raise ValueError(f"loss: labels must be one for each of the {batch} recordings, not {tuple(labels.shape)}")
    least, most = (int(end) for end in labels.aminmax()) if batch else (0, 0)
    if least < 0 or (batch and most >= classes):
        raise ValueError(f"loss: labels must be from 0 to {classes - 1}, not {least if least < 0 else most}")


def checked(loss: str) -> str:
    """Return the name of a loss if it is known.

    Args:
        loss: Name of the loss, "decision" or "steps"; the ValueError for an unknown one lists both.
    """
    known(loss, LOSSES, "loss")
    return loss


def random_steps(k: int | None, steps: int, generator: torch.Generator | None) -> Tensor | None:
    """Return the mask (time,) of `k` steps drawn without replacement, or None for all steps.

    Args:
        k: Number of steps with an error; None for all.
        steps: Number of steps.
        generator: Generator of the steps.

    Raises:
        ValueError: If k is below 1.
    """
    if k is not None:
        k = integer(k, who="sltt-k", name="k")
    if k is None or k >= steps:
        return None
    if k < 1:
        raise ValueError(f"sltt-k needs at least 1 step, not k = {k}")
    mask = torch.zeros(steps, dtype=torch.bool)
    mask[torch.randperm(steps, generator=generator)[:k]] = True
    return mask


def with_gradient_at(output: Output, mask: Tensor | None) -> Output:
    """Return the output with gradients at chosen steps alone; its values stay.

    Args:
        output: Voltage of the readout, (time, batch, class), or of each head by its name.
        mask: Steps with a gradient, bool (time,); None for all.
    """
    if mask is None:
        return output
    return each(output, lambda part: torch.where(mask.to(part.device)[:, None, None], part, part.detach()))


Objective = Callable[[Any, int], Tensor | None]
"""From the output of a chunk of time and the number of its first step to its loss, or None."""
