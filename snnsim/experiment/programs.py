"""Programs of runs: freezing, recordings on the grid of a Program, simulation and evaluation."""

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import snnsim
from snnsim.config import Config
from snnsim.data import cache, heidelberg
from snnsim.data.grid_recordings import GridRecordings
from snnsim.experiment import datasets, evaluate_run, own_data, scoring, tasks
from snnsim.experiment.evaluate_run import Split
from snnsim.experiment.simulator_input import to_events as to_events
from snnsim.export.bias_channels import recorded_channels, with_bias_spikes
from snnsim.nn import freezing
from snnsim.program import Program, Readout
from snnsim.program.summary import stored_bytes
from snnsim.simulation import CHIPS, Events, Result, Simulator, energy


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

    def run(self, program: Program, events: Events) -> Result:
        """Return the result of recordings, with the spikes of the Program's bias channels.

        Args:
            program: Network to simulate; it is not changed.
            events: Recordings of its other channels.
        """
        without_extra_steps, inputs = with_bias_spikes(program, events)
        result = self.simulator(without_extra_steps).run(inputs, seed=self.seed)
        return replace(result, extra_steps=program.extra_steps)


@dataclass(frozen=True)
class Recordings:
    """Recordings on a Program's grid, and their classes or other targets."""

    events: Events
    labels: scoring.Labels
    """The targets of each readout."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of the loss of each readout."""

    def __len__(self) -> int:
        return len(self.events)

    def measured(self, result: Result) -> scoring.Measured:
        """Return the metrics of the result of these recordings.

        Args:
            result: The result of these recordings.
        """
        return scoring.measured(result, self.labels, self.weights)


def freeze(run: Path, *, data_path: str | None = None) -> Program:
    """Return the Program of the best checkpoint of a run.

    Args:
        run: Folder of the run.
        data_path: Folder of the data, which name the classes; None for the folder in the config of the run.

    Raises:
        ValueError: If a Program cannot hold the neurons of the run.
    """
    loaded = evaluate_run.load(run, "train", data_path=data_path)
    facts = {"run": str(run), "epoch": loaded.epoch, "config": loaded.config.to_toml(), "snnsim": snnsim.__version__}
    try:
        return freezing.freeze(
            loaded.network,
            time_step_ms=loaded.config.data.time_step_ms,
            classes=loaded.names,
            decision=loaded.task.decision_name,
            task=loaded.task.program_task,
            provenance=facts,
        )
    except TypeError as error:
        # a config may name neurons that no Program has, so it has a wrong value
        raise ValueError(str(error)) from error


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
    own = _own_config(program, data)
    if own is None and data is not None and not Path(data).is_dir():
        return _checked(program, cache.binned(Path(data), **_grid(program, None)), _config(program))
    if not isinstance(program.provenance.get("config"), str):
        raise ValueError(
            "the program does not name its training data; give a file in the format of SHD: --data FILE.h5"
        )
    config = _config(program) or Config()
    if data is not None:
        config = config.with_values({"data.path": data})
    if own is None:
        _check_presence(config)
    else:
        own_data.require_present(config.data)
    part = datasets.load_splits(config, split)[split]
    return _checked(program, part.binned.select(part.indices), config)


def _own_config(program: Program, data: str | None) -> Config | None:
    """Return the config of a program of a user's data; None for another, and for a file in the format of SHD."""
    config = _config(program)
    if config is None or own_data.kind_of(config.data) is None:
        return None
    # a file with the arrays of the SHD format is one whatever the program was trained on
    return None if data is not None and own_data.is_heidelberg(Path(data)) else config


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
        command = f"snnsim data make {data.name}" + ("" if data.name in ("shd", "ssc") else f" {options}") + own
        raise FileNotFoundError(
            f"the recordings that the program was trained on are not in {folder}; nothing is made or downloaded "
            f"because a program says so. Get them by `{command}`, or name a file or folder with them: --data FILE.h5"
        ) from error


def _grid(program: Program, max_time_ms: float | None) -> dict[str, Any]:
    return {"time_step_ms": program.time_step_ms, "channels": recorded_channels(program), "max_time_ms": max_time_ms}


def _config(program: Program) -> Config | None:
    """Return the config of the run that a Program comes from, or None."""
    text = program.provenance.get("config")
    return Config.from_toml(text, "the program's config") if isinstance(text, str) else None


def _checked(program: Program, binned: GridRecordings, config: Config | None) -> Recordings:
    if len(binned) == 0:
        raise ValueError("there must be recordings to run, and the data have none; choose another file or split")
    labels = {readout.population: _labels(readout, binned, config) for readout in scoring.decided(program)}
    return Recordings(to_events(binned), labels, tasks.weights(config))


def _labels(readout: Readout, binned: GridRecordings, config: Config | None) -> list[np.ndarray]:
    """Return the target of every recording of a readout.

    Raises:
        ValueError: If the data have other classes or targets.
    """
    name = tasks.target_of(readout, config, binned.targets)
    names = binned.classes if name is None else binned.targets[name].names
    noun = "classes" if readout.of_classes else "targets"
    if readout.classes and names != readout.classes:
        raise ValueError(
            f"the recordings must have the program's {noun} {', '.join(readout.classes)}; theirs are "
            f"{', '.join(names) or 'none'}"
        )
    if name is None:
        return list(binned.label)
    if not binned.targets[name].per_step:
        return list(binned.targets[name].values)
    return [
        binned.of_targets(np.array([number]), int(binned.length[number]))[name][:, 0] for number in range(len(binned))
    ]


def simulate(program: Program, recordings: Recordings, machine: Machine) -> dict[str, Any]:
    """Return accuracy, activity, speed and energy of a simulation, in the types of JSON.

    Args:
        program: The Program.
        recordings: At least one recording.
        machine: Settings of the simulation.
    """
    without_extra_steps, inputs = with_bias_spikes(program, recordings.events)
    simulator = machine.simulator(without_extra_steps)
    # a first run, so that the time includes no compilation
    simulator.run(inputs.select(np.arange(1)))
    start = time.perf_counter()
    result = simulator.run(inputs, seed=machine.seed)
    seconds = time.perf_counter() - start
    delivered, operations = int(result.synaptic_events().sum()), int(result.synaptic_operations().sum())
    facts = {
        "recordings": len(recordings),
        "engine": machine.engine,
        "precision": machine.precision if program.fixed is None else "integer",
        "threads": simulator.threads,
        "seed": machine.seed if any(population.noisy for population in program.populations) else None,
        "seconds": seconds,
        "recordings_per_second": len(recordings) / seconds,
        "synaptic_events": delivered,
        "events_per_second": delivered / seconds,
        "synaptic_operations": operations,
        "nanojoules_per_recording": {chip: energy(operations, chip) / len(recordings) / 1e3 for chip in CHIPS},
        "energy_assumes": {name: vars(chip) for name, chip in CHIPS.items()},
        "activity": activity(result),
    }
    return facts | (recordings.measured(result).facts() if recordings.labels else {})


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


def compared(program: Program, changed: Program, recordings: Recordings) -> dict[str, Any]:
    """Return metrics, size and activity of two Programs, and how alike their predictions are.

    Args:
        program: The Program before quantization or pruning.
        changed: The Program after quantization or pruning.
        recordings: Recordings for both.
    """
    facts: dict[str, Any] = {"recordings": len(recordings)}
    results = []
    for name, version in (("before", program), ("after", changed)):
        result = Machine().run(version, recordings.events)
        results.append(result)
        report = recordings.measured(result).report
        facts[name] = {
            **report.scalars(),
            "summary": report.brief(),
            "synapses": version.synapses,
            "stored_bytes": stored_bytes(version),
            "activity": activity(result),
        }
    return facts | scoring.agreement(*results)


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
    result = Machine().run(program, of_split.events)
    facts = {"run": str(run), "split": split, "engine": "simulator", "epoch": program.provenance["epoch"]}
    facts["task"] = program.task if len(program.readouts) == 1 else "heads"
    facts |= of_split.measured(result).facts() | {"activity": list(activity(result).values())}
    evaluate_run.keep(run, f"{split}-event", facts)
    return facts
