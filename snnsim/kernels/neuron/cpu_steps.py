"""Loops over the columns of one step: the neurons of a block of recordings; cpu_lif.py calls them.

Each loop has few arrays. With many arrays in one loop, LLVM would not prove that no two of them overlap, and would
compute one number at a time. A row stays in the nearest cache from loop to loop.

Shapes   all arrays (column,), column = lane · neurons + neuron, but lengths (lane,)
Names    u membrane before the reset · v voltage after it · θ threshold · level: θ, or the threshold drawn for this step
         h surrogate slope at u − θ · du, dv, ds gradients of u, v and s
"""

import numpy as np

from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import subroutine

_WIDE = 512
"""Columns from which rows are long enough to be fetched at full speed."""


@subroutine(cache=True)
def lanes_per_block(neurons: int) -> int:
    """Return the number of lanes that are computed together: enough for wide rows.

    Args:
        neurons: Number of neurons of a lane, at least 1.
    """
    return max(1, _WIDE // neurons)


@subroutine(cache=True)
def tiled(values: np.ndarray, times: int) -> np.ndarray:
    """Return values repeated one after the other, (times · value,).

    Args:
        values: One number for each neuron, (neuron,).
        times: Number of lanes.
    """
    size = values.size
    tiles = np.empty(times * size, values.dtype)
    for tile in range(times):
        copy_row(values, tiles[tile * size : (tile + 1) * size])
    return tiles


@subroutine(cache=True)
def stop_ended(t: int, lengths: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> None:
    """Set scale and shift to 0 for the lanes that end at this step, so that no current reaches them from here on.

    Args:
        t: The step.
        lengths: The lengths of the lanes, int64 (lane,).
        scale: Factors of the current, which change.
        shift: Summands of the current, which change.
    """
    neurons = scale.size // lengths.size
    for lane in range(lengths.size):
        if t == lengths[lane]:
            scale[lane * neurons : (lane + 1) * neurons] = 0
            shift[lane * neurons : (lane + 1) * neurons] = 0


@subroutine(cache=True)
def set_membranes(
    current: np.ndarray, scale: np.ndarray, shift: np.ndarray, beta: np.ndarray, v: np.ndarray, u: np.ndarray
) -> None:
    """Set u = β v + (scale · I + shift).

    Args:
        current: I.
        scale: Factors of the current.
        shift: Summands of the current.
        beta: β.
        v: The voltage of the step before.
        u: The result.
    """
    # the parentheses fix the rounding: every form of the computation adds in this order
    for n in range(v.size):
        u[n] = beta[n] * v[n] + (scale[n] * current[n] + shift[n])


@subroutine(cache=True)
def set_spikes(u: np.ndarray, level: np.ndarray, factor: np.ndarray, spikes: np.ndarray) -> None:
    """Set the spikes after dropout.

    Args:
        u: The membrane.
        level: The threshold of the step.
        factor: Factors of the spikes, from dropout.
        spikes: The result.
    """
    zero = u.dtype.type(0)
    for n in range(u.size):
        spikes[n] = factor[n] if u[n] >= level[n] else zero


@subroutine(cache=True)
def reset(u: np.ndarray, threshold: np.ndarray, hard: bool, v: np.ndarray) -> None:
    """Set the voltage after the reset.

    Args:
        u: The membrane.
        threshold: θ.
        hard: Whether the reset is hard.
        v: The result.
    """
    for n in range(u.size):
        v[n] = _voltage_after(u[n], threshold[n], u[n] >= threshold[n], hard)


@subroutine(cache=True)
def _voltage_after(u: float, threshold: float, fired: bool, hard: bool) -> float:
    # u − u, as an integer 0 would turn the sum into float64
    lower = u - u if hard else u - threshold
    return lower if fired else u


@subroutine(cache=True)
def clear_ended(t: int, lengths: np.ndarray, du: np.ndarray) -> None:
    """Set du to 0 for the lanes that have ended, whose currents have no gradient.

    Args:
        t: Number of the step, from 0.
        lengths: Steps of each lane, (lane,).
        du: Gradient of the membrane at this step, changed in place, (column,).
    """
    neurons = du.size // lengths.size
    for lane in range(lengths.size):
        if t >= lengths[lane]:
            du[lane * neurons : (lane + 1) * neurons] = 0


@subroutine(cache=True)
def subtract(u: np.ndarray, threshold: np.ndarray, x: np.ndarray) -> None:
    """Compute x = u − θ.

    Args:
        u: Membrane before the reset, (column,).
        threshold: Threshold θ, (column,).
        x: Result, overwritten, (column,).
    """
    for n in range(u.size):
        x[n] = u[n] - threshold[n]


@subroutine(cache=True)
def set_errors(
    h: np.ndarray, grad_spikes: np.ndarray, factor: np.ndarray, grad_membrane: np.ndarray, error: np.ndarray
) -> None:
    """Set the gradient of u through its own spike and through the recorded membrane, h ds + dū.

    Args:
        h: The surrogate slope.
        grad_spikes: The gradient of the spikes after dropout.
        factor: Factors of the spikes, from dropout.
        grad_membrane: The gradient of the recorded membrane.
        error: The result.
    """
    for n in range(h.size):
        error[n] = h[n] * (grad_spikes[n] * factor[n]) + grad_membrane[n]


@subroutine(cache=True)
def set_reset_slopes(
    h: np.ndarray, u: np.ndarray, level: np.ndarray, threshold: np.ndarray, hard: bool, detached: bool,
    slope: np.ndarray,
) -> None:  # fmt: skip
    """Set ∂v/∂u: 1, or 0 where a hard reset clears the voltage, less h u or h θ where the reset is in the graph.

    Args:
        h: The surrogate slope.
        u: The membrane.
        level: The threshold of the step.
        threshold: θ.
        hard: Whether the reset is hard.
        detached: Whether the reset is outside of the graph.
        slope: The result.
    """
    one, zero, attached = h.dtype.type(1), h.dtype.type(0), h.dtype.type(not detached)
    # the two resets as factors 0 and 1, so that the loop has no branch
    cleared, lowered = h.dtype.type(hard), h.dtype.type(not hard)
    for n in range(h.size):
        left = one - (cleared if u[n] >= level[n] else zero)
        slope[n] = left - attached * h[n] * (cleared * u[n] + lowered * threshold[n])


@subroutine(cache=True)
def step_back(error: np.ndarray, slope: np.ndarray, beta: np.ndarray, dv: np.ndarray, du: np.ndarray) -> None:
    """Set du = error + ∂v/∂u dv, and dv of the step before, β du.

    Args:
        error: The gradient of u but for the path through v.
        slope: ∂v/∂u.
        beta: β.
        dv: The gradient of the voltage after this step, which that of the step before replaces.
        du: The result.
    """
    for n in range(dv.size):
        total = error[n] + slope[n] * dv[n]
        du[n] = total
        dv[n] = beta[n] * total


@subroutine(cache=True)
def set_spike_errors(
    grad_spikes: np.ndarray, factor: np.ndarray, dv: np.ndarray, u: np.ndarray, threshold: np.ndarray, hard: bool,
    detached: bool, ds: np.ndarray,
) -> None:  # fmt: skip
    """Set ds of the spikes before dropout; dv is the gradient of the voltage after this step.

    Args:
        grad_spikes: The gradient of the spikes after dropout.
        factor: Factors of the spikes, from dropout.
        dv: The gradient of the voltage after this step.
        u: The membrane.
        threshold: θ.
        hard: Whether the reset is hard.
        detached: Whether the reset is outside of the graph.
        ds: The result.
    """
    for n in range(ds.size):
        total = grad_spikes[n] * factor[n]
        if not detached:
            total -= dv[n] * (u[n] if hard else threshold[n])
        ds[n] = total


@subroutine(cache=True)
def add_threshold_gradient(
    h: np.ndarray, ds: np.ndarray, dv: np.ndarray, u: np.ndarray, level: np.ndarray, hard: bool, total: np.ndarray
) -> None:
    """Add − h ds to the gradient of θ, and − dv where a soft reset subtracts θ.

    Args:
        h: The surrogate slope.
        ds: The gradient of the spikes before dropout.
        dv: The gradient of the voltage after this step.
        u: The membrane.
        level: The threshold of the step.
        hard: Whether the reset is hard.
        total: The sums over time, float64.
    """
    for n in range(h.size):
        gradient = h[n] * ds[n]
        if not hard and u[n] >= level[n]:
            gradient += dv[n]
        total[n] -= gradient


@subroutine(cache=True)
def add_affine_gradients(du: np.ndarray, current: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> None:
    """Add du I to the gradient of scale, and du to that of shift.

    Args:
        du: The gradient of u.
        current: I.
        scale: The sum for scale.
        shift: The sum for shift.
    """
    for n in range(du.size):
        scale[n] += du[n] * current[n]
        shift[n] += du[n]


@subroutine(cache=True)
def flush(short: np.ndarray, total: np.ndarray) -> None:
    """Add sums in the currents' precision to sums in float64, and clear the former.

    Args:
        short: Sums in the currents' precision, set to 0, (column,).
        total: Sums in float64, raised by them, (column,).
    """
    for n in range(total.size):
        total[n] += short[n]
        short[n] = short.dtype.type(0)


@subroutine(cache=True)
def add_beta_gradient(
    du: np.ndarray, before: np.ndarray, level: np.ndarray, threshold: np.ndarray, hard: bool, after_reset: bool,
    total: np.ndarray,
) -> None:  # fmt: skip
    """Add du v[t−1] to the gradient of β.

    Args:
        du: The gradient of the membrane.
        before: The membrane of the step before, or the voltage before the first step.
        level: The noisy threshold of the step before.
        threshold: The threshold θ.
        hard: Whether the reset is hard.
        after_reset: Whether `before` is a membrane, whose reset is still to come.
        total: The sums over time, float64.
    """
    for n in range(du.size):
        fired = after_reset and before[n] >= level[n]
        total[n] += du[n] * _voltage_after(before[n], threshold[n], fired, hard)
