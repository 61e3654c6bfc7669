"""The embedded pattern is in its windows, and neither rates nor their sum reveal it."""

import itertools

import numpy as np
import pytest

from snnsim.data.synthetic import embedded_pattern

RECIPE = embedded_pattern.Recipe(afferents=200, repeating=100)
WINDOW = RECIPE.window_ms * RECIPE.steps_per_ms


def pieces(seed, count=2, recipe=RECIPE, windows=200):
    return list(itertools.islice(embedded_pattern.stream(np.random.default_rng(seed), recipe, windows=windows), count))


def test_the_pattern_is_repeated_without_jitter_exactly():
    """Without noise and jitter, the repeating afferents have the same spikes in every window of the pattern."""
    exact = pieces(0, recipe=embedded_pattern.Recipe(200, 100, noise_hz=0.0, jitter_ms=0.0))
    sets = []
    for piece in exact:
        for begin in piece.windows:
            inside = (piece.step >= begin) & (piece.step < begin + WINDOW) & (piece.afferent < 100)
            sets.append(sorted(zip(piece.step[inside] - begin, piece.afferent[inside], strict=True)))
    assert len(sets) > 60
    assert all(each == sets[0] for each in sets)
    assert len(sets[0]) > 200


def test_windows_have_their_share_and_are_never_consecutive():
    begin = np.concatenate([piece.windows for piece in pieces(1, count=10)])
    assert abs(len(begin) / 2000 - RECIPE.share) < 4 * np.sqrt(0.25 * 0.75 / 2000)
    assert np.diff(begin).min() == 2 * WINDOW
    assert (begin % WINDOW == 0).all()


def test_rates_do_not_reveal_the_pattern():
    """Windows with the pattern have as many spikes as others, over several patterns."""
    patterns, others = [], []
    for seed in range(12):
        piece = pieces(seed, count=1)[0]
        count = np.bincount(piece.step // WINDOW, minlength=200)
        has = np.isin(np.arange(200) * WINDOW, piece.windows)
        patterns.append(count[has].mean())
        others.append(count[~has].mean())
    difference = np.array(patterns) - np.array(others)
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(12)
    assert 4 * difference.std() / np.sqrt(12) < 0.1 * np.mean(others)


def test_no_afferent_is_silent_for_long():
    piece = pieces(3, count=1, recipe=embedded_pattern.Recipe(50, 0, noise_hz=0.0))[0]
    for afferent in range(50):
        mine = piece.step[piece.afferent == afferent]
        assert np.diff(mine).max() <= 51 * RECIPE.steps_per_ms


def test_pieces_follow_each_other_and_the_seed_decides():
    first, second = pieces(4)
    assert first.step.min() >= 0
    assert first.step.max() < first.steps <= second.step.min()
    assert (np.diff(second.step) >= 0).all()
    np.testing.assert_array_equal(pieces(4)[1].step, second.step)
    assert len(pieces(5)[1].step) != len(second.step)


@pytest.mark.parametrize("wrong", [{"share": 0.6}, {"repeating": 3000}])
def test_invalid_recipes_are_refused(wrong):
    with pytest.raises(ValueError, match="share of windows must be above 0, at most"):
        embedded_pattern.Recipe(**wrong)
