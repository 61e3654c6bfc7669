"""Recordings: selection, concatenation, and checks."""

from dataclasses import replace

import numpy as np
import pytest

from snnsim.data import recordings
from snnsim.data.recordings import Recordings


@pytest.fixture
def three() -> Recordings:
    return Recordings(
        time_ms=np.array([1, 5, 0, 2, 2, 9], np.float32),
        unit=np.array([0, 3, 1, 2, 3, 0], np.uint16),
        offset=np.array([0, 2, 3, 6]),
        label=np.array([1, 0, 1]),
        speaker=np.array([4, 5, -1]),
        classes=("no", "yes"),
        units=4,
    )


def test_valid_recordings_pass_whose_times_restart(three):
    assert recordings.validate(three, "here") is None
    backwards = replace(three, time_ms=three.time_ms[::-1].copy())
    with pytest.raises(ValueError, match="here"):
        recordings.validate(backwards, "here")


def test_select_returns_recordings_in_order_and_repeatedly(three):
    chosen = three.select(np.array([2, 0, 2]))
    assert chosen.label.tolist() == [1, 1, 1]
    assert chosen.speaker.tolist() == [-1, 4, -1]
    for position, index in enumerate((2, 0, 2)):
        for actual, expected in zip(chosen.events(position), three.events(index), strict=True):
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("kind", [np.uint8, np.uint32, np.uint64, np.int32])
def test_offsets_of_any_integers_are_selected(three, kind):
    chosen = replace(three, offset=three.offset.astype(kind)).select([2, 0])
    assert chosen.time_ms.tolist() == [2, 2, 9, 1, 5]
    assert chosen.offset.tolist() == [0, 3, 5]


def test_concatenation_inverts_selection(three):
    joined = recordings.concatenate([three.select(np.array([0])), three.select(np.array([1, 2]))])
    for name in ("time_ms", "unit", "offset", "label", "speaker"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(three, name))


def test_concatenate_refuses_parts_that_do_not_fit(three):
    with pytest.raises(ValueError, match="must share classes and units"):
        recordings.concatenate([three, replace(three, units=8)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time_ms": [1, 5, 0, 2, np.nan, 9]}, "finite; recording 2 holds NaN"),
        ({"time_ms": [1, np.inf, 0, 2, 2, 9]}, "finite; recording 0 holds NaN or infinite"),
        ({"time_ms": [-1, 5, -2, 2, 2, 9]}, r"negative; recording 0 \(and 1 more\) holds negative times"),
        ({"time_ms": [1, 5, 0, 2, 9, 3]}, "ascend within a recording; recording 2 holds unsorted"),
        ({"unit": [0, 4, 1, 2, 3, 0]}, r"units must lie in 0\.\.3; recording 0 holds units out of range"),
        ({"unit": [0, 3, -1, 2, 3, 0]}, r"units must lie in 0\.\.3; recording 1 holds units out of range"),
        ({"label": [1, 2, 1]}, r"labels must lie in 0\.\.1.*recording 1 holds label 2"),
        ({"label": [1, 0, -1]}, r"labels must lie in 0\.\.1.*recording 2 holds label -1"),
        ({"offset": [0, 2, 2, 6]}, "must have a spike; recording 1 holds none.*without_empty"),
        ({"offset": [0, 2, 3, 5]}, "offsets must ascend from 0 to the number of events"),
        ({"offset": [0, 3, 2, 6]}, "offsets must ascend"),
        ({"offset": [0, 2, 6]}, "offsets must ascend.*got 3 offsets"),
        ({"speaker": [1]}, "1 speakers"),
    ],
)
def test_wrong_arrays_are_named(three, change, words):
    name, value = next(iter(change.items()))
    with pytest.raises(ValueError, match=f"^my file: .*{words}"):
        recordings.validate(replace(three, **{name: np.array(value)}), "my file")


def test_no_recordings_at_all_are_refused(three):
    with pytest.raises(ValueError, match="at least one recording"):
        recordings.validate(three.select(np.array([], int)), "my file")


def test_an_empty_last_recording_is_named(three):
    with pytest.raises(ValueError, match="recording 2 holds none"):
        recordings.validate(replace(three, offset=np.array([0, 2, 6, 6])), "my file")


def test_empty_recordings_can_be_left_out(three):
    left = replace(three, offset=np.array([0, 2, 2, 6])).without_empty()
    recordings.validate(left, "left")
    assert left.speaker.tolist() == [4, -1]


def test_indices_follow_numpy_or_are_refused(three):
    assert [part.tolist() for part in three.events(-1)] == [[2, 2, 9], [2, 3, 0]]
    assert three.select(np.array([-2, 0])).unit.tolist() == [1, 0, 3]
    assert three.select(np.array([False, True, False])).label.tolist() == [0]
    for wrong in (3, -4, 0.5, None, True):
        with pytest.raises(
            (ValueError, TypeError), match=r"^Recordings\.events: index must be an integer from -3 to 2"
        ):
            three.events(wrong)
    for wrong in ([3], [0.0], [True]):
        with pytest.raises((ValueError, TypeError), match=r"^Recordings\.select: "):
            three.select(np.array(wrong))
