"""Programs of runs: freezing, recordings on the grid of a Program, simulation and evaluation."""

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
    """Settings of a simulation."""

    engine: str = "clock_driven"
    precision: str = "float64"
    threads: int | None = None
    """None for one per core."""
    seed: int | None = 0
    """Seed of the noise; None for no noise, so that the likelier of spike and silence happens."""

    def simulator(self, program: Program) -> Simulator:
        """Return a simulator of a Program with these settings.

        Args:
            program: Network to simulate; it is not changed.
        """
        return Simulator(program, engine=self.engine, precision=self.precision, threads=self.threads)


@dataclass(frozen=True)
class Recordings:
    """Recordings on a Program's grid, and their classes."""

    events: Events
    label: np.ndarray


def freeze(run: Path, *, data_path: str | None = None) -> Program:
    """Return the Program of the best checkpoint of a run.

    Args:
        run: Folder of the run.
        data_path: Folder of the data, which name the classes; None for the folder in the config of the run.
    """
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
    """Return recordings on the grid of a Program: of a file in the format of SHD, or of a split of its training data.

    Args:
        program: The Program.
        data: A file in the format of SHD, or the folder of the training data; None for the folder in its config.
        split: Split of the training data.

    Raises:
        ValueError: If the Program has no config and there is no file, there are no recordings, or the classes differ.
        FileNotFoundError: If the data are not in the folder.
    """
    if data is not None and not Path(data).is_dir():
        return _checked(program, cache.binned(Path(data), **_grid(program, None)))
    if not isinstance(program.provenance.get("config"), str):
        raise ValueError(
            "the program does not name its training data; give a file in the format of SHD: --data FILE.h5"
        )
    config = Config.from_toml(program.provenance["config"], "the program's config")
    if data is not None:
        config = config.with_values({"data.path": data})
    _check_presence(config)
    part = datasets.load_splits(config, split)[split]
    return _checked(program, part.binned.select(part.indices))


def _check_presence(config: Config) -> None:
    """Check that the data exist: the file of a program may be of any origin, so it starts no download.

    Raises:
        FileNotFoundError: If the data would have to be made or downloaded.
    """
    folder, data = datasets.planned_folder(config.data), config.data
    try:
        heidelberg.find(folder, data.name)
    except FileNotFoundError as error:
        own = f" --data-path {shlex.quote(data.path)}" if data.path is not None else ""
        options = f"--size {data.size} --seed {data.seed}" if data.name == "digits" else f"--seed {data.seed}"
        command = f"snnsim data make {data.name}" + (own if data.name in ("shd", "ssc") else f" {options}")
        raise FileNotFoundError(
            f"the recordings that the program was trained on are not in {folder}; nothing is made or downloaded "
            f"because a program says so. Get them by `{command}`, or name a file or folder with them: --data FILE.h5"
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
    """Return binned recordings as events of a simulator.

    Args:
        binned: Recordings on a grid whose channels are the inputs of the program.
    """
    step, channel = np.divmod(binned.cell, np.uint32(binned.channels))
    return Events(step, channel, binned.count, binned.offset, binned.length)


def simulate(program: Program, recordings: Recordings, machine: Machine) -> dict[str, Any]:
    """Return accuracy, activity, speed and energy of a simulation, in the types of JSON.

    Args:
        program: The Program.
        recordings: At least one recording.
        machine: Settings of the simulation.
    """
    simulator = machine.simulator(program)
    # a first run, so that the time includes no compilation
    simulator.run(recordings.events.select(np.arange(1)))
    start = time.perf_counter()
    result = simulator.run(recordings.events, seed=machine.seed)
    seconds = time.perf_counter() - start
    delivered, operations = int(result.synaptic_events().sum()), int(result.synaptic_operations().sum())
    facts = {
        "recordings": len(recordings.label),
        "engine": machine.engine,
        "precision": machine.precision if program.fixed is None else "integer",
        "threads": simulator.threads,
        "seed": machine.seed if any(population.noisy for population in program.populations) else None,
        "seconds": seconds,
        "recordings_per_second": len(recordings.label) / seconds,
        "synaptic_events": delivered,
        "events_per_second": delivered / seconds,
        "synaptic_operations": operations,
        "nanojoules_per_recording": {chip: energy(operations, chip) / len(recordings.label) / 1e3 for chip in CHIPS},
        "energy_assumes": {name: vars(chip) for name, chip in CHIPS.items()},
        "activity": activity(result),
    }
    return facts | (classification(result, recordings.label) if program.decision is not None else {})


def activity(result: Result) -> dict[str, float]:
    """Return the spikes per neuron and step of each population that fires.

    Args:
        result: Result of a simulation of recordings.
    """
    steps = int(result.length.sum())
    return {
        population.name: int(result.counts(population.name).sum()) / (population.size * steps)
        for population in result.program.populations
        if population.fires
    }


def classification(result: Result, label: np.ndarray) -> dict[str, Any]:
    """Return the accuracy, its confidence interval of 95 %, and the mean cross-entropy of the scores.

    Args:
        result: The result of recordings.
        label: The class of each recording (recording,).
    """
    scores = result.scores()
    correct, total = int((scores.argmax(-1) == label).sum()), len(label)
    # exponents of at most 0 do not overflow
    exponent = scores - scores.max(-1, keepdims=True)
    loss = np.log(np.exp(exponent).sum(-1)) - exponent[np.arange(total), label]
    return {
        "accuracy": correct / total,
        "correct": correct,
        "total": total,
        "ci95": list(wilson(correct, total)),
        "loss": float(loss.mean()),
    }


def compared(program: Program, changed: Program, recordings: Recordings) -> dict[str, Any]:
    """Return accuracy, size and activity of two Programs, and the share of recordings with the same decision.

    Args:
        program: The Program before quantization or pruning.
        changed: The Program after quantization or pruning.
        recordings: Recordings for both.
    """
    facts: dict[str, Any] = {"recordings": len(recordings.label)}
    predictions = []
    for name, version in (("before", program), ("after", changed)):
        result = Machine().simulator(version).run(recordings.events, seed=Machine.seed)
        predictions.append(result.predictions())
        facts[name] = {
            "accuracy": classification(result, recordings.label)["accuracy"],
            "synapses": version.synapses,
            "stored_bytes": stored_bytes(version),
            "activity": activity(result),
        }
    return facts | {"agreement": float((predictions[0] == predictions[1]).mean())}


def evaluate(run: Path, split: Split = "valid", *, data_path: str | None = None) -> dict[str, Any]:
    """Return the evaluation of a run by the simulator, and write it into the folder of the run.

    Args:
        run: Folder of the run.
        split: Split of its data.
        data_path: Folder of the data; None for the folder in the config of the run.

    Returns:
        The facts that `evaluate_run.evaluate` returns.
    """
    program = freeze(run, data_path=data_path)
    of_split = recordings(program, data_path, split)
    result = Machine().simulator(program).run(of_split.events, seed=Machine.seed)
    facts = {"run": str(run), "split": split, "engine": "simulator", "epoch": program.provenance["epoch"]}
    facts |= classification(result, of_split.label) | {"activity": list(activity(result).values())}
    evaluate_run.keep(run, f"{split}-event", facts)
    return facts
