"""Lempel-Ziv complexity: published and hand-worked strings, the definition itself, and what must follow from it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snnsim
from snnsim.analysis import complexity, information


def history(symbols) -> list:
    """Return the phrases by their definition: grow each until it has not begun earlier."""
    text, phrases, start = list(symbols), [], 0
    while start < len(text):
        end = start + 1
        # the copy may overlap: all but the last symbol of the whole text so far
        while end <= len(text) and any(text[i : i + end - start] == text[start:end] for i in range(start)):
            end += 1
        phrases.append(text[start : min(end, len(text))])
        start = end
    return phrases


@pytest.mark.parametrize(
    ("phrases", "source"),
    [
        ("0 001 10 100 1000 101", "Lempel & Ziv 1976; Kaspar & Schuster 1987"),
        ("1 0 01 1110 1100 0010", "grown by hand, no phrase cut off"),
        ("0", "one symbol"),
        ("0 0000000", "a constant is copied from one step before, over itself"),
        ("0 1 010101010", "a period of two"),
        ("0 01 011 0111 01111 0", "each phrase but the last is the one before and a 1"),
        ("a b c abcabcab", "three letters"),
        ("", "nothing"),
    ],
)
def test_strings_that_are_parsed_by_hand(phrases, source):
    string = phrases.replace(" ", "")
    assert ["".join(phrase) for phrase in history(string)] == phrases.split(), source
    assert snnsim.lz76(string) == len(phrases.split())
    assert isinstance(snnsim.lz76(string), int)


@st.composite
def strings(draw):
    letters = draw(st.sampled_from([1, 2, 2, 3, 5]))
    text = draw(st.lists(st.integers(0, letters - 1), max_size=60))
    # repeats make long phrases, which random strings do not have
    return (text * draw(st.integers(1, 3)))[:90]


@settings(max_examples=1000, deadline=None)
@given(strings())
def test_lz76_equals_the_definition(string):
    assert snnsim.lz76(string) == len(history(string))


@settings(deadline=None)
@given(strings(), st.permutations([3, -7, 11, 0, 2]))
def test_names_of_the_symbols_do_not_matter(string, names):
    assert snnsim.lz76(np.array(names)[np.array(string, int)]) == snnsim.lz76(string)


@settings(deadline=None)
@given(strings(), strings())
def test_lz76_is_monotone_and_subadditive(first, second):
    """Lempel & Ziv 1976: c(x) <= c(xy) <= c(x) + c(y) + 1 (the phrase that is cut off)."""
    both = snnsim.lz76(first + second)
    assert snnsim.lz76(first) <= both <= snnsim.lz76(first) + snnsim.lz76(second) + 1


def test_of_trains_counts_every_train():
    trains = np.random.default_rng(0).random((50, 4, 3)) < 0.3
    count = complexity.of_trains(trains)
    assert count.shape == (4, 3)
    for index in np.ndindex(4, 3):
        assert count[index] == snnsim.lz76(trains[:, *index])
    np.testing.assert_allclose(complexity.normalized(trains), count * np.log2(50) / 50)


def test_interleaved_and_joint_strings():
    trains = np.array([[0, 1], [1, 1], [0, 0], [0, 1]])
    np.testing.assert_array_equal(complexity.interleaved(trains), [0, 1, 1, 1, 0, 0, 0, 1])
    named = complexity.joint(trains)
    np.testing.assert_array_equal(named[:, None] == named[None], (trains[:, None] == trains[None]).all(2))
    wide = np.random.default_rng(0).integers(0, 2**40, (9, 30))
    assert len(set(complexity.joint(np.concatenate([wide, wide])))) == 9


def test_no_trains_and_no_steps():
    assert complexity.of_trains(np.zeros((10, 0))).shape == (0,)
    np.testing.assert_array_equal(complexity.of_trains(np.zeros((0, 3))), [0, 0, 0])
    assert complexity.normalized(np.zeros((1, 2))).tolist() == [0, 0]


@pytest.mark.parametrize("probability", [0.05, 0.2, 0.5])
def test_the_entropy_rate_is_approached(probability):
    wanted = -probability * np.log2(probability) - (1 - probability) * np.log2(1 - probability)
    string = np.random.default_rng(3).random(300_000) < probability
    assert information.entropy_rate(string) == pytest.approx(wanted, rel=0.06)


def test_the_rate_of_fair_flips_is_approached_from_above():
    string = np.random.default_rng(3).random(300_000) < 0.5
    rates = [information.entropy_rate(string[:length]) for length in (300, 3_000, 30_000, 300_000)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > 1


def test_information_of_a_noisy_copy():
    """A copy of which a share is flipped: 1 - H(share) bits; what is independent, or shifted, has next to none."""
    rng = np.random.default_rng(4)
    first = rng.random(200_000) < 0.5
    copy = first ^ (rng.random(first.size) < 0.11)
    wanted = 1 + 0.11 * np.log2(0.11) + 0.89 * np.log2(0.89)
    rest = information.mutual_information(first, np.roll(copy, 1000))
    assert 0 < rest < 0.08
    assert information.mutual_information(first, copy) - rest == pytest.approx(wanted, abs=0.06)
    assert information.mutual_information(first, first) == pytest.approx(information.entropy_rate(first))


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"lz76: symbols must be one string, \(time,\); got shape \(3, 2\)"):
        snnsim.lz76(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"of_trains: trains must be \(time, ...\)"):
        complexity.of_trains(3)
    with pytest.raises(ValueError, match=r"normalized: .* a step or more"):
        complexity.normalized([])
    with pytest.raises(ValueError, match=r"joint: trains must be \(time, train\)"):
        complexity.joint([0, 1])
    with pytest.raises(ValueError, match=r"entropy_rate: .* \(2, 2\)"):
        information.entropy_rate(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"mutual_information: .* \(3,\) and \(4,\)"):
        information.mutual_information(np.zeros(3), np.zeros(4))
