"""The subject of a report: all that a run or a Program says of itself.

A part that is missing, such as recordings that have moved, is a note on the page, and no error.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnsim.config import Config
from snnsim.experiment import evaluate_run, plot_run, programs
from snnsim.experiment.evaluate_run import Split
from snnsim.plots import LayerDelays
from snnsim.program import Program
from snnsim.report import measurement
from snnsim.report.measurement import Measurement
from snnsim.training.run_folder import RunFolder


@dataclass(frozen=True)
class Source:
    """The recordings that a report simulates."""

    split: Split | None = "valid"
    """None for no recordings."""
    data: str | None = None
    """File or folder of the data; None for that of the training."""
    rasters: int = 4
    """Number of recordings with a raster."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A run or a Program."""

    name: str
    path: Path
    program: Program | None
    config: Config | None
    history: list[dict[str, Any]]
    """Metrics of each epoch."""
    evaluations: dict[str, dict[str, Any]]
    """Results of `snnsim evaluate`, by the name of the split."""
    environment: dict[str, Any]
    """Versions, machine and command of the training."""
    delays: list[LayerDelays]
    measurement: Measurement | None
    notes: tuple[str, ...]
    """What is missing, and why."""

    @property
    def is_run(self) -> bool:
        """Whether the subject is the folder of a run."""
        return self.path.is_dir()


def load(path: Path, source: Source) -> Subject:
    """Return the subject of the folder of a run, or of a Program's file.

    Args:
        path: The folder or the file.
        source: The recordings to simulate.

    Raises:
        FileNotFoundError: If there is neither.
    """
    if path.is_dir():
        return _run(path, source)
    if not path.is_file():
        raise FileNotFoundError(f"report: {path} must be the folder of a run or the file of a program; there is none")
    return _program(path, source)


def _run(path: Path, source: Source) -> Subject:
    folder, notes = RunFolder(path), []
    config = evaluate_run.config_of(folder)
    history = folder.read_metrics() if folder.metrics.is_file() else []
    if not history:
        notes.append("no epoch of the training is done, so there are no curves")
    program, delays = None, []
    try:
        program = programs.freeze(path, data_path=source.data)
        delays = plot_run.layer_delays(evaluate_run.load(path, "train", data_path=source.data))
    except (OSError, ValueError) as error:
        notes.append(f"there is no network to simulate: {error}")
    measured = _measured(program, source, notes)
    evaluations = {
        file.stem.removeprefix("evaluation-"): _json(file) for file in sorted(path.glob("evaluation-*.json"))
    }
    environment = _json(path / "environment.json")
    return Subject(path.name, path, program, config, history, evaluations, environment, delays, measured, tuple(notes))


def _program(path: Path, source: Source) -> Subject:
    program, notes = Program.load(path), ["the file of a program has no learning curves, and no delays before training"]
    text = program.provenance.get("config")
    config = Config.from_toml(text, "the program's config") if isinstance(text, str) else None
    measured = _measured(program, source, notes)
    return Subject(path.name, path, program, config, [], {}, {}, [], measured, tuple(notes))


def _measured(program: Program | None, source: Source, notes: list[str]) -> Measurement | None:
    """Return the measurement of recordings; None, and a note, if there are none."""
    if program is None or source.split is None:
        return None
    try:
        return measurement.measure(program, source.split, data=source.data, rasters=source.rasters)
    except (OSError, ValueError) as error:
        notes.append(f"no recordings were simulated: {error}")
        return None


def _json(path: Path) -> dict[str, Any]:
    """Return the table of a file; empty for a missing or damaged file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
