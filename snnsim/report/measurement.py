"""Simulation of a split for a report: metrics, confusion, wrong recordings, operations, energy and rasters."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.experiment import programs
from snnsim.experiment.evaluate_run import Split
from snnsim.export.bias_channels import with_bias_spikes
from snnsim.program import Program
from snnsim.simulation import CHIPS, Events, Probe, Result, energy

SHARES = ("accuracy", "correct", "total", "ci95", "confusion")
"""Names of the facts of classes."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Activity over one recording."""

    index: int
    label: int
    """Class of the recording; -1 for other tasks."""
    predicted: int
    counts: dict[str, np.ndarray]
    """Spikes of the input and of each population that fires, uint8 (neuron, step)."""
    output: np.ndarray
    """Membranes of the readout (step, class)."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """The result of a split."""

    split: str
    facts: dict[str, Any]
    """Metrics, in the types of JSON."""
    recordings: int
    steps: float
    """Mean length of a recording, without the extra steps of the Program."""
    activity: dict[str, float]
    """Spikes per neuron and step of each population that fires."""
    operations: float
    """Synaptic operations per recording."""
    nanojoules: dict[str, float]
    """Energy of the operations per recording, by chip."""
    label: np.ndarray
    """Class of each recording; empty for other tasks."""
    scores: np.ndarray
    """Scores (recording, class); empty for other tasks."""
    rasters: list[Raster]

    @property
    def wrong(self) -> np.ndarray:
        """Indices of the recordings with a wrong class (recording,)."""
        return np.flatnonzero(self.scores.argmax(1) != self.label) if len(self.label) else np.zeros(0, np.int64)


def measure(program: Program, split: Split, *, data: str | None, rasters: int) -> Measurement:
    """Return the measurement of a Program on a split of its data.

    Args:
        program: The Program.
        split: Split of the data.
        data: File or folder of the data; None for that of the training.
        rasters: Number of recordings with a raster: wrong ones first, at least one right one if there is one.
    """
    recordings = programs.recordings(program, data, split)
    without_extra_steps, inputs = with_bias_spikes(program, recordings.events)
    simulator = programs.Machine().simulator(without_extra_steps)
    result = simulator.run(inputs, seed=programs.Machine.seed)
    of_classes = program.task == "class" and len(program.readouts) == 1 and program.decision is not None
    label = np.array(recordings.labels[str(program.readout)], np.int64) if of_classes else np.zeros(0, np.int64)
    scores = result.scores() if of_classes else np.zeros((0, 0))
    operations = float(result.synaptic_operations().mean())
    chosen = _chosen(scores, label, len(recordings), rasters)
    events = inputs.select(chosen)
    run = simulator.run(events, Probe(spikes=True), seed=programs.Machine.seed)
    return Measurement(
        split=split,
        facts=recordings.measured(result).facts() if recordings.labels else {},
        recordings=len(recordings),
        steps=float(recordings.events.length.mean()),
        activity=programs.activity(result),
        operations=operations,
        nanojoules={name: energy(operations, name) / 1e3 for name in CHIPS},
        label=label,
        scores=scores,
        rasters=[_raster(events, run, row, int(number), scores, label) for row, number in enumerate(chosen)],
    )


def _chosen(scores: np.ndarray, label: np.ndarray, recordings: int, most: int) -> np.ndarray:
    """Return the recordings with a raster, ascending."""
    if not len(label):
        return np.arange(min(most, recordings))
    right = scores.argmax(1) == label
    wrong = np.flatnonzero(~right)[: max(most - 1, 0) if right.any() else most]
    return np.sort(np.concatenate([wrong, np.flatnonzero(right)[: most - len(wrong)]]))


def _raster(events: Events, run: Result, row: int, number: int, scores: np.ndarray, label: np.ndarray) -> Raster:
    program, steps = run.program, int(run.length[row])
    own = slice(events.offset[row], events.offset[row + 1])
    counts = {"input": np.zeros((program.channels, steps), np.uint8)}
    # a graded input counts as one spike
    count = np.minimum(events.count[own], 255) if events.count.dtype.kind in "iu" else 1
    counts["input"][events.channel[own], events.step[own]] = count
    for population in program.populations:
        if population.fires:
            step, neuron = run.spikes(population.name, row)
            counts[population.name] = np.zeros((population.size, steps), np.uint8)
            counts[population.name][neuron, step] = 1
    output = run.output(row) if len(program.readouts) == 1 else np.zeros((steps, 0))
    known = len(label) > 0
    return Raster(
        number, int(label[number]) if known else -1, int(scores[number].argmax()) if known else -1, counts, output
    )
