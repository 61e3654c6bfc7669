"""Classes of recordings from numbers of their output trains: how often each fires, or how complex it is.

    rate       spikes per step of each train
    lz         normalized Lempel-Ziv complexity of each train, c log₂(n) / n

Deciders, each fitted on training data alone, the scale of the features included:

    threshold      one cut through the mean of all features; two classes at most are told apart
    nearest_mean   the class whose mean is nearest, features scaled to their spread
    logistic       logistic regression of the scaled features

Shapes   trains (time, recording, neuron) · features (recording, neuron)
Source   own construction, after what the abstracts of Rudnicka, Szczepański & Pręgowska 2025, arXiv 2506.06750 and
         2508.11674 say of classifying spike trains by their complexity
"""

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from snnsim.analysis import complexity
from snnsim.validation import known, numbers


def rates(trains: np.ndarray) -> np.ndarray:
    """Return the spikes per step of every train, (recording, neuron), of trains (time, recording, neuron)."""
    found = numbers(trains, who="rates", name="trains")
    if found.ndim < 1 or len(found) == 0:
        raise ValueError(f"rates: trains must be (time, ...) with a step or more; got shape {found.shape}")
    return found.mean(0)


FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"rate": rates, "lz": complexity.normalized}


def features(trains: np.ndarray, kind: str) -> np.ndarray:
    """Return the features of every recording, (recording, neuron), of trains (time, recording, neuron)."""
    if not isinstance(kind, str) or kind not in FEATURES:
        raise ValueError(f"features {kind!r} are unknown; the known ones are {', '.join(FEATURES)}")
    trains = complexity.checked(trains, "features")
    if trains.ndim != 3:
        raise ValueError(f"features: trains must be (time, recording, neuron); got shape {np.shape(trains)}")
    return FEATURES[kind](trains)


def _mean(found: np.ndarray) -> np.ndarray:
    return found.mean(axis=1, keepdims=True)


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
    """Return a decider, to be fitted: `decider("logistic").fit(features, label).predict(others)`."""
    known(kind, DECIDERS, "decider")
    return DECIDERS[kind]()
