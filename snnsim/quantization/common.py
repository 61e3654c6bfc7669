"""The step that all numbers of a group are whole multiples of, where there is one.

    K = the least integer, at most `most`, with r[i] K ∈ ℤ for all i of the group      r = number / largest weight

Shapes   r, slack, group (number,) · most, K (group,)
Names    K how many steps the largest weight is · slack how far r may be off, as a share of it: by rounding
Exact    a number of float64 is taken for r K where it is within 2^-48 of it; one that is rounded to float32, within
         2^-22 (but not one of 16 bits or fewer, such as 0.375: it is what was meant)
"""

import numpy as np

DOUBLE, SINGLE = 2.0**-48, 2.0**-22
SHORT = 16


def rounding(value: np.ndarray) -> np.ndarray:
    """Return how far each number may be off by rounding, as a share of it."""
    with np.errstate(over="ignore"):
        single = value == value.astype(np.float32)
    mantissa = np.frexp(value)[0] * 2**SHORT
    return np.where(single & (mantissa != np.rint(mantissa)), SINGLE, DOUBLE)


def fewest(ratio: np.ndarray, slack: np.ndarray, group: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return K of each group, 1 for one without numbers, 0 where no K is small enough.

    Args:
        ratio: Numbers that are not negative (number,), with 1 for the largest weight of each group.
        slack: How far each may be off, as a share of it (number,).
        group: The group of each number (number,).
        most: The largest K of each group (group,); below 1, there is none.
    """
    found = (most >= 1).astype(np.int64)
    while True:
        there = found[group] > 0
        ratio, slack, group = ratio[there], slack[there], group[there]
        steps = ratio * found[group]
        wrong = np.flatnonzero(np.abs(steps - np.rint(steps)) > slack * steps)
        if not len(wrong):
            return found
        # one of each group: what K must be multiplied by at least
        groups, place = np.unique(group[wrong], return_index=True)
        one = wrong[place]
        found[groups] *= _denominator(steps[one], slack[one], most[groups] // found[groups])


def _denominator(value: np.ndarray, slack: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return the least d up to `most` with value · d an integer, by continued fractions; 0 where there is none."""
    before, now = np.zeros(len(value)), np.ones(len(value))
    rest, found = value - np.floor(value), np.zeros(len(value), np.int64)
    while True:
        times = now * value
        whole = np.abs(times - np.rint(times)) <= slack * times
        open_ = (found == 0) & (now <= most)
        found[open_ & whole] = now[open_ & whole]
        # a convergent that is within rounding has been taken, so the rest of one that goes on is not 0
        on = open_ & ~whole & (rest > 0)
        if not on.any():
            return found
        inverse = np.divide(1.0, rest, out=np.full(len(rest), np.inf), where=on)
        part = np.floor(np.where(on, inverse, 0.0))
        rest = np.where(on, inverse - part, 0.0)
        before, now = now, np.where(on, part * now + before, np.inf)
