"""A run that is stopped and resumed against one that is not."""

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from snnsim import experiment
from snnsim.experiment import plot_run
from snnsim.training.trainer import Trainer

CACHE = "SNNSIM_CACHE"
"""Variable of the environment with the folder of generated data."""
VALUES: dict[str, object] = {
    "network.hidden": [16],
    "training.epochs": 2,
    "training.batch_size": 500,
    "data.max_time_ms": 400.0,
}


class _Stopped(Exception):
    """The stop of a training in the middle of an epoch."""


def resumed(folder: Path) -> str:
    """Train on motifs, once without and once with a stop, and compare the metrics.

    Args:
        folder: Folder of the runs and the data.

    Raises:
        AssertionError: If a metric differs.
    """
    quiet = io.StringIO()
    with redirect_stdout(quiet), redirect_stderr(quiet), _cache(folder / "cache"), _without_figures():
        uninterrupted = experiment.train("motifs", VALUES, output=folder / "one", device="cpu")
        with _stopped_after(6), suppress(_Stopped):
            experiment.train("motifs", VALUES, output=folder / "two", device="cpu")
        continued = experiment.train(str(folder / "two"), {}, resume="auto", device="cpu")
    rows = [[_numbers(row) for row in run.read_metrics()] for run in (uninterrupted, continued)]
    assert rows[0] == rows[1], "a run that was stopped has the metrics of one that was not"
    assert len(rows[0]) == 2
    return f"{sum(map(len, rows[0]))} metrics of a run that was stopped and resumed are those of one that was not"


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(value) for name, value in row.items() if name not in ("seconds", "peak_bytes")}


@contextmanager
def _stopped_after(steps: int) -> Iterator[None]:
    """Stop a training after some batches."""
    step, done = Trainer._step, 0

    def counted(trainer: Trainer, *arguments: Any) -> None:
        nonlocal done
        if done == steps:
            raise _Stopped
        done += 1
        step(trainer, *arguments)

    Trainer._step = counted  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Trainer._step = step  # type: ignore[method-assign]


@contextmanager
def _without_figures() -> Iterator[None]:
    figures, plot_run.AFTER_TRAINING = plot_run.AFTER_TRAINING, ()  # type: ignore[assignment]
    try:
        yield
    finally:
        plot_run.AFTER_TRAINING = figures


@contextmanager
def _cache(folder: Path) -> Iterator[None]:
    """Use a cache folder of its own, so that no data of the user are read or written."""
    before = os.environ.get(CACHE)
    os.environ[CACHE] = str(folder)
    try:
        yield
    finally:
        del os.environ[CACHE]
        if before is not None:
            os.environ[CACHE] = before
