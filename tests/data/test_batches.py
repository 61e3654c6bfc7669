"""Batches: every recording once, in the order of the seed, resumed at any batch, shared between ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.data.batches import Batches
from snnsim.data.binning import Binned

COUNT = 23


@pytest.fixture(scope="module")
def binned():
    """Recording n has one event, in channel n of step n, so that its frames show its number."""
    return diagonal()


def diagonal():
    number = np.arange(COUNT)
    return Binned(
        cell=(number * COUNT + number).astype(np.uint32),
        count=np.ones(COUNT, np.uint8),
        offset=np.arange(COUNT + 1),
        length=(number + 1).astype(np.int32),
        label=number % 3,
        speaker=np.full(COUNT, -1),
        classes=("a", "b", "c"),
        channels=COUNT,
        time_step_ms=1.0,
    )


def members(batch):
    """Numbers of the recordings of a batch, from its frames."""
    step, row, channel = np.nonzero(batch.frames)
    order = np.argsort(row)
    np.testing.assert_array_equal(step, channel)
    np.testing.assert_array_equal(batch.length, channel[order] + 1)
    np.testing.assert_array_equal(batch.label, channel[order] % 3)
    return channel[order].tolist()


def test_shapes_and_types_of_a_batch(binned):
    batch = next(iter(Batches(binned, np.array([2, 5, 3]), batch_size=2)))
    assert batch.frames.shape == (6, 2, COUNT)
    assert (batch.frames.dtype, batch.length.dtype, batch.label.dtype) == (np.float32, np.int64, np.int64)
    assert members(batch) == [2, 5]


def test_indices_without_seed_keep_their_order_and_the_small_last_batch(binned):
    batches = Batches(binned, np.array([4, 1, 9, 7, 3]), batch_size=2)
    assert len(batches) == 3
    assert [members(batch) for batch in batches] == [[4, 1], [9, 7], [3]]


def test_shuffling_depends_on_the_seed_and_the_epoch_alone(binned):
    def order(*seed):
        batches = Batches(binned, np.arange(COUNT), batch_size=4, shuffle_seed=seed)
        first, second = ([members(batch) for batch in batches] for _ in range(2))
        assert first == second
        return [number for batch in first for number in batch]

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(*seed)) for seed in ((0, 0), (0, 1), (1, 0), (1, 1))}) == 4
    assert sorted(order(3, 4)) == list(range(COUNT))


@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 8), st.integers(0, 9))
@settings(deadline=None)
def test_shares_of_ranks_are_the_batches_and_resuming_skips_the_first(batch_size, world, skip, seed):
    binned = diagonal()
    options = {"batch_size": batch_size, "shuffle_seed": (seed, 0)}
    batches = [members(batch) for batch in Batches(binned, np.arange(COUNT), **options)]
    assert len(batches) == len(Batches(binned, np.arange(COUNT), **options)) == -(-COUNT // batch_size)
    shares = [
        [
            members(batch)
            for batch in Batches(binned, np.arange(COUNT), rank=rank, world=world, **options).starting_at(skip)
        ]
        for rank in range(world)
    ]
    assert all(len(share) == len(batches[skip:]) for share in shares)
    for number, batch in enumerate(batches[skip:]):
        assert sorted(member for share in shares for member in share[number]) == sorted(batch)
        sizes = [len(share[number]) for share in shares]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"batch_size": 0}, "a batch size of 1; got 3 recordings in batches of 0"),
        ({"batch_size": 1, "rank": 2, "world": 2}, r"rank must lie in 0\.\.1; got 2"),
        ({"batch_size": 1, "rank": -1}, r"rank must lie in 0\.\.0; got -1"),
    ],
)
def test_invalid_sizes_and_ranks_are_refused(binned, wrong, words):
    with pytest.raises(ValueError, match=words):
        Batches(binned, np.arange(3), **wrong)


def test_no_recordings_are_refused(binned):
    with pytest.raises(ValueError, match="got 0 recordings"):
        Batches(binned, np.array([], int), batch_size=2)
