"""The experiment, cell by cell: build, run, and measure the activity of each population.

A finished cell is a file with the means, and a file with the distributions and a piece of the raster beside it.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snnsim import circuit
from snnsim.analysis import populations
from snnsim.circuit import Spec, potjans_diesmann
from snnsim.experiment.cells import Row, Settings, run_all
from snnsim.experiment.microcircuit import reporting
from snnsim.experiment.microcircuit.beside_nest import run_nest
from snnsim.experiment.microcircuit.settings import Budget, Cell, cells
from snnsim.files import written_whole
from snnsim.training.run_folder import RunFolder

FREE = ("seeds", "nest", "threads")
"""Settings that may change in a folder: they add cells, or change their times alone."""
RASTER_MS = 400.0


class Run(NamedTuple):
    """Spikes and times of a cell."""

    step: np.ndarray
    """Steps of the spikes behind the warm-up, from 0 (spike,)."""
    neuron: np.ndarray
    build_seconds: float
    run_seconds: float
    bytes_per_synapse: float | None
    version: str | None


def reproduce(budget: Budget, output: Path, *, progress: bool = True) -> Path:
    """Run all cells without a file, write the table, CSV and figure, and return the folder.

    Args:
        budget: Cells and their costs.
        output: Folder of the experiment.
        progress: Whether a progress bar is shown.
    """
    folder = RunFolder(output)
    settings = Settings(asdict(budget), FREE)
    rows = run_all(folder, cells(budget), lambda cell: run(cell, budget, folder), settings, progress=progress)
    reporting.write(folder, rows)
    return folder.path


def run(cell: Cell, budget: Budget, folder: RunFolder) -> Row:
    """Return the result of a cell: its times, and the measures of each population.

    Args:
        cell: The cell.
        budget: Size of the network and length of the run.
        folder: Folder of the experiment, which gets the distributions.
    """
    spec = potjans_diesmann.spec(budget.scale, budget.drive)
    warm_up, steps = (round(1000 * seconds / spec.time_step_ms) for seconds in (budget.warm_up_s, budget.seconds))
    measured = _RUN[cell.simulator](spec, cell.seed, warm_up, steps, budget.threads)
    arrays: dict[str, np.ndarray] = {}
    means = {}
    bounds = np.concatenate([[0], np.cumsum(spec.sizes)])
    for name, size, begin in zip(spec.names, spec.sizes, bounds, strict=False):
        mine = (measured.neuron >= begin) & (measured.neuron < begin + size)
        each = populations.activity(
            measured.step[mine], measured.neuron[mine] - begin, size=size, steps=steps, step_ms=spec.time_step_ms
        )
        arrays |= {f"{name}/{part}": getattr(each, part).astype(np.float32) for part in reporting.DISTRIBUTIONS}
        means[name] = {part: _mean(getattr(each, part)) for part in reporting.MEASURES}
    shown = measured.step < RASTER_MS / spec.time_step_ms
    arrays |= {"raster/step": measured.step[shown], "raster/neuron": measured.neuron[shown]}
    with written_whole(reporting.arrays_file(folder, cell.name())) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return {
        **cell._asdict(), "neurons": spec.neurons, "synapses": sum(map(sum, spec.synapses)), "sizes": spec.sizes,
        "step_ms": spec.time_step_ms, "threads": budget.threads, "build_seconds": measured.build_seconds,
        "real_time_factor": measured.run_seconds / budget.seconds, "bytes_per_synapse": measured.bytes_per_synapse,
        "version": measured.version, "populations": means,
    }  # fmt: skip


def _ours(spec: Spec, seed: int, warm_up: int, steps: int, threads: int) -> Run:
    _compile(threads)
    began = time.perf_counter()
    network = circuit.build(spec, seed=seed, threads=threads)
    state, built = circuit.at_start(network), time.perf_counter()
    circuit.run(network, state, first=0, count=warm_up, threads=threads)
    start = time.perf_counter()
    spikes = circuit.run(network, state, first=warm_up, count=steps, threads=threads)
    seconds = time.perf_counter() - start
    return Run(spikes.step - warm_up, spikes.neuron, built - began, seconds, network.bytes_per_synapse, None)


def _compile(threads: int) -> None:
    """Compile the loops, which takes part of the first run of a process."""
    small = circuit.build(potjans_diesmann.spec(0.002), seed=0, threads=threads)
    circuit.run(small, circuit.at_start(small), first=0, count=1, threads=threads)


def _nest(spec: Spec, seed: int, warm_up: int, steps: int, threads: int) -> Run:
    peer = run_nest(spec, seed=seed, steps=warm_up + steps, threads=threads, warm_up=warm_up)
    late = peer.step >= warm_up
    return Run(peer.step[late] - warm_up, peer.neuron[late], peer.build_seconds, peer.run_seconds, None, peer.version)


def _mean(values: Any) -> float | None:
    array = np.atleast_1d(values)
    mean = float(array.mean()) if array.size else float("nan")
    return mean if np.isfinite(mean) else None


_RUN = {"snnsim": _ours, "nest": _nest}
