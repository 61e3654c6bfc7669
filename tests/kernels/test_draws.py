"""Random numbers by their counter: the bits of the naive form, the logistic distribution, no correlations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from snnsim.kernels.common import counter_rng, naive
from snnsim.kernels.common.counter_rng import Draws


def rows(draws, lanes=1, neurons=1):
    xi = np.empty((lanes, neurons))
    counter_rng.logistics(draws.counter(), xi)
    return xi


def test_hash_is_that_of_splitmix64():
    # the first numbers of the generator from the seed 1234567, as its authors' program prints them
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    start, gamma = 1234567, 0x9E3779B97F4A7C15
    assert [naive.mix(start + gamma * (n + 1)) for n in range(3)] == expected
    assert [int(counter_rng.mix(np.uint64((start + gamma * (n + 1)) % 2**64))) for n in range(3)] == expected


@settings(max_examples=50, deadline=None)
@given(st.integers(0, counter_rng.SEEDS - 1), *[st.integers(0, 2**31)] * 3, st.integers(0, 6), st.integers(0, 3))
def test_numbers_equal_the_naive_form(seed, layer, recording, step, neuron, lane):
    xi = rows(Draws.of(seed, recording).layer(layer).at(step), lane + 1, neuron + 1)[lane, neuron]
    r = naive.uniform(seed, layer, recording + lane, step, neuron)
    assert xi == pytest.approx(math.log(r) - math.log1p(-r), rel=1e-12, abs=1e-14)


def test_pixels_of_a_field_are_neurons_of_one_recording():
    one = Draws.of(3, 5).layer(1)
    field = rows(one._replace(lanes=4), 8, 3)
    np.testing.assert_array_equal(field.reshape(2, 12), rows(one, 2, 12))


def test_logistic():
    xi = rows(Draws.of(0), 200, 500).ravel()
    assert stats.kstest(xi, stats.logistic.cdf).pvalue > 0.01
    assert np.abs(xi).max() < 36.8


def test_numbers_of_other_counters_are_uncorrelated():
    base = Draws.of(0).layer(0)
    others = [Draws.of(1).layer(0), Draws.of(0).layer(1), base.at(1), Draws.of(0, 1).layer(0)]
    first = rows(base, 1, 100_000)[0]
    for other in others:
        assert abs(np.corrcoef(first, rows(other, 1, 100_000)[0])[0, 1]) < 4 / math.sqrt(100_000)
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 4 / math.sqrt(100_000)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_have_a_range(seed):
    with pytest.raises(ValueError, match=r"Draws: a seed must be from 0 to below 2\^63, not"):
        Draws.of(seed)
