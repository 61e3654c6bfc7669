"""Learning rules: a rule runs a network on a batch, leaves the gradients in its parameters, returns what it saw.

    bptt      the loss of the whole sequence, differentiated through every step with surrogate slopes
    sltt      the same without the routes through the membrane, from one step to the next:
              e[t] = (∂L/∂s[t] + Σ_d W_d' e'[t + d]) h[t]      of a hidden layer; e' of the layer behind
              ∂L/∂W_d = Σ_t e[t] s[t − d]'      ∂L/∂d likewise      e[t] = ∂L/∂u[t] of the readout
    sltt-k    the same, for the error of k steps of the readout drawn for each batch: ∂L/∂u[t] = 0 at all others. The
              mean over draws is k / T of what sltt gives for T steps; it is not scaled up, as in the paper

Shapes   frames (time, batch, channel) · lengths, labels (batch,) · scores (batch, class)
Names    h surrogate slope · e error of a membrane · d delay · T steps of the batch's longest recording, and those added
Source   surrogate gradients: Neftci, Mostafa, Zenke 2019, IEEE Signal Processing Magazine 36:51
         SLTT: Meng, Xiao, Yan, Wang, Lin, Luo 2023 (ICCV), arXiv 2302.14311; the delays are ours, see gradient_paths.py
Differs  the paper's loss is one of every step, `loss="steps"`; here the decision's, by default. Where the decay is 0
         or there is one step, sltt is bptt. A learned decay gets what it does within a step, u[t] = β v[t−1] + ...
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from snnsim.gradient_paths import GradientPaths
from snnsim.learning import chunked, losses
from snnsim.learning.decisions import Decision
from snnsim.learning.losses import Batch, StepResult
from snnsim.validation import known

Rule = Callable[[nn.Module, Batch, Decision, torch.Generator | None], StepResult]


def outcome(
    network: nn.Module, batch: Batch, decide: Decision, generator: torch.Generator | None, *, loss: str = "decision"
) -> StepResult:
    """Return the loss, summed over the recordings, and the scores."""
    return losses.outcome(network(batch.frames, batch.lengths, generator), batch, decide, loss)


def bptt(
    network: nn.Module, batch: Batch, decide: Decision, generator: torch.Generator | None, *, loss: str = "decision"
) -> StepResult:
    """Backpropagate the mean loss through time."""
    seen = outcome(network, batch, decide, generator, loss=loss)
    (seen.loss / batch.whole).backward()
    return seen.detached()


def sltt(  # noqa: PLR0913
    network: nn.Module,
    batch: Batch,
    decide: Decision,
    generator: torch.Generator | None,
    *,
    loss: str = "decision",
    delayed: str = "exact",
    window: int | None = None,
    k: int | None = None,
) -> StepResult:
    """Backpropagate the mean loss along the spatial routes, from `k` steps drawn at random, or from all.

    With a `window` of so many steps, forward and backward go through time once, window by window, and memory does not
    grow with the length of recordings; see `snnsim.learning.chunked`.
    """
    credit, alone = GradientPaths(temporal=False, delayed=delayed), getattr(network, "module", network)
    if window is not None:
        return chunked.of_batch(alone, batch, decide, generator, credit=credit, loss=loss, k=k, window=window)
    # drawn before the dropout, as in windows
    mask = losses.chosen(k, len(batch.frames) + alone.extra_steps, generator)
    output = network(batch.frames, batch.lengths, generator, credit)
    seen = losses.outcome(losses.at(output, mask), batch, decide, loss)
    (seen.loss / batch.whole).backward()
    return seen.detached()


def sltt_k(
    network: nn.Module, batch: Batch, decide: Decision, generator: torch.Generator | None, *, k: int, **settings: Any
) -> StepResult:
    """Backpropagate along the spatial routes from `k` steps of the readout, or from all if there are no more."""
    return sltt(network, batch, decide, generator, k=k, **settings)


RULES: dict[str, Callable[..., StepResult]] = {"bptt": bptt, "sltt": sltt, "sltt-k": sltt_k}


def get_rule(name: str, **settings: Any) -> Rule:
    """Return a rule by its name, with its settings: loss; delayed and window of sltt; k of sltt-k."""
    known(name, RULES, "learning rule")
    return partial(RULES[name], **settings)
