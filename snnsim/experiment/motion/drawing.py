"""Trained layers from the folder of the experiment: their kernels, and the motion that they see in a recording.

    flow      at every position the velocity of the winner, where its probability is above a threshold
    decision  the probability of each class by all positions, in each step

Shapes   flow (step, row, column, 2) · probability (step, class)
"""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from snnsim import plots
from snnsim.data import time_units
from snnsim.data.cameras import formats
from snnsim.data.cameras.events import Options
from snnsim.data.event_camera.motion import STEP_MS
from snnsim.experiment.motion import movies, running, training
from snnsim.experiment.motion.settings import Budget, Cell
from snnsim.nn.logistic_conv import LogisticConv, log_posterior
from snnsim.training.run_folder import RunFolder

STRIDE = (2, 1, 1)
"""Steps, rows and columns from one decision of a picture to the next."""
PROBABILITY = 0.3
"""Least probability of a winner that a flow shows."""
MOST_PIXELS = 256 * 256
FIRST = Cell("dense", 0)


class Part(NamedTuple):
    """A part of a recording."""

    path: Path
    options: Options
    """What the file may not say of itself."""
    first_ms: float = 0.0
    """Beginning, from the first event."""
    duration_ms: float = 100.0


class Seen(NamedTuple):
    """What a layer saw in a recording."""

    picture: Path
    events: int
    duration_ms: float
    seconds: float
    """Time that the layer took."""
    decision: str
    """Class with the highest probability by all evidence."""


def is_folder(path: Path) -> bool:
    """Return whether a folder is one of this experiment.

    Args:
        path: The folder.
    """
    return (path / "layers").is_dir() and (path / "settings.json").is_file()


def load(folder: Path, cell: Cell) -> tuple[LogisticConv, Budget]:
    """Return a trained layer and the sizes of its experiment.

    Args:
        folder: Folder of the experiment.
        cell: The cell.

    Raises:
        FileNotFoundError: If the layer is not trained yet.
    """
    run = RunFolder(Path(folder))
    path = running.layer_file(run, cell)
    if not path.is_file() or not is_folder(run.path):
        raise FileNotFoundError(f"{folder}: there is no trained layer {cell.name()}; snnsim reproduce motion makes one")
    saved = json.loads((run.path / "settings.json").read_text(encoding="utf-8"))["budget"]
    values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in saved.items()}
    budget = Budget(**values)
    layer = training.build(cell, budget)
    layer.load_state_dict(torch.load(path, weights_only=True)["layer"])
    layer.form = "events"
    return layer.eval(), budget


@torch.no_grad()
def kernels(folder: Path, output: Path, cell: Cell = FIRST) -> Path:
    """Draw the kernels of the directions at the middle speed, as a strip or as an animation (.gif).

    Args:
        folder: Folder of the experiment.
        output: The file to write.
        cell: The cell.
    """
    layer, budget = load(folder, cell)
    motions = budget.recipe().motions
    middle = len(motions.speeds) // 2
    chosen = np.arange(motions.directions) * len(motions.speeds) + middle
    # weights of on and off events together: how much any event speaks for the class
    values = layer.synapse.event_kernel().sum(3).permute(3, 0, 1, 2).numpy()[chosen]
    names = [motions.names()[number] for number in chosen]
    if Path(output).suffix.lower() == ".gif":
        plots.animate_kernels(values, names, output, time_step_ms=STEP_MS)
    else:
        quarter = slice(None, None, max(1, motions.directions // 4))
        plots.save(plots.kernels(values[quarter], names[quarter], time_step_ms=STEP_MS), output)
    return output


def moving_scene(folder: Path, output: Path, *, index: int = 0, cell: Cell = FIRST) -> Path:
    """Draw the flow and the decision of a layer over a movie of the test split.

    Args:
        folder: Folder of the experiment.
        output: The file to write.
        index: Number of the movie.
        cell: The cell.

    Raises:
        ValueError: If there is no such movie.
    """
    layer, budget = load(folder, cell)
    data = running.split(budget, RunFolder(Path(folder)), "test", cell.seed)
    count = data.events.shape[1]
    if not 0 <= index < count:
        raise ValueError(f"--index must be from 0 to {count - 1}, the movies of the test split, not {index}")
    one = data.batch(slice(index, index + 1))
    _draw(layer, budget, one.events, output, label=one.label[:, 0].numpy())
    return output


def recording(folder: Path, part: Part, output: Path, *, cell: Cell = FIRST) -> Seen:
    """Draw what a layer sees in a recording of an event camera, and measure its speed.

    Args:
        folder: Folder of the experiment.
        part: The part of a recording to see.
        output: The picture to write.
        cell: The cell.
    """
    layer, budget = load(folder, cell)
    events = read(part)
    began = time.perf_counter()
    evidence = _evidence(layer, events)
    seconds = time.perf_counter() - began
    logs = _draw(layer, budget, events, output, evidence=evidence)
    decided = int(logs.sum(0).argmax())
    names = budget.recipe().motions.names()
    return Seen(output, int(events.sum()), len(events) * STEP_MS, seconds, names[decided])


def read(part: Part) -> Tensor:
    """Return the events of a part of a recording, bool (time, 1, row, column, polarity) in steps of 1 ms.

    Args:
        part: The part of a recording.

    Raises:
        ValueError: If the part has no event, or the sensor is too large.
    """
    path, first_ms, last_ms = Path(part.path), part.first_ms, part.first_ms + part.duration_ms
    camera = formats.read(path, part.options)
    pieces = [piece for piece in camera.pieces if len(piece.time)]
    if not pieces:
        raise ValueError(f"{path}: the recording has no event")
    columns = [np.concatenate([np.asarray(column) for column in joined]) for joined in zip(*pieces, strict=True)]
    when, row, column, polarity = columns
    factor, divisor = time_units.IN_MS[camera.unit]
    since_ms = (when - when.min()) * (factor / divisor)
    inside = (since_ms >= first_ms) & (since_ms < last_ms)
    if not inside.any():
        raise ValueError(f"{path}: there is no event from {first_ms} ms to {last_ms} ms; choose other times")
    rows, wide = (camera.sensor or (int(row.max()) + 1, int(column.max()) + 1))[:2]
    if rows * wide > MOST_PIXELS or min(row.min(), column.min()) < 0 or row.max() >= rows or column.max() >= wide:
        raise ValueError(
            f"{path}: the sensor must hold all events and have {MOST_PIXELS:,} pixels at most, not {rows} x {wide}; "
            f"cut a part out of the recording"
        )
    step = ((since_ms[inside] - first_ms) / STEP_MS).astype(int)
    events = torch.zeros(int(step.max()) + 1, 1, rows, wide, 2, dtype=torch.bool)
    events[step, 0, row[inside], column[inside], (polarity[inside] == 0).astype(int)] = True
    return events


@torch.no_grad()
def _evidence(layer: LogisticConv, events: Tensor) -> Tensor:
    """Return the evidence (step, recording, row, column, class)."""
    evidence: Tensor = layer(movies.flat(events), stride=STRIDE, field=(events.shape[2], events.shape[3]))
    return evidence


@torch.no_grad()
def _draw(
    layer: LogisticConv,
    budget: Budget,
    events: Tensor,
    output: Path,
    *,
    evidence: Tensor | None = None,
    label: np.ndarray | None = None,
) -> Tensor:
    """Write the picture of a recording, and return the log probabilities (step, class)."""
    motions = budget.recipe().motions
    evidence = _evidence(layer, events) if evidence is None else evidence
    logs = layer.decision(evidence)[:, 0]
    probability, winner = log_posterior(evidence[:, 0]).exp().max(-1)
    velocity: np.ndarray = motions.velocity(winner.numpy())
    velocity[probability.numpy() < PROBABILITY] = np.nan
    signed = events[:: STRIDE[0], 0, :, :, 0].float() - events[:: STRIDE[0], 0, :, :, 1].float()
    settings: dict[str, Any] = {"time_step_ms": STEP_MS * STRIDE[0]}
    if label is not None:
        settings["label"] = label[:: STRIDE[0]]
    figure = plots.flow(signed.numpy(), velocity, logs.exp().numpy(), motions.names(), **settings)
    plots.save(figure, output)
    return logs
