"""Schedules: the learning rate of an optimizer from step to step, or from epoch to epoch.

    one_cycle     η start → η → η end, along half cosines, with the highest rate after the share `rise` of the steps
    cosine        η (end + (1 − end) (1 + cos(π n / N)) / 2)
    cosine_wave   η (low + (1 − low) (1 + cos(2π n / P)) / 2)
    plateau       η factor^k, k times `patience` epochs without a better validation accuracy; at least η low
    constant      η

Names    η highest learning rate · n, N step and number of steps · P steps of a period
Source   one cycle: Smith, Topin 2019, arXiv 1708.07120; cosine: Loshchilov, Hutter 2017 (ICLR), arXiv 1608.03983
"""

import math
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from snnsim.learning.options import AnySchedule, Constant, Cosine, CosineWave, OneCycle, Plateau, Schedule


def build(kind: AnySchedule, optimizer: Optimizer, *, lr: float, steps: int, epochs: int) -> LRScheduler:
    """Return the schedule of an optimizer.

    Args:
        kind: The schedule and its settings.
        optimizer: The optimizer, whose learning rate is changed.
        lr: Highest learning rate.
        steps: Number of batches of the training.
        epochs: Number of epochs of the training.
    """
    return _BUILD[type(kind)](kind, optimizer, lr, steps, steps / epochs)


def _one_cycle(kind: Any, optimizer: Optimizer, lr: float, steps: int, _: float) -> LRScheduler:
    low, high = kind.momentum or (0.85, 0.95)
    # torch divides by the steps of the rise behind the first one; without any, the first step has the highest rate
    rise = kind.rise * (1 - 1e-12) if kind.rise * (steps + 1) == 1 else kind.rise
    # one step more than the number of batches: torch raises where a schedule is advanced beyond its end
    return OneCycleLR(
        optimizer, lr, total_steps=steps + 1, pct_start=rise, div_factor=1 / kind.start,
        final_div_factor=kind.start / max(kind.end, 1e-300), cycle_momentum=bool(kind.momentum), base_momentum=low,
        max_momentum=high,
    )  # fmt: skip


def _cosine(kind: Any, optimizer: Optimizer, lr: float, steps: int, _: float) -> LRScheduler:
    return CosineAnnealingLR(optimizer, steps, eta_min=lr * kind.end)


def _cosine_wave(kind: Any, optimizer: Optimizer, _: float, __: int, of_epoch: float) -> LRScheduler:
    period = kind.period_epochs * of_epoch

    def share(step: int) -> float:
        return float(kind.low + (1 - kind.low) * (1 + math.cos(2 * math.pi * step / period)) / 2)

    return LambdaLR(optimizer, share)


def _plateau(kind: Any, optimizer: Optimizer, lr: float, _: int, __: float) -> LRScheduler:
    return ReduceLROnPlateau(
        optimizer, mode="max", factor=kind.factor, patience=kind.patience, threshold=0.0, threshold_mode="abs",
        min_lr=lr * kind.low, eps=0.0,
    )  # fmt: skip


def _constant(_: Any, optimizer: Optimizer, __: float, ___: int, ____: float) -> LRScheduler:
    return LambdaLR(optimizer, lambda _: 1.0)


_BUILD: dict[type[Schedule], Callable[[Any, Optimizer, float, int, float], LRScheduler]] = {
    OneCycle: _one_cycle,
    Cosine: _cosine,
    CosineWave: _cosine_wave,
    Plateau: _plateau,
    Constant: _constant,
}
