"""Targets of recordings besides one class each: their values on a grid, in files, and under augmentations."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.recordings import random_recordings
from snnsim.data import binning, cache, heidelberg
from snnsim.data.augment import Blend, ChannelTimeShift, ChunkDrop, CutMix, TimeShift, TimeStretch, TimeWarp, augment
from snnsim.data.augmented_batches import AugmentedBatches
from snnsim.data.batches import Batches
from snnsim.data.recordings import concatenate
from snnsim.data.targets import Moves, Target, TargetGrid

STEP_MS = 10.0


def phases():
    return Target.of([[0, 1, -1, 2], [1], []], ("a", "b", "c"), step_ms=300.0)


def numbers():
    return Target.of(np.array([[1.0, np.nan], [2.0, 3.0], [4.0, 5.0]]), ("x", "y"))


def signals():
    return Target.of(np.random.default_rng(0).random((3, 7, 2)), ("u", "v"), step_ms=100.0)


def with_targets(**targets):
    return replace(random_recordings(0, [5, 7, 9]), targets=targets)


def naive(target, recording, steps, *, time_step_ms, end=np.inf, factor=1.0, shift=0.0):  # noqa: PLR0913
    """Return the values of one recording on a grid, step by step."""
    row, none = target.rows(recording), -1 if target.of_classes else np.full(target.values.shape[1], np.nan)
    values = []
    for step in range(steps):
        number = int(np.floor(((step + 0.5) * time_step_ms - shift) / factor / target.step_ms + 1e-9))
        values.append(row[number] if 0 <= number < len(row) and step < end else none)
    return np.array(values)


@pytest.mark.parametrize("name", ["a/b", "", "."])
def test_names_that_a_file_cannot_hold_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"mine\.h5: the name of a target must have no slash"):
        heidelberg.write(tmp_path / "mine.h5", with_targets(**{name: numbers()}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("time_step_ms", [10.0, 100.0, 300.0, 450.0])
@pytest.mark.parametrize("make", [phases, signals])
def test_values_on_a_grid_are_those_of_the_loop(make, time_step_ms):
    target, lengths = make(), np.array([9, 2, 4])
    values = TargetGrid(time_step_ms).values(target, np.arange(3), lengths, 9)
    for number in range(3):
        np.testing.assert_array_equal(
            values[:, number], naive(target, number, 9, time_step_ms=time_step_ms, end=lengths[number])
        )


@pytest.mark.parametrize("make", [phases, signals])
def test_values_follow_moved_times(make):
    target, moves = make(), Moves(np.array([1.5, 0.5, 1.0]), np.array([-40.0, 130.0, 0.0]))
    grid = TargetGrid(STEP_MS, moves=moves)
    lengths = grid.lengths(target, np.arange(3))
    values = grid.values(target, np.arange(3), lengths, int(lengths.max()))
    for number in range(3):
        expected = naive(
            target, number, len(values), time_step_ms=STEP_MS, factor=moves.factor[number], shift=moves.shift_ms[number]
        )
        np.testing.assert_array_equal(values[:, number], expected)


def test_a_recording_lasts_until_its_last_label():
    recordings = with_targets(phase=phases())
    plain = binning.bin_events(replace(recordings, targets={}), time_step_ms=STEP_MS, channels=70)
    binned = binning.bin_events(recordings, time_step_ms=STEP_MS, channels=70)
    np.testing.assert_array_equal(binned.length, np.maximum(plain.length, [120, 30, 0]))
    binned.check("test")
    cut = binning.bin_events(recordings, time_step_ms=STEP_MS, channels=70, max_time_ms=255.0)
    assert cut.length.max() == 26


@pytest.mark.parametrize(
    ("max_time_ms", "time_step_ms", "steps"), [(1400.0, 5.6, 250), (255.0, 10.0, 26), (0.3, 0.1, 3)]
)
def test_labels_end_at_the_longest_time_whatever_the_rounding(max_time_ms, time_step_ms, steps):
    # 1400 / 5.6 is 250.00000000000003 in float64
    target = Target.of(np.zeros((1, 400), np.int64), step_ms=time_step_ms)
    assert TargetGrid(time_step_ms, max_time_ms).lengths(target, np.arange(1)).tolist() == [steps]


@pytest.mark.parametrize("without_classes", [False, True])
def test_files_and_the_cache_hold_targets(tmp_path, monkeypatch, without_classes):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "cache"))
    recordings = with_targets(phase=phases(), number=numbers(), signal=signals())
    if without_classes:
        recordings = replace(recordings, label=np.full(3, -1), classes=())
    heidelberg.write(tmp_path / "a_train.h5", recordings)
    read = heidelberg.read(tmp_path / "a_train.h5")
    first, cached = (cache.binned(tmp_path / "a_train.h5", time_step_ms=STEP_MS, channels=70) for _ in range(2))
    np.testing.assert_array_equal(read.label, recordings.label)
    assert read.classes == recordings.classes
    for other in (read, first, cached):
        for name, target in recordings.targets.items():
            np.testing.assert_array_equal(other.targets[name].values, target.values)
            np.testing.assert_array_equal(other.targets[name].offset, target.offset)
            assert (other.targets[name].names, other.targets[name].step_ms) == (target.names, target.step_ms)


def test_selected_and_joined_recordings_have_their_targets():
    recordings = with_targets(phase=phases(), number=numbers())
    turned = concatenate([recordings.select(np.array([2])), recordings.select(np.array([0, 1]))])
    for number, source in enumerate((2, 0, 1)):
        for name, target in recordings.targets.items():
            np.testing.assert_array_equal(turned.targets[name].rows(number), target.rows(source))


def test_batches_have_no_label_behind_the_end_of_a_recording():
    binned = binning.bin_events(with_targets(phase=phases(), number=numbers()), time_step_ms=STEP_MS, channels=70)
    (batch,) = Batches(binned, np.arange(3), batch_size=3)
    behind = np.arange(len(batch.frames))[:, None] >= batch.length
    assert (batch.targets["phase"][behind] == -1).all()
    assert (batch.targets["phase"] >= 0).any()
    np.testing.assert_array_equal(batch.targets["number"], numbers().values)


def test_labels_move_with_the_events_in_batches_and_in_recordings():
    recordings, kinds = with_targets(phase=phases()), (TimeShift(least_ms=60.0, most_ms=60.0), ChunkDrop(most=0.5))
    binned = binning.bin_events(recordings, time_step_ms=STEP_MS, channels=70)
    batches = AugmentedBatches.of(recordings, binned, np.arange(3), kinds, batch_size=3, workers=0)
    (before,), (after,) = Batches(binned, np.arange(3), batch_size=3), batches.of_epoch(0, 0)
    order = batches.of_epoch(0, 0).order()
    labels = after.targets["phase"][:, np.argsort(order)]
    np.testing.assert_array_equal(labels[6 : 6 + len(before.frames)], before.targets["phase"])
    assert (labels[:6] == -1).all()
    moved = augment(with_targets(signal=signals()), (TimeShift(least_ms=200.0, most_ms=200.0),), seed=0)
    np.testing.assert_array_equal(moved.targets["signal"].rows(1)[2:], signals().rows(1))


def test_a_stretched_recording_has_stretched_labels():
    moved = augment(with_targets(signal=signals()), (TimeStretch(most=2.0),), seed=3).targets["signal"]
    assert len({len(moved.rows(number)) for number in range(3)}) > 1
    for number in range(3):
        assert set(moved.rows(number)[:, 0]) <= set(signals().rows(number)[:, 0])


@pytest.mark.parametrize("kind", [Blend(), CutMix(), ChannelTimeShift(group=7), TimeWarp()])
def test_kinds_without_clear_labels_refuse_by_name(kind):
    with pytest.raises(ValueError, match=rf"augment\.{kind.kind}: recordings with the targets phase must not"):
        augment(with_targets(phase=phases()), (kind,), seed=0)


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        ([[0, 1], [1.0, 2.0]], {"step_ms": 1.0}, "of one type"),
        ([0, 5], {"names": ("a", "b")}, "classes must lie in 0..1"),
        ([0, -2], {}, "or be -1 for none"),
        (np.array([1.0, np.inf]), {}, "must be finite"),
        (np.zeros((2, 3)), {"names": ("a",)}, "a name for each of the 3"),
        ([[0]], {"step_ms": 0.0}, "step_ms must be"),
    ],
)
def test_wrong_targets_are_refused(values, settings, message):
    with pytest.raises(ValueError, match=message):
        Target.of(values, **settings)


def test_a_recording_without_a_target_is_named():
    with pytest.raises(ValueError, match="target 'number': there must be 3 recordings"):
        binning.bin_events(with_targets(number=numbers().select(np.arange(2))), time_step_ms=1.0, channels=70).check(
            "x"
        )
