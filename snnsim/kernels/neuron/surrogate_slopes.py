"""Surrogate slopes of many voltages at once, compiled for the CPU; the equations are those of snnsim.surrogate."""

import math

import numpy as np

from snnsim.kernels.common.jit import subroutine

CODES = {"atan": 0, "triangle": 1, "sigmoid": 2, "fast_sigmoid": 3, "boxcar": 4}
"""Numbers of the surrogates of snnsim.surrogate in compiled code."""


# a check for division by 0 would keep the loops from vector registers
@subroutine(cache=True, error_model="numpy")
def to_slopes(x: np.ndarray, code: int, alpha: float) -> None:  # noqa: C901
    """Turn u − θ into the slope there.

    Args:
        x: u − θ, of any length, which the slopes replace.
        code: The number of the surrogate in `CODES`.
        alpha: The sharpness, in the type of x.
    """
    # constants in the type of x: others would turn a loop in float32 into one in float64
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
