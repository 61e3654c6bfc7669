"""The tables of a report: the comparison, budgets of chips, quantization and parity.

A cell is a text and the number by which its column sorts.
"""

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from snnsim.analysis import intervals
from snnsim.config import Config
from snnsim.export import TARGETS, targets
from snnsim.export.budget import BUDGETS, budget
from snnsim.metrics.ratios import wilson
from snnsim.program import Program
from snnsim.program.summary import inference, stored_bytes
from snnsim.report.subject import Subject


class Cell(NamedTuple):
    """A cell of a table that sorts."""

    text: str
    value: float | str = ""
    """Number, or text in lower case; NaN sorts to the end."""


class Table(NamedTuple):
    """Headings and rows."""

    headings: tuple[str, ...]
    rows: list[list[Cell]]


def comparison(subjects: Sequence[Subject], split: str | None) -> Table:
    """Return a row for each subject.

    Args:
        subjects: Runs and Programs.
        split: Split that was simulated, or None.
    """
    of_split = f"accuracy on {split or 'no split'}"
    headings = (
        "name", "data", "synapses", "best epoch", of_split, "accuracy by evaluate, test", "spikes per neuron and step",
        "synaptic operations", "Loihi, nJ", "memory, kB",
    )  # fmt: skip
    return Table(headings, [_compared(subject) for subject in subjects])


def _compared(subject: Subject) -> list[Cell]:
    program, measured, config = subject.program, subject.measurement, subject.config
    data = "" if config is None else config.data.name
    facts = {} if measured is None else measured.facts
    test = subject.evaluations.get("test", {})
    mean = None if measured is None else statistics.fmean(measured.activity.values() or [math.nan])
    return [
        Cell(subject.name, subject.name.lower()),
        Cell(data, data),
        _number(None if program is None else program.synapses, ",.0f"),
        _number(_epoch(subject), ".0f"),
        _share(facts),
        _share(test),
        _number(mean, ".4f"),
        _number(None if measured is None else measured.operations, ",.0f"),
        _number(None if measured is None else measured.nanojoules["loihi"], ",.1f"),
        _number(None if program is None else stored_bytes(program) / 1e3, ",.1f"),
    ]


def _epoch(subject: Subject) -> int | None:
    if subject.program is not None and isinstance(subject.program.provenance.get("epoch"), int):
        return int(subject.program.provenance["epoch"])
    return None


def _number(value: float | None, form: str) -> Cell:
    return Cell("–", math.nan) if value is None or math.isnan(value) else Cell(f"{value:{form}}", float(value))


def _share(facts: dict[str, Any]) -> Cell:
    """Return an accuracy with its interval of 95 %."""
    try:
        low, high = facts["ci95"]
        return Cell(f"{facts['accuracy']:.1%} ({low:.1%} to {high:.1%})", float(facts["accuracy"]))
    except (KeyError, TypeError, ValueError):
        return Cell("–", math.nan)


def seeds(subjects: Sequence[Subject]) -> Table:
    """Return the mean accuracy over the seeds of each config, with its interval of 95 %.

    Args:
        subjects: Runs, of which those that differ in the seed alone make a row.
    """
    groups: dict[str, list[Subject]] = {}
    for subject in subjects:
        if subject.is_run and subject.config and subject.measurement and "accuracy" in subject.measurement.facts:
            groups.setdefault(_without_seed(subject.config), []).append(subject)
    rows = []
    for members in groups.values():
        # a run that is named twice is one seed
        members = list({each.config.training.seed: each for each in members if each.config is not None}.values())
        if len(members) < 2:
            continue
        values = [float(each.measurement.facts["accuracy"]) for each in members if each.measurement is not None]
        low, high = intervals.of_mean(values)
        mean = statistics.fmean(values)
        names = ", ".join(each.name for each in members)
        rows.append([
            Cell(names, names.lower()),
            Cell(str(len(values)), len(values)),
            Cell(f"{mean:.2%}", mean),
            Cell(f"{max(low, 0.0):.2%} to {min(high, 1.0):.2%}", low),
            Cell(f"{statistics.stdev(values):.2%}", statistics.stdev(values)),
        ])  # fmt: skip
    return Table(
        ("runs of one config", "seeds", "mean accuracy", "95 % interval of the mean", "standard deviation"), rows
    )


def _without_seed(config: Config) -> str:
    return config.with_values({"training.seed": 0, "name": "same"}).to_toml()


def budgets(subject: Subject) -> Table:
    """Return the needs on each chip, and the design rules that are broken.

    Args:
        subject: A run or a Program.
    """
    program, measured = subject.program, subject.measurement
    if program is None:
        return Table((), [])
    steps = round(1000 / program.time_step_ms) if measured is None else max(round(measured.steps), 1)
    most = inference(program, steps=steps, activity=1.0)["most_synaptic_operations"]
    activity = 0.1 if measured is None or not most else min(measured.operations / most, 1.0)
    work = inference(program, steps=steps, activity=activity)
    headings = ("chip", "cores", "memory, kB", "energy of a recording, nJ", "delays used", "design rules")
    return Table(headings, [_budget(program, chip, work) for chip in BUDGETS])


def _budget(program: Program, chip: str, work: dict[str, Any]) -> list[Cell]:
    try:
        program = targets.single_synapses(program, chip)
        needs = budget(program, chip, work)
    except ValueError as error:
        return [Cell(chip, chip), *[_number(None, "")] * 4, Cell(str(error).partition("; ")[2] or str(error))]
    violations = list(TARGETS[chip].check(program))
    rules = f"{len(violations)} broken: " + "; ".join(sorted({each.rule for each in violations}))
    return [
        Cell(chip, chip),
        _number(needs.get("cores"), ",.0f"),
        _number(needs["memory_bytes"] / 1e3, ",.1f"),
        _number(needs["nanojoules"], ",.1f"),
        _number(needs["delays_used"], ".0f"),
        Cell(rules if violations else "all kept", f"{len(violations):04d}"),
    ]


def quantization(program: Program | None) -> Table:
    """Return the changes of a quantization; no rows for a Program in floats.

    Args:
        program: The Program, whose provenance has the changes.
    """
    changes = None if program is None else program.provenance.get("quantization")
    if not isinstance(changes, dict):
        return Table((), [])
    parts = [part for part in (*changes.get("edges", ()), *changes.get("populations", ())) if isinstance(part, dict)]
    headings = ("part", "changes")
    rows = []
    for part in parts:
        (_, name), *counts = part.items()
        text = ", ".join(f"{key.replace('_', ' ')} {value:.6g}" for key, value in counts)
        rows.append([Cell(str(name), str(name)), Cell(text)])
    return Table(headings, rows)


def parity(files: Iterable[Path]) -> Table:
    """Return the results of `snnsim verify --json`.

    Args:
        files: Files with its output, one JSON object a line.

    Raises:
        ValueError: If a line is no result.
    """
    rows = []
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                result = json.loads(line)
                rows.append(_parity(path, result))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"report: {path}, line {number} must be a result of `snnsim verify --json`; {error!r}"
                ) from error
    return Table(("file", "backend", "recordings", "equal spikes", "95 % interval", "equal cells"), rows)


def _parity(path: Path, result: dict[str, Any]) -> list[Cell]:
    equal, total = int(result["spikes_equal"]), int(result["spikes_total"])
    low, high = wilson(equal, total)
    return [
        Cell(path.name, path.name),
        Cell(f"{result['backend']} {result['version']}", str(result["backend"])),
        _number(int(result["recordings"]), ",.0f"),
        Cell(f"{equal:,} of {total:,}", equal / total if total else math.nan),
        Cell(f"{low:.4%} to {high:.4%}", low),
        Cell(f"{int(result['cells_equal']):,} of {int(result['cells_total']):,}", int(result["cells_equal"])),
    ]
