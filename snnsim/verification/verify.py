"""One exported file and one backend: the spikes of some recordings, compared with those of snnsim.

Names    cell: one neuron in one step of a recording; `compare` has the equations
Differs  several spikes of a channel in a step are one for both sides where the backend does not take counts
"""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from snnsim import renamed
from snnsim.export.bias_channels import with_bias_spikes
from snnsim.export.targets import TARGETS
from snnsim.program import Population, Program
from snnsim.quantization import dequantized
from snnsim.simulation import Events, Probe, Result, Simulator
from snnsim.validation import require
from snnsim.verification.backends import BACKENDS, get_backend
from snnsim.verification.compare import Difference, Layer, compare_layer, first_differences
from snnsim.verification.inputs import joined_rows, refuse_graded_input
from snnsim.verification.parallel import Parallel, merged

ALONE = Parallel()
"""One thread of one process."""


class UnsupportedError(RuntimeError):
    """A backend that has no form of this network, such as none of its neurons."""


@dataclass(frozen=True)
class Report:
    """The spikes of a backend, compared with those of snnsim."""

    backend: str
    version: str
    recordings: int
    layers: tuple[Layer, ...]
    choices: np.ndarray | None
    """Class of each recording by the backend, or by the readout's membranes that it returns; None if neither."""
    our_choices: np.ndarray | None
    """Class of each recording by snnsim."""
    membrane_difference: float | None = None
    """Largest difference of the readout's membranes, in units of the trained network; None if it returns none."""
    differences: tuple[Difference, ...] = ()
    """The first cell that differs, of each recording that has one."""
    dropped_spikes: int = 0
    """Input spikes that neither side got, as the backend takes one spike of a channel in a step."""
    seconds: float | None = None
    """Time of the backend's simulation alone, if it reports that."""

    def total(self, name: str) -> int:
        """Return the sum of a number over the layers.

        Args:
            name: Field or property of `Layer`, such as `spikes_equal`.
        """
        return sum(getattr(layer, name) for layer in self.layers)

    @property
    def equal(self) -> bool:
        """Whether every spike is the same."""
        return self.total("cells_equal") == self.total("cells_total")

    consumer = renamed.property_("consumer", "backend")
    ours = renamed.property_("ours", "our_choices")
    apart = renamed.property_("apart", "membrane_difference")
    left_out = renamed.property_("left_out", "dropped_spikes")


def verify(  # noqa: PLR0913
    path: Path,
    program: Program,
    events: Events,
    *,
    backend: str | None = None,
    python: str = sys.executable,
    trust: bool = False,
    parallel: Parallel = ALONE,
    **old: str,
) -> Report:
    """Return the spikes of a backend that runs an exported file, compared with those of our simulator.

    Args:
        path: The file or folder.
        program: The Program of `export.read` of it.
        events: The recordings.
        backend: A name of BACKENDS.
        python: The interpreter of the environment in which the backend is installed.
        trust: Whether to run code in the folder that is not, byte for byte, the code that snnsim writes for it.
        parallel: Threads and processes of a backend that has several.
        **old: `consumer`, the old name of `backend`.

    Raises:
        TypeError: If there is no backend.
        ValueError: If the backend is unknown or has one thread alone, the input is graded, or the folder holds other
            code, and it is not trusted.
        ImportError: If the backend is not installed.
        UnsupportedError: If it has no form of this network.
        RuntimeError: If it fails.
    """
    if old.keys() == {"consumer"} and backend is None:
        warnings.warn("verify: the argument consumer is now backend", DeprecationWarning, stacklevel=2)
        backend, old = old["consumer"], {}
    if backend is None or old:
        raise TypeError(f"verify: backend must be one of {', '.join(BACKENDS)}, and there is no {list(old)}")
    chosen = get_backend(backend)
    if not trust:
        _refuse_other_code(Path(path), program, chosen.target)
    refuse_graded_input(program, events)
    counted = joined_rows(events)
    single = counted if chosen.counts else replace(counted, count=np.ones_like(counted.count))
    program, inputs = with_bias_spikes(program, single)
    simulated = program if chosen.integers else dequantized(program, units="integer")
    result = Simulator(simulated).run(inputs, Probe(spikes=True))
    arrays = run_backend(path, program, inputs, backend=backend, python=python, parallel=parallel)
    cells = partial(_our_cells, result), partial(_their_cells, arrays, result.length)
    populations = [each for each in simulated.populations if each.fires and f"{each.name}/step" in arrays]
    return Report(
        backend=backend,
        version=str(arrays["version"]),
        recordings=len(events),
        layers=tuple(compare_layer(result.length, population, *cells) for population in populations),
        choices=_choices(result, arrays),
        our_choices=result.predictions() if _chooses(program) else None,
        membrane_difference=_membrane_difference(result, arrays),
        differences=tuple(first_differences(result, inputs, populations, *cells)),
        dropped_spikes=int(events.count.sum(dtype=np.int64) - single.count.sum(dtype=np.int64)),
        seconds=float(arrays["seconds"]) if "seconds" in arrays else None,
    )


def run_backend(  # noqa: PLR0913
    path: Path,
    program: Program,
    events: Events,
    *,
    backend: str,
    python: str = sys.executable,
    variables: Mapping[str, str] | None = None,
    parallel: Parallel = ALONE,
) -> dict[str, np.ndarray]:
    """Return the arrays that a backend's script writes; `runners/exchange.py` lists them.

    Args:
        path: The exported file or folder.
        program: Its Program, without extra steps.
        events: The recordings, with the spikes of bias channels.
        backend: A name of BACKENDS.
        python: The interpreter of the environment in which the backend is installed.
        variables: Environment variables of its process besides those of this one.
        parallel: Threads and processes of a backend that has several.

    Raises:
        ValueError: If the backend has one thread alone, or the launcher of its processes is not installed.
        ImportError: If the backend is not installed.
        UnsupportedError: If it has no form of this network.
        RuntimeError: If it fails.
    """
    several = ", ".join(name for name, each in BACKENDS.items() if each.parallel)
    require(
        parallel == ALONE or get_backend(backend).parallel,
        f"verify: threads and processes must be 1 for {backend}; {several} has several",
    )
    with tempfile.TemporaryDirectory() as folder:
        recordings, result = Path(folder) / "recordings.npz", Path(folder) / "result.npz"
        np.savez(
            recordings, steps=events.length, step=events.step, channel=events.channel,
            count=events.count.astype(np.int64), offset=events.offset, channels=np.array(program.channels),
        )  # fmt: skip
        script = get_backend(backend).script(backend)
        command = parallel.command([python, str(script), str(path), str(recordings), str(result)])
        _call(command, backend, {**parallel.variables(), **(variables or {})})
        parts = [_arrays(each) for each in parallel.results(result)]
        return parts[0] if len(parts) == 1 else merged(parts)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return {unquote(name, errors="surrogatepass"): stored[name] for name in stored.files}


def _refuse_other_code(path: Path, program: Program, target: str) -> None:
    for name, text in TARGETS[target].executed(program).items():
        file, expected = path / name, text.encode()
        # bytes, as newlines count, and not many more of them than are expected
        with file.open("rb") as opened:
            content = opened.read(2 * len(expected))
        if content != expected and hashlib.sha256(content).hexdigest() not in TARGETS[target].former_code:
            raise ValueError(
                f"verify: {file} would be run, and must be the file that this snnsim writes for this network; it is "
                "not. Read it, and allow it by --trust (trust=True in Python), or export the network again"
            )


def _call(command: list[str], backend: str, variables: Mapping[str, str]) -> None:
    chosen = BACKENDS[backend]
    try:
        status, errors = _process(command, variables, chosen.seconds)
    except subprocess.TimeoutExpired as error:
        text = f"verify: {backend} did not finish within {chosen.seconds:g} s, and was stopped"
        raise RuntimeError(text) from error
    if status == 0:
        return
    last = errors.strip().splitlines()[-1:] or ["it gave no reason"]
    if "ModuleNotFoundError" in last[0]:
        raise ImportError(
            f"verify: {backend} is not installed ({last[0]}); pip install {chosen.packages}, here or in an "
            "environment of its own that --python names"
        )
    name, _, reason = last[0].partition(": ")
    if name.endswith(UnsupportedError.__name__):
        raise UnsupportedError(f"verify: {backend} cannot run this network: {reason}; choose another by --backend")
    raise RuntimeError(f"verify: {backend} failed: {last[0]}\n{errors}")


def _process(command: list[str], variables: Mapping[str, str], seconds: float) -> tuple[int, str]:
    """Return the exit status and the errors of a process, which has some seconds."""
    # in a session of its own, so that processes which it starts are stopped with it
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **variables},
    ) as process:
        try:
            _, errors = process.communicate(timeout=seconds)
        finally:
            _stop(process)
    return process.returncode, errors


def _stop(process: subprocess.Popen[str]) -> None:
    """End a backend and all processes that it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()


def _our_cells(result: Result, population: Population, recording: int) -> np.ndarray:
    step, neuron = result.spikes(population.name, recording)
    return np.asarray(step.astype(np.int64) * population.size + neuron)


def _their_cells(
    arrays: dict[str, np.ndarray], length: np.ndarray, population: Population, recording: int
) -> np.ndarray:
    offset = arrays[f"{population.name}/offset"]
    rows = slice(offset[recording], offset[recording + 1])
    step, neuron = arrays[f"{population.name}/step"][rows], arrays[f"{population.name}/neuron"][rows]
    inside = (step >= 0) & (step < length[recording])
    return np.asarray(step[inside] * population.size + neuron[inside])


def _chooses(program: Program) -> bool:
    """Return whether a Program has one readout that decides on a class of each recording."""
    return program.decision is not None and program.task == "class" and not program.further_readouts


def _choices(result: Result, arrays: dict[str, np.ndarray]) -> np.ndarray | None:
    program = result.program
    if not _chooses(program) or not {f"membrane/{program.readout}", "choices"} & set(arrays):
        return None
    if "choices" in arrays:
        return arrays["choices"]
    # the traces of a result are in units of the Program, and its predictions in those of the trained network
    return np.asarray(replace(result, traces=arrays[f"membrane/{program.readout}"]).predictions())


def _membrane_difference(result: Result, arrays: dict[str, np.ndarray]) -> float | None:
    apart = []
    for readout in result.program.readouts:
        name = readout.population
        if f"membrane/{name}" in arrays:
            ours = np.concatenate([result.membrane(name, recording) for recording in range(len(result))])
            scale = result.program.population(name).scale
            apart.append(float(np.abs(arrays[f"membrane/{name}"] * scale - ours).max(initial=0.0)))
    return max(apart, default=None)
