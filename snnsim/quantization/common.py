"""The common step of the numbers of a group: the largest number of which all of them are integer multiples.

    K = the least integer, at most `most`, with r[i] K ∈ ℤ for all i of the group      r = number / largest weight

Shapes   r, slack, group (number,) · most, K (group,)
Names    K steps in the largest weight · slack the error of r by rounding, as a share of r
Exact    r K counts as an integer where a number of float64 is within 2^-48 of it. A number that is rounded to float32
         may be within 2^-22, but only where no K exists otherwise; a number of at most 16 bits, such as 0.375, is exact
"""

import numpy as np

DOUBLE, SINGLE = 2.0**-48, 2.0**-22
"""Relative errors of numbers of float64 and of float32, after a few operations."""
SHORT = 16
"""A number of at most so many bits is no result of rounding."""


def rounding(value: np.ndarray) -> np.ndarray:
    """Return the relative error of rounding of each number.

    Args:
        value: Numbers of any shape, float64. A number that float32 holds exactly and that has more than SHORT bits has
            the error SINGLE; any other number has DOUBLE.
    """
    with np.errstate(over="ignore"):
        single = value == value.astype(np.float32)
    mantissa = np.frexp(value)[0] * 2**SHORT
    return np.where(single & (mantissa != np.rint(mantissa)), SINGLE, DOUBLE)


def fewest(ratio: np.ndarray, slack: np.ndarray, group: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return K of each group, 1 for a group without numbers, 0 where no K is small enough.

    The numbers count as exact first. Their slack counts only in groups without such a K.

    Args:
        ratio: Numbers of at least 0 (number,), with 1 for the largest weight of each group.
        slack: Error of each number, as a share of it (number,).
        group: The group of each number (number,).
        most: The largest K of each group (group,); below 1, there is no K.
    """
    exact = _fewest(ratio, np.full(len(ratio), DOUBLE), group, most)
    return np.where(exact > 0, exact, _fewest(ratio, slack, group, np.where(exact > 0, 0, most)))


def _fewest(ratio: np.ndarray, slack: np.ndarray, group: np.ndarray, most: np.ndarray) -> np.ndarray:
    count = (most >= 1).astype(np.int64)
    while True:
        # groups without a K need no further search
        open_ = count[group] > 0
        ratio, slack, group = ratio[open_], slack[open_], group[open_]
        steps = ratio * count[group]
        fractions = np.flatnonzero(np.abs(steps - np.rint(steps)) > slack * steps)
        if not len(fractions):
            return count
        # K of a group is a multiple of the denominator of any of its numbers: the first one of each group is taken
        groups, first = np.unique(group[fractions], return_index=True)
        number = fractions[first]
        count[groups] *= _denominator(steps[number], slack[number], most[groups] // count[groups])


def _denominator(value: np.ndarray, slack: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return the least d up to `most` with value · d an integer, by continued fractions; 0 where there is none."""
    # denominators of two successive convergents, and the remainder of the continued fraction
    before, now = np.zeros(len(value)), np.ones(len(value))
    rest, denominator = value - np.floor(value), np.zeros(len(value), np.int64)
    while True:
        product = now * value
        integer = np.abs(product - np.rint(product)) <= slack * product
        open_ = (denominator == 0) & (now <= most)
        denominator[open_ & integer] = now[open_ & integer]
        # a convergent within rounding is taken, so the remainder of a number that goes on is not 0
        continued = open_ & ~integer & (rest > 0)
        if not continued.any():
            return denominator
        inverse = np.divide(1.0, rest, out=np.full(len(rest), np.inf), where=continued)
        quotient = np.floor(np.where(continued, inverse, 0.0))
        rest = np.where(continued, inverse - quotient, 0.0)
        before, now = now, np.where(continued, quotient * now + before, np.inf)
