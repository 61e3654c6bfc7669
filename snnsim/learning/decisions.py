"""Decisions: from the readout's voltage over time to one score per class, whose cross-entropy is the loss.

    summed_softmax   Σ_t softmax(u[t])      the recipe of DCLS-Delays: sums of probabilities, taken as logits
    mean_membrane    Σ_t u[t] / steps
    max_membrane     max_t u[t]
    last_membrane    u at the last valid step

Shapes   output (time, batch, class) · valid (batch,), the steps that count · scores (batch, class)
Differs  steps behind a recording's end never count, so a score does not depend on the rest of the batch

The first two are sums over time: `decide(output, valid, first)` of a chunk of steps, from step `first` of the
recordings on, is the share of the chunk in the scores.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from snnsim.choices import ADDITIVE_DECISIONS
from snnsim.kernels.common import gates
from snnsim.nn.batch_norm import valid_steps
from snnsim.validation import known

Decision = Callable[..., Tensor]


def summed_softmax(output: Tensor, valid: Tensor, first: int = 0) -> Tensor:
    """Return the probabilities summed over the valid steps.

    Args:
        output: Voltage of the readout, (time, batch, class).
        valid: Steps of each recording that count, integers (batch,) or one for all; 0 for none.
        first: Number of the recordings' step at which the output begins; 0 for whole recordings.

    Returns:
        Scores (batch, class), from 0 to `valid`; those of chunks of time add up to those of the whole.
    """
    valid = checked(output, valid, least=0)
    return (output.softmax(-1) * valid_steps(valid - first, len(output))[..., None]).sum(0)


def mean_membrane(output: Tensor, valid: Tensor, first: int = 0) -> Tensor:
    """Return the voltage averaged over the valid steps.

    Args:
        output: Voltage of the readout, (time, batch, class).
        valid: Steps of each recording that count, integers (batch,) or one for all; at least 1.
        first: Number of the recordings' step at which the output begins; 0 for whole recordings.

    Returns:
        Scores (batch, class); those of chunks of time add up to those of the whole.
    """
    valid = checked(output, valid)
    return (output * valid_steps(valid - first, len(output))[..., None]).sum(0) / valid[:, None]


def max_membrane(output: Tensor, valid: Tensor) -> Tensor:
    """Return the highest voltage of the valid steps.

    Args:
        output: Voltage of the readout, (time, batch, class).
        valid: Steps of each recording that count, integers (batch,) or one for all; at least 1.
    """
    valid = checked(output, valid)
    outside = ~valid_steps(valid, len(output))[..., None]
    return output.masked_fill(outside, -torch.inf).amax(0)


def last_membrane(output: Tensor, valid: Tensor) -> Tensor:
    """Return the voltage of the last valid step.

    Args:
        output: Voltage of the readout, (time, batch, class).
        valid: Steps of each recording that count, integers (batch,) or one for all; from 1 to the steps of the output.
    """
    valid = checked(output, valid, longest=len(output))
    return output[valid - 1, torch.arange(output.shape[1], device=output.device)]


def checked(output: Tensor, valid: Tensor, *, least: int = 1, longest: int | None = None) -> Tensor:
    """Return the steps of each recording that count, (batch,), checked against an output.

    Args:
        output: Voltage of the readout, (time, batch, class).
        valid: Steps of each recording that count, integers (batch,) or one for all.
        least: The fewest steps that may count.
        longest: The most steps that may count; None for no bound.

    Raises:
        ValueError: If the output has another shape or no step, or a number of steps is out of its range.
    """
    if gates.current(output, who="decision").ndim != 3:
        raise ValueError(f"decision: the output must be (time, batch, class), not {tuple(output.shape)}")
    valid = gates.lengths(valid, who="decision", name="valid", batch=output.shape[1], longest=longest)
    if least and len(output) == 0:
        raise ValueError("decision: the output must have a step or more, not none")
    if valid.numel() and int(valid.min()) < least:
        raise ValueError(f"decision: every recording must have {least} valid step or more, not {int(valid.min())}")
    return valid


DECISIONS: dict[str, Decision] = {
    "summed_softmax": summed_softmax,
    "mean_membrane": mean_membrane,
    "max_membrane": max_membrane,
    "last_membrane": last_membrane,
}
SUMS = tuple(DECISIONS[name] for name in ADDITIVE_DECISIONS)
"""The decisions that are sums over time."""


def require_sum(decide: Decision) -> None:
    """Check that a decision is a sum over time.

    Args:
        decide: The decision.

    Raises:
        ValueError: If it is none.
    """
    if decide not in SUMS:
        known = " or ".join(one.__name__ for one in SUMS)
        raise ValueError(f"chunks of time need a decision that is a sum over time: {known}, not {decide.__name__}")


def get_decision(name: str) -> Decision:
    """Return a decision by its name.

    Args:
        name: Name of the decision, such as "summed_softmax"; the ValueError for an unknown one lists all names.
    """
    known(name, DECISIONS, "decision")
    return DECISIONS[name]
