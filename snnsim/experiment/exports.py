"""Recordings for exported files, and the report of their verification."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.experiment import programs, scoring
from snnsim.experiment.evaluate_run import Split
from snnsim.export.bias_channels import recorded_channels
from snnsim.program import Program
from snnsim.simulation import Events
from snnsim.verification import Report

STEPS = 200
"""Length of random recordings."""
ACTIVITY = 0.05
"""Spikes per channel and step of random recordings."""


@dataclass(frozen=True)
class Data:
    """The source of recordings."""

    path: str | None = None
    """A file in the format of SHD, or the folder of the training data; None for the folder in the program's config."""
    split: Split = "valid"


def recordings(program: Program, data: Data | None, most: int) -> tuple[Events, np.ndarray | None]:
    """Return recordings and their classes, a fixed random choice of a split; random spikes without classes elsewhere.

    Args:
        program: The Program.
        data: The source of recordings; None for random spikes, as for a Program without training data.
        most: The largest number of recordings.

    Raises:
        ValueError: If `most` is below 1, or the data do not fit the Program.
    """
    if most < 1:
        raise ValueError(f"verify: there must be 1 recording or more, not {most}")
    if data is None or (data.path is None and "config" not in program.provenance):
        return Events.random(most, steps=STEPS, channels=recorded_channels(program), rate=ACTIVITY), None
    of_split = programs.recordings(program, data.path, data.split)
    chosen = np.sort(np.random.default_rng(0).permutation(len(of_split))[:most])
    classes = program.task == "class" and len(program.readouts) == 1 and program.decision is not None
    label = np.array(of_split.labels[str(program.readout)])[chosen] if classes else None
    return of_split.events.select(chosen), label


def costs(program: Program, changed: list[Program], data: Data | None) -> list[str]:
    """Return a sentence on the accuracy of each changed Program, empty where there are no data.

    Args:
        program: The Program before all repairs.
        changed: The Programs after repairs.
        data: The source of recordings, or None.
    """
    unknown = data is not None and data.path is None and "config" not in program.provenance
    if data is None or unknown or not scoring.decided(program):
        return [""] * len(changed)
    of_split = programs.recordings(program, data.path, data.split)
    # without noise
    machine = programs.Machine(seed=None)
    before, *results = (machine.run(version, of_split.events) for version in (program, *changed))
    return [
        f"; {data.split}: {of_split.measured(after).report.brief()}, {of_split.measured(before).report.brief()} before "
        f"all repairs, {scoring.alike(scoring.agreement(before, after), len(of_split))}"
        for after in results
    ]


def facts(report: Report, label: np.ndarray | None) -> dict[str, Any]:
    """Return a report in the types of JSON, where `consumer` is the old name of `backend`.

    Args:
        report: The report of a verification.
        label: The class of each recording, or None.
    """
    counts = ("spikes_equal", "spikes_total", "cells_equal", "cells_total")
    result: dict[str, Any] = {"backend": report.backend, "consumer": report.backend, "version": report.version}
    result |= {"recordings": report.recordings} | {name: report.total(name) for name in counts}
    result["layers"] = [vars(layer) for layer in report.layers]
    result["input_spikes_left_out"] = report.dropped_spikes
    result["differences"] = [vars(difference) for difference in report.differences]
    if report.membrane_difference is not None:
        result["membranes_apart"] = report.membrane_difference
    if report.choices is not None and report.our_choices is not None and label is not None:
        result |= {
            "accuracy": float((report.choices == label).mean()),
            "our_accuracy": float((report.our_choices == label).mean()),
            "choices_equal": int((report.choices == report.our_choices).sum()),
        }
    return result
