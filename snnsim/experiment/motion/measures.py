"""What a trained layer decides: accuracy over time and by evidence, pruning, shortening, tuning, generalization.

    accuracy over time          share of movies whose class has the highest probability in a step
    by evidence accumulated     the same for the product of the probabilities of all steps up to it
    pruning                     weights below a magnitude are left out; shares of weights from 1 down
    shortening                  weights of delays above a bound are left out
    half-saturation             the share at which a sigmoid in log share is half-way from chance to its top:
                                accuracy = chance + (top − chance) / (1 + (half / share)^steepness)

Shapes   log probabilities (step, movie, class) · label int64 (time, movie)
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy
import torch
from torch import Tensor

from snnsim.experiment.motion import movies
from snnsim.experiment.motion.movies import Movies
from snnsim.nn.logistic_conv import LogisticConv, accumulated

STRIDE = (4, 3, 3)
"""Steps, rows and columns from one evidence of a measurement to the next."""
BATCH = 24


@torch.no_grad()
def decide(layer: LogisticConv, events: Tensor, *, before: int = 0, kind: str = "multinomial") -> Tensor:
    """Return the log probabilities of movies, (step, movie, class).

    Args:
        layer: The layer.
        events: Events (time, movie, row, column, polarity).
        before: Steps at the beginning without a decision.
        kind: "multinomial" or "binary" regression.
    """
    field = events.shape[2], events.shape[3]
    pieces = [
        layer.decision(layer(movies.flat(part), before=before, stride=STRIDE, field=field), kind=kind)
        for part in torch.split(events, BATCH, dim=1)
    ]
    return torch.cat(pieces, dim=1)


def accuracies(logs: Tensor, label: Tensor, *, before: int = 0) -> tuple[list[float], list[float]]:
    """Return the accuracy of each step, and by the evidence up to each step.

    Args:
        logs: Log probabilities (step, movie, class).
        label: Classes (time, movie).
        before: Steps at the beginning without a decision.
    """
    wanted = label[before :: STRIDE[0]]
    single = (logs.argmax(-1) == wanted).float().mean(1)
    summed = (accumulated(logs).argmax(-1) == wanted).float().mean(1)
    return single.tolist(), summed.tolist()


def accuracy(layer: LogisticConv, data: Movies) -> float:
    """Return the accuracy by all evidence of movies of one motion, or of single steps where motions change.

    Steps count from the one on in which all delays have input.

    Args:
        layer: The layer.
        data: The movies.
    """
    before = layer.synapse.max_delay
    single, summed = accuracies(decide(layer, data.events, before=before), data.label, before=before)
    one_motion = bool((data.label == data.label[0]).all())
    return summed[-1] if one_motion else sum(single) / len(single)


@contextlib.contextmanager
def only(layer: LogisticConv, mask: Tensor) -> Iterator[None]:
    """Leave out the other weights of a layer within a `with` block.

    Args:
        layer: The layer.
        mask: Which weights are kept, bool in their shape.
    """
    weight = layer.synapse.weight
    original = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.mul_(mask)
        yield
    finally:
        with torch.no_grad():
            weight.copy_(original)


def pruning(layer: LogisticConv, data: Movies, shares: tuple[float, ...]) -> list[dict[str, float]]:
    """Return the accuracy with the largest weights only: share of weights, number per class, accuracy.

    Args:
        layer: The layer.
        data: The movies.
        shares: Shares of the weights that are kept.
    """
    size = layer.synapse.weight.detach().abs()
    rows = []
    for share in shares:
        count = max(1, round(share * size.numel()))
        with only(layer, size >= size.flatten().topk(count).values[-1]):
            rows.append(_row(share, count, size, accuracy(layer, data)))
    return rows


def shortening(layer: LogisticConv, data: Movies) -> list[dict[str, float]]:
    """Return the accuracy with the shortest delays only, from one delay to all of them.

    Args:
        layer: A layer with dense delays.
        data: The movies.
    """
    size, rows = layer.synapse.weight.detach().abs(), []
    for longest in range(layer.synapse.max_delay + 1):
        mask = (layer.synapse.delay <= longest).expand_as(size)
        with only(layer, mask):
            count = int(mask.sum())
            rows.append(_row(count / size.numel(), count, size, accuracy(layer, data)) | {"longest": longest})
    return rows


def _row(share: float, count: int, size: Tensor, value: float) -> dict[str, float]:
    return {"share": share, "per_class": count / len(size), "accuracy": value}


def half_saturation(rows: list[dict[str, float]], chance: float) -> dict[str, float]:
    """Return the sigmoid through a pruning curve: its top, the share of weights at half of it, and its steepness.

    Args:
        rows: Shares and accuracies.
        chance: Accuracy without knowledge.
    """
    share, value = (np.array([row[name] for row in rows]) for name in ("share", "accuracy"))

    def sigmoid(logarithm: np.ndarray, top: float, half: float, steepness: float) -> np.ndarray:
        result: np.ndarray = chance + (top - chance) / (1 + np.exp(-steepness * (logarithm - half)))
        return result

    start = value.max(), np.log(share)[np.abs(value - (value.max() + chance) / 2).argmin()], 2.0
    bounds = ([chance, np.log(share.min()) - 5, 0.05], [1.0, 5.0, 50.0])
    (top, half, steepness), _ = scipy.optimize.curve_fit(
        sigmoid, np.log(share), value, p0=np.clip(start, *bounds), bounds=bounds
    )
    return {"top": float(top), "half": float(np.exp(half)), "steepness": float(steepness)}


def generalization(layer: LogisticConv, data: Movies) -> dict[str, float]:
    """Return accuracies on movies that are changed: polarity exchanged, both polarities compared, and without order.

    Args:
        layer: The layer.
        data: The movies.
    """
    swapped = Movies(data.events.flip(4), data.label)
    before, generator = layer.synapse.max_delay, torch.Generator().manual_seed(0)
    both = torch.maximum(*(decide(layer, each.events, before=before) for each in (data, swapped)))
    changed: dict[str, Any] = {
        "swapped": swapped,
        "collapsed": Movies(movies.collapsed(data.events), data.label),
        "shuffled": Movies(movies.shuffled(data.events, generator), data.label),
    }
    rows = {name: accuracy(layer, each) for name, each in changed.items()}
    return rows | {"both polarities": accuracies(both, data.label, before=before)[1][-1]}
