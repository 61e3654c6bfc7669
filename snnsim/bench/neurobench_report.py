"""NeuroBench's own metrics of a Program, in a process of its own, beside our exact counts.

    harness                                          ours, equal where both mean the same
    footprint (bytes)                                bytes of the arrays in the smallest types that hold them
    connection sparsity  zeros / weights             1 − synapses of weight ≠ 0 / (pairs · synapses of a pair)
    activation sparsity  zeros / activations         1 − spikes / (neurons that fire · steps)
    synaptic operations  Σ ACs + MACs                events at synapses of weight ≠ 0

NeuroBench depends on tonic, which is GPL-3, and on torchaudio; nothing of snnsim imports it but the process.

Units    operations per recording · steps with the extra steps of the Program
Source   NeuroBench 2.3: Yik et al. 2025, Nature Communications 16:1545
Differs  inputs of more than one spike in a step are multiplications (MACs) for the harness; the sum is compared
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.program import INPUT, Program
from snnsim.simulation import Events, Result, Simulator
from snnsim.validation import require

HARNESS = "snnsim.bench.neurobench_process"
SECONDS = 1800.0
_MOST_WEIGHTS = 2**27


@dataclass(frozen=True)
class NeuroBenchReport:
    """Metrics of the harness and of snnsim."""

    version: str
    recordings: int
    harness: dict[str, float]
    """Metrics of the harness by name."""
    ours: dict[str, float]
    """Our counts by the same names."""
    differences: tuple[str, ...]
    """Metrics that differ, with both values."""

    def facts(self) -> dict[str, Any]:
        """Return the report in the types of JSON."""
        return {**vars(self), "differences": list(self.differences)}


def report(program: Program, events: Events, label: np.ndarray | None, *, python: str = sys.executable) -> Any:
    """Return the NeuroBenchReport of a Program on recordings.

    Args:
        program: The Program.
        events: The recordings.
        label: The class of each recording; None for none, and then there is no accuracy.
        python: Interpreter of the environment in which NeuroBench is installed.

    Raises:
        ImportError: If NeuroBench is not installed.
        RuntimeError: If the process fails.
        ValueError: If the Program is too large for the dense weights of the harness.
    """
    dense = sum(taps(program).values())
    require(dense <= _MOST_WEIGHTS, f"neurobench: its dense weights would be {dense:,}, and at most {_MOST_WEIGHTS:,}")
    with tempfile.TemporaryDirectory(prefix="snnsim-neurobench-") as folder:
        inputs, output = Path(folder) / "input.npz", Path(folder) / "output.json"
        program.save(Path(folder) / "program.npz")
        labels = np.zeros(0, np.int64) if label is None else label
        np.savez(inputs, step=events.step, channel=events.channel, count=events.count, offset=events.offset,
                 length=events.length, label=labels)  # fmt: skip
        command = [python, "-m", HARNESS, str(Path(folder) / "program.npz"), str(inputs), str(output)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        _check(done)
        theirs = json.loads(output.read_text(encoding="utf-8"))
    version = theirs.pop("version")
    own = counts(program, Simulator(program).run(events), label)
    return NeuroBenchReport(version, len(events), theirs, own, differences(theirs, own))


_ROUNDED = {"connection_sparsity": 5e-5, "classification_accuracy": 2.0**-24}
"""Half a unit of the last digit of metrics that the harness rounds: to four decimals, and to 32-bit floats."""


def differences(harness: Mapping[str, float], ours: Mapping[str, float]) -> tuple[str, ...]:
    """Return a sentence for each metric of both that differs.

    Args:
        harness: Metrics of the harness by name.
        ours: Our counts by name.
    """
    return tuple(
        f"{name}: {harness[name]:.10g} of the harness, {ours[name]:.10g} here"
        for name in ours
        if name in harness and not np.isclose(harness[name], ours[name], rtol=1e-9, atol=_ROUNDED.get(name, 0.0))
    )


def _check(done: "subprocess.CompletedProcess[str]") -> None:
    """Raise the error of a process.

    Raises:
        ImportError: If NeuroBench is not installed.
        RuntimeError: If the process failed.
    """
    if done.returncode == 0:
        return
    last = (done.stderr.strip() or "no message").splitlines()[-1]
    if "No module named" in last:
        raise ImportError(f"neurobench: {last}; run `pip install snnsim[neurobench]`, or name another --python")
    raise RuntimeError(f"neurobench: the harness failed: {last}")


def taps(program: Program) -> dict[int, int]:
    """Return the number of dense weights of each edge by its index: pairs, times the most synapses of a pair.

    Args:
        program: The Program.
    """
    sizes = {}
    for number, edge in enumerate(each.unrolled() for each in program.edges):
        pairs = edge.pre().astype(np.int64) * program.population(edge.target).size + edge.post
        most = int(np.unique(pairs, return_counts=True)[1].max(initial=0))
        sizes[number] = most * program.sources(edge.source) * program.population(edge.target).size
    return sizes


def stored(program: Program) -> dict[str, np.ndarray]:
    """Return the arrays that a Program needs, in the smallest types that hold them.

    Thresholds of readouts and parameters that are 0 everywhere are left out; synapses have a target, delay and weight,
    and each source an index.

    Args:
        program: The Program.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, values in program.arrays():
        unread = not values.any() or name.endswith(".unit")
        if not unread:
            arrays[name] = _smallest(values)
    return arrays


def _smallest(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    types = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32)
    dtype = next((each for each in types if np.iinfo(each).min <= low and high <= np.iinfo(each).max), np.int64)
    return values.astype(dtype)


def counts(program: Program, result: Result, label: np.ndarray | None) -> dict[str, float]:
    """Return our counts by the names of the harness's metrics.

    Args:
        program: The Program.
        result: The result of recordings.
        label: The class of each recording, or None.
    """
    effective = np.zeros(result.node_counts.shape[1])
    first = {INPUT: 0}
    begin = program.channels
    for population in program.populations:
        first[population.name], begin = begin, begin + population.size
    for edge in (each.unrolled() for each in program.edges):
        working = np.bincount(edge.pre()[edge.weight != 0], minlength=len(edge.indptr) - 1)
        effective[first[edge.source] : first[edge.source] + len(working)] += working
    delivered = result.node_counts.copy()
    delivered[:, : program.channels] = result.input_events
    firing = [population for population in program.populations if population.fires]
    cells = int(result.length.sum()) * sum(population.size for population in firing)
    spikes = sum(int(result.counts(population.name).sum()) for population in firing)
    dense = sum(taps(program).values())
    nonzero = sum(int(np.count_nonzero(edge.unrolled().weight)) for edge in program.edges)
    own = {
        "footprint": float(sum(array.nbytes for array in stored(program).values())),
        "connection_sparsity": 1 - nonzero / dense if dense else 0.0,
        "activation_sparsity": 1 - spikes / cells if cells else 0.0,
        "synaptic_operations": float((delivered @ effective).mean()),
        "synaptic_operations_dense": float(result.length.mean() * dense),
        "synapses": float(program.synapses),
    }
    if label is not None:
        own["classification_accuracy"] = float((result.predictions() == label).mean())
    return own
