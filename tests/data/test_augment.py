"""What holds for every augmentation: valid recordings, draws that depend on nothing else, and refused misuse."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.recordings import any_recordings, random_recordings, spikes
from snnsim.data.augment import (
    KINDS,
    Blend,
    ChannelMask,
    ChannelShift,
    ChannelTimeShift,
    CutMix,
    EventDrop,
    NoiseSpikes,
    augment_with_probabilities,
)
from snnsim.data.augment import augment as changed
from snnsim.data.augment.base import Augmentation
from snnsim.data.augment.kinds import longest
from snnsim.data.augment.pipeline import APPLY, BLOCK
from snnsim.data.binning import bin_events
from snnsim.data.recordings import check_events

EVERY = pytest.mark.parametrize("kind", KINDS)
ALWAYS = {name: kind(probability=1.0) for name, kind in KINDS.items()}
CONSERVES = {"time_stretch", "time_warp"}
ADDS = {"blend", "noise_spikes", "cutmix"}


def assert_same(first, second):
    for name in ("time_ms", "unit", "offset", "label", "speaker"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def test_every_kind_has_a_function_and_documented_settings():
    assert set(APPLY) == set(KINDS)
    for name, kind in KINDS.items():
        assert kind().kind == name
        assert issubclass(kind, Augmentation)
        assert kind.__doc__
        assert dataclasses.fields(kind)[:2] != ()


@EVERY
@settings(max_examples=25, deadline=None)
@given(recordings=any_recordings(), seed=st.integers(0, 2**40), epoch=st.integers(0, 1000))
def test_augmented_recordings_are_valid(kind, recordings, seed, epoch):
    before = spikes(recordings)
    result = changed(recordings, [ALWAYS[kind]], seed=seed, epoch=epoch)
    assert spikes(recordings) == before, "the recordings were overwritten"
    assert len(result) == len(recordings)
    assert (result.time_ms.dtype, result.unit.dtype) == (recordings.time_ms.dtype, recordings.unit.dtype)
    check_events(result, "the result")
    counts, old = np.diff(result.offset), np.diff(recordings.offset)
    if kind in CONSERVES:
        assert (counts == old).all()
    elif kind not in ADDS:
        assert (counts <= old).all()
    if kind != "cutmix":
        np.testing.assert_array_equal(result.label, recordings.label)


@EVERY
def test_probability_0_changes_nothing(kind):
    recordings = random_recordings(0, [30, 0, 25, 1, 40])
    assert_same(changed(recordings, [KINDS[kind](probability=0.0)], seed=1), recordings)


@EVERY
def test_a_recording_depends_neither_on_its_block_nor_on_others(kind, monkeypatch):
    recordings = random_recordings(0, np.arange(40) % 13)
    all_at_once = changed(recordings, [ALWAYS[kind], EventDrop()], seed=1, epoch=3)
    for block in (1, 7):
        monkeypatch.setattr("snnsim.data.augment.pipeline.BLOCK", block)
        assert_same(changed(recordings, [ALWAYS[kind], EventDrop()], seed=1, epoch=3), all_at_once)
    assert BLOCK > 40


@EVERY
def test_seed_epoch_position_and_recording_draw_other_numbers(kind):
    recordings = random_recordings(0, [60] * 30)
    first = spikes(changed(recordings, [ALWAYS[kind]], seed=1, epoch=3))
    assert spikes(changed(recordings, [ALWAYS[kind]], seed=1, epoch=3)) == first
    unused = EventDrop(probability=0.0)
    for other in (
        changed(recordings, [ALWAYS[kind]], seed=2, epoch=3),
        changed(recordings, [ALWAYS[kind]], seed=1, epoch=4),
        changed(recordings, [unused, ALWAYS[kind]], seed=1, epoch=3),
    ):
        differing = sum(one != another for one, another in zip(spikes(other), first, strict=True))
        # a mask, a short run or a small move may leave one recording as it is
        assert differing > 10
    copies = recordings.select(np.zeros(30, int))
    if kind not in ("blend", "cutmix"):
        assert len({tuple(row) for row in spikes(changed(copies, [ALWAYS[kind]], seed=1))}) > 5


@EVERY
def test_the_probability_of_a_recording_is_that_of_the_settings(kind):
    recordings = random_recordings(0, [60] * 3000)
    settings = KINDS[kind](probability=0.25)
    if kind == "channel_mask":
        settings = replace(settings, most=140)
    before, after = spikes(recordings), spikes(changed(recordings, [settings], seed=1))
    share = np.mean([one != another for one, another in zip(before, after, strict=True)])
    # five standard deviations are 0.04; a few changed recordings have no visible change
    assert 0.2 < share < 0.29


@pytest.mark.parametrize("types", [(np.float64, np.uint32), (np.float16, np.uint8), (np.float64, np.int64)])
def test_other_types_of_times_and_channels(types):
    recordings = random_recordings(0, [30, 0, 25, 12], units=200)
    recordings = replace(recordings, time_ms=recordings.time_ms.astype(types[0]), unit=recordings.unit.astype(types[1]))
    result = changed(recordings, list(ALWAYS.values()), seed=0)
    check_events(result, "the result")
    assert result.time_ms.dtype == (np.float64 if types[0] == np.float64 else np.float32)


def test_no_recordings_and_no_kinds():
    none = random_recordings(0, [])
    assert len(changed(none, list(ALWAYS.values()), seed=0)) == 0
    recordings = random_recordings(0, [3, 4])
    assert_same(changed(recordings, [], seed=0), recordings)
    result, probability = augment_with_probabilities(recordings, [], seed=0)
    np.testing.assert_array_equal(probability, np.eye(3)[result.label])


@settings(max_examples=30, deadline=None)
@given(
    recordings=any_recordings(),
    names=st.lists(st.sampled_from(list(KINDS)), max_size=5),
    seed=st.integers(0, 1000),
)
def test_no_spike_is_later_than_the_bound(recordings, names, seed):
    kinds = [ALWAYS[name] for name in names]
    bound = longest(kinds, max(float(recordings.time_ms.max(initial=0)), 1e-3))
    assert changed(recordings, kinds, seed=seed).time_ms.max(initial=0) <= bound * (1 + 1e-6)


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: EventDrop(share=2), ValueError, r"augment\.event_drop\.share must be at most 1, not 2"),
        (lambda: EventDrop(share="x"), ValueError, r"augment\.event_drop\.share must be of type float, not 'x'"),
        (lambda: Blend(end_ms=0), ValueError, r"augment\.blend\.end_ms must be positive"),
        (lambda: ChannelShift(least=5, most=4), ValueError, r"channel_shift\.most must be at least `least` = 5, not 4"),
        (lambda: EventDrop(kind="blend"), ValueError, "kind must be one of event_drop, not 'blend'"),
        (lambda: EventDrop(shar=0.1), TypeError, "shar"),
        (lambda: changed(random_recordings(0, [3]), EventDrop(), seed=0), TypeError, "must be a list, such as"),
        (lambda: changed(random_recordings(0, [3]), "event_drop", seed=0), TypeError, "must be a list, such as"),
        (
            lambda: changed(random_recordings(0, [3]), ["event_drop"], seed=0),
            TypeError,
            "must be one of ChannelShift, ",
        ),
        (lambda: changed(random_recordings(0, [3]), [], seed=-1), ValueError, "augment: seed must be"),
        (
            lambda: changed(random_recordings(0, [3]), [EventDrop()], seed=-1),
            ValueError,
            "augment: seed must be",
        ),
        (lambda: changed(random_recordings(0, [3]), [], seed=0, epoch=-1), ValueError, "augment: epoch must be"),
        (
            lambda: changed(random_recordings(0, [3], units=30), [ChannelShift()], seed=0),
            ValueError,
            r"channel_shift\.least must be between -29 and 29, the channels, not -40",
        ),
        (
            lambda: changed(random_recordings(0, [3], units=7), [ChannelTimeShift()], seed=0),
            ValueError,
            r"channel_time_shift\.group must be a divisor of the 7 channels of the recordings, not 5",
        ),
        (
            lambda: changed(random_recordings(0, [3], units=50), [ChannelMask()], seed=0),
            ValueError,
            r"channel_mask\.most must be at most the 10 groups of channels, not 19",
        ),
    ],
)
def test_misuse_is_refused(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_wrong_recordings_are_refused_before_compiled_loops():
    recordings = random_recordings(0, [30, 20])
    for wrong, words in (
        ({"unit": recordings.unit + 900}, "units must lie in 0..699"),
        ({"time_ms": recordings.time_ms[::-1].copy()}, "must ascend"),
        ({"time_ms": np.where(recordings.time_ms > 500, np.nan, recordings.time_ms)}, "must be finite"),
        ({"label": np.array([0, 3])}, r"labels must lie in 0\.\.2"),
        ({"offset": np.array([0, 60, 50])}, "offsets must ascend"),
    ):
        with pytest.raises(ValueError, match=words):
            changed(replace(recordings, **wrong), [Blend(), CutMix()], seed=0)


def test_binned_recordings_that_lost_all_spikes_have_one_step():
    result = changed(random_recordings(0, [30, 20]), [EventDrop(share=1.0)], seed=0)
    assert bin_events(result, time_step_ms=10, channels=140).length.tolist() == [1, 1]


@pytest.mark.parametrize("kind", [ChannelShift(least=100_000, most=100_000), NoiseSpikes(least=500, most=500)])
def test_channels_of_large_sensors_do_not_wrap_around(kind):
    # all spikes are in the first channels, so their type is uint16
    recordings = replace(random_recordings(0, [50, 60]), units=150_000)
    result = changed(recordings, [kind], seed=0)
    check_events(result, "changed")
    assert result.unit.max() >= 100_000
    if isinstance(kind, ChannelShift):
        np.testing.assert_array_equal(result.unit, recordings.unit.astype(np.int64) + 100_000)
