"""The inverse of the normal distribution: a normal number from one uniform number, of portable arithmetic.

    ξ = Φ⁻¹(r)        rational functions of q = r − 1/2 for |q| <= 0.425, and of √(−ln min(r, 1 − r)) elsewhere

Units    relative error below 10⁻¹⁵; |ξ| < 8.3 for the uniform numbers of counter_rng.py, which are 2⁻⁵³ or more
Source   Wichura 1988, Applied Statistics 37:477, algorithm AS 241 (PPND16)
Exact    additions, products, quotients, square roots and the logarithm of portable_math.py: the same bits everywhere
"""

import math

import numpy as np

from snnsim.kernels.common.jit import njit, subroutine
from snnsim.kernels.common.portable_math import ln

# numerators and denominators, from the highest power down
_CENTER = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080,
)  # fmt: skip
_UNDER_CENTER = (
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0,
)  # fmt: skip
_MIDDLE = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
    3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734,
)  # fmt: skip
_UNDER_MIDDLE = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940, 2.05319162663775882187, 1.0,
)  # fmt: skip
_TAIL = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
    2.96560571828504891230e-1, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720,
)  # fmt: skip
_UNDER_TAIL = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
    1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0,
)  # fmt: skip


@subroutine(cache=True, nogil=True, error_model="numpy")
def _ratio(x: float, above: tuple[float, ...], below: tuple[float, ...]) -> float:
    numerator, denominator = above[0], below[0]
    for power in range(1, 8):
        numerator = numerator * x + above[power]
        denominator = denominator * x + below[power]
    return numerator / denominator


@njit(cache=True, nogil=True, error_model="numpy")
def normal(r: float) -> float:
    """Return the normal number below which a share of all normal numbers lies.

    Args:
        r: The share, above 0 and below 1; such as a uniform random number.
    """
    q = r - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(0.180625 - q * q, _CENTER, _UNDER_CENTER)
    distance = math.sqrt(-ln(np.float64(min(r, 1 - r))))
    size = _ratio(distance - 1.6, _MIDDLE, _UNDER_MIDDLE)
    if distance > 5:
        size = _ratio(distance - 5, _TAIL, _UNDER_TAIL)
    return size if q > 0 else -size
