"""Metrics of a simulated Program on recordings, by the tasks of its readouts, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.metrics import METRICS, HeadsReport, Report
from snnsim.metrics.losses import cross_entropy, squared_error
from snnsim.program import Program, Readout
from snnsim.simulation import Result


@dataclass(frozen=True)
class Measured:
    """The metrics of a Program on recordings, and its mean loss."""

    report: Report
    loss: float

    def facts(self) -> dict[str, Any]:
        """Return all metrics in the types of JSON, and their text."""
        return {"summary": self.report.text(), **self.report.facts(), "loss": self.loss}


Labels = Mapping[str, list[np.ndarray]]
"""The target of every recording, of each readout by its name: (), (time,), (target,) or (time, target)."""


def measured(result: Result, labels: Labels, weights: Mapping[str, float]) -> Measured:
    """Return the metrics of a result.

    Args:
        result: The result of recordings.
        labels: The targets of the recordings.
        weights: Weight of the loss of each readout; 1 where it is missing.
    """
    parts = {
        readout.population: _of_readout(result, readout, labels[readout.population])
        for readout in decided(result.program)
    }
    if len(parts) == 1:
        return next(iter(parts.values()))
    loss = sum(weights.get(name, 1.0) * part.loss for name, part in parts.items())
    return Measured(HeadsReport({name: part.report for name, part in parts.items()}), loss)


def decided(program: Program) -> list[Readout]:
    """Return the readouts whose outputs are predictions: those of steps, and those with a decision.

    Args:
        program: The Program.
    """
    return [readout for readout in program.readouts if readout.per_step or readout.decision is not None]


def _of_readout(result: Result, readout: Readout, labels: list[np.ndarray]) -> Measured:
    metrics, outputs = METRICS[readout.task], result.program.population(readout.population).size
    sums, loss = metrics.zeros(outputs), 0.0
    scores = None if readout.per_step else result.scores(readout=readout.population)
    for number, target in enumerate(labels):
        if scores is None:
            score = result.output(number, readout=readout.population)[: len(target)]
            # time, and one recording
            shape: tuple[slice | None, ...] = (slice(None), None)
        else:
            score, shape = scores[number], (None,)
        of_classes = readout.of_classes
        predicted = score.argmax(-1) if of_classes else score
        sums = sums + metrics.sums(np.asarray(predicted)[shape], np.asarray(target)[shape], outputs)
        loss += cross_entropy(score, target) if of_classes else squared_error(score, target)
    return Measured(metrics.report(sums, readout.classes), loss / len(labels))


def agreement(before: Result, after: Result) -> dict[str, float]:
    """Return how alike the predictions of two Programs are, of the first readout with predictions.

    Args:
        before: Result of one Program.
        after: Result of the other on the same recordings.

    Returns:
        "agreement", the share of recordings or steps with the same class; or "rms_change", the root mean square of the
        change of numbers.
    """
    readout = decided(before.program)[0]
    one, other = (result.predictions(readout=readout.population) for result in (before, after))
    if readout.per_step:
        one, other = np.concatenate(list(one)), np.concatenate(list(other))
    if readout.of_classes:
        return {"agreement": float((one == other).mean())}
    return {"rms_change": float(np.sqrt(((one - other) ** 2).mean()))}


def alike(facts: Mapping[str, Any], recordings: int) -> str:
    """Return an agreement as a text.

    Args:
        facts: A table with the result of `agreement`.
        recordings: Number of recordings.
    """
    if "agreement" in facts:
        return f"the same decision in {facts['agreement']:.2%} of {recordings} recordings"
    return f"numbers changed by {facts['rms_change']:.4g} (root mean square) in {recordings} recordings"
