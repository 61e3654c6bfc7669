from itertools import pairwise

import numpy as np
import pytest

from snnsim.data.speech import basilar_membrane, cochlea, nerve_cells, streaming
from snnsim.data.speech.cochlea import Level


def noise(rate=24_000, seconds=0.31, seed=0):
    return np.random.default_rng(seed).normal(size=round(seconds * rate))


def cut(samples, sizes):
    """Return pieces whose sizes repeat."""
    pieces, first = [], 0
    while first < len(samples):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(samples[first : first + size])
        first += size
    return pieces


@pytest.mark.parametrize("rate", [24_000, 48_000, 44_100, 16_000, 8_000])
@pytest.mark.parametrize("sizes", [(1, 500, 0, 37), (2400,), (10**6,)])
def test_resampling_in_pieces_equals_resampling_at_once(rate, sizes):
    audio = noise(rate)[:3000]
    resampler, parts = streaming.Resampler(rate), []
    for piece in cut(audio, sizes):
        part, resampler = resampler.feed(piece)
        parts.append(part)
    part, _ = resampler.feed(np.zeros(0), last=True)
    np.testing.assert_array_equal(np.concatenate([*parts, part]), cochlea.resampled(audio, rate))


def streamed(audio, ear, sizes):
    state, parts = ear.start(), []
    for piece in cut(audio, sizes):
        part, state = ear.feed(piece, state)
        parts.append(part)
    parts.append(ear.finish(state))
    assert [part.end for part in parts] == sorted(part.end for part in parts)
    for before, after in pairwise(parts):
        assert after.step.min(initial=after.end) >= before.end
    step, unit = (np.concatenate([getattr(part, name) for part in parts]) for name in ("step", "unit"))
    time = streaming.seconds(step)
    order = np.lexsort((unit, time))
    return time[order], unit[order]


@pytest.mark.parametrize("sizes", [(101,), (1216, 5, 700), (10**6,)])
@pytest.mark.parametrize("segment", [streaming.SEGMENT, basilar_membrane.SEGMENT])
def test_a_stream_has_the_spikes_of_the_recording(sizes, segment):
    audio = noise()
    ear = streaming.Ear(Level.of(audio), seed=7, cells_per_place=10, segment=segment)
    time, unit = streamed(audio, ear, sizes)
    expected = cochlea.encode(audio, 24_000, 7, cells_per_place=10, segment=segment)
    np.testing.assert_array_equal(time, expected[0])
    np.testing.assert_array_equal(unit, expected[1])
    assert len(time) > 500


def test_short_segments_hardly_change_the_spikes():
    audio = noise(seconds=0.6)
    counts = [
        np.bincount(cochlea.encode(audio, 24_000, 7, cells_per_place=10, segment=segment)[1] // 10, minlength=70)
        for segment in (streaming.SEGMENT, basilar_membrane.SEGMENT)
    ]
    assert np.abs(counts[0] - counts[1]).sum() <= 0.05 * counts[1].sum()


def test_a_state_is_a_value():
    audio = noise()
    ear = streaming.Ear(Level.of(audio), cells_per_place=10)
    _, state = ear.feed(audio[:5000], ear.start())
    first, _ = ear.feed(audio[5000:], state)
    second, _ = ear.feed(audio[5000:], state)
    np.testing.assert_array_equal(first.step, second.step)
    np.testing.assert_array_equal(first.unit, second.unit)


def test_cells_go_on_after_pieces_that_are_shorter_than_their_refractory_time():
    velocity = np.random.default_rng(0).normal(scale=100.0, size=(9, 3000)).astype(np.float32)
    stores = nerve_cells.resting_stores(9), nerve_cells.resting_stores(9)
    cells = nerve_cells.resting_cells(3, range(18)), nerve_cells.resting_cells(3, range(18))

    def spikes(begin, end, number):
        trains = nerve_cells.Trains.empty(18, end - begin)
        count = nerve_cells.spikes_of_membrane(velocity[:, begin:end], stores[number], cells[number], trains)
        return sorted(zip(trains.unit[:count].tolist(), (trains.step[:count] + begin).tolist(), strict=True))

    expected = spikes(0, 3000, 0)
    parts = [spike for begin in range(0, 3000, 7) for spike in spikes(begin, min(begin + 7, 3000), 1)]
    assert sorted(parts) == expected
    assert {unit for unit, _ in expected} == set(range(18))
    for own, other in zip((stores[1], *cells[1]), (stores[0], *cells[0]), strict=True):
        np.testing.assert_array_equal(own, other)


def test_unfit_samples_are_refused():
    ear = streaming.Ear(Level(0.0, 1.0, 1.0), cells_per_place=10)
    with pytest.raises(ValueError, match=r"finite numbers of shape \(sample,\)"):
        ear.feed(np.array([0.0, np.nan]), ear.start())
    with pytest.raises(ValueError, match=r"at least 0\.06 s"):
        ear.finish(ear.start())
    with pytest.raises(ValueError, match="more than 2880 samples, not 2880"):
        streaming.Ear(Level(0.0, 1.0, 1.0), segment=2880)
