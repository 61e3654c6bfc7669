"""Pictures as spikes: bright pixels fire often, or early."""

import numpy as np
import pytest

from snnsim.data import encoders


def test_rates_are_the_grays():
    gray = np.array([[0.0, 0.25], [0.5, 1.0]])
    spikes = encoders.rate(gray, np.random.default_rng(0), steps=20_000, probability=0.4)
    assert spikes.shape == (20_000, 2, 2)
    error = np.sqrt(0.4 * gray * (1 - 0.4 * gray) / 20_000)
    assert (np.abs(spikes.mean(0) - 0.4 * gray) <= 4 * error).all()


def test_latencies_by_hand():
    gray = np.array([[1.0, 0.5, 0.26, 0.01, 0.0]])
    assert encoders.first_spike(gray, steps=5).tolist() == [[0, 2, 3, 4, encoders.NEVER]]
    spikes = encoders.latency(gray, steps=5)
    assert spikes.shape == (5, 1, 5)
    assert spikes.sum(0).tolist() == [[1, 1, 1, 1, 0]]
    assert spikes[:, 0].argmax(0).tolist() == [0, 2, 3, 4, 0]


def test_one_step_has_all_pixels_above_zero():
    assert encoders.latency([[0.1, 1.0, 0.0]], steps=1).tolist() == [[[True, True, False]]]


@pytest.mark.parametrize("gray", [[[-0.1]], [[16.0]], [[np.nan]]])
def test_grays_out_of_range_are_refused(gray):
    with pytest.raises(ValueError, match="grays must be from 0 to 1"):
        encoders.latency(gray, steps=3)
    with pytest.raises(ValueError, match="grays must be from 0 to 1"):
        encoders.rate(gray, np.random.default_rng(0), steps=3)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="a step or more, not 0"):
        encoders.latency([[1.0]], steps=0)
    with pytest.raises(ValueError, match=r"from 0 to 1, not 1\.5"):
        encoders.rate([[1.0]], np.random.default_rng(0), steps=1, probability=1.5)
