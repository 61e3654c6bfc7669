"""Recordings for exported files and repaired programs, and the facts of their results."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.experiment import programs
from snnsim.experiment.evaluate_run import Split
from snnsim.export.bias_channels import with_bias_spikes
from snnsim.program import Program
from snnsim.simulation import Events, Simulator
from snnsim.verification import Report

STEPS = 200
ACTIVITY = 0.05


@dataclass(frozen=True)
class Data:
    """The source of recordings."""

    path: str | None = None
    split: Split = "valid"


def recordings(program: Program, data: Data | None, most: int) -> tuple[Events, np.ndarray | None]:
    """Return recordings and their classes; random spikes, without classes, if there are no data.

    Args:
        program: The program.
        data: The data; None for random spikes.
        most: The most recordings, drawn over the whole split, always the same ones.

    Raises:
        ValueError: If `most` is below 1.
    """
    if most < 1:
        raise ValueError(f"verify: there must be 1 recording or more, not {most}")
    trained = data is not None and (data.path is not None or "config" in program.provenance)
    if not trained:
        rng = np.random.default_rng(0)
        return Events.from_frames((rng.random((STEPS, most, program.channels)) < ACTIVITY).astype(np.int64)), None
    recorded = programs.recordings(program, data.path, data.split)
    chosen = np.sort(np.random.default_rng(0).permutation(len(recorded.label))[:most])
    return recorded.events.select(chosen), recorded.label[chosen]


def costs(program: Program, changed: list[Program], data: Data | None) -> list[str]:
    """Return the accuracy of each of the changed Programs, in words; empty texts where there are no data."""
    if data is None or program.decision is None or (data.path is None and "config" not in program.provenance):
        return [""] * len(changed)
    recorded = programs.recordings(program, data.path, data.split)
    before, *choices = (_choices(each, recorded.events) for each in (program, *changed))
    accuracy = float((before == recorded.label).mean())
    return [
        f"; {data.split}: {(choice == recorded.label).mean():.2%} correct, {accuracy:.2%} before all repairs, the same "
        f"decision in {(choice == before).mean():.2%} of {len(before)} recordings"
        for choice in choices
    ]


def _choices(program: Program, events: Events) -> np.ndarray:
    without_extra_steps, inputs = with_bias_spikes(program, events)
    return Simulator(without_extra_steps).run(inputs).predictions()


def facts(report: Report, label: np.ndarray | None) -> dict[str, Any]:
    """Return the facts of a report as JSON has them; `consumer` is the old name of `backend`.

    Args:
        report: The report.
        label: Class of each recording (recording,), if there are classes.
    """
    names = ("spikes_equal", "spikes_total", "cells_equal", "cells_total")
    facts: dict[str, Any] = {"backend": report.backend, "consumer": report.backend, "version": report.version}
    facts |= {"recordings": report.recordings} | {name: report.total(name) for name in names}
    facts["layers"] = [vars(layer) for layer in report.layers]
    facts["input_spikes_left_out"] = report.dropped_spikes
    facts["differences"] = [vars(difference) for difference in report.differences]
    if report.membrane_difference is not None:
        facts["membranes_apart"] = report.membrane_difference
    if report.choices is not None and report.our_choices is not None and label is not None:
        facts |= {
            "accuracy": float((report.choices == label).mean()),
            "our_accuracy": float((report.our_choices == label).mean()),
            "choices_equal": int((report.choices == report.our_choices).sum()),
        }
    return facts
