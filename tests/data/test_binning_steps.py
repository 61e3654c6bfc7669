"""An event at a multiple of the step falls into that step, for times of any precision, in memory and in files."""

from fractions import Fraction

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.data import binning, heidelberg
from snnsim.data.recordings import Recordings

STEPS = [10.0, 5.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.2, 0.1, 0.05, 0.025, 0.01, 0.7, 3.3, 1 / 3, 0.3, 1.1, 7.0, 33.3]


def recordings(*rows, units=1):
    return Recordings(
        time_ms=np.concatenate(rows),
        unit=np.zeros(sum(map(len, rows)), np.uint16),
        offset=np.cumsum([0, *map(len, rows)]),
        label=np.zeros(len(rows), np.int64),
        speaker=np.full(len(rows), -1),
        classes=("a",),
        units=units,
    )


def steps(sample, time_step_ms, **options):
    binned = binning.bin_events(sample, time_step_ms=time_step_ms, channels=1, **options)
    return np.repeat(binned.cell, binned.count).astype(np.int64)


def rounded(exact_ms, rounding):
    """Times in ms in the types and units of programs and files."""
    single = exact_ms.astype(np.float32)
    return {
        "double": exact_ms,
        "single": single,
        "single seconds": (exact_ms / 1000).astype(np.float32).astype(np.float64) * 1000,
        "single, then seconds": (single / np.float32(1000)) * np.float32(1000),
        "single in double": single.astype(np.float64),
        "double seconds": exact_ms / 1000 * 1000,
    }[rounding]


@given(
    st.one_of(st.sampled_from(STEPS), st.floats(0.01, 50)),
    st.lists(st.integers(0, 400_000), min_size=1, max_size=50),
    st.sampled_from(
        ["double", "single", "single seconds", "single, then seconds", "single in double", "double seconds"]
    ),
    st.sampled_from([0.0, 0.5]),
)
@settings(deadline=None)
def test_multiples_and_middles_fall_into_their_step(time_step_ms, expected, rounding, within):
    expected = np.sort(expected)
    sample = recordings(rounded((expected + within) * time_step_ms, rounding))
    np.testing.assert_array_equal(steps(sample, time_step_ms), expected)


@pytest.mark.parametrize("time_step_ms", STEPS)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_multiples_of_the_step_in_a_file_fall_into_their_step(tmp_path, time_step_ms, kind):
    path, copy = tmp_path / "a.h5", tmp_path / "b.h5"
    # float16 tells the first 1,024 steps apart, whatever they are
    expected = np.arange(1000)
    heidelberg.write(path, recordings(np.arange(1000, dtype=np.float32)))
    with h5py.File(path, "a") as file:
        del file["spikes/times"]
        rows = file.create_dataset("spikes/times", (1,), h5py.vlen_dtype(np.dtype(kind)))
        rows[0] = (expected * time_step_ms / 1000).astype(kind)
    read = heidelberg.read(path)
    np.testing.assert_array_equal(steps(read, time_step_ms), expected)
    heidelberg.write(copy, read)
    np.testing.assert_array_equal(steps(heidelberg.read(copy), time_step_ms), expected)


@given(
    st.sampled_from([10.0, 1.0, 0.7, 3.3]),
    st.integers(1, 200),
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.float32, np.float64]),
)
@settings(deadline=None)
def test_times_between_steps_are_rounded_down(time_step_ms, count, seed, kind):
    """Against fractions, which round nothing; times nearer to a step than rounding may move them are left out."""
    time = np.sort(np.random.default_rng(seed).uniform(0, 1400, count)).astype(kind)
    exact = [Fraction(float(each)) / Fraction(time_step_ms) for each in time]
    clear = np.array([abs(each - round(each)) > each * 5 * Fraction(1, 2**23) for each in exact])
    sample = recordings(time)
    np.testing.assert_array_equal(steps(sample, time_step_ms)[clear], np.array([int(each) for each in exact])[clear])


def test_float64_times_are_distinct_where_float32_times_are_not():
    time = np.array([1e6 - 1e-4, 1e6, 1e6 + 1e-4, np.pi * 6e5])
    assert steps(recordings(time), 0.001).tolist() == [999_999_999, 10**9, 10**9, 1_884_955_592]


def test_float16_times_off_the_grid_are_rounded_down():
    """The spikes of SHD lie anywhere: 0.4697 s is the float16 next to 470 ms, and stays in step 46."""
    time = np.array([0.1, 0.4697, 0.4703], np.float16).astype(np.float32) * 1000
    assert steps(recordings(time), 10.0).tolist() == [9, 46, 47]
    assert time[0] < 100


@given(st.lists(st.integers(1, 20), min_size=2, max_size=5), st.integers(0, 2**32 - 1), st.sampled_from(STEPS))
@settings(deadline=None)
def test_a_recording_has_the_same_steps_alone_and_among_others(sizes, seed, time_step_ms):
    generator = np.random.default_rng(seed)
    rows = [np.sort(generator.uniform(0, 300, size)) for size in sizes]
    rows[0] = (np.arange(sizes[0]) * time_step_ms / 1000).astype(np.float16).astype(np.float64) * 1000
    sample = recordings(*rows)
    alone = [steps(sample.select(np.array([number])), time_step_ms) for number in range(len(rows))]
    np.testing.assert_array_equal(np.concatenate(alone), steps(sample, time_step_ms))


@pytest.mark.parametrize("time_step_ms", [0.1, 0.7, 3.3, 1 / 3, 10.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_limit_is_rounded_like_the_times(time_step_ms, kind):
    sample = recordings((np.arange(500) * time_step_ms).astype(kind))
    for last in range(1, 500):
        binned = binning.bin_events(sample, time_step_ms=time_step_ms, channels=1, max_time_ms=last * time_step_ms)
        assert (binned.length.tolist(), binned.dropped) == ([last], 500 - last)


@pytest.mark.parametrize("step_ms", [10.0, 1.0, 0.1, 1 / 3])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_written_times_are_read_exactly(tmp_path, step_ms, kind):
    """A minute on a grid, and random times: to the last bit, or but for it where float64 is needed."""
    for time in (np.arange(0, 60_000, step_ms), np.sort(np.random.default_rng(0).uniform(0, 2e6, 5000))):
        sample = recordings(time.astype(kind))
        heidelberg.write(tmp_path / "a.h5", sample)
        read = heidelberg.read(tmp_path / "a.h5").time_ms
        np.testing.assert_allclose(read, sample.time_ms, rtol=0 if kind is np.float32 else 2.0**-51)


def test_float16_is_written_only_where_it_is_exact(tmp_path):
    for time, kind in (([0.0, 125.0, 250.0], "e"), ([0.0, 5.0], "f"), ([1.0, np.pi], "d")):
        heidelberg.write(tmp_path / "a.h5", recordings(np.array(time)))
        with h5py.File(tmp_path / "a.h5") as file:
            assert h5py.check_vlen_dtype(file["spikes/times"].dtype).char == kind
