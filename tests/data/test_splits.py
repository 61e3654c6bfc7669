"""Splits are disjoint, complete, constant, and separate speakers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.data import splits
from snnsim.data.recordings import Recordings

KNOWN = [32, 33, 53, 94, 147, 148, 203, 230, 249, 254, 260, 287, 291, 292, 303, 317, 319, 392, 410, 428]


def recordings(speaker, label=None):
    count = len(speaker)
    return Recordings(
        time_ms=np.zeros(count, np.float32),
        unit=np.zeros(count, np.uint16),
        offset=np.arange(count + 1),
        label=np.arange(count) % 4 if label is None else np.asarray(label),
        speaker=np.asarray(speaker),
        classes=tuple("abcd"),
    )


def shd_like(generator):
    """A file with SHD's training speakers and how many recordings each of them has there, about."""
    speakers = {0: 87, 1: 86, 2: 95, 3: 76, 6: 42, 7: 74, 8: 74, 9: 79, 10: 76, 11: 95}
    return recordings(generator.permutation(np.repeat(list(speakers), list(speakers.values()))))


@given(
    st.lists(st.integers(-1, 5), min_size=2, max_size=60),
    st.integers(0, 5),
    st.sampled_from([0.1, 0.5, 0.95]),
)
@settings(deadline=None)
def test_a_split_is_a_repeatable_partition(speaker, seed, share):
    sample = recordings(speaker)
    for rule in (lambda: splits.shd(sample), lambda: splits.by_speaker(sample, share=share, seed=seed)):
        train, valid = split = rule()
        np.testing.assert_array_equal(np.sort(np.concatenate([train, valid])), np.arange(len(speaker)))
        second = rule()
        np.testing.assert_array_equal(second.valid, valid)
        assert not set(split.held_out) & set(sample.speaker[train])
        assert len(train) > 0
        assert len(valid) > 0 or len(np.unique(sample.label)) == len(sample)


def test_shd_holds_out_its_two_speakers_and_a_twentieth_of_every_class_of_the_others():
    sample = shd_like(np.random.default_rng(0))
    train, valid = split = splits.shd(sample)
    assert split.held_out == splits.SHD_VALIDATION_SPEAKERS
    assert not np.isin(sample.speaker[train], split.held_out).any()
    known = valid[~np.isin(sample.speaker[valid], split.held_out)]
    others = sample.label[~np.isin(sample.speaker, split.held_out)]
    np.testing.assert_array_equal(
        np.bincount(sample.label[known], minlength=4),
        [round(0.05 * number) for number in np.bincount(others, minlength=4)],
    )
    assert 0.15 < len(valid) / len(sample) < 0.25


def test_the_shd_split_never_changes():
    """These are the recordings it held out when it was written; another draw would make old results wrong."""
    sample = recordings(np.arange(480) % 12)
    known = [int(number) for number in splits.shd(sample).valid if sample.speaker[number] not in (1, 6)]
    assert known == KNOWN


def test_files_without_shd_s_validation_speakers_are_split_by_speaker():
    sample = recordings(np.repeat([0, 1, 2, 3], 25))
    np.testing.assert_array_equal(splits.shd(sample).valid, splits.by_speaker(sample).valid)


def test_held_out_speakers_are_near_the_wanted_share():
    sample = recordings(np.repeat(np.arange(20), 30))
    for seed in range(5):
        _, valid = split = splits.by_speaker(sample, share=0.2, seed=seed)
        assert len(split.held_out) == 4
        np.testing.assert_array_equal(valid, np.flatnonzero(np.isin(sample.speaker, split.held_out)))
    assert len({splits.by_speaker(sample, seed=seed).held_out for seed in range(5)}) > 1


def test_the_chosen_speakers_do_not_depend_on_the_order_of_the_recordings():
    speaker = np.repeat([3, 5, 8, 9, 12], [10, 20, 30, 10, 30])
    wanted = splits.by_speaker(recordings(speaker)).held_out
    for seed in range(5):
        mixed = np.random.default_rng(seed).permutation(speaker)
        assert splits.by_speaker(recordings(mixed)).held_out == wanted


def test_a_speaker_with_nearly_all_recordings_stays_in_training():
    sample = recordings(np.repeat([0, 1, 2], [90, 5, 5]))
    for seed in range(5):
        assert splits.by_speaker(sample, seed=seed).held_out == (1, 2)


def test_one_speaker_at_least_is_held_out_and_one_at_least_is_not():
    sample = recordings(np.repeat([0, 1, 2], [40, 20, 30]))
    assert splits.by_speaker(sample, share=0.01).held_out == (1,)
    assert len(splits.by_speaker(sample, share=0.99).held_out) == 2


@pytest.mark.parametrize("speaker", [[-1], [0, 1], [-1, 0, 1, 2]])
def test_few_or_unknown_speakers_give_a_split_with_every_class_alike(speaker):
    sample = recordings(np.tile(speaker, 40), np.tile([0, 1, 2, 3], 10 * len(speaker)))
    _, valid = split = splits.by_speaker(sample, share=0.2)
    assert split.held_out == ()
    assert np.bincount(sample.label[valid]).tolist() == [2 * len(speaker)] * 4
    other = splits.by_speaker(sample, share=0.2, seed=1)
    assert not np.array_equal(other.valid, valid)


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_shares_with_an_empty_side_are_refused(share):
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        splits.by_speaker(recordings([0, 1, 2]), share=share)


SHD = Path("SHD/shd_train.h5.gz")


def test_the_rule_of_shd_is_for_shd_alone():
    """Its name, and no speaker that its training file lacks; all other data are split by speaker."""
    real = shd_like(np.random.default_rng(0))
    assert splits.of_training_file(real, SHD).held_out == splits.SHD_VALIDATION_SPEAKERS
    others = replace(real, speaker=np.arange(len(real)) % 10)
    few = replace(real, speaker=np.array([1, 6, 9, 7])[np.arange(len(real)) % 4])
    for sample, path in (
        (real, Path("mine_train.h5")),
        (others, SHD),
        (others, Path("mine_train.h5")),
        (few, SHD),
    ):
        train, valid = split = splits.of_training_file(sample, path)
        np.testing.assert_array_equal(valid, splits.by_speaker(sample).valid)
        assert len(split.held_out) >= 1
        assert not set(sample.speaker[train]) & set(sample.speaker[valid])
        assert 0.1 < len(valid) / len(sample) < 0.3


@pytest.mark.parametrize("speakers", [range(10), range(10, 20), (1, 6, 9), (0, 1, 2, 6), range(1, 8)])
def test_splits_of_other_data_share_no_speaker(speakers):
    sample = recordings(np.array(speakers)[np.arange(400) % len(speakers)])
    train, valid = splits.of_training_file(sample, Path("mine_train.h5"))
    assert not set(sample.speaker[train]) & set(sample.speaker[valid])
    assert 0.1 < len(valid) / 400 < 0.4


def test_the_rule_of_shd_leaves_training_recordings():
    sample = recordings(np.tile([1, 6], 200))
    assert splits.shd(sample).held_out == ()
    assert len(splits.shd(sample).valid) == 80
