"""Classification of recordings by the rate or the complexity of their output trains.

    rate       spikes per step of each train
    lz         normalized Lempel-Ziv complexity of each train, c log₂(n) / n

Deciders; each is fitted on training data alone, including the scale of the features:

    threshold      one threshold on the mean of all features; separates two classes at most
    nearest_mean   the class with the nearest mean of the standardized features
    logistic       logistic regression of the standardized features

Shapes   trains (time, recording, neuron) · features (recording, neuron)
Source   own construction, after the abstracts of Rudnicka, Szczepański & Pręgowska 2025, arXiv 2506.06750 and
         2508.11674, on the classification of spike trains by their complexity
"""

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from snnsim.analysis import complexity
from snnsim.validation import lookup, numbers


def rates(trains: np.ndarray) -> np.ndarray:
    """Return the spikes per step of every train.

    Args:
        trains: Spikes or counts, (time, ...).

    Returns:
        float64 (...).

    Raises:
        ValueError: If the trains have no step, or a value is not finite.
    """
    trains = numbers(trains, who="rates", name="trains")
    if trains.ndim < 1 or len(trains) == 0:
        raise ValueError(f"rates: trains must be (time, ...) with a step or more; got shape {trains.shape}")
    return np.asarray(trains.mean(0))


FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"rate": rates, "lz": complexity.normalized}


def features(trains: np.ndarray, kind: str) -> np.ndarray:
    """Return the features of every recording.

    Args:
        trains: Spikes or counts, (time, recording, neuron).
        kind: "rate" or "lz".

    Returns:
        float64 (recording, neuron).

    Raises:
        ValueError: If the kind is unknown, or the trains have another number of axes.
    """
    compute = lookup(FEATURES, kind, "features")
    trains = complexity.checked(trains, "features")
    if trains.ndim != 3:
        raise ValueError(f"features: trains must be (time, recording, neuron); got shape {np.shape(trains)}")
    return compute(trains)


def _mean(features: np.ndarray) -> np.ndarray:
    return np.asarray(features.mean(axis=1, keepdims=True))


def _threshold() -> Pipeline:
    return make_pipeline(FunctionTransformer(_mean), DecisionTreeClassifier(max_depth=1, random_state=0))


def _nearest_mean() -> Pipeline:
    return make_pipeline(StandardScaler(), NearestCentroid())


def _logistic() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


DECIDERS: dict[str, Callable[[], Pipeline]] = {
    "threshold": _threshold,
    "nearest_mean": _nearest_mean,
    "logistic": _logistic,
}


def decider(kind: str) -> Pipeline:
    """Return a new decider: `decider("logistic").fit(features, label).predict(others)`.

    Args:
        kind: "threshold", "nearest_mean" or "logistic".

    Raises:
        ValueError: If the kind is unknown.
    """
    return lookup(DECIDERS, kind, "decider")()
