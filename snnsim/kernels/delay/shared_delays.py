"""Currents of connections whose delays belong to neurons: axonal delays to sources, dendritic delays to targets.

    axonal       I[t, b, j] = Σ_i w[j, i] Σ_d window[d, i] · s[t − d, b, i]
    dendritic    I[t, b, j] = Σ_d window[d, j] Σ_i w[j, i] · s[t − d, b, i]

Both sum over taps, each of which has weights and windows of its own. A layer needs a matrix product and a filter of its
channels for each tap, see filtered.py, where delays of synapses need a kernel of matrices.

Shapes   spikes (time, batch, source) · weight (target, source, tap) · window (delay, source or target)
Units    delay in steps
"""

from collections.abc import Iterable
from functools import reduce

import torch
from torch import Tensor

from snnsim.kernels.delay.filtered import filtered


def shared_current(spikes: Tensor, weight: Tensor, windows: Iterable[Tensor], *, axonal: bool) -> Tensor:
    """Return the currents of axonal or dendritic delays.

    Args:
        spikes: Spikes of the sources, (time, batch, source).
        weight: Weights, (target, source, tap).
        windows: Window of every tap, (delay, source), or (delay, target) if not `axonal`.
        axonal: Whether the delays are those of the sources.

    Returns:
        Currents (time, batch, target).
    """
    taps = zip(windows, weight.unbind(-1), strict=True)
    if axonal:
        return sum_of(filtered(spikes, window) @ one.mT for window, one in taps)
    return sum_of(filtered(spikes @ one.mT, window) for window, one in taps)


def shared_side(delay: Tensor) -> str | None:
    """Return whose delays an expanded tensor repeats: "axonal", "dendritic", or None if synapses have their own.

    Only the strides are looked at, not the values: equal delays that were copied to every synapse are its own.

    Args:
        delay: Delays in steps, (target, source, tap).
    """
    for axis, name in ((0, "axonal"), (1, "dendritic")):
        if delay.shape[axis] > 1 and delay.stride(axis) == 0:
            return name
    return None


def integer_windows(delay: Tensor, delays: int, *, axonal: bool, dtype: torch.dtype) -> list[Tensor]:
    """Return the window of every tap, (delay, source or target), whose only weight is 1, at the delay.

    Args:
        delay: Integer delays in steps, (target, source, tap), that all targets or all sources share.
        delays: Number of delays: the longest is one less.
        axonal: Whether the delays are those of the sources.
        dtype: Type of the windows.
    """
    step = torch.arange(delays, device=delay.device)[:, None]
    return [(step == one).to(dtype) for one in delay.select(0 if axonal else 1, 0).unbind(-1)]


def sum_of(terms: Iterable[Tensor]) -> Tensor:
    """Return the sum of one tensor or more.

    Args:
        terms: Tensors of shapes that broadcast, added from the first to the last.
    """
    return reduce(torch.add, terms)
