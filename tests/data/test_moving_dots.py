"""The patterns task: a single frame does not tell the direction, two frames do."""

from dataclasses import replace

import numpy as np
import pytest

from snnsim.data import heidelberg
from snnsim.data.binning import bin_events
from snnsim.data.synthetic import moving_dots

RECIPE = moving_dots.Recipe()
CLASSES = len(moving_dots.DIRECTIONS)


@pytest.fixture(scope="module")
def drawn():
    """Many movies, (recording, time, row, column, polarity), and their labels."""
    label = np.arange(4000) % CLASSES
    return moving_dots.events(label, np.random.default_rng(0), RECIPE), label


def evidence(movie):
    """Dots that go dark and light up a step later in the pixel of every direction, (recording, class)."""
    on, off = movie[:, 1:, ..., 0], movie[:, :-1, ..., 1]
    moved = [np.roll(off, move, axis=(2, 3)) & on for move in moving_dots.DIRECTIONS.values()]
    return np.stack([each.sum((1, 2, 3)) for each in moved], axis=1)


def test_an_oracle_that_compares_two_steps_classifies_well(drawn):
    movie, label = drawn
    assert (evidence(movie).argmax(1) == label).mean() > 0.95


def test_the_same_oracle_with_shuffled_steps_is_at_chance_level(drawn):
    movie, label = drawn
    shuffled = np.random.default_rng(1).permuted(np.arange(RECIPE.steps))
    assert (np.abs(np.diff(shuffled)) > 1).mean() > 0.5
    alone = movie.copy()
    # steps of recordings that have nothing to do with each other
    for step in range(RECIPE.steps):
        for number in range(CLASSES):
            same = np.flatnonzero(label == number)
            alone[same, step] = movie[np.roll(same, step), step]
    assert abs((evidence(alone).argmax(1) == label).mean() - 1 / CLASSES) < 0.03


def test_frames_do_not_depend_on_the_class(drawn):
    """Rates of pixels, counts of steps, and coincidences within a frame at every move, each against its spread."""
    movie, label = drawn
    frames = movie.reshape(len(movie), RECIPE.steps, -1).astype(float).mean(1)
    within = [
        [(np.roll(movie[..., a], move, axis=(2, 3)) & movie[..., b]).sum((1, 2, 3)) for a in (0, 1) for b in (0, 1)]
        for move in moving_dots.DIRECTIONS.values()
    ]
    polarities = movie.sum((2, 3)).reshape(len(movie), -1).astype(float)
    for statistic in (frames, polarities, np.concatenate(within).T.astype(float)):
        error = statistic.std(0) / np.sqrt((label == 0).sum())
        for number in range(CLASSES):
            z = (statistic[label == number].mean(0) - statistic.mean(0)) / error
            assert np.abs(z).max() < 5
            # coincidences hang on each other, so that their z are all small or all large together
            assert (z**2).mean() < 2


def test_dots_blink_and_move_while_dark():
    recipe = moving_dots.Recipe(dots=1, jitter=0.0, noise=0.0)
    label = np.arange(CLASSES)
    movie = moving_dots.events(label, np.random.default_rng(1), recipe)
    assert (movie.sum((2, 3, 4)) == 1).all()
    for number, move in enumerate(moving_dots.DIRECTIONS.values()):
        _, row, column, polarity = np.nonzero(movie[number])
        assert (np.diff(polarity) != 0).all()
        expected = np.where(np.diff(polarity)[:, None] < 0, move, (0, 0))
        np.testing.assert_array_equal(np.diff(row) % 16, expected[:, 0] % 16)
        np.testing.assert_array_equal(np.diff(column) % 16, expected[:, 1] % 16)


def test_jitter_and_noise_have_their_probabilities():
    label = np.zeros(400, int)
    still = moving_dots.events(label, np.random.default_rng(1), moving_dots.Recipe(jitter=0.0, noise=0.0))
    moved = moving_dots.events(label, np.random.default_rng(1), moving_dots.Recipe(jitter=0.5, noise=0.0))
    # eight of the nine places of a jitter are elsewhere
    assert (still & ~moved).sum() / still.sum() == pytest.approx(0.5 * 8 / 9, abs=0.03)
    noise = moving_dots.events(label, np.random.default_rng(1), moving_dots.Recipe(jitter=0.0, noise=0.01))
    assert (noise & ~still).mean() == pytest.approx(0.01, rel=0.1)


def test_the_seed_decides_and_the_splits_differ():
    first, second, other = moving_dots.make(3), moving_dots.make(3), moving_dots.make(4)
    assert {split: len(generated) for split, generated in first.items()} == dict(RECIPE.recordings)
    for split, generated in first.items():
        np.testing.assert_array_equal(generated.unit, second[split].unit)
        assert not np.array_equal(generated.unit[:500], other[split].unit[:500])
        assert np.ptp(np.bincount(generated.label)) <= 1
    assert not np.array_equal(first["valid"].unit[:500], first["test"].unit[:500])


def test_the_files_bin_back_to_the_movies_and_are_cached(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path))
    folder = moving_dots.PATTERNS.prepare(seed=5)
    read, generated = heidelberg.read(heidelberg.find(folder, "patterns")["test"]), moving_dots.make(5)["test"]
    assert (read.units, read.classes) == (512, tuple(moving_dots.DIRECTIONS))
    frames, length = bin_events(read, time_step_ms=10.0, channels=512).dense(np.arange(len(read)))
    assert (length == RECIPE.steps).all()
    movie = frames.swapaxes(0, 1).reshape(len(read), RECIPE.steps, 16, 16, 2).astype(bool)
    assert (evidence(movie).argmax(1) == read.label).mean() > 0.95
    np.testing.assert_array_equal(read.label, generated.label)
    assert replace(moving_dots.PATTERNS, generate=None).prepare(seed=5) == folder


@pytest.mark.parametrize("wrong", [{"side": 2}, {"dots": 0}, {"jitter": 1.5}, {"noise": 1.0}])
def test_invalid_recipes_are_refused(wrong):
    with pytest.raises(ValueError, match="patterns: the side must be 3 or more"):
        moving_dots.Recipe(**wrong)
