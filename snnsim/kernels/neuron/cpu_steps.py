"""What the passes over neurons do with a row: the neurons of some recordings in one step; see cpu.py.

Each loop has few arrays: with many in one, LLVM would not prove that none of them overlap, and take one number at a
time. A row stays in the nearest cache from loop to loop.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def side_by_side(width):
    """Return how many recordings are worked at together: so many that rows are long enough to be fetched fast."""
    return max(1, 512 // width)


@njit(cache=True)
def tiled(values, times):
    """Return values so many times one after the other."""
    made = np.empty((times, values.size), values.dtype)
    made[:] = values
    return made.reshape(made.size)


@njit(cache=True)
def end(t, ends, scale, shift):
    """Let nothing more reach the recordings that have ended."""
    width = scale.size // ends.size
    for lane in range(ends.size):
        if t == ends[lane]:
            scale[lane * width : (lane + 1) * width] = 0
            shift[lane * width : (lane + 1) * width] = 0


@njit(cache=True)
def membranes(row, scale, shift, beta, v, u):
    """Set u = β v + scale · I + shift."""
    for n in range(v.size):
        u[n] = beta[n] * v[n] + (scale[n] * row[n] + shift[n])


@njit(cache=True)
def spikes(u, level, factor, s):
    """Set what is sent of spikes."""
    zero = u.dtype.type(0)
    for n in range(u.size):
        s[n] = factor[n] if u[n] >= level[n] else zero


@njit(cache=True)
def resets(u, threshold, hard, v):
    """Set the voltage after the reset."""
    for n in range(u.size):
        v[n] = _after(u[n], threshold[n], u[n] >= threshold[n], hard)


@njit(cache=True)
def _after(u, threshold, fired, hard):
    """Return the voltage after the reset."""
    # a whole number would turn all into float64
    lower = u - u if hard else u - threshold
    return lower if fired else u


@njit(cache=True)
def clear(t, ends, du):
    """Let nothing reach the currents of recordings that have ended."""
    width = du.size // ends.size
    for lane in range(ends.size):
        if t >= ends[lane]:
            du[lane * width : (lane + 1) * width] = 0


@njit(cache=True)
def above(u, threshold, x):
    """Set how far u is above the threshold."""
    for n in range(u.size):
        x[n] = u[n] - threshold[n]


@njit(cache=True)
def errors(h, grad_spikes, factor, grad_membrane, error):
    """Set what reaches the membrane by its spike and by itself."""
    for n in range(h.size):
        error[n] = h[n] * (grad_spikes[n] * factor[n]) + grad_membrane[n]


@njit(cache=True)
def kept_shares(h, u, level, threshold, hard, detached, kept):  # noqa: PLR0913
    """Set ∂v/∂u: nothing where a spike has cleared the voltage, less what the reset passes on."""
    one, zero, attached = h.dtype.type(1), h.dtype.type(0), h.dtype.type(not detached)
    cleared, lowered = h.dtype.type(hard), h.dtype.type(not hard)
    for n in range(h.size):
        left = one - (cleared if u[n] >= level[n] else zero)
        kept[n] = left - attached * h[n] * (cleared * u[n] + lowered * threshold[n])


@njit(cache=True)
def step_back(error, kept, beta, dv, du):
    """Set du, and dv of the step before."""
    for n in range(dv.size):
        found = error[n] + kept[n] * dv[n]
        du[n] = found
        dv[n] = beta[n] * found


@njit(cache=True)
def spike_errors(gradient, factor, dv, u, threshold, hard, detached, ds):  # noqa: PLR0913
    """Set what reaches the spike; dv is that of the voltage after this step."""
    for n in range(ds.size):
        found = gradient[n] * factor[n]
        if not detached:
            found -= dv[n] * (u[n] if hard else threshold[n])
        ds[n] = found


@njit(cache=True)
def thresholds(h, ds, dv, u, level, hard, total):  # noqa: PLR0913
    """Add what θ gets."""
    for n in range(h.size):
        found = h[n] * ds[n]
        if not hard and u[n] >= level[n]:
            found += dv[n]
        total[n] -= found


@njit(cache=True)
def add(du, current, scale, shift):
    """Add what scale and shift get."""
    for n in range(du.size):
        scale[n] += du[n] * current[n]
        shift[n] += du[n]


@njit(cache=True)
def flush(short, total):
    """Add short sums to total ones and clear them."""
    for n in range(total.size):
        total[n] += short[n]
        short[n] = short.dtype.type(0)


@njit(cache=True)
def betas(du, before, level, threshold, hard, reset, total):  # noqa: PLR0913
    """Add what β gets: `before` is the membrane a step ago, or the voltage that the sequence began with."""
    for n in range(du.size):
        fired = reset and before[n] >= level[n]
        total[n] += du[n] * _after(before[n], threshold[n], fired, hard)
