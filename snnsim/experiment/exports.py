"""What exported files are run on, and what came of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.experiment import programs
from snnsim.experiment.evaluate_run import Split
from snnsim.export.bias_channel import ticking
from snnsim.program import Program
from snnsim.simulation import Events, Simulator
from snnsim.verification import Report

STEPS = 200
ACTIVITY = 0.05


@dataclass(frozen=True)
class Data:
    """Where recordings come from."""

    path: str | None = None
    split: Split = "valid"


def recordings(program: Program, data: Data | None, most: int) -> tuple[Events, np.ndarray | None]:
    """Return at most `most` recordings and their classes; random spikes, without classes, if there are no data.

    They are drawn over the whole split, always the same ones.
    """
    if most < 1:
        raise ValueError(f"verify: there must be 1 recording or more, not {most}")
    trained = data is not None and (data.path is not None or "config" in program.provenance)
    if not trained:
        rng = np.random.default_rng(0)
        return Events.from_frames((rng.random((STEPS, most, program.channels)) < ACTIVITY).astype(np.int64)), None
    given = programs.recordings(program, data.path, data.split)
    chosen = np.sort(np.random.default_rng(0).permutation(len(given.label))[:most])
    return given.events.select(chosen), given.label[chosen]


def costs(program: Program, changed: list[Program], data: Data | None) -> list[str]:
    """Return what became of the accuracy in each of the changed Programs, in words; nothing where there are no data."""
    if data is None or program.decision is None or (data.path is None and "config" not in program.provenance):
        return [""] * len(changed)
    given = programs.recordings(program, data.path, data.split)
    before, *choices = (_choices(each, given.events) for each in (program, *changed))
    accuracy = float((before == given.label).mean())
    return [
        f"; {data.split}: {(choice == given.label).mean():.2%} correct, {accuracy:.2%} before all repairs, the same "
        f"decision in {(choice == before).mean():.2%} of {len(before)} recordings"
        for choice in choices
    ]


def _choices(program: Program, events: Events) -> np.ndarray:
    still, fed = ticking(program, events)
    return Simulator(still).run(fed).predictions()


def facts(report: Report, label: np.ndarray | None) -> dict[str, Any]:
    """Return what a report says, as JSON has it."""
    parts = ("spikes_equal", "spikes_total", "cells_equal", "cells_total")
    known: dict[str, Any] = {"consumer": report.consumer, "version": report.version, "recordings": report.recordings}
    known |= {part: report.total(part) for part in parts}
    known["layers"] = [vars(layer) for layer in report.layers]
    known["input_spikes_left_out"] = report.left_out
    known["differences"] = [vars(difference) for difference in report.differences]
    if report.apart is not None:
        known["membranes_apart"] = report.apart
    if report.choices is not None and report.ours is not None and label is not None:
        known |= {
            "accuracy": float((report.choices == label).mean()),
            "our_accuracy": float((report.ours == label).mean()),
            "choices_equal": int((report.choices == report.ours).sum()),
        }
    return known
