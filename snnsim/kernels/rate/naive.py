"""Definition of the recurrent rate network, one unit after the other; tests compare the fast forms with it.

    I[t, j] = x[t, j] + Σ_i w[j, i] h[t−1, i]
    h[t, j] = f((1 − a[j]) h[t−1, j] + a[j] I[t, j])      leak inside of the nonlinearity
    h[t, j] = (1 − a[j]) h[t−1, j] + a[j] f(I[t, j])      leak outside of the nonlinearity
    f(u) = u for u > 0, and κ u otherwise

Shapes   x, h (time, batch, unit) · initial h (batch, unit) · w (target, source) · a (unit,)
"""

import numpy as np


def states(
    external: np.ndarray, initial: np.ndarray, weight: np.ndarray, leak: np.ndarray, *, slope: float, inside: bool
) -> np.ndarray:
    """Return the states of every step, float64 (time, batch, unit).

    Args:
        external: Currents from outside of the network, (time, batch, unit).
        initial: States before the first step, (batch, unit).
        weight: Recurrent weights, (target, source).
        leak: Reciprocal time constants a, (unit,).
        slope: Slope κ of the nonlinearity below 0.
        inside: Whether the leak is inside of the nonlinearity.
    """
    steps, batch, units = external.shape
    result = np.zeros((steps, batch, units))
    for t, b, j in np.ndindex(steps, batch, units):
        before = initial if t == 0 else result[t - 1]
        current = float(external[t, b, j])
        for i in range(units):
            current += float(weight[j, i]) * float(before[b, i])
        decayed, share = (1 - float(leak[j])) * float(before[b, j]), float(leak[j])
        total = decayed + share * current if inside else current
        active = total if total > 0 else slope * total
        result[t, b, j] = active if inside else decayed + share * active
    return result
