"""Codings of pictures and signals: each agrees with its equation, and depends on the number of a recording alone."""

import math

import numpy as np
import pytest

from helpers.own_data import pictures
from snnsim.data.coding import saccades, signals
from snnsim.data.coding.kinds import Delta, Direct, Latency, Rate, Saccades, Threshold, Values
from snnsim.data.coding.pictures import PictureCoder
from snnsim.data.coding.signals import SignalCoder

GRAY = pictures()[0][..., None]


def coder(coding, gray=GRAY, *, seed=0, time_step_ms=10.0):
    return PictureCoder(gray, 255, coding, seed, time_step_ms)


@pytest.mark.parametrize("coding", [Direct(), Rate(), Latency(), Saccades()], ids=lambda coding: coding.kind)
def test_frames_of_a_picture_are_the_same_in_any_batch(coding):
    own = coder(coding)
    every = own.frames(np.arange(len(GRAY)))
    assert every.dtype == np.float32
    assert every.shape == (own.steps()[0], len(GRAY), own.channels)
    np.testing.assert_array_equal(own.frames(np.array([5, 2])), every[:, [5, 2]])
    assert math.prod(own.field) == own.channels
    assert own.spikes == (coding.kind != "direct")


@pytest.mark.parametrize("levels", [1, 16, 255])
def test_direct_coding_repeats_the_rounded_gray_levels(levels):
    frames = coder(Direct(steps=3, levels=levels)).frames(np.arange(4))
    expected = np.floor(GRAY[:4].reshape(4, -1) / 255 * levels + 0.5)
    for step in range(3):
        np.testing.assert_array_equal(frames[step], expected)


def test_latency_coding_has_one_spike_of_each_pixel_that_is_not_black():
    gray = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    frames = coder(Latency(steps=11), gray).frames(np.array([0]))[:, 0]
    assert frames[:, 0].sum() == 0
    np.testing.assert_array_equal(frames[:, 1:].sum(0), 1)
    np.testing.assert_array_equal(frames[:, 1:].argmax(0), np.floor((1 - np.arange(1, 256) / 255) * 10 + 0.5))


def test_rate_coding_has_the_stated_probabilities():
    gray = np.repeat(np.array([0, 51, 255], np.uint8), 300).reshape(1, 30, 30, 1)
    spikes = coder(Rate(steps=100, probability=0.5), gray).frames(np.array([0]))[:, 0].reshape(100, 3, 300)
    for column, probability in enumerate((0.0, 0.1, 0.5)):
        deviation = math.sqrt(probability * (1 - probability) / 30_000)
        assert abs(spikes[:, column].mean() - probability) <= 4 * deviation
    other = coder(Rate(steps=100, probability=0.5), gray, seed=1).frames(np.array([0]))
    assert (other != coder(Rate(steps=100, probability=0.5), gray).frames(np.array([0]))).any()


def plain_saccades(picture, route, threshold):
    """Return the events of a picture (row, column) by plain loops over its definition."""
    rows, columns = picture.shape
    frames = np.zeros((route.step[-1] + 1, rows, columns, 2))

    def gray(y, x):
        top, left = math.floor(y), math.floor(x)
        total = 0.0
        for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
            if 0 <= row < rows and 0 <= column < columns:
                total += (1 - abs(y - row)) * (1 - abs(x - column)) * float(picture[row, column])
        return total

    for row in range(rows):
        for column in range(columns):
            reference = float(picture[row, column])
            for movement, step in enumerate(route.step):
                down, right = route.shift[movement + 1]
                change = gray(row - down, column - right) - reference
                count = math.floor(abs(change) / threshold)
                reference += math.copysign(count * threshold, change)
                frames[step, row, column, int(change < 0)] += count
    return frames


@pytest.mark.parametrize("amplitude", [1.0, 2.5])
def test_saccades_agree_with_their_definition(amplitude):
    route = saccades.path(Saccades(amplitude=amplitude, duration_ms=100.0), 10.0)
    gray = GRAY[:2].astype(np.float32) / np.float32(255)
    frames = saccades.events(gray, route, 0.3)
    for number in range(2):
        expected = plain_saccades(gray[number, ..., 0], route, 0.3)
        np.testing.assert_array_equal(frames[:, number].reshape(expected.shape), expected)


def test_a_picture_returns_to_its_place_within_the_duration():
    route = saccades.path(Saccades(amplitude=4.0, duration_ms=300.0), 10.0)
    np.testing.assert_array_equal(route.shift[[0, -1]], 0)
    assert route.shift.max() == 4
    assert np.hypot(*np.diff(route.shift, axis=0).T).max() <= 0.25 + 1e-12
    assert (route.step[0], route.step[-1]) == (0, 29)
    assert (np.diff(route.step) >= 0).all()


def test_a_black_picture_has_no_events_and_on_and_off_events_balance():
    black = np.zeros((1, 5, 5, 1), np.uint8)
    assert coder(Saccades(), black).frames(np.array([0])).sum() == 0
    frames = coder(Saccades(threshold=0.1), np.full((1, 9, 9, 1), 255, np.uint8)).frames(np.array([0]))[:, 0]
    on, off = frames.reshape(-1, 81, 2).sum((0, 1))
    # every pixel ends with the gray level that it began with, up to the threshold
    assert on > 0
    assert (np.abs(frames.reshape(-1, 81, 2).sum(0) @ np.array([1, -1])) <= 1).all()
    assert abs(on - off) <= 81


def test_signals_are_taken_as_they_are_at_a_threshold_or_at_changes():
    rng = np.random.default_rng(0)
    values, offset = rng.normal(size=(20, 3)), np.array([0, 8, 20])
    raw = SignalCoder(values, offset, Values()).frames(np.array([1, 0]))
    np.testing.assert_array_equal(raw[:, 0], values[8:].astype(np.float32))
    np.testing.assert_array_equal(raw[:8, 1], values[:8].astype(np.float32))
    np.testing.assert_array_equal(raw[8:, 1], 0)
    above = SignalCoder(values, offset, Threshold(threshold=0.2)).frames(np.array([1]))
    np.testing.assert_array_equal(above[:, 0], values[8:] >= 0.2)


def test_delta_coding_follows_the_signal_within_its_threshold():
    values = np.cumsum(np.random.default_rng(1).normal(size=(200, 4)), axis=0)
    spikes = signals.delta(values, 0.3).reshape(200, 4, 2)
    followed = values[0] + 0.3 * np.cumsum(spikes[..., 0] - spikes[..., 1], axis=0)
    assert np.abs(followed - values).max() < 0.3
    assert not np.any((spikes[..., 0] > 0) & (spikes[..., 1] > 0))
    np.testing.assert_array_equal(spikes[0], 0)
    own = SignalCoder(values, np.array([0, 200]), Delta(threshold=0.3))
    assert own.channels == 8
    np.testing.assert_array_equal(own.frames(np.array([0]))[:, 0], spikes.reshape(200, 8))


def test_a_value_exactly_one_threshold_away_causes_a_spike():
    spikes = signals.delta(np.array([[0.0], [0.5], [0.25], [0.0]]), 0.5)
    np.testing.assert_array_equal(spikes, [[0, 0], [1, 0], [0, 0], [0, 1]])
