"""Weights and delays on grids of few values.

    int N      q = clip(round(w / s), ± (2^(N−1) − 1))       s = r · max |w| / (2^(N−1) − 1)
               r = 1, or the r of RATIOS with the least Σ (w − s q)²
    steps      w = K s q exactly, where all weights of a group are integer multiples of one number (common.py)
    ternary    q = −1, 0 or 1, whichever s q is nearest      s = mean of the |w| above 0.7 mean |w|
    delay      k = clip(round(d / resolution), 0, 2^bits − 1)  steps of `resolution`

Shapes   w (weight,) · group (weight,), the scale that each weight has · s (group,)
Names    s scale, the weight of the integer 1 · q integer
Source   ternary: Li, Zhang, Liu 2016, arXiv 1605.04711
Exact    s is stored with 24 bits, so that s q is exact in float64, and so are the sums of the Program in floats
"""

import re
from dataclasses import dataclass

import numpy as np

from snnsim.program.edge import LONGEST_DELAY
from snnsim.validation import shown

RATIOS = tuple(1 - 0.02 * number for number in range(31))
"""Scales that a search tries, as shares of the scale that clips no weight."""


def largest(kind: str) -> int:
    """Return the largest integer weight of a kind of weights.

    Args:
        kind: One of "int2" to "int16", or "ternary", whose weights are -1, 0 and 1.
    """
    return 1 if kind == "ternary" else int(2 ** (bits(kind) - 1)) - 1


def bits(kind: str) -> int:
    """Return the number of bits of a weight.

    Args:
        kind: One of "int2" to "int16", or "ternary", which takes 2 bits.

    Raises:
        ValueError: If the kind of weights is unknown.
    """
    match = re.fullmatch(r"int(\d{1,3})", kind) if isinstance(kind, str) else None
    if match is None and isinstance(kind, str) and kind == "ternary":
        return 2
    if match is None or not 2 <= int(match[1]) <= 16:
        raise ValueError(
            f"weights {shown(kind)} are unknown; the known ones are ternary and int2 to int16, such as int8"
        )
    return int(match[1])


def scaled(weight: np.ndarray, group: np.ndarray, groups: int, *, kind: str, search: bool) -> np.ndarray:
    """Return the scale of each group, 0 where all its weights are 0.

    Args:
        weight: The weights (weight,).
        group: The group of each weight (weight,).
        groups: Number of groups.
        kind: "int2" to "int16", or "ternary".
        search: Whether to take the scale of RATIOS with the least squared error. Otherwise no weight is clipped.

    Returns:
        float64 (group,), of 24 bits.
    """
    size = np.abs(weight)
    if kind == "ternary":
        number = np.bincount(group, minlength=groups)
        mean = np.bincount(group, size, groups) / np.maximum(number, 1)
        large = size > 0.7 * mean[group]
        count = np.bincount(group[large], minlength=groups)
        return short(np.bincount(group[large], size[large], groups) / np.maximum(count, 1))
    most = np.zeros(groups)
    np.maximum.at(most, group, size)
    steps = largest(kind)
    best, least = short(most / steps), None
    for ratio in RATIOS if search else ():
        scale = short(ratio * most / steps)
        error = np.bincount(group, (weight - rounded(weight, scale[group], kind) * scale[group]) ** 2, groups)
        better = np.ones(groups, bool) if least is None else error < least
        best = np.where(better, scale, best)
        least = error if least is None else np.minimum(error, least)
    return best


def rounded(weight: np.ndarray, scale: np.ndarray, kind: str) -> np.ndarray:
    """Return the integers of weights, as float64; 0 where the scale is 0.

    Args:
        weight: The weights (weight,).
        scale: The scale of each weight (weight,).
        kind: "int2" to "int16", or "ternary".
    """
    relative: np.ndarray = np.divide(weight, scale, out=np.zeros_like(weight, np.float64), where=scale > 0)
    if kind == "ternary":
        sign: np.ndarray = np.sign(relative) * (np.abs(relative) >= 0.5)
        return sign
    most = largest(kind)
    clipped: np.ndarray = np.clip(np.rint(relative), -most, most)
    return clipped


def short(scale: np.ndarray, *, up: bool = False) -> np.ndarray:
    """Return numbers rounded to 24 bits, the precision of float32 at any exponent.

    Args:
        scale: The numbers, of any shape.
        up: Whether to round up to the next number, not to the nearest one.
    """
    mantissa, exponent = np.frexp(scale)
    bits = mantissa * 2**24
    result: np.ndarray = np.ldexp((np.ceil(bits) if up else np.rint(bits)) / 2**24, exponent)
    return result


@dataclass(frozen=True)
class DelayGrid:
    """The delays of a chip: 2^bits multiples of a resolution, from 0."""

    bits: int
    resolution: int = 1
    """In steps."""

    @classmethod
    def named(cls, text: str) -> "DelayGrid":
        """Return the grid that a text describes.

        Args:
            text: The number of bits, from 0 to 16, such as "6bit". A resolution in steps may follow, such as "5bit:2".

        Raises:
            ValueError: If the text names no grid.
        """
        match = re.fullmatch(r"(\d{1,3})bit(?::(\d{1,5}))?", text) if isinstance(text, str) else None
        if match is None or not 0 <= int(match[1]) <= 16 or int(match[2] or 1) < 1:
            raise ValueError(
                f"delays {shown(text)} are unknown; give the number of bits, and behind a colon the resolution in "
                "steps, such as 6bit or 5bit:2"
            )
        return cls(int(match[1]), int(match[2] or 1))

    @property
    def longest(self) -> int:
        """The longest delay, in steps, within those that an edge holds."""
        return min(int(2**self.bits - 1), LONGEST_DELAY // self.resolution) * self.resolution

    def nearest(self, delay: np.ndarray) -> np.ndarray:
        """Return the nearest delays of the grid, in steps.

        Args:
            delay: Delays in steps, of any shape. A delay half way between two values goes to the even multiple of the
                resolution; one beyond the grid goes to the longest delay.
        """
        return np.clip(np.rint(delay / self.resolution) * self.resolution, 0, self.longest)
