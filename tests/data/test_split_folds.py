"""Folds: parts of a training file that hold out complete groups, disjoint and complete."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.data import splits


@st.composite
def files(draw):
    """Return groups and labels of recordings, and a number of folds that they suffice for."""
    groups = draw(st.integers(2, 9))
    count = draw(st.lists(st.integers(1, 7), min_size=groups, max_size=groups))
    numbers = draw(st.permutations(range(20)))[:groups]
    group = np.array(draw(st.permutations(np.repeat(numbers, count).tolist())))
    label = np.arange(len(group)) % 3
    return group, label, draw(st.integers(2, groups))


@given(files())
def test_folds_are_disjoint_and_complete_and_hold_out_complete_groups(case):
    group, label, folds = case
    parts = [splits.of_fold(group, label, folds=folds, number=number) for number in range(folds)]
    np.testing.assert_array_equal(np.sort(np.concatenate([part.valid for part in parts])), np.arange(len(group)))
    for part in parts:
        assert len(part.valid) > 0
        np.testing.assert_array_equal(np.sort(np.concatenate(list(part))), np.arange(len(group)))
        assert set(group[part.train]).isdisjoint(group[part.valid])
        assert set(part.held_out) == set(group[part.valid])


@given(files())
def test_as_many_folds_as_groups_leave_out_one_group_at_a_time(case):
    group, label, _ = case
    numbers = np.unique(group)
    held_out = [splits.of_fold(group, label, folds=len(numbers), number=n).held_out for n in range(len(numbers))]
    assert sorted(held_out) == [(number,) for number in numbers]


@given(files())
def test_the_largest_fold_has_no_group_more_than_the_smallest_needs(case):
    group, label, folds = case
    sizes = [len(splits.of_fold(group, label, folds=folds, number=number).valid) for number in range(folds)]
    # the last group of the largest fold came when that fold was the smallest
    assert max(sizes) - min(sizes) <= max(np.unique(group, return_counts=True)[1])


def test_without_groups_every_fold_has_an_equal_share_of_each_class():
    label = np.repeat([0, 1, 2], [10, 7, 9])
    group = np.full(len(label), -1)
    parts = [splits.of_fold(group, label, folds=4, number=number) for number in range(4)]
    np.testing.assert_array_equal(np.sort(np.concatenate([part.valid for part in parts])), np.arange(len(label)))
    for part in parts:
        assert part.held_out == ()
        for kind, count in zip(range(3), (10, 7, 9), strict=True):
            assert count // 4 <= np.sum(label[part.valid] == kind) <= -(-count // 4)


@pytest.mark.parametrize(
    ("group", "folds", "number", "message"),
    [
        ([1, 1, 2], 3, 0, "the training file has 2 speakers for 3 folds"),
        ([-1, -1, -1], 4, 3, "there must be at least 4 recordings of a class for 4 folds"),
        ([1, 2, 3], 3, 3, "number must be from 0 to 2, not 3"),
    ],
)
def test_too_many_folds_are_named(group, folds, number, message):
    with pytest.raises(ValueError, match=message):
        splits.of_fold(np.array(group), np.zeros(3, int), folds=folds, number=number)
