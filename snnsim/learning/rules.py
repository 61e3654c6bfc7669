"""Learning rules: a rule runs a network on a batch, leaves the gradients in its parameters, returns what it saw.

    bptt    the loss of the whole sequence, differentiated through every step with surrogate slopes

Shapes   frames (time, batch, channel) · lengths, labels (batch,) · scores (batch, class)
Source   surrogate gradients: Neftci, Mostafa, Zenke 2019, IEEE Signal Processing Magazine 36:51
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim.learning.decisions import Decision


@dataclass(frozen=True)
class Batch:
    """Recordings padded to the longest of them."""

    frames: Tensor
    lengths: Tensor
    labels: Tensor
    whole: float
    """Number of recordings that the mean loss is taken over: len(labels), or the fair share of a parallel batch."""


@dataclass(frozen=True)
class Outcome:
    """The summed loss and the scores of a batch."""

    loss: Tensor
    scores: Tensor


Rule = Callable[[nn.Module, Batch, Decision, torch.Generator | None], Outcome]


def outcome(network: nn.Module, batch: Batch, decide: Decision, generator: torch.Generator | None) -> Outcome:
    """Return the loss, summed over the recordings, and the scores."""
    output = network(batch.frames, batch.lengths, generator)
    valid = batch.lengths + (len(output) - len(batch.frames))
    scores = decide(output, valid)
    return Outcome(functional.cross_entropy(scores, batch.labels, reduction="sum"), scores)


def bptt(network: nn.Module, batch: Batch, decide: Decision, generator: torch.Generator | None) -> Outcome:
    """Backpropagate the mean loss through time."""
    seen = outcome(network, batch, decide, generator)
    (seen.loss / batch.whole).backward()
    return Outcome(seen.loss.detach(), seen.scores.detach())


RULES: dict[str, Rule] = {"bptt": bptt}


def named(name: str) -> Rule:
    """Return a rule by its name."""
    if name not in RULES:
        raise ValueError(f"learning rule {name!r} is unknown; the known ones are {', '.join(RULES)}")
    return RULES[name]
