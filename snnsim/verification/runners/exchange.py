"""Arguments and results of a backend's script; needs NumPy alone.

    python NAME.py EXPORTED RECORDINGS.npz RESULT.npz

RECORDINGS.npz   steps (recording,), the length of each; step, channel, count (spike,), offset (recording + 1,);
                 channels ()
RESULT.npz       version; for each population P that fires P/step, P/neuron (spike,) and P/offset (recording + 1,) in
                 steps of the recording; for a readout whose membrane it returns, membrane/P (step of all recordings,
                 neuron); choices (recording,) where the backend decides; P is escaped as in an address (%2F for /)
                 call_seconds, of the calls that simulate, and seconds, of their loops over steps, where the script
                 measures them; total_seconds and peak_bytes, of the script and the processes that it started
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

Spikes = dict[str, list[tuple[np.ndarray, np.ndarray]]]
"""Steps and neurons of each population's spikes, recording by recording."""
Membranes = dict[str, list[np.ndarray]]
"""Membranes (step, neuron) of readouts, recording by recording."""

_CALL_SECONDS: list[float] = []
_LOOP_SECONDS: list[float] = []


class UnsupportedError(ValueError):
    """The backend has no form of this network; `snnsim verify` prints the text alone, without the call stack."""


class Recordings:
    """The recordings to run, with one row of spikes at most per step and channel.

    Args:
        path: The file RECORDINGS.npz.
    """

    def __init__(self, path: str) -> None:
        stored = np.load(path)
        self.steps, self.channels = stored["steps"], int(stored["channels"])
        self._step, self._channel, self._offset = stored["step"], stored["channel"], stored["offset"]
        self._count = stored["count"]

    def __len__(self) -> int:
        return len(self.steps)

    def spikes(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the steps and channels of a recording's spikes, (spike,) each.

        Args:
            number: Index of the recording.
        """
        rows = slice(self._offset[number], self._offset[number + 1])
        return self._step[rows], self._channel[rows]

    def counts(self, number: int) -> np.ndarray:
        """Return the count of each of `spikes`, (spike,); more than 1 only where the backend takes counts.

        Args:
            number: Index of the recording.
        """
        count: np.ndarray = self._count[self._offset[number] : self._offset[number + 1]]
        return count

    def single(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the steps and channels of all spikes; those of one step and channel follow one another.

        Args:
            number: Index of the recording. A spike of count n is n spikes in the result.
        """
        count = self.counts(number)
        step, channel = (np.repeat(values, count) for values in self.spikes(number))
        return step, channel

    def copy_numbers(self, number: int) -> np.ndarray:
        """Return the number of each of `single` among the spikes of its step and channel, from 0.

        Args:
            number: Index of the recording.
        """
        return np.concatenate([np.zeros(0, int), *(np.arange(count) for count in self.counts(number))])

    def most(self) -> int:
        """Return the most spikes of a channel in a step, of all recordings."""
        return int(self._count.max(initial=1))


@contextlib.contextmanager
def timed() -> Iterator[None]:
    """Add the time of a block to that of the calls that simulate."""
    began = time.perf_counter()
    yield
    _CALL_SECONDS.append(time.perf_counter() - began)


def add_loop_seconds(seconds: float) -> None:
    """Add the time of a loop over steps, of a backend whose calls do more than their loop.

    Args:
        seconds: Seconds of the loop, without the time to build or compile the network.
    """
    _LOOP_SECONDS.append(seconds)


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays of a file of plain arrays (snnsim.export.arrays), unchanged.

    Args:
        path: The file in NumPy's format.

    Raises:
        UnsupportedError: If the file has no hardware delays.
    """
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    header = json.loads(arrays.pop("header").tobytes())
    for name, path_name in header.get("names", {}).items():
        own = [each for each in arrays if each.startswith(f"population/{path_name}/")]
        arrays |= {f"population/{name}/{each.split('/')[2]}": arrays[each] for each in own}
    if header["lateness"] is None:
        raise UnsupportedError("a loop of this program is too short for a machine on which every synapse takes a step")
    return header, arrays


def read_floats(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays of a file of plain arrays for a simulator in floats.

    A Program in integers becomes one in floats as in snnsim.quantization.dequantized: w 2^shift, β / 2^bits, θ − ½.

    Args:
        path: The file in NumPy's format.

    Raises:
        UnsupportedError: If the file has no hardware delays.
    """
    header, arrays = read_arrays(path)
    fixed = header["fixed"]
    if fixed is None:
        return header, arrays
    for name, model in header["populations"]:
        arrays[f"population/{name}/decay"] = arrays[f"population/{name}/decay"] / 2 ** fixed["decay_bits"]
        for second in ("gain", "second_decay"):
            if f"population/{name}/{second}" in arrays:
                arrays[f"population/{name}/{second}"] = arrays[f"population/{name}/{second}"] / 2 ** fixed["decay_bits"]
        if model != "readout":
            arrays[f"population/{name}/threshold"] = arrays[f"population/{name}/threshold"] - 0.5
    for number in range(len(header["edges"])):
        arrays[f"edge/{number}/weight"] = arrays[f"edge/{number}/weight"].astype(float) * 2 ** fixed["weight_shift"]
    return header, arrays


def main(run: Callable[[Path, Recordings], tuple[Any, ...]], version: str) -> None:
    """Run the script: read its arguments, simulate, and write the result.

    Args:
        run: run(exported, recordings) returns Spikes, Membranes, and optionally the choices (recording,).
        version: Version of the backend.
    """
    began = time.perf_counter()
    exported, recordings, result = sys.argv[1:]
    spikes, membranes, *choices = run(Path(exported), Recordings(recordings))
    arrays: dict[str, Any] = {"version": np.array(version), "total_seconds": time.perf_counter() - began}
    arrays["peak_bytes"] = _peak_bytes()
    if _CALL_SECONDS:
        arrays["call_seconds"], arrays["seconds"] = sum(_CALL_SECONDS), sum(_LOOP_SECONDS or _CALL_SECONDS)
    if choices:
        arrays["choices"] = np.asarray(choices[0])
    for name, trains in spikes.items():
        escaped = quote(name, safe=" ", errors="surrogatepass")
        arrays[f"{escaped}/offset"] = np.cumsum([0, *(len(step) for step, _ in trains)])
        for index, part in enumerate(("step", "neuron")):
            arrays[f"{escaped}/{part}"] = np.concatenate([np.asarray(train[index], np.int64) for train in trains])
    for name, traces in membranes.items():
        arrays[f"membrane/{quote(name, safe=' ', errors='surrogatepass')}"] = np.concatenate(traces)
    np.savez(result, **arrays)


def _peak_bytes() -> int:
    """Return the peak of this process or of one that it started; 0 where the system does not tell."""
    try:
        import resource

        # getrusage of this process itself would have the peak of the process that started it
        with open("/proc/self/status") as status:
            own = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except (ImportError, OSError, StopIteration):
        return 0
    return 1024 * max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
