"""Random events: their statistics, their seed, and the same bits for ever."""

import hashlib

import numpy as np
import pytest

from snnsim import Events


def test_random_events_have_their_rate_and_sizes():
    events = Events.random(7, steps=400, channels=30, rate=0.08)
    assert len(events) == 7
    assert (events.length == 400).all()
    assert (events.count == 1).all()
    cells = 7 * 400 * 30
    assert abs(len(events.step) - 0.08 * cells) < 4 * np.sqrt(0.08 * 0.92 * cells)
    assert events.channel.max() == 29


def test_the_seed_decides():
    first, second, other = (Events.random(2, steps=50, channels=9, rate=0.1, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.step, second.step)
    np.testing.assert_array_equal(first.channel, second.channel)
    assert not np.array_equal(first.step, other.step)


def test_counts_are_uniform_up_to_the_largest():
    count = Events.random(1, steps=2000, channels=3, rate=0.9, max_count=4).count
    assert set(count) == {1, 2, 3, 4}
    assert np.bincount(count)[1:].min() > 0.2 * len(count)


@pytest.mark.parametrize("max_count", [1, 2])
def test_events_are_the_frames_of_one_generator(max_count):
    generator = np.random.default_rng(5)
    counts = generator.integers(1, 1 + max_count, (20, 3, 6)) if max_count > 1 else np.int64(1)
    expected = Events.from_frames(counts * (generator.random((20, 3, 6)) < 0.2))
    events = Events.random(3, steps=20, channels=6, rate=0.2, seed=5, max_count=max_count)
    for name in ("step", "channel", "count", "offset", "length"):
        np.testing.assert_array_equal(getattr(events, name), getattr(expected, name))


def test_the_bits_of_random_events_never_change():
    """Exported files have random events as their self-test."""
    events = Events.random(3, steps=20, channels=6, rate=0.2, seed=5)
    content = b"".join(np.asarray(part, "<i8").tobytes() for part in (events.step, events.channel))
    assert hashlib.sha256(content).hexdigest()[:12] == "72a35f9907bd"


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_rates_at_the_bounds(rate):
    assert len(Events.random(2, steps=5, channels=3, rate=rate).step) == rate * 30


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rate": 1.5}, "rate must be at most 1, not 1.5"),
        ({"rate": -0.1}, "rate must be a finite number of at least 0"),
        ({"steps": -1}, "steps must be an integer"),
        ({"max_count": 0}, "max_count must be an integer"),
        ({"seed": -1}, "seed must be an integer"),
    ],
)
def test_invalid_numbers_are_refused(wrong, words):
    with pytest.raises(ValueError, match=f"Events.random: {words}"):
        Events.random(**{"recordings": 1, "steps": 5, "channels": 3, "rate": 0.5} | wrong)
