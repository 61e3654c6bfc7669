"""Parts that the benchmarks of programs share: times, the file of figures, and the backends of `snnsim verify`."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import export
from snnsim.export.bias_channels import with_bias_spikes
from snnsim.files import write_json
from snnsim.program import Program
from snnsim.simulation import Events, Result
from snnsim.training.run_folder import environment
from snnsim.verification.verify import run_backend

BASELINES = {
    "brian2-cython": ("brian2", {"SNNSIM_BRIAN2": "cython"}),
    "brian2-standalone": ("brian2", {"SNNSIM_BRIAN2": "cpp_standalone"}),
    "nest": ("nest", {}),
}
"""Backend and environment variables of each baseline."""
Spikes = dict[str, tuple[np.ndarray, np.ndarray]]
"""Steps and neurons of each population's spikes."""


def least_seconds(call: Callable[[], Any], repeats: int) -> float:
    """Return the seconds of the fastest of several calls, after one that does not count.

    Args:
        call: Function without arguments.
        repeats: Number of calls that count, at least 1.
    """
    call()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def write(path: Path, results: dict[str, Any]) -> None:
    """Write results as JSON, with the environment in which they were measured.

    Args:
        path: JSON file; an existing one is replaced.
        results: Figures, in the types of JSON.
    """
    write_json(path, {**environment(0), **results})


def read(path: Path) -> dict[str, Any]:
    """Return the results of a file of `write`.

    Args:
        path: JSON file that `write` wrote.
    """
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def run_baseline(name: str, python: Path, program: Program, events: Events) -> tuple[dict[str, Any], Spikes]:
    """Return the figures of a baseline that runs one recording, and its spikes.

    The figures are `seconds` of the loop over steps, `call_seconds` of the call that simulates once the network is
    built and compiled, `with_building` of the whole script, and `peak_bytes`; or an `error`.

    Args:
        name: Name of the baseline in BASELINES.
        python: Interpreter of the environment in which the baseline is installed.
        program: Program in floats.
        events: One recording.
    """
    backend, variables = BASELINES[name]
    program, inputs = with_bias_spikes(program, events)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.npz"
        export.write(program, "npz", path)
        try:
            arrays = run_backend(path, program, inputs, backend=backend, python=str(python), variables=variables)
        except (ImportError, RuntimeError) as error:
            return {"error": [str(error).splitlines()[0]]}, {}
    figures = {name: float(arrays[name]) for name in ("seconds", "call_seconds")}
    figures["with_building"] = float(arrays["total_seconds"])
    spikes = {}
    for population in program.populations:
        if f"{population.name}/step" in arrays:
            step, neuron = (arrays[f"{population.name}/{part}"] for part in ("step", "neuron"))
            inside = (step >= 0) & (step < inputs.length[0])
            spikes[population.name] = step[inside], neuron[inside]
    return figures | {"peak_bytes": int(arrays["peak_bytes"])}, spikes


def compare_spikes(reference: Result, spikes: Spikes) -> dict[str, int | None]:
    """Return the number of spikes (step, neuron) of both sides, of one side alone, and the first step with such.

    Args:
        reference: Result of snnsim with the spikes of one recording.
        spikes: Steps and neurons of the spikes of the baseline, by population.
    """
    same, one_side, steps = 0, [0, 0], []
    for name, (step, neuron) in spikes.items():
        size = reference.program.population(name).size
        our_step, our_neuron = reference.spikes(name)
        ours, theirs = our_step.astype(np.int64) * size + our_neuron, step.astype(np.int64) * size + neuron
        same += len(np.intersect1d(ours, theirs))
        for side, alone in enumerate((np.setdiff1d(ours, theirs), np.setdiff1d(theirs, ours))):
            one_side[side] += len(alone)
            steps += (alone // size).tolist()
    first = min(steps, default=None)
    return {"same": same, "only_reference": one_side[0], "only_here": one_side[1], "first_difference": first}
