"""The experiment, cell by cell, as files; a detector is a logistic regression on delayed spikes.

    recall       share of the motifs that are detected, at their exact step
    precision    share of the detections that are right, at their exact step
    accuracy     2 / (1 / recall + 1 / precision), which counts misses and false detections alike (F1)
    recovered    share of the motifs whose largest learned weights are their active synapses: of as many weights as
                 there are active synapses, nine in ten at least

A motif is detected in a step where its probability is above 1/2.
"""

import csv
import io
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from snnsim.data.synthetic.motif_rasters import MotifModel, Rasters
from snnsim.experiment.cells import Settings, run_all
from snnsim.experiment.motif_detection.settings import Budget, Cell, cells
from snnsim.kernels.delay.event_conv import ConvGeometry, event_conv
from snnsim.training.run_folder import RunFolder

RECOVERED = 0.9
"""Least share of the active synapses among the largest weights of a recovered kernel."""
COLUMNS = ("kernels", "motifs", "delays", "seed", "accuracy", "recall", "precision", "recovered", "seconds")


def reproduce(budget: Budget, output: Path, *, progress: bool = True) -> Path:
    """Run all cells without a file, write the table and the CSV, and return the folder.

    Args:
        budget: Cells and their sizes.
        output: Folder of the experiment.
        progress: Whether a progress bar is shown.
    """
    folder = RunFolder(output)
    settings = Settings(asdict(budget), free=("seeds",))
    rows = run_all(folder, cells(budget), lambda cell: run(cell, budget), settings, progress=progress)
    folder.write_texts({"results.csv": as_csv(rows), "table.md": table(rows)})
    return folder.path


def run(cell: Cell, budget: Budget) -> dict[str, Any]:
    """Return the results of a cell.

    Args:
        cell: The cell.
        budget: Sizes of training and test.
    """
    began = time.perf_counter()
    model = budget.model(cell)
    kernel = model.draw_kernel(np.random.default_rng((cell.seed, 0)))
    extra: dict[str, float] = {}
    if cell.kernels == "known":
        weight, bias = (torch.from_numpy(values).float() for values in model.detector(kernel))
    else:
        weight, bias = learn(model, kernel, budget, cell.seed)
        extra["recovered"] = recovered(weight.numpy(), kernel[::-1])
    generator, counts = np.random.default_rng((cell.seed, 2)), np.zeros(3)
    for _ in range(budget.test):
        counts += _counted(evidence(model.draw(kernel, 1, generator), weight, bias, model))
    right, missed, false = counts
    return {
        **cell._asdict(),
        "accuracy": float(2 * right / max(1.0, 2 * right + missed + false)),
        "recall": float(right / max(1.0, right + missed)),
        "precision": float(right / max(1.0, right + false)),
        **extra,
        "seconds": round(time.perf_counter() - began, 2),
    }


def evidence(rasters: Rasters, weight: Tensor, bias: Tensor, model: MotifModel) -> tuple[Tensor, Tensor]:
    """Return the evidence for every motif in every step, and when each is to be detected, (time, recording, motif).

    Args:
        rasters: Spikes and motifs.
        weight: Weights (delay, channel, motif).
        bias: Biases (motif,).
        model: The model of the motifs.
    """
    geometry = ConvGeometry(1, 1, model.channels, 0, 0)
    spikes = torch.from_numpy(rasters.spikes).float()
    current = event_conv(spikes, weight[:, None, None], geometry)[:, :, 0, 0] + bias
    return current, torch.from_numpy(model.wanted(rasters.motifs))


def _counted(pair: tuple[Tensor, Tensor]) -> np.ndarray:
    """Return the numbers of right detections, misses and false detections."""
    current, wanted = pair
    detected = current > 0
    numbers = [int((detected & wanted).sum()), int((~detected & wanted).sum()), int((detected & ~wanted).sum())]
    return np.array(numbers, float)


def learn(model: MotifModel, kernel: np.ndarray, budget: Budget, seed: int) -> tuple[Tensor, Tensor]:
    """Return weights and biases that are learned from recordings with the times of their motifs.

    Args:
        model: The model of the motifs.
        kernel: Active synapses, from which recordings are drawn.
        budget: Number of recordings, batch and learning rate.
        seed: Seed of the recordings.
    """
    generator = np.random.default_rng((seed, 1))
    weight = torch.zeros(model.delays, model.channels, model.motifs, requires_grad=True)
    bias = torch.full((model.motifs,), math.log(model.rate), requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias])
    steps = -(-budget.trials // budget.batch)
    for number in range(steps):
        optimizer.param_groups[0]["lr"] = budget.rate * (1 + math.cos(math.pi * number / steps)) / 2
        current, wanted = evidence(model.draw(kernel, budget.batch, generator), weight, bias, model)
        loss = functional.binary_cross_entropy_with_logits(current, wanted.float(), reduction="sum")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return weight.detach(), bias.detach()


def recovered(weight: np.ndarray, kernel: np.ndarray) -> float:
    """Return the share of the motifs whose largest weights are their active synapses.

    Args:
        weight: Learned weights (delay, channel, motif).
        kernel: Active synapses at the delays of the detector, bool (delay, channel, motif).
    """
    learned, own = (values.reshape(-1, values.shape[2]) for values in (weight, kernel))
    # weights from the largest one on, in front of which the active synapses should lie
    rank = (-learned).argsort(0, kind="stable").argsort(0)
    share = (own & (rank < own.sum(0))).sum(0) / own.sum(0)
    return float((share >= RECOVERED).mean())


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the results as CSV, a line for every cell.

    Args:
        rows: Results, one mapping per cell.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table: means and standard deviations over seeds.

    Args:
        rows: Results, one mapping per cell.
    """
    groups: dict[tuple[str, int, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["kernels"], row["motifs"], row["delays"]), []).append(row)
    lines = ["| kernels | motifs | delays | accuracy (%) | recall (%) | precision (%) | recovered (%) | seconds |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for key, own in groups.items():
        shown = [
            _spread([row[name] for row in own]) if name in own[0] else ""
            for name in ("accuracy", "recall", "precision", "recovered")
        ]
        seconds = np.mean([row["seconds"] for row in own])
        lines.append(f"| {' | '.join(map(str, key))} | {' | '.join(shown)} | {seconds:.1f} |")
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float]) -> str:
    percent = 100 * np.asarray(values)
    return f"{percent.mean():.2f} ± {percent.std(ddof=1):.2f}" if len(percent) > 1 else f"{percent.mean():.2f}"
