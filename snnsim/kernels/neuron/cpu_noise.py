"""What the passes over neurons do with a row whose firing is drawn; see cpu.py and cpu_steps.py.

    s[t] = Θ(u[t] − θ[t])        θ[t] = θ − Δ ξ[t]        P(s = 1) = sigmoid((u − θ) / Δ) = p
    v[t] = r where it fires, for a hard reset             v[t] = u[t] − θ + r for a soft one

    straight through    ∂s/∂u := ∂p/∂u = p (1 − p) / Δ = h        ∂s/∂θ := − h        ∂s/∂Δ := − h (u − θ) / Δ

Shapes   a row is that of numba_rows: the neurons of some recordings in one step · Δ, r (neuron,), without elements
         where there is no noise, or where the voltage is not moved
Names    θ[t] level, drawn anew in every step · Δ width · r back · ξ logistic, see counter_rng.py
"""

from numba import njit

from snnsim.kernels.common.counter_rng import begin, logistic
from snnsim.kernels.common.portable_math import exp
from snnsim.kernels.neuron import cpu_steps as rows
from snnsim.kernels.neuron.surrogate_slopes import slopes as of_surrogate


@njit(cache=True)
def tiled(values, times):
    """Return values so many times, or nothing of nothing."""
    return rows.tiled(values, times) if values.size else values


@njit(cache=True, error_model="numpy")
def levels(place, first, lanes, t, theta, width, level):  # noqa: PLR0913
    """Draw the level of every neuron in a step, for so many lanes from the `first` on."""
    size, kind = theta.size // lanes, theta.dtype.type
    for lane in range(lanes):
        (start, neuron), left = begin(place, first + lane, size, t), lane * size
        for n in range(size):
            level[left + n] = theta[left + n] - width[left + n] * kind(logistic(start, neuron + n))


@njit(cache=True)
def resets(u, level, threshold, back, hard, v):
    """Set the voltage after the reset of those that are at their level: it begins from `back`."""
    for n in range(u.size):
        lower = u[n] - u[n] if hard else u[n] - threshold[n]
        v[n] = lower + back[n] if u[n] >= level[n] else u[n]


@njit(cache=True, error_model="numpy")
def _slopes(x, width):
    one = x.dtype.type(1)
    for n in range(x.size):
        g = one / (one + x.dtype.type(exp(-abs(x[n]) / width[n])))
        x[n] = g * (one - g) / width[n]


@njit(cache=True)
def more(detached, factor, back, found):
    """Add what a reset in the graph passes on by `back`: to ∂v/∂u of the slope, or to ∂L/∂s of ∂L/∂v."""
    for n in range(0 if detached else back.size):
        found[n] += factor[n] * back[n]


@njit(cache=True, error_model="numpy")
def _widths(h, error, u, threshold, width, total):
    """Add what Δ gets, from ∂L/∂s."""
    for n in range(h.size):
        total[n] -= h[n] * error[n] * ((u[n] - threshold[n]) / width[n])


@njit(cache=True)
def _backs(dv, u, level, total):
    """Add what r gets; dv is that of the voltage after this step."""
    for n in range(dv.size):
        total[n] += dv[n] if u[n] >= level[n] else dv.dtype.type(0)


@njit(cache=True)
def betas(t, du, before, level, back, total):
    """Add what β gets by `back`, with which the voltage a step ago began anew."""
    for n in range(back.size if t else 0):
        total[n] += du[n] * back[n] if before[n] >= level[n] else du.dtype.type(0)


@njit(cache=True)
def slopes(x, width, how):
    """Turn u − θ into the slope there: of the probability, or of a surrogate where there is no noise."""
    if width.size:
        _slopes(x, width)
    else:
        of_surrogate(x, how[0], x.dtype.type(how[1]))


@njit(cache=True)
def learn(step, gradient, factor, neuron, noise, detached, sums):  # noqa: PLR0913
    """Add what a step gives to θ, Δ and r."""
    (h, u, level, dv, ds), (_, threshold, hard), (width, back, _, _, _) = step, neuron, noise
    rows.spike_errors(gradient, factor, dv, u, threshold, hard, detached, ds)
    more(detached, dv, back, ds)
    rows.thresholds(h, ds, dv, u, level, hard, sums[0])
    if width.size:
        _widths(h, ds, u, threshold, width, sums[1])
    if back.size:
        _backs(dv, u, level, sums[2])
