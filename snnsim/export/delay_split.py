"""Delays of synapses as delays of axons and dendrites, and a rest of the fewest bits.

    d[j, i] = axonal[i] + dendritic[j] + rest[j, i]        0 ≤ rest ≤ 2^bits − 1, of all existing synapses i → j

A rest of at most R is a system of differences, which has integer solutions wherever it has solutions:

    axonal[i] − c[j] ≤ d[j, i]        c[j] − axonal[i] ≤ R − d[j, i]        c = −dendritic ≤ 0 ≤ axonal

The fewest bits, and then the smallest R of these bits, are those for which shortest paths (Bellman, Ford) exist.

Shapes   d, rest (target, source) · axonal (source,) · dendritic (target,)
Units    delays in steps
Source   Bellman 1958, Quarterly of Applied Mathematics 16:87; the fields of files and chips are in docs/targets
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from snnsim.validation import integer, known, require

_MOST = 2**24


class Accepted(NamedTuple):
    """The longest delay of each kind that a target accepts, in steps; 0 for none, None for any."""

    synaptic: int | None
    axonal: int | None
    dendritic: int | None
    combined: bool
    """Whether delays of several kinds may be on the way of one spike."""
    source: str


ACCEPTED: dict[str, Accepted] = {
    "loihi1": Accepted(62, 0, 0, False, "6 bits per synapse"),
    "loihi2": Accepted(62, 62, 62, False, "netx: a number, one per input, one per output, or a matrix; 62 at most"),
    "spinnaker": Accepted(288, 0, 0, False, "per synapse; beyond the ring buffer of 32 by extension cores"),
    "xylo": Accepted(0, None, 0, False, "a chain of relay neurons per source, a neuron for each step"),
    "nir": Accepted(None, None, None, True, "a Delay in front of a Linear node, and one behind it"),
    "c": Accepted(255, 0, 0, False, "8 bits per synapse"),
}
"""Delays that targets accept, by name of the target."""


@dataclass(frozen=True, eq=False)
class DelaySplit:
    """Delays of axons, of dendrites and of synapses, whose sums are those of a matrix."""

    axonal: np.ndarray
    """int64 (source,)."""
    dendritic: np.ndarray
    """int64 (target,)."""
    rest: np.ndarray
    """int64 (target, source), 0 where there is no synapse."""
    longest: int
    """The longest delay of a synapse that exists."""

    @property
    def bits(self) -> int:
        """Bits of the rest."""
        return int(self.rest.max(initial=0)).bit_length()

    def total(self) -> np.ndarray:
        """Return the sums of all delays (target, source), of synapses that exist or not."""
        total: np.ndarray = self.axonal + self.dendritic[:, None] + self.rest
        return total

    def accepted_by(self, target: str) -> list[str]:
        """Return the reasons why a target does not accept the split; none if it does.

        Args:
            target: A name of ACCEPTED.

        Raises:
            ValueError: If the target is unknown.
        """
        known(target, ACCEPTED, "accepted_by: target")
        limits = ACCEPTED[target]
        if limits.synaptic is None or self.longest <= limits.synaptic:
            # synapses hold the sums
            return []
        longest = {
            "synaptic": int(self.rest.max(initial=0)),
            "axonal": int(self.axonal.max(initial=0)),
            "dendritic": int(self.dendritic.max(initial=0)),
        }
        reasons = []
        for kind, steps in longest.items():
            limit = getattr(limits, kind)
            if limit is not None and steps > limit:
                reasons.append(f"{target}: {kind} delays must be at most {limit} steps, not {steps} ({limits.source})")
        present = [kind for kind, steps in longest.items() if steps]
        if not limits.combined and len(present) > 1:
            reasons.append(f"{target}: delays must be of one kind, not {' and '.join(present)} ({limits.source})")
        return reasons


def split_delays(
    delay: Any, exists: Any = None, *, axonal_limit: int | None = None, dendritic_limit: int | None = None
) -> DelaySplit:
    """Return the split of a matrix of delays whose rest has the fewest bits, and then the smallest maximum.

    Args:
        delay: Integers (target, source), in steps, 0 or more.
        exists: Whether there is a synapse (target, source); None for all.
        axonal_limit: The longest axonal delay, in steps; 0 for none of them, None for any.
        dendritic_limit: The longest dendritic delay, in steps.

    Raises:
        ValueError: If the delays are no such matrix.
    """
    matrix, mask = _checked(delay, exists)
    limits = [
        _MOST if limit is None else integer(limit, who="split_delays", name=name, at_least=0, at_most=_MOST)
        for name, limit in (("axonal_limit", axonal_limit), ("dendritic_limit", dendritic_limit))
    ]
    # a rest of the longest delay always exists: all delays are synaptic
    low, high = -1, int(matrix[mask].max(initial=0))
    best = np.zeros(matrix.shape[1], np.int64), np.zeros(matrix.shape[0], np.int64)
    while high - low > 1:
        middle = (low + high) // 2
        solution = _solution(matrix, mask, middle, (limits[0], limits[1]))
        if solution is None:
            low = middle
        else:
            high, best = middle, solution
    axonal, dendritic = _with_more(matrix, mask, best, (limits[0], limits[1]))
    rest = np.where(mask, matrix - axonal - dendritic[:, None], 0)
    return DelaySplit(axonal, dendritic, rest, int(matrix[mask].max(initial=0)))


def _with_more(
    delay: np.ndarray, mask: np.ndarray, best: tuple[np.ndarray, np.ndarray], limits: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return axonal and dendritic delays with all that the synapses of a source or of a target share."""
    axonal, dendritic = best
    # what all dendrites share is a delay of the axons, as far as these may be longer
    common = min(int(dendritic.min(initial=_MOST)), limits[0] - int(axonal.max(initial=0)))
    axonal, dendritic = axonal + common, dendritic - common
    shared = np.where(mask, delay - axonal - dendritic[:, None], _MOST).min(0, initial=_MOST)
    axonal = axonal + np.where(mask.any(0), np.minimum(shared, limits[0] - axonal), 0)
    shared = np.where(mask, delay - axonal - dendritic[:, None], _MOST).min(1, initial=_MOST)
    return axonal, dendritic + np.where(mask.any(1), np.minimum(shared, limits[1] - dendritic), 0)


def _checked(delay: Any, exists: Any) -> tuple[np.ndarray, np.ndarray]:
    matrix = np.asarray(delay)
    integers = matrix.ndim == 2 and matrix.dtype.kind in "iu"
    require(integers, f"split_delays: delays must be integers (target, source), not {matrix.dtype} of {matrix.shape}")
    mask = np.ones(matrix.shape, bool) if exists is None else np.asarray(exists).astype(bool)
    require(mask.shape == matrix.shape, f"split_delays: exists must be {matrix.shape}, as the delays, not {mask.shape}")
    inside = not mask.any() or bool(matrix[mask].min() >= 0 and matrix[mask].max() <= _MOST)
    require(inside, f"split_delays: delays must be from 0 to {_MOST} steps")
    return matrix.astype(np.int64), mask


def _solution(
    delay: np.ndarray, mask: np.ndarray, largest: int, limits: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return axonal and dendritic delays that leave a rest of at most `largest`; None if there are none."""
    far = 4 * _MOST
    upper = np.where(mask, delay, far)
    lower = np.where(mask, largest - delay, far)
    axonal, c, zero = np.zeros(delay.shape[1], np.int64), np.zeros(delay.shape[0], np.int64), 0
    for _ in range(sum(delay.shape) + 2):
        before = axonal.copy(), c.copy(), zero
        axonal = np.minimum(axonal, np.minimum((c[:, None] + upper).min(0, initial=far), zero + limits[0]))
        c = np.minimum(c, np.minimum((axonal + lower).min(1, initial=far), zero))
        zero = min(zero, int(axonal.min(initial=zero)), int((c + limits[1]).min(initial=zero)))
        if np.array_equal(axonal, before[0]) and np.array_equal(c, before[1]) and zero == before[2]:
            return axonal - zero, zero - c
    # distances that still shrink are on a cycle of negative length
    return None
