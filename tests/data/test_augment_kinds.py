"""Each augmentation does what its definition says: moves, shares, counts and mixtures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_numbers import assert_uniform
from helpers.recordings import random_recordings, spikes
from snnsim.data.augment import (
    Blend,
    ChannelJitter,
    ChannelMask,
    ChannelShift,
    ChannelTimeShift,
    ChunkDrop,
    CutMix,
    EventDrop,
    NoiseSpikes,
    TimeJitter,
    TimeMask,
    TimeShift,
    TimeStretch,
    augment_with_probabilities,
)
from snnsim.data.augment import augment as changed
from snnsim.data.augment.channel_jitter import distribution
from snnsim.data.recordings import Recordings

MANY = 4000


def single(time_ms=500.0, unit=350, count=MANY, units=700):
    """Recordings of one spike each."""
    return Recordings(
        time_ms=np.full(count, time_ms, np.float64),
        unit=np.full(count, unit, np.int64),
        offset=np.arange(count + 1),
        label=np.zeros(count, int),
        speaker=np.zeros(count, int),
        classes=("a",),
        units=units,
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_channel_shift_moves_all_channels_alike(seed):
    recordings = random_recordings(seed, [50] * 4)
    for old, new in zip(spikes(recordings), spikes(changed(recordings, [ChannelShift()], seed=seed)), strict=True):
        fits = [
            shift
            for shift in range(-40, 40)
            if new == [(time, unit + shift) for time, unit in old if 0 <= unit + shift < 700]
        ]
        assert len(fits) == 1


def test_channel_shifts_are_uniform_integers():
    moved = changed(single(), [ChannelShift()], seed=0).unit.astype(int) - 350
    assert set(moved) == set(range(-40, 40))
    assert_uniform(moved + 0.5, -40.5, 40.5)


def test_a_time_shift_moves_all_times_alike_and_drops_those_before_0():
    recordings = random_recordings(0, [50] * 40)
    result = changed(recordings, [TimeShift(least_ms=-300, most_ms=100)], seed=0)
    for old, new in zip(spikes(recordings), spikes(result), strict=True):
        shift = new[-1][0] - old[-1][0]
        assert -300.01 <= shift <= 100.01
        assert len(new) == sum(time + shift >= 0 for time, _ in old)
        np.testing.assert_allclose([t for t, _ in new], [t + shift for t, _ in old][-len(new) :], atol=1e-3)
    assert_uniform(changed(single(), [TimeShift()], seed=0).time_ms, 450, 550)


def test_groups_of_channels_shift_in_time_by_themselves_and_the_length_stays():
    recordings = random_recordings(0, [3000] * 3, units=20, end_ms=895.0)
    result = changed(recordings, [ChannelTimeShift(group=10, least=-4, most=4)], seed=0)
    shifts = []
    for old, new in zip(spikes(recordings), spikes(result), strict=True):
        for group in (0, 1):
            before = np.array([time for time, unit in old if unit // 10 == group])
            after = np.array([time for time, unit in new if unit // 10 == group])
            fits = [
                step
                for step in range(-4, 5)
                if len(after) == ((before + 10 * step >= 0) & (before + 10 * step < 900)).sum()
                and np.allclose(after, [t for t in before + 10 * step if 0 <= t < 900], atol=1e-3)
            ]
            assert len(fits) == 1
            shifts += fits
    assert len(set(shifts)) > 2
    # of a uniform shift, half of the range of a recording's length falls off on average
    shifted = changed(random_recordings(1, [500] * 60, end_ms=1000.0), [ChannelTimeShift()], seed=0)
    assert len(shifted.time_ms) / 30000 == pytest.approx(0.5, abs=0.03)


def test_a_stretch_multiplies_all_times_by_a_factor():
    recordings = random_recordings(0, [50] * 40)
    result = changed(recordings, [TimeStretch()], seed=0)
    np.testing.assert_array_equal(result.unit, recordings.unit)
    for old, new in zip(spikes(recordings), spikes(result), strict=True):
        factor = new[-1][0] / old[-1][0]
        np.testing.assert_allclose([t for t, _ in new], [factor * t for t, _ in old], rtol=1e-5)
    assert_uniform(changed(single(), [TimeStretch(most=1.25)], seed=0).time_ms / 500, 0.8, 1.25)


def test_a_blend_is_of_two_recordings_of_a_class_at_their_center():
    recordings = random_recordings(0, [40, 50, 60, 70, 80, 90], end_ms=600.0)
    result = changed(recordings, [Blend(probability=1, keep=1, end_ms=None)], seed=0)
    rows = spikes(recordings)
    for number, new in enumerate(spikes(result)):
        partner = (number + 3) % 6
        d = np.mean(rows[partner], axis=0) - np.mean(rows[number], axis=0)
        ms, channels = math.trunc(d[0] / 2 * 1000) / 1000, math.trunc(d[1] / 2)
        expected = [(t + ms, u + channels) for t, u in rows[number]] + [
            (t - ms, u - channels) for t, u in rows[partner]
        ]
        expected = sorted((t, u) for t, u in expected if t >= 0 and 0 <= u < 700)
        assert sorted(u for _, u in new) == sorted(u for _, u in expected)
        np.testing.assert_allclose([t for t, _ in new], [t for t, _ in expected], atol=1e-3)


def test_a_blend_keeps_half_of_the_spikes_before_the_end():
    recordings = random_recordings(0, [400] * 30, end_ms=1400.0, units=7000)
    blended = changed(recordings, [Blend(probability=1)], seed=0)
    assert blended.time_ms.max() < 1000
    # of 800 spikes, 1000 of 1400 ms and half of the spikes stay
    assert np.diff(blended.offset).mean() == pytest.approx(800 / 1.4 / 2, rel=0.03)


def test_a_recording_that_is_alone_in_its_class_is_not_blended():
    recordings = random_recordings(0, [40, 50, 60, 0], label=[0, 1, 2, 2])
    assert spikes(changed(recordings, [Blend(probability=1)], seed=0)) == spikes(recordings)


def test_dropped_spikes_are_the_share_of_the_settings():
    recordings = random_recordings(0, [100] * 300)
    result = changed(recordings, [EventDrop(share=0.1)], seed=0)
    assert len(result.time_ms) / 30000 == pytest.approx(0.9, abs=5 * math.sqrt(0.09 / 30000))
    for old, new in zip(spikes(recordings), spikes(result), strict=True):
        assert set(new) <= set(old)


def test_a_dropped_chunk_is_one_run():
    recordings = random_recordings(0, [100] * 1000)
    sizes, firsts = [], []
    for old, new in zip(
        spikes(recordings), spikes(changed(recordings, [ChunkDrop(probability=1, most=0.1)], seed=0)), strict=True
    ):
        size = len(old) - len(new)
        (first, *_) = [n for n in range(len(old) - size + 1) if new == old[:n] + old[n + size :]]
        sizes.append(size)
        firsts.append(first / (len(old) - size))
    assert set(sizes) == set(range(1, 11))
    assert_uniform(firsts, 0, 1)
    assert np.mean(sizes) == pytest.approx(5.5, abs=0.5)


def test_time_jitter_is_normal():
    moved = changed(single(), [TimeJitter(sd_ms=3)], seed=0).time_ms - 500
    assert abs(moved.mean()) < 5 * 3 / math.sqrt(MANY)
    assert moved.std() == pytest.approx(3, rel=0.06)
    assert (np.abs(moved) < 3).mean() == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.04)
    early = changed(single(time_ms=0.0), [TimeJitter(sd_ms=3)], seed=0)
    assert len(early.time_ms) / MANY == pytest.approx(0.5, abs=0.04)


def test_a_dropped_chunk_is_a_run_of_times_behind_unsorted_spikes_too():
    recordings = random_recordings(0, [100] * 50)
    noise, chunk = NoiseSpikes(least=50, most=50), ChunkDrop(probability=1, most=0.3)
    noisy = changed(recordings, [noise], seed=0)
    for old, new in zip(spikes(noisy), spikes(changed(recordings, [noise, chunk], seed=0)), strict=True):
        size = len(old) - len(new)
        assert size > 0
        assert any(new == old[:first] + old[first + size :] for first in range(len(old)))


def test_successive_jitters_are_uncorrelated():
    pair = Recordings(
        time_ms=np.tile([100.0, 800.0], MANY), unit=np.zeros(2 * MANY, np.int64), offset=2 * np.arange(MANY + 1),
        label=np.zeros(MANY, int), speaker=np.zeros(MANY, int), classes=("a",),
    )  # fmt: skip
    moved = changed(pair, [TimeJitter(sd_ms=3)], seed=0).time_ms.reshape(MANY, 2) - [100, 800]
    assert abs(np.corrcoef(moved.T)[0, 1]) < 5 / math.sqrt(MANY)
    assert moved[:, 1].std() == pytest.approx(3, rel=0.06)


@pytest.mark.parametrize("sd", [0.0, 0.3, 0.55, 1.0, 7.5])
def test_channel_jitter_is_a_truncated_normal_number(sd):
    moved = changed(single(count=20000), [ChannelJitter(sd=sd)], seed=0).unit.astype(int) - 350
    expected = np.trunc(np.random.default_rng(0).normal(0, sd, 200_000))
    for number in range(-3, 4):
        assert (moved == number).mean() == pytest.approx((expected == number).mean(), abs=0.02)
    assert distribution(sd)[-1] == 1.0


def test_noise_has_uniform_counts_times_and_channels():
    recordings = random_recordings(0, [30] * 2000)
    result = changed(recordings, [NoiseSpikes(least=2, most=10)], seed=0)
    counts = np.diff(result.offset) - 30
    assert set(counts) == set(range(2, 11))
    added = []
    for old, new in zip(spikes(recordings), spikes(result), strict=True):
        assert set(old) <= set(new)
        added += [(time / old[-1][0], unit) for time, unit in set(new) - set(old)]
    assert_uniform([time for time, _ in added], 0, 1)
    assert_uniform([unit for _, unit in added], 0, 699)
    assert len(changed(random_recordings(0, [0, 0]), [NoiseSpikes()], seed=0).time_ms) == 0


def test_a_time_mask_drops_one_stretch():
    recordings = random_recordings(0, [2000] * 100)
    gaps, begins = [], []
    for old, new in zip(
        spikes(recordings), spikes(changed(recordings, [TimeMask(probability=1)], seed=0)), strict=True
    ):
        missing = sorted(set(old) - set(new))
        last = old[-1][0]
        gaps.append((missing[-1][0] - missing[0][0]) / last)
        begins.append(missing[0][0] / last)
        assert not [time for time, _ in new if missing[0][0] < time < missing[-1][0]]
    assert 0.19 < np.mean(gaps) <= max(gaps) <= 0.2
    assert np.mean(begins) == pytest.approx(0.4, abs=0.12)


def test_a_channel_mask_drops_neighboring_groups():
    recordings = random_recordings(0, [3000] * 300, units=50)
    sizes = []
    for old, new in zip(
        spikes(recordings), spikes(changed(recordings, [ChannelMask(probability=1, most=4)], seed=0)), strict=True
    ):
        missing = sorted({unit for _, unit in old} - {unit for _, unit in new})
        assert len(missing) % 5 == 0
        assert missing == list(range(missing[0], missing[0] + len(missing))) if missing else True
        assert not missing or missing[0] % 5 == 0
        sizes.append(len(missing) // 5)
    assert set(sizes) == {0, 1, 2, 3, 4}
    assert np.mean(sizes) == pytest.approx(2, abs=0.45)


def test_cutmix_replaces_a_stretch_and_mixes_the_classes_by_their_spikes():
    recordings = random_recordings(0, [60] * 90)
    result, probability = augment_with_probabilities(recordings, [CutMix(probability=1)], seed=0)
    rows, shares, partners = spikes(recordings), [], set()
    for number, new in enumerate(spikes(result)):
        own, other = set(new) & set(rows[number]), sorted(set(new) - set(rows[number]))
        (partner,) = [n for n, row in enumerate(rows) if n != number and set(other) <= set(row)]
        partners.add((number, partner))
        first = rows[partner].index(other[0])
        assert other == rows[partner][first : first + len(other)]
        outside = {(t, u) for t, u in rows[number] if t < other[0][0] or t > other[-1][0]}
        assert own == outside
        share = len(other) / len(new)
        shares.append(share)
        expected = np.zeros(3)
        expected[recordings.label[number]] += 1 - share
        expected[recordings.label[partner]] += share
        np.testing.assert_allclose(probability[number], expected, rtol=1e-6)
        larger = recordings.label[partner] if share > 0.5 else recordings.label[number]
        assert result.label[number] == larger
    assert 0.35 < np.mean(shares) < 0.65
    assert len({partner for _, partner in partners}) > 40


def test_cutmix_leaves_recordings_without_a_partner():
    result, probability = augment_with_probabilities(random_recordings(0, [5]), [CutMix(probability=1)], seed=0)
    assert len(result.time_ms) == 5
    np.testing.assert_array_equal(probability, [[1, 0, 0]])
    empty = random_recordings(0, [0, 0], label=[1, 2])
    result, probability = augment_with_probabilities(empty, [CutMix(probability=1)], seed=0)
    np.testing.assert_array_equal(probability, np.eye(3)[[1, 2]])


def test_two_mixtures_multiply_the_shares():
    recordings = random_recordings(0, [60] * 30)
    result, probability = augment_with_probabilities(recordings, [CutMix(probability=1)] * 2, seed=0)
    np.testing.assert_allclose(probability.sum(1), 1, rtol=1e-6)
    assert ((probability > 0).sum(1) == 3).any()
    rows = np.arange(30)
    assert (probability[rows, result.label] == probability.max(1)).all()
