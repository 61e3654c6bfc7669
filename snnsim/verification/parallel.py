"""Threads and processes of a backend: a simulator with MPI runs in several processes, each with some of the neurons.

A launcher such as mpirun starts the script of the backend several times. Each process writes the spikes of its own
neurons to RESULT.RANK.npz, and `merged` puts these files together.
"""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnsim.validation import integer, require

MOST = 2**20
"""The most threads, and the most processes."""


@dataclass(frozen=True)
class Parallel:
    """Threads and processes of a backend."""

    threads: int = 1
    """Threads of each process."""
    processes: int = 1
    launcher: str = "mpirun -n"
    """Words in front of the number of processes, such as "mpirun -n" or "srun --mpi=pmix -n"."""

    def __post_init__(self) -> None:
        integer(self.threads, who="verify", name="threads", at_least=1, at_most=MOST)
        integer(self.processes, who="verify", name="processes", at_least=1, at_most=MOST)

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the command that starts all processes.

        Args:
            words: The command of one process.

        Raises:
            ValueError: If the launcher of several processes is not installed.
        """
        if self.processes == 1:
            return list(words)
        launcher = shlex.split(self.launcher)
        require(
            bool(launcher) and shutil.which(launcher[0]) is not None,
            f"verify: the launcher of {self.processes} processes must be installed, and {self.launcher!r} is not; "
            "install MPI, or name another by --launcher",
        )
        return [*launcher, str(self.processes), *words]

    def variables(self) -> Mapping[str, str]:
        """Return environment variables by which the script learns of threads and processes."""
        return {"SNNSIM_THREADS": str(self.threads), "SNNSIM_PROCESSES": str(self.processes)}

    def results(self, path: Path) -> list[Path]:
        """Return the files that the processes write.

        Args:
            path: File of the result of one process, .npz.
        """
        if self.processes == 1:
            return [path]
        return [path.with_suffix(f".{rank}.npz") for rank in range(self.processes)]


def merged(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the results of processes as one.

    Spikes of a recording follow each other by process, membranes of the neurons of others are 0, times and memory are
    the largest.

    Args:
        parts: Arrays that the processes wrote, see runners/exchange.py.
    """
    first, result = parts[0], {}
    for name in first:
        values = [part[name] for part in parts]
        head, _, kind = name.rpartition("/")
        if kind == "offset" and f"{head}/step" in first:
            result[name] = np.sum(values, axis=0)
        elif kind in ("step", "neuron") and f"{head}/offset" in first:
            result[name] = _by_recording(values, [part[f"{head}/offset"] for part in parts])
        elif name.startswith("membrane/"):
            result[name] = np.sum(values, axis=0)
        else:
            result[name] = values[0] if values[0].dtype.kind not in "fi" else np.max(values, axis=0)
    return result


def _by_recording(values: Sequence[np.ndarray], offsets: Sequence[np.ndarray]) -> np.ndarray:
    """Return the numbers of all processes, recording by recording."""
    recordings = range(len(offsets[0]) - 1)
    pairs = list(zip(values, offsets, strict=True))
    pieces = [each[offset[number] : offset[number + 1]] for number in recordings for each, offset in pairs]
    return np.concatenate([np.zeros(0, np.int64), *pieces])
