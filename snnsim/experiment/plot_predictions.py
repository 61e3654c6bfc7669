"""The predictions of a run as arrays that `snnsim.plots` draws."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snnsim import plots
from snnsim.experiment import build
from snnsim.experiment.evaluate_run import Loaded
from snnsim.learning.losses import Batch
from snnsim.learning.tasks import Heads, RecordingClass, Task
from snnsim.learning.tasks.protocols import Span
from snnsim.metrics import AccuracyReport
from snnsim.nn.network import Record
from snnsim.training import evaluation, sums

Panel = plots.Readout | plots.StepLabels | plots.Numbers


def panels(loaded: Loaded, record: Record, batch: Batch) -> list[Panel]:
    """Return the panel of each readout below a raster.

    Args:
        loaded: The run.
        record: The activity of its network over one recording.
        batch: This recording.
    """
    if isinstance(loaded.task, Heads):
        names = loaded.names if isinstance(loaded.names, dict) else {}
        tasks = loaded.task.tasks.items()
        return [_panel(task, record.voltage(name), batch, names[name]) for name, task in tasks]
    return [_panel(loaded.task, record.voltage(), batch, tuple(loaded.names))]


def _panel(task: Task, voltage: Tensor, batch: Batch, names: tuple[str, ...]) -> Panel:
    target = task.target_of(batch)
    if isinstance(task, RecordingClass):
        scores = task.scores(voltage, Span(torch.tensor([len(voltage)])))
        label = int(target[0]) if int(target[0]) >= 0 else None
        return plots.Readout(voltage[:, 0].softmax(-1).numpy(), names, label, int(scores.argmax()))
    if task.per_step:
        # the extra steps of the network have no label
        none: Any = np.nan if target.is_floating_point() else -1
        own = np.full((len(voltage), *target.shape[2:]), none)
        own[: len(target)] = target[:, 0].numpy()
    else:
        own = target[0].numpy()
    if target.is_floating_point():
        return plots.Numbers(voltage[:, 0].numpy(), own, names)
    return plots.StepLabels(own, voltage[:, 0].argmax(-1).numpy(), names)


@torch.no_grad()
def draw(loaded: Loaded, output: Path) -> Path:
    """Draw the predictions of a run on its split: confusions, and numbers against their targets.

    Args:
        loaded: The run and the split.
        output: The file to write.
    """
    task, cpu = loaded.task, torch.device("cpu")
    totals = task.zeros(evaluation.outputs(loaded.network))
    numbers: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for arrays in loaded.part.batches(build.EVALUATION_BATCH):
        batch = evaluation.to_tensors(arrays, cpu)
        valid = loaded.network.valid(batch.lengths)
        scores = task.scores(loaded.network(batch.frames, batch.lengths), Span(valid))
        totals = sums.added(totals, task.sums(scores, batch))
        for name, each in _heads(task).items():
            target = each.target_of(batch)
            if target.is_floating_point():
                own = (scores if name == "" else scores[name])[: len(target)]
                numbers.setdefault(name, []).append((_rows(own), _rows(target)))
    figure = plots.predictions([_part(loaded, name, totals, numbers) for name in _heads(task)])
    plots.save(figure, output)
    return output


def _heads(task: Task) -> Mapping[str, Task]:
    return task.tasks if isinstance(task, Heads) else {"": task}


def _rows(values: Tensor) -> np.ndarray:
    rows: np.ndarray = values.reshape(-1, values.shape[-1]).numpy()
    return rows


def _part(
    loaded: Loaded, name: str, totals: Any, numbers: Mapping[str, list[tuple[np.ndarray, np.ndarray]]]
) -> plots.Confusion | plots.Scatter:
    heads = _heads(loaded.task)
    position = list(heads).index(name)
    names = loaded.names[name] if isinstance(loaded.names, dict) else loaded.names
    if name in numbers:
        predicted, target = (np.concatenate(column) for column in zip(*numbers[name], strict=True))
        return plots.Scatter(predicted, target, names, name)
    report = heads[name].report((totals[position],), names)
    counts = report.confusion if isinstance(report, AccuracyReport) else np.zeros((len(names), len(names)))
    return plots.Confusion(counts, names, name)
