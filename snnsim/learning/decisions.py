"""From the readout's voltage over time to one score per class; the loss is the cross-entropy of the scores.

    summed_softmax   Σ_t softmax(u[t])      the recipe of DCLS-Delays: sums of probabilities, taken as logits
    mean_membrane    Σ_t u[t] / steps
    max_membrane     max_t u[t]
    last_membrane    u at the last valid step

Shapes   output (time, batch, class) · valid (batch,), the steps that count · scores (batch, class)
Differs  steps behind a recording's end never count, so a score does not depend on the rest of the batch

The first two are sums over time: `decide(output, valid, first)` of a window of steps, from step `first` of the
recordings on, is what the window adds to the scores.
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
    """Return the probabilities summed over the valid steps."""
    valid = checked(output, valid, least=0)
    return (output.softmax(-1) * valid_steps(valid - first, len(output))[..., None]).sum(0)


def mean_membrane(output: Tensor, valid: Tensor, first: int = 0) -> Tensor:
    """Return the voltage averaged over the valid steps."""
    valid = checked(output, valid)
    return (output * valid_steps(valid - first, len(output))[..., None]).sum(0) / valid[:, None]


def max_membrane(output: Tensor, valid: Tensor) -> Tensor:
    """Return the highest voltage of the valid steps."""
    valid = checked(output, valid)
    outside = ~valid_steps(valid, len(output))[..., None]
    return output.masked_fill(outside, -torch.inf).amax(0)


def last_membrane(output: Tensor, valid: Tensor) -> Tensor:
    """Return the voltage of the last valid step."""
    valid = checked(output, valid, longest=len(output))
    return output[valid - 1, torch.arange(output.shape[1], device=output.device)]


def checked(output: Tensor, valid: Tensor, *, least: int = 1, longest: int | None = None) -> Tensor:
    """Return how many steps of each recording count, (batch,), if there are some for each of an output."""
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
"""Those that are sums over time."""


def get_decision(name: str) -> Decision:
    """Return a decision by its name."""
    known(name, DECISIONS, "decision")
    return DECISIONS[name]
