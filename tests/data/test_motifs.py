"""The motifs task: the exact delays tell the classes, and no other statistic does."""

from dataclasses import replace

import numpy as np
import pytest

from snnsim.data import heidelberg
from snnsim.data.binning import bin_events
from snnsim.data.synthetic import motifs

RECIPE = motifs.Recipe()
CLASSES = len(RECIPE.lags)


@pytest.fixture(scope="module")
def drawn():
    """Many rasters, (recording, time, channel), and their labels."""
    label = np.arange(3000) % CLASSES
    return motifs.rasters(label, np.random.default_rng(0), RECIPE), label


def evidence(raster, lag):
    """Coincidences of every pair at the lags of every class, (recording, class)."""
    first, second = raster[..., 0::2].astype(int), raster[..., 1::2].astype(int)
    result = np.zeros((len(raster), len(lag)), int)
    for number, row in enumerate(lag):
        for pair, steps in enumerate(row):
            result[:, number] += (first[:, : RECIPE.steps - steps, pair] * second[:, steps:, pair]).sum(1)
    return result


def test_an_oracle_with_the_lags_classifies_well(drawn):
    raster, label = drawn
    assert (evidence(raster, motifs.lag(RECIPE)).argmax(1) == label).mean() > 0.95


@pytest.mark.parametrize("shift", [len(RECIPE.lags), 30])
def test_the_same_oracle_with_other_lags_is_at_chance_level(drawn, shift):
    raster, label = drawn
    wrong = motifs.lag(RECIPE) + shift
    assert not np.isin(wrong, RECIPE.lags).any()
    assert abs((evidence(raster, wrong).argmax(1) == label).mean() - 1 / CLASSES) < 0.03


def test_every_class_uses_every_lag_equally_often():
    lag = motifs.lag(RECIPE)
    assert lag.shape == (CLASSES, RECIPE.pairs)
    for row in (*lag, *lag.T):
        np.testing.assert_array_equal(np.bincount(row), np.bincount(lag[0]))
    assert len({tuple(row) for row in lag}) == CLASSES


def test_the_copy_is_exact_but_for_the_noise():
    recipe = motifs.Recipe(noise=0.0)
    label = np.arange(20) % CLASSES
    raster = motifs.rasters(label, np.random.default_rng(1), recipe)
    for number, pair in np.ndindex(len(label), recipe.pairs):
        first, second = raster[number, :, 2 * pair], raster[number, :, 2 * pair + 1]
        np.testing.assert_array_equal(np.roll(first, motifs.lag(recipe)[label[number], pair]), second)


def test_rates_and_counts_do_not_depend_on_the_class(drawn):
    """Mean, variance and covariance within a pair of the counts, each against its spread under no effect."""
    raster, label = drawn
    count = raster.sum(1).astype(float)
    centered = count - count.mean(0)
    within_pair = centered[:, 0::2] * centered[:, 1::2]
    for statistic in (count, centered**2, within_pair):
        error = statistic.std(0) / np.sqrt((label == 0).sum())
        for number in range(CLASSES):
            z = (statistic[label == number].mean(0) - statistic.mean(0)) / error
            assert np.abs(z).max() < 4.5
            assert abs((z**2).mean() - 1) < 1


def test_the_steps_do_not_depend_on_the_class(drawn):
    raster, label = drawn
    for number in range(CLASSES):
        share = raster[label == number].mean(axis=0)
        error = np.sqrt(RECIPE.rate * (1 - RECIPE.rate) / (label == number).sum())
        z = (share - RECIPE.rate) / error
        assert np.abs(z).max() < 5.5
        assert abs((z**2).mean() - 1) < 0.15


def test_consecutive_steps_are_independent(drawn):
    """A channel alone has no memory: its spikes at one and two steps' distance are independent."""
    raster, label = drawn
    for number in range(CLASSES):
        mine = raster[label == number].astype(float) - RECIPE.rate
        for steps in (1, 2):
            product = mine[:, steps:] * mine[:, :-steps]
            assert np.abs(product.mean((0, 1)) / (product.std((0, 1)) / np.sqrt(product[..., 0].size))).max() < 4.5


def test_the_seed_decides_and_the_splits_differ():
    first, second, other = motifs.make(3), motifs.make(3), motifs.make(4)
    assert {split: len(generated) for split, generated in first.items()} == dict(RECIPE.recordings)
    for split, generated in first.items():
        np.testing.assert_array_equal(generated.time_ms, second[split].time_ms)
        np.testing.assert_array_equal(generated.unit, second[split].unit)
        assert not np.array_equal(generated.unit[:500], other[split].unit[:500])
        assert np.ptp(np.bincount(generated.label)) == 0
    assert not np.array_equal(first["valid"].unit[:500], first["test"].unit[:500])


def test_the_files_bin_back_to_the_rasters(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path))
    folder = motifs.MOTIFS.prepare(seed=5)
    result = heidelberg.find(folder, "motifs")
    assert list(result) == ["train", "valid", "test"]
    read, generated = heidelberg.read(result["test"]), motifs.make(5)["test"]
    assert (read.units, read.classes) == (2 * RECIPE.pairs, generated.classes)
    grid = {"time_step_ms": RECIPE.time_step_ms, "channels": read.units}
    every = np.arange(len(read))
    frames, _ = bin_events(read, **grid).dense(every)
    np.testing.assert_array_equal(frames, bin_events(generated, **grid).dense(every)[0])
    assert set(np.unique(frames)) == {0, 1}
    raster = frames.swapaxes(0, 1).astype(bool)
    assert (evidence(raster, motifs.lag(RECIPE)).argmax(1) == read.label).mean() > 0.95


def test_prepared_files_are_cached(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path))
    folder = motifs.MOTIFS.prepare(seed=5)
    assert replace(motifs.MOTIFS, generate=None).prepare(seed=5) == folder


@pytest.mark.parametrize("wrong", [{"pairs": 7}, {"lags": (5, 100), "pairs": 2}, {"lags": (-1, 3), "pairs": 2}])
def test_invalid_recipes_are_refused(wrong):
    with pytest.raises(ValueError, match="pairs must be a multiple of the lags"):
        motifs.Recipe(**wrong)
