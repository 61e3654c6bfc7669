"""Trains of equal rates and different sequences are classified by complexity, not by rate."""

import numpy as np
import pytest

from snnsim.analysis import classify, complexity
from snnsim.data.synthetic.point_processes import Bernoulli, Markov


def drawn(sources, seed, count=120, neurons=6, steps=150):
    rng = np.random.default_rng(seed)
    label = np.arange(count) % len(sources)
    trains = np.empty((steps, count, neurons), bool)
    for number, source in enumerate(sources):
        trains[:, label == number] = source.spikes((steps, (label == number).sum(), neurons), rng)
    return trains, label


def accuracy(sources, kind, decider):
    (trains, label), (others, wanted) = drawn(sources, 0), drawn(sources, 1)
    fitted = classify.decider(decider).fit(classify.features(trains, kind), label)
    return (fitted.predict(classify.features(others, kind)) == wanted).mean()


# one rate of 0.2, but with memory and without
MEMORY = Markov(0.04, 0.16), Bernoulli(0.2)
RATES = Bernoulli(0.1), Bernoulli(0.2)


@pytest.mark.parametrize("decider", classify.DECIDERS)
def test_complexity_separates_memories_and_rates_do_not(decider):
    assert accuracy(MEMORY, "lz", decider) > 0.95
    assert accuracy(MEMORY, "rate", decider) < 0.75


@pytest.mark.parametrize("decider", classify.DECIDERS)
def test_both_features_separate_rates(decider):
    assert accuracy(RATES, "rate", decider) > 0.95
    assert accuracy(RATES, "lz", decider) > 0.95


@pytest.mark.parametrize("decider", ["nearest_mean", "logistic"])
def test_more_than_two_classes(decider):
    assert accuracy((*RATES, Bernoulli(0.35)), "rate", decider) > 0.95


def test_features_are_those_of_every_train():
    trains, _ = drawn(RATES, 2, count=4)
    np.testing.assert_allclose(classify.features(trains, "rate")[1, 2], trains[:, 1, 2].mean())
    np.testing.assert_allclose(classify.features(trains, "lz")[1, 2], complexity.normalized(trains[:, 1, 2]))


@pytest.mark.parametrize("decider", classify.DECIDERS)
def test_a_decision_does_not_depend_on_other_recordings(decider):
    (trains, label), (others, _) = drawn(RATES, 0), drawn(RATES, 1)
    fitted = classify.decider(decider).fit(classify.features(trains, "rate"), label)
    features = classify.features(others, "rate")
    alone = np.concatenate([fitted.predict(features[[number]]) for number in range(len(features))])
    np.testing.assert_array_equal(alone, fitted.predict(features))


def test_unknown_names_and_shapes_are_refused():
    with pytest.raises(ValueError, match="features 'isi' is unknown; the known ones are rate, lz"):
        classify.features(np.zeros((2, 2, 2)), "isi")
    with pytest.raises(ValueError, match=r"\(time, recording, neuron\); got shape \(2, 2\)"):
        classify.features(np.zeros((2, 2)), "rate")
    with pytest.raises(ValueError, match="decider 'svm' is unknown; the known ones are threshold"):
        classify.decider("svm")
