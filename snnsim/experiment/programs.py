"""Programs of runs: freezing one, the recordings it takes, and what it makes of them."""

import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import snnsim
from snnsim.config import Config
from snnsim.data import cache, heidelberg
from snnsim.data.binning import Binned
from snnsim.experiment import datasets, evaluate_run
from snnsim.experiment.evaluate_run import Split
from snnsim.nn import freezing
from snnsim.program import Program
from snnsim.program.summary import stored_bytes
from snnsim.simulation import CHIPS, Events, Result, Simulator, energy
from snnsim.training.evaluation import wilson


@dataclass(frozen=True)
class Machine:
    """How a Program is run."""

    engine: str = "clock_driven"
    precision: str = "float64"
    threads: int | None = None
    seed: int | None = 0
    """Of what is left to chance; without one, what is likelier happens."""

    def simulator(self, program: Program) -> Simulator:
        """Return the Program made ready to run this way."""
        return Simulator(program, engine=self.engine, precision=self.precision, threads=self.threads)


@dataclass(frozen=True)
class Recordings:
    """Recordings on a Program's grid, and their classes."""

    events: Events
    label: np.ndarray


def freeze(run: Path, *, data_path: str | None = None) -> Program:
    """Return the Program of a run's best checkpoint; the data name its classes, wherever they are now."""
    loaded = evaluate_run.load(run, "train", data_path=data_path)
    return freezing.freeze(
        loaded.network,
        time_step_ms=loaded.config.data.time_step_ms,
        classes=loaded.part.binned.classes,
        decision=loaded.config.training.decision,
        provenance={
            "run": str(run),
            "epoch": loaded.epoch,
            "config": loaded.config.to_toml(),
            "snnsim": snnsim.__version__,
        },
    )


def recordings(program: Program, data: str | None, split: Split) -> Recordings:
    """Return recordings for a Program: of a file in SHD's format, or of a split of the data it was trained on.

    `data` is such a file, or the folder the data lie in now; None takes them from where training did.
    """
    if data is not None and not Path(data).is_dir():
        return _checked(program, cache.binned(Path(data), **_grid(program, None)))
    if not isinstance(program.provenance.get("config"), str):
        raise ValueError("the program does not say what it was trained on; give a file in SHD's format: --data FILE.h5")
    config = Config.from_toml(program.provenance["config"], "the program's config")
    if data is not None:
        config = config.with_values({"data.path": data})
    _check_there(config)
    part = datasets.load_splits(config, split)[split]
    return _checked(program, part.binned.select(part.indices))


def _check_there(config: Config) -> None:
    """Raise if the data would have to be made or fetched: a program is a file of anybody, and asks for nothing."""
    folder, data = datasets.planned_folder(config.data), config.data
    try:
        heidelberg.find(folder, data.name)
    except FileNotFoundError as error:
        own = f" --data-path {shlex.quote(data.path)}" if data.path is not None else ""
        how = f"--size {data.size} --seed {data.seed}" if data.name == "digits" else f"--seed {data.seed}"
        get = f"snnsim data make {data.name}" + (own if data.name in ("shd", "ssc") else f" {how}")
        raise FileNotFoundError(
            f"the recordings that the program was trained on are not in {folder}; nothing is made or downloaded "
            f"because a program says so. Get them by `{get}`, or name a file or folder that has them: --data FILE.h5"
        ) from error


def _grid(program: Program, max_time_ms: float | None) -> dict[str, Any]:
    return {"time_step_ms": program.time_step_ms, "channels": program.channels, "max_time_ms": max_time_ms}


def _checked(program: Program, binned: Binned) -> Recordings:
    if len(binned) == 0:
        raise ValueError("there must be recordings to run, and the data have none; choose another file or split")
    if program.classes and binned.classes != program.classes:
        raise ValueError(
            f"the recordings must have the program's classes {', '.join(program.classes)}, not "
            f"{', '.join(binned.classes)}"
        )
    return Recordings(to_events(binned), binned.label)


def to_events(binned: Binned) -> Events:
    """Return binned recordings as a simulator takes them."""
    step, channel = np.divmod(binned.cell, np.uint32(binned.channels))
    return Events(step, channel, binned.count, binned.offset, binned.length)


def simulate(program: Program, given: Recordings, machine: Machine) -> dict[str, Any]:
    """Return what a Program makes of recordings, and how fast; what is compiled before does not count."""
    simulator = machine.simulator(program)
    simulator.run(given.events.select(np.arange(1)))
    began = time.perf_counter()
    result = simulator.run(given.events, seed=machine.seed)
    seconds = time.perf_counter() - began
    delivered, operations = int(result.synaptic_events().sum()), int(result.synaptic_operations().sum())
    found = {
        "recordings": len(given.label),
        "engine": machine.engine,
        "precision": machine.precision if program.fixed is None else "integer",
        "threads": simulator.threads,
        "seed": machine.seed if any(part.noisy for part in program.populations) else None,
        "seconds": seconds,
        "recordings_per_second": len(given.label) / seconds,
        "synaptic_events": delivered,
        "events_per_second": delivered / seconds,
        "synaptic_operations": operations,
        "nanojoules_per_recording": {chip: energy(operations, chip) / len(given.label) / 1e3 for chip in CHIPS},
        "energy_assumes": {name: vars(chip) for name, chip in CHIPS.items()},
        "activity": activity(result),
    }
    return found | (judged(result, given.label) if program.decision is not None else {})


def activity(result: Result) -> dict[str, float]:
    """Return the spikes per neuron and step of each population that fires."""
    steps = int(result.length.sum())
    return {
        part.name: int(result.counts(part.name).sum()) / (part.size * steps)
        for part in result.program.populations
        if part.fires
    }


def judged(result: Result, label: np.ndarray) -> dict[str, Any]:
    """Return accuracy, its interval, and the mean cross-entropy of the scores."""
    scores = result.scores()
    correct, total = int((scores.argmax(-1) == label).sum()), len(label)
    raised = scores - scores.max(-1, keepdims=True)
    loss = np.log(np.exp(raised).sum(-1)) - raised[np.arange(total), label]
    return {
        "accuracy": correct / total,
        "correct": correct,
        "total": total,
        "ci95": list(wilson(correct, total)),
        "loss": float(loss.mean()),
    }


def compared(program: Program, changed: Program, given: Recordings) -> dict[str, Any]:
    """Return what became of a Program that was made smaller: accuracy, agreement and size, before and after."""
    results = [Machine().simulator(each).run(given.events, seed=Machine.seed) for each in (program, changed)]
    choices = [result.predictions() for result in results]
    found: dict[str, Any] = {"recordings": len(given.label)}
    for name, each, result in zip(("before", "after"), (program, changed), results, strict=True):
        found[name] = {
            "accuracy": judged(result, given.label)["accuracy"],
            "synapses": each.synapses,
            "stored_bytes": stored_bytes(each),
            "activity": activity(result),
        }
    return found | {"agreement": float((choices[0] == choices[1]).mean())}


def evaluate(run: Path, split: Split = "valid", *, data_path: str | None = None) -> dict[str, Any]:
    """Return what `evaluating.evaluate` does, by the event-driven simulator, and write it into the run's folder."""
    program = freeze(run, data_path=data_path)
    given = recordings(program, data_path, split)
    result = Machine().simulator(program).run(given.events, seed=Machine.seed)
    named = {"run": str(run), "split": split, "engine": "simulator", "epoch": program.provenance["epoch"]}
    found = named | judged(result, given.label) | {"activity": list(activity(result).values())}
    evaluate_run.keep(run, f"{split}-event", found)
    return found
