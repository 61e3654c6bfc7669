"""Learning rules: a rule runs a network on a batch, leaves gradients in its parameters, and returns loss and scores.

    bptt      the loss of the whole sequence, differentiated through every step with surrogate slopes
    sltt      the same without the gradient paths through the membrane, from step to step:
              e[t] = (∂L/∂s[t] + Σ_d W_d' e'[t + d]) h[t]      of a hidden layer; e' of the next layer
              ∂L/∂W_d = Σ_t e[t] s[t − d]'      ∂L/∂d likewise      e[t] = ∂L/∂u[t] of the readout
    sltt-k    the same, for the error of k steps of the readout drawn for each batch: ∂L/∂u[t] = 0 at all others. The
              mean over draws is k / T of the gradient of sltt for T steps; it is not scaled up, as in the paper

Shapes   frames (time, batch, channel) · lengths, labels (batch,) · scores (batch, class)
Names    h surrogate slope · e error of a membrane · d delay · T steps of the batch's longest recording, and those added
Source   surrogate gradients: Neftci, Mostafa, Zenke 2019, IEEE Signal Processing Magazine 36:51
         SLTT: Meng, Xiao, Yan, Wang, Lin, Luo 2023 (ICCV), arXiv 2302.14311; the delays are ours, see gradient_paths.py
Differs  the paper's loss is one of every step, `loss="steps"`; here the decision's, by default. Where the decay is 0
         or there is one step, sltt is bptt. A learned decay gets its gradient within a step, u[t] = β v[t−1] + ...
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from snnsim.gradient_paths import GradientPaths
from snnsim.learning import chunked, losses
from snnsim.learning.decisions import Decision
from snnsim.learning.losses import Batch, StepResult
from snnsim.learning.tasks import Task, as_task
from snnsim.nn.network import SpikingNetwork
from snnsim.renamed import keywords
from snnsim.validation import known

Rule = Callable[[nn.Module, Batch, Task | Decision, torch.Generator | None], StepResult]
"""A decision in place of a task is that of one class for each recording."""


def unwrapped(network: nn.Module) -> SpikingNetwork:
    """Return the network that a wrapper for several processes or devices holds.

    Args:
        network: A SpikingNetwork, or a wrapper of one.
    """
    wrapped = isinstance(network, DataParallel | DistributedDataParallel)
    spiking: SpikingNetwork = network.module if wrapped else network  # type: ignore[assignment]
    return spiking


def outcome(
    network: nn.Module,
    batch: Batch,
    task: Task | Decision,
    generator: torch.Generator | None,
    *,
    loss: str = "decision",
) -> StepResult:
    """Return the loss, summed over the recordings, and the scores.

    Args:
        network: A SpikingNetwork, or a wrapper of one for several processes.
        batch: The recordings.
        task: The task, or the decision of one class for each recording.
        generator: Generator of dropout and draws.
        loss: "decision" or "steps", of a decision; a task has its own.
    """
    return as_task(task, loss).result(network(batch.frames, batch.lengths, generator), batch)


def bptt(
    network: nn.Module,
    batch: Batch,
    task: Task | Decision,
    generator: torch.Generator | None,
    *,
    loss: str = "decision",
) -> StepResult:
    """Backpropagate the mean loss through time.

    Args:
        network: A SpikingNetwork, or a wrapper of one for several processes.
        batch: The recordings.
        task: The task, or the decision of one class for each recording.
        generator: Generator of dropout and draws.
        loss: "decision" or "steps", of a decision; a task has its own.

    Returns:
        The summed loss and the scores, without gradients.
    """
    result = outcome(network, batch, task, generator, loss=loss)
    (result.loss / batch.normalizer).backward()  # type: ignore[no-untyped-call]
    return result.detached()


@keywords(window="chunk")
def sltt(  # noqa: PLR0913
    network: nn.Module,
    batch: Batch,
    task: Task | Decision,
    generator: torch.Generator | None,
    *,
    loss: str = "decision",
    delayed: str = "exact",
    chunk: int | None = None,
    k: int | None = None,
    loops: str = "exact",
) -> StepResult:
    """Backpropagate the mean loss along the spatial gradient paths.

    Args:
        network: A SpikingNetwork, or a wrapper of one for several processes.
        batch: The recordings.
        task: The task, or the decision of one class for each recording.
        generator: Generator of dropout, draws and the `k` steps.
        loss: "decision" or "steps", of a decision; a task has its own.
        delayed: Gradient path through a delay, "exact", "cut" or "stale"; see `snnsim.gradient_paths`.
        chunk: Steps of a chunk of time: forward and backward advance chunk by chunk, and memory does not grow with the
            length of recordings, see `snnsim.learning.chunked`. None for whole recordings.
        k: Number of steps whose errors count, drawn at random for each batch; None for all.
        loops: Errors through recurrent connections in chunks: "exact", or "cut" at the beginning of each chunk.

    Returns:
        The summed loss and the scores, without gradients.
    """
    credit, spiking = GradientPaths(temporal=False, delayed=delayed), unwrapped(network)
    if chunk is not None:
        return chunked.backpropagate_batch(
            spiking, batch, task, generator, credit=credit, loss=loss, k=k, chunk=chunk, loops=loops
        )
    # drawn before the dropout, as in chunks
    mask = losses.random_steps(k, len(batch.frames) + spiking.extra_steps, generator)
    output = network(batch.frames, batch.lengths, generator, credit)
    result = as_task(task, loss).result(losses.with_gradient_at(output, mask), batch)
    (result.loss / batch.normalizer).backward()  # type: ignore[no-untyped-call]
    return result.detached()


def sltt_k(
    network: nn.Module,
    batch: Batch,
    task: Task | Decision,
    generator: torch.Generator | None,
    *,
    k: int,
    **settings: Any,
) -> StepResult:
    """Backpropagate along the spatial gradient paths from `k` random steps of the readout.

    Args:
        network: A SpikingNetwork, or a wrapper of one for several processes.
        batch: The recordings.
        task: The task, or the decision of one class for each recording.
        generator: Generator of dropout, draws and the steps.
        k: Number of steps whose errors count; all steps if there are no more.
        **settings: Keywords of `sltt`.

    Returns:
        The summed loss and the scores, without gradients.
    """
    return sltt(network, batch, task, generator, k=k, **settings)


RULES: dict[str, Callable[..., StepResult]] = {"bptt": bptt, "sltt": sltt, "sltt-k": sltt_k}


def get_rule(name: str, **settings: Any) -> Rule:
    """Return a learning rule with its settings.

    Args:
        name: "bptt", "sltt" or "sltt-k"; the ValueError for an unknown name lists all.
        **settings: Keywords of the rule: loss; delayed and chunk of sltt and sltt-k; k of sltt-k.
    """
    known(name, RULES, "learning rule")
    return partial(RULES[name], **settings)
