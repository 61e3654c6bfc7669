"""Surrogate slopes of many voltages at once, compiled for the CPU; the equations are those of snnsim.surrogate."""

import math

import numpy as np
from numba import njit

CODES = {"atan": 0, "triangle": 1, "sigmoid": 2, "fast_sigmoid": 3, "boxcar": 4}


# a check for division by 0 would keep the loops from vector registers
@njit(cache=True, error_model="numpy")
def slopes(x, code, alpha):  # noqa: C901
    """Turn u − θ into the slope there."""
    half, one, zero = x.dtype.type(0.5), x.dtype.type(1), x.dtype.type(0)
    if code == 0:
        turn = x.dtype.type(math.pi / 2) * alpha
        for n in range(x.size):
            y = x[n] * turn
            x[n] = half * alpha / (one + y * y)
    elif code == 1:
        for n in range(x.size):
            x[n] = max(alpha - alpha * alpha * abs(x[n]), zero)
    elif code == 2:
        for n in range(x.size):
            g = one / (one + np.exp(-alpha * x[n]))
            x[n] = alpha * g * (one - g)
    elif code == 3:
        for n in range(x.size):
            y = one + alpha * abs(x[n])
            x[n] = one / (y * y)
    else:
        for n in range(x.size):
            x[n] = alpha if abs(x[n]) < half / alpha else zero
