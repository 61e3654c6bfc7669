"""Spike trains have the rates and entropies of their closed forms."""

import numpy as np
import pytest

from snnsim.analysis import information
from snnsim.data.synthetic import point_processes
from snnsim.data.synthetic.point_processes import Bernoulli, Markov, Poisson

STEPS, TRAINS = 4000, 200
SOURCES = [
    Bernoulli(0.1),
    Bernoulli(0.4, refractory=3),
    Poisson(80.0, 1.0),
    Poisson(300.0, 2.0, refractory=4),
    Markov(0.05, 0.2),
    Markov(0.3, 0.9),
    Markov(0.2, 0.1, refractory=1),
    Markov(0.5, 0.9, refractory=2),
]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_the_rate_is_its_closed_form(source, rng):
    """Within 4 standard errors of independent trains, whose first steps are not yet as refractory as the others."""
    count = source.spikes((STEPS, TRAINS), rng)[100:].mean(0)
    assert abs(count.mean() - source.rate()) < 4 * count.std() / np.sqrt(TRAINS)
    assert 4 * count.std() / np.sqrt(TRAINS) < 0.03 * source.rate()


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_no_spike_in_the_refractory_time(source, rng):
    spikes = source.spikes((STEPS, TRAINS), rng)
    gaps = np.concatenate([np.diff(np.flatnonzero(train)) for train in spikes.T])
    assert gaps.min() == source.refractory + 1


@pytest.mark.parametrize(
    "source",
    [Bernoulli(0.1), Bernoulli(0.4, refractory=3), Poisson(200.0, 1.0), Markov(0.05, 0.2), Markov(0.3, 0.9)],
    ids=str,
)
def test_the_entropy_rate_is_that_of_counted_words(source, rng):
    """The entropy of a step given the four before it, counted: exact for a chain with so short a memory."""
    spikes = source.spikes((STEPS, 100), rng)[10:].astype(int)
    words = [sum(spikes[i : len(spikes) - 5 + i] << i for i in range(length)) for length in (5, 4)]
    shares = [np.bincount(word.ravel()) / word.size for word in words]
    long, short = (-(share[share > 0] * np.log2(share[share > 0])).sum() for share in shares)
    assert source.entropy_rate() == pytest.approx(long - short, rel=0.01)


def test_complexity_finds_the_entropy_rate(rng):
    for source in (Bernoulli(0.3), Markov(0.05, 0.2), Poisson(100.0, 1.0)):
        estimate = information.entropy_rate(source.spikes((300_000,), rng))
        assert estimate == pytest.approx(source.entropy_rate(), rel=0.07)


def test_inhomogeneous_rates(rng):
    rate = 100 * (1 + np.sin(np.arange(STEPS) / 300))
    source = Poisson(tuple(rate), 1.0)
    share = source.spikes((STEPS, 3, TRAINS), rng).mean((1, 2))
    z = (share - source.probability()) / np.sqrt(source.probability() / 3 / TRAINS + 1e-9)
    assert abs(np.mean(z**2) - 1) < 0.15
    assert source.rate() == pytest.approx(source.probability().mean())
    assert source.entropy_rate() == pytest.approx(point_processes.binary_entropy(source.probability()).mean())


def test_a_step_has_a_spike_with_the_poisson_probability():
    """1 - exp(-0.1) for 100 Hz and 1 ms, and never more than 1."""
    assert Poisson(100.0, 1.0).rate() == pytest.approx(0.0951626)
    assert Poisson(1e9, 1.0).rate() == 1


def test_a_markov_chain_begins_in_equilibrium(rng):
    source = Markov(0.02, 0.08)
    first = source.spikes((1, 20_000), rng).mean()
    assert abs(first - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 20_000)
    assert Markov(0.0, 0.5).rate() == 0
    assert Markov(0.5, 0.0).rate() == 1


def test_fair_bernoulli_trains_have_one_bit():
    assert Bernoulli(0.5).entropy_rate() == 1
    assert Markov(0.5, 0.5).entropy_rate() == 1
    np.testing.assert_allclose(point_processes.binary_entropy([0, 1]), [0, 0])


def test_refractory_deletion_by_hand():
    train = np.array([1, 1, 0, 1, 1, 1, 0, 0, 0, 1])
    np.testing.assert_array_equal(point_processes.without_refractory(train, 1), [1, 0, 0, 1, 0, 1, 0, 0, 0, 1])
    np.testing.assert_array_equal(point_processes.without_refractory(train, 2), [1, 0, 0, 1, 0, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(train, [1, 1, 0, 1, 1, 1, 0, 0, 0, 1])


def test_trains_are_a_function_of_the_generator():
    for source in SOURCES:
        first, second, other = (source.spikes((50, 7), np.random.default_rng(seed)) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, second)
        assert (first != other).any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Bernoulli(1.2), "Bernoulli: probability must be a probability, from 0 to 1, not 1.2"),
        (lambda: Bernoulli(0.2, refractory=-1), "Bernoulli: refractory must be 0 steps or more, not -1"),
        (lambda: Poisson(-1.0, 1.0), "rates must be 0 or more and the time step positive; got rate_hz=-1.0"),
        (lambda: Poisson((1.0, 2.0), 1.0, refractory=2), "with a refractory time the rate must be one number"),
        (lambda: Poisson((1.0, 2.0), 1.0).spikes((3, 1), None), "rates of 2 steps, but the trains must have 3"),
        (lambda: Markov(0.0, 0.0), "never changes its state"),
        (lambda: Markov(0.1, -0.1), "Markov: stop must be a probability"),
        (lambda: Markov(0.1, 0.1, refractory=1).entropy_rate(), "without a refractory time only"),
        (lambda: point_processes.without_refractory([1], -2), "0 steps or more, not -2"),
    ],
)
def test_invalid_sources_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
