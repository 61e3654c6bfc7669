"""Logarithm and exponential from additions, products and quotients alone: equal bits everywhere, in vector registers.

    ln x     x = 2^k m, √½ < m < √2;  ln m = 2 artanh(s), s = (m − 1) / (m + 1), as its series to s²¹
    exp x    x = k ln 2 + f, |f| ≤ ln 2 / 2;  exp f as its series to f¹²

Units    relative errors of some 10⁻¹⁶ · ln: positive normal numbers · exp: −700 ≤ x ≤ 0; below −700 it is exp(−700)
"""

import math

import numpy as np

from snnsim.kernels.common.jit import njit

# the bits of √½ and of 1, and those of a significand: a significand above √2 is halved, so that it lies around 1
_ROOT, _UNIT, _SIGNIFICAND = 0x3FE6A09E667F3BCD, 0x3FF0000000000000, 0x000FFFFFFFFFFFFF
_LN2 = math.log(2)
# ln 2 in two parts: the first has 21 zeros at its end, so that its product with k is exact
_LN2_HIGH = 0.693147180369123816490
_LN2_LOW = 1.90821492927058770002e-10
_LAST = 1 / 479001600


# a check for division by 0 would keep loops from vector registers
@njit(cache=True, error_model="numpy")
def ln(x: float) -> float:
    """Return the natural logarithm.

    Args:
        x: Positive normal number, from 2^-1022 on; others give wrong numbers.
    """
    bits = np.float64(x).view(np.int64) + (_UNIT - _ROOT)
    k = (bits >> 52) - 1023
    m = np.int64((bits & _SIGNIFICAND) + _ROOT).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = 1 / 15 + z * (1 / 17 + z * (1 / 19 + z / 21))
    series = 1 / 7 + z * (1 / 9 + z * (1 / 11 + z * (1 / 13 + z * series)))
    series = 1 + z * (1 / 3 + z * (1 / 5 + z * series))
    return np.float64(k) * _LN2 + 2.0 * s * series


@njit(cache=True, error_model="numpy")
def exp(x: float) -> float:
    """Return the exponential.

    Args:
        x: Number of at most 0; below -700 it counts as -700.
    """
    x = max(np.float64(x), -700.0)
    k = np.floor(x * (1 / _LN2) + 0.5)
    f = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = 1 / 5040 + f * (1 / 40320 + f * (1 / 362880 + f * (1 / 3628800 + f * (1 / 39916800 + f * _LAST))))
    series = 1 / 6 + f * (1 / 24 + f * (1 / 120 + f * (1 / 720 + f * series)))
    series = 1.0 + f * (1.0 + f * (0.5 + f * series))
    power: float = series * np.int64((np.int64(k) + 1023) << 52).view(np.float64)
    return power
