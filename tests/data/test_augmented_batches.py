"""Batches after augmentations: the frames of the augmented recordings, for any batch size, process and thread."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.recordings import any_recordings, random_recordings
from snnsim.data.augment import KINDS, Blend, ChannelShift, CutMix, EventDrop, TimeStretch, augment_with_probabilities
from snnsim.data.augmented_batches import AugmentedBatches, MixedBatch
from snnsim.data.batches import ArrayBatch, Batches
from snnsim.data.binning import bin_events

GRID = {"time_step_ms": 10.0, "channels": 140}
LIST = (CutMix(probability=0.5), Blend(), ChannelShift(), TimeStretch(), EventDrop())


@pytest.fixture(scope="module")
def recordings():
    return random_recordings(0, 20 + np.arange(53) % 30)


def batches(recordings, kinds=LIST, indices=None, **options):
    indices = np.arange(len(recordings)) if indices is None else indices
    options = {"batch_size": 16, "workers": 0} | options
    return AugmentedBatches.of(recordings, bin_events(recordings, **GRID), indices, kinds, **options)


def rows(batch):
    """Frames without padding, length, label and probabilities of each recording of a batch, comparable by value."""
    probability = batch.probability if isinstance(batch, MixedBatch) else batch.label
    return [
        (batch.frames[:length, row].tobytes(), int(length), int(batch.label[row]), probability[row].tobytes())
        for row, length in enumerate(batch.length)
    ]


def flat(several):
    return [row for batch in several for row in rows(batch)]


def test_indices_below_0_count_from_the_end(recordings):
    own, same = (flat(batches(recordings, indices=np.array(indices))) for indices in ([-1, 0, -53], [52, 0, 0]))
    assert own == same


@settings(max_examples=25, deadline=None)
@given(
    recordings=any_recordings(),
    names=st.lists(st.sampled_from(list(KINDS)), max_size=4),
    epoch=st.integers(0, 5),
    max_time_ms=st.sampled_from([None, 400.0]),
)
def test_frames_are_those_of_the_binned_augmented_recordings(recordings, names, epoch, max_time_ms):
    kinds = tuple(KINDS[name]() for name in names)
    result, probability = augment_with_probabilities(recordings, kinds, seed=3, epoch=epoch)
    binned = bin_events(result, **GRID, max_time_ms=max_time_ms)
    ours = replace(batches(recordings, kinds, max_time_ms=max_time_ms).of_epoch(3, epoch), shuffle_seed=None)
    first = 0
    for batch in ours:
        indices = np.arange(first, first + len(batch.label))
        frames, length = binned.dense(indices)
        np.testing.assert_array_equal(batch.frames, frames)
        np.testing.assert_array_equal(batch.length, length)
        np.testing.assert_array_equal(batch.label, result.label[indices])
        if "cutmix" in names:
            np.testing.assert_array_equal(batch.probability, probability[indices])
        first += len(indices)
    assert first == len(recordings)


def test_without_augmentations_they_are_the_batches_of_the_binned_recordings(recordings):
    plain = Batches(bin_events(recordings, **GRID), np.arange(53), batch_size=16)
    assert flat(batches(recordings, ()).of_epoch(0, 2)) == flat(plain.of_epoch(0, 2))


def test_types_and_shapes_of_a_batch(recordings):
    batch = next(iter(batches(recordings)))
    assert isinstance(batch, MixedBatch)
    assert (batch.frames.dtype, batch.length.dtype, batch.label.dtype) == (np.float32, np.int64, np.int64)
    assert (batch.probability.dtype, batch.probability.shape) == (np.float32, (16, 3))
    assert isinstance(next(iter(batches(recordings, (EventDrop(),)))), ArrayBatch)


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 7}, {"batch_size": 53}, {"workers": 1}])
def test_a_recording_is_the_same_in_batches_of_any_size_and_with_a_thread(recordings, options):
    assert flat(batches(recordings, **options).of_epoch(0, 1)) == flat(batches(recordings).of_epoch(0, 1))


@pytest.mark.parametrize("world", [2, 3])
def test_the_shares_of_the_processes_are_those_of_one(recordings, world):
    whole_batches = list(batches(recordings).of_epoch(0, 1))
    shares = [list(batches(recordings, rank=rank, world=world).of_epoch(0, 1)) for rank in range(world)]
    for number, batch in enumerate(whole_batches):
        joined = rows(batch)
        for rank in range(world):
            assert rows(shares[rank][number]) == joined[rank::world]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_goes_on_at_any_batch(recordings, workers):
    epoch = batches(recordings, workers=workers).of_epoch(4, 2)
    every = [rows(batch) for batch in epoch]
    for number in range(len(epoch) + 1):
        assert [rows(batch) for batch in epoch.starting_at(number)] == every[number:]


def test_epochs_and_seeds_differ(recordings):
    ours = batches(recordings)
    first = sorted(flat(ours.of_epoch(0, 0)))
    assert sorted(flat(ours.of_epoch(0, 0))) == first
    assert sorted(flat(ours.of_epoch(0, 1))) != first
    assert sorted(flat(ours.of_epoch(1, 0))) != first


def test_a_share_without_recordings(recordings):
    (batch,) = islice(batches(recordings, batch_size=1, rank=1, world=2).starting_at(52), 1)
    assert batch.frames.shape == (0, 0, 140)
    assert batch.probability.shape == (0, 3)


def test_partners_come_from_the_training_split_alone():
    # recordings of the split fire in the lower half of the channels, all others in the upper half
    recordings = random_recordings(0, [30] * 60, units=350)
    train = np.arange(0, 60, 2)
    unit = recordings.unit + np.where(np.arange(60) % 2, 350, 0)[np.repeat(np.arange(60), 30)]
    recordings = replace(recordings, unit=unit.astype(np.uint16), units=700)
    kinds = (CutMix(probability=1.0), Blend(probability=1.0, keep=1.0))
    ours = batches(recordings, kinds, indices=train)
    for epoch in range(4):
        for batch in ours.of_epoch(0, epoch):
            assert batch.frames[:, :, :70].sum() > 0
            assert batch.frames[:, :, 90:].sum() == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"workers": 2}, ValueError, "AugmentedBatches: workers must be an integer from 0 to 1"),
        ({"kinds": ("blend",)}, TypeError, "an augmentation must be one of ChannelShift"),
        ({"indices": np.array([99])}, ValueError, r"the indices must lie in -53\.\.52"),
        ({"batch_size": 0}, ValueError, "a batch size of 1"),
    ],
)
def test_misuse_is_refused(recordings, options, error, words):
    with pytest.raises(error, match=words):
        batches(recordings, **options)


def test_frames_of_other_recordings_are_refused(recordings):
    other = bin_events(random_recordings(0, [3, 4]), **GRID)
    with pytest.raises(ValueError, match="the frames must be those of the recordings; got 2 recordings of 140"):
        AugmentedBatches.of(recordings, other, np.arange(2), LIST, batch_size=2)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_grid_that_is_too_fine_is_refused(recordings, workers):
    with pytest.raises(ValueError, match=r"count_events: steps times channels must stay below 2\*\*32"):
        next(iter(replace(batches(recordings, workers=workers), binned=replace(
            bin_events(recordings, **GRID), time_step_ms=1e-6
        ))))  # fmt: skip
