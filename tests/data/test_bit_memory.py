"""Labels by their definition, the published statistics of the bits, and chance levels as exact fractions."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from snnsim.data.synthetic import bit_memory


@pytest.mark.parametrize("level", [2, 3, 7])
def test_labels_follow_the_definition(level):
    bits = np.random.default_rng(0).integers(0, 2, (20, 6)).astype(np.uint8)
    parity, dms = (bit_memory.labels(task, bits, level) for task in ("parity", "dms"))
    assert parity.shape == dms.shape == (20 - level + 1, 6)
    for t, stream in np.ndindex(parity.shape):
        window = bits[t : t + level, stream]
        assert parity[t, stream] == sum(map(int, window)) % 2
        assert dms[t, stream] == (window[0] == window[-1])


def beta(ones, zeros, half):
    """∫ p^ones (1 − p)^zeros dp from 0 to 1, or to 1/2: a sum of exact fractions."""
    if not half:
        return Fraction(1, (ones + zeros + 1) * comb(ones + zeros, ones))
    terms = (Fraction((-1) ** k * comb(zeros, k), (ones + k + 1) * 2 ** (ones + k + 1)) for k in range(zeros + 1))
    return sum(terms, Fraction(0))


@pytest.mark.parametrize("level", [2, 3, 5, 10, 30])
def test_chance_in_parity_is_that_of_who_knows_the_side_of_p(level):
    """Best decision from p < 1/2 or p > 1/2 alone, by exact integrals over p of all numbers of ones."""
    right = Fraction(0)
    for half in (True, False):
        odd = even = Fraction(0)
        for ones in range(level + 1):
            below = beta(ones, level - ones, True)
            probability = comb(level, ones) * (below if half else beta(ones, level - ones, False) - below)
            odd, even = (odd + probability, even) if ones % 2 else (odd, even + probability)
        right += max(odd, even)
    assert right == Fraction(1, 2) + Fraction(1, 2 * (level + 1))
    assert bit_memory.chance("parity", level) == pytest.approx(float(right), abs=1e-15)


def test_chance_in_delayed_match_to_sample_is_a_half():
    """Of all words of N fair bits, half match; no count of ones changes that for a majority of both answers."""
    for level in (2, 5, 8):
        words = (np.arange(2**level)[:, None] >> np.arange(level)) & 1
        assert bit_memory.labels("dms", words.T, level).mean() == bit_memory.chance("dms", level) == 0.5


def test_bits_have_the_published_statistics():
    generator = np.random.default_rng(1)
    share = {task: bit_memory.bits(task, (400, 2000), generator).mean(0) for task in bit_memory.TASKS}
    # the mean of a uniform probability has variance 1/12, of which 1/6 p (1 − p) / 400 is small
    assert share["parity"].std() == pytest.approx(12**-0.5, rel=0.05)
    assert share["dms"].std() == pytest.approx(0.5 / 20, rel=0.1)
    steps = [bit_memory.length(5, generator) for _ in range(2000)]
    assert (min(steps), max(steps)) == (7, 21)


def test_wrong_levels_and_tasks_are_named():
    with pytest.raises(ValueError, match="labels: level must be an integer of at least 2, not 1"):
        bit_memory.labels("parity", np.zeros((5, 1)), 1)
    with pytest.raises(ValueError, match="of 6 steps or more"):
        bit_memory.labels("parity", np.zeros((5, 1)), 6)
    with pytest.raises(ValueError, match="task 'xor' is unknown"):
        bit_memory.bits("xor", (3, 1), np.random.default_rng(0))
