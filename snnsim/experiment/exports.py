"""What exported files are run on, and what came of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.experiment import programs
from snnsim.experiment.evaluating import Split
from snnsim.program import Program
from snnsim.simulation import Events
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


def facts(report: Report, label: np.ndarray | None) -> dict[str, Any]:
    """Return what a report says, as JSON has it."""
    parts = ("spikes_equal", "spikes_total", "cells_equal", "cells_total")
    known: dict[str, Any] = {"consumer": report.consumer, "version": report.version, "recordings": report.recordings}
    known |= {part: report.total(part) for part in parts}
    known["layers"] = [vars(layer) for layer in report.layers]
    if report.choices is not None and report.ours is not None and label is not None:
        known |= {
            "accuracy": float((report.choices == label).mean()),
            "our_accuracy": float((report.ours == label).mean()),
            "choices_equal": int((report.choices == report.ours).sum()),
        }
    return known
