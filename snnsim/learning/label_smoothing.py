"""Label smoothing: a part of the target of the loss is spread evenly over all classes.

    p[b, j] = (1 − α) y[b, j] + α / C

Shapes   target y, smoothed target p (batch, class)
Names    α share · C number of classes · y is 1 for the class and 0 for the others, or probabilities
Source   Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016 (CVPR), arXiv 1512.00567
"""

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from snnsim.learning.decisions import Decision
from snnsim.learning.losses import Batch, StepResult
from snnsim.learning.rules import Rule, unwrapped
from snnsim.learning.tasks import RecordingClass, Task
from snnsim.validation import real


def smoothed(rule: Rule, share: float) -> Rule:
    """Return a rule that learns from smoothed targets.

    Args:
        rule: The rule.
        share: Share α of the target that is spread over all classes, at least 0 and below 1; 0 returns the rule.

    Raises:
        ValueError: If the share is out of its range.
    """
    share = real(share, who="smoothed", name="label_smoothing", at_least=0)
    if share >= 1:
        raise ValueError(f"label_smoothing must be at least 0 and below 1, not {share}")

    def learn(network: nn.Module, batch: Batch, task: Task | Decision, generator: torch.Generator | None) -> StepResult:
        if isinstance(task, Task) and not (isinstance(task, RecordingClass) and task.target is None):
            raise ValueError("label_smoothing needs the task of one class for each recording, by its labels")
        classes = unwrapped(network).single_readout("label_smoothing").synapse.targets
        return rule(network, smoothed_batch(batch, share, classes), task, generator)

    return learn if share else rule


def smoothed_batch(batch: Batch, share: float, classes: int) -> Batch:
    """Return a batch whose target is smoothed.

    Args:
        batch: The recordings.
        share: Share α of the target that is spread over all classes.
        classes: Number of classes.
    """
    target = batch.probabilities
    if target is None:
        target = functional.one_hot(batch.labels, classes).double()
    return replace(batch, probabilities=target * (1 - share) + share / classes)
