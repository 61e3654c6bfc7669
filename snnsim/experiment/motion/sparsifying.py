"""Fewer weights by training: weights are pruned step by step, and a penalty makes those of dense kernels small.

    pruning   n(f) = n₁ + (n₀ − n₁) (1 − f)³ weights remain, the largest ones; f rises from 0 to 1 between two parts
              of the training
    penalty   w ← sign(w) max(|w| − r p, 0) behind a step of the optimizer: the proximal step of the penalty p Σ |w|

Weights that a symmetry joins are pruned together.

Names    n₀, n₁ number of weights at the start and at the end · r learning rate · p penalty
Source   cubic schedule: Zhu & Gupta 2017, arXiv 1710.01878
"""

import torch
from torch import Tensor

from snnsim.experiment.motion.settings import Budget
from snnsim.experiment.motion.symmetry import Symmetry
from snnsim.nn.logistic_conv import LogisticConv


def remaining(start: int, budget: Budget, done: float) -> int:
    """Return the number of weights that remain.

    Args:
        start: Number of weights at the start.
        budget: The number at the end, and between which parts of the training weights are pruned.
        done: Part of the training that is done, from 0 to 1.
    """
    begin, end = budget.pruned
    fraction = min(max((done - begin) / (end - begin), 0.0), 1.0)
    return budget.connections + round(max(start - budget.connections, 0) * (1 - fraction) ** 3)


@torch.no_grad()
def prune(layer: LogisticConv, symmetry: Symmetry | None, count: int) -> None:
    """Keep at most `count` weights, the largest; all others are absent from then on.

    Args:
        layer: The layer, whose connections have a mask.
        symmetry: Symmetry of its kernel, or None.
        count: Number of weights.
    """
    connections = layer.synapse.connections
    present = connections.connected
    if present is None or int(present.sum()) <= count:
        return
    size = connections.weight.abs() * present
    # equal to the last bit, so that all weights that the symmetry joins remain, or none
    size = size if symmetry is None else symmetry.representative(size)
    least = size.flatten().topk(count).values[-1]
    mask = size >= least
    connections.connected = present & (mask if int(mask.sum()) <= count else size > least)
    layer.constrain()


@torch.no_grad()
def shrink(weight: Tensor, amount: float) -> None:
    """Bring weights nearer to 0 by an amount, and to 0 those that are smaller.

    Args:
        weight: The weights, which change.
        amount: The amount.
    """
    weight.copy_(weight.sign() * (weight.abs() - amount).clamp_min(0))
