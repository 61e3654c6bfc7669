"""NEST beside a large network: the same description, or the same synapses, in a process of its own."""

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from snnsim.circuit import Circuit, Spec, at_start, to_lists

RUNNER = Path(__file__).with_name("nest_process.py")


class Peer(NamedTuple):
    """What NEST has done."""

    step: np.ndarray
    """Steps of the spikes, int64 (spike,)."""
    neuron: np.ndarray
    """Neurons of the spikes, int64 (spike,)."""
    build_seconds: float
    run_seconds: float
    """Seconds of the steps behind the warm-up."""
    processor_seconds: float
    """Seconds of the processor for these steps, of all threads together."""
    synapses: int
    """Number of connections, with those of Poisson generators and recorders."""
    version: str


def run_nest(
    spec: Spec, *, seed: int, steps: int, threads: int = 1, warm_up: int = 0, same: Circuit | None = None
) -> Peer:
    """Return the spikes and times of NEST.

    Args:
        spec: The description.
        seed: Seed of NEST.
        steps: Number of steps.
        threads: Number of threads.
        warm_up: Number of steps, among all, that the seconds leave out.
        same: A network whose synapses and initial voltages NEST takes; None draws them anew.

    Raises:
        ImportError: If NEST is not installed.
        RuntimeError: If NEST fails; the message is its own.
    """
    if find_spec("nest") is None:
        raise ImportError("run_nest: NEST must be installed; pip install nest-simulator")
    with tempfile.TemporaryDirectory() as folder:
        request, result, lists = (Path(folder) / name for name in ("request.json", "result.npz", "lists.npz"))
        if same is not None:
            synapses = to_lists(same.network.synapses, same.network.layout)
            np.savez(lists, voltage=at_start(same).voltage + spec.neuron.rest_mv, **synapses._asdict())
        content = {
            "spec": spec.to_plain(), "seed": seed, "steps": steps, "threads": threads, "warm_up": warm_up,
            "lists": None if same is None else str(lists),
        }  # fmt: skip
        request.write_text(json.dumps(content), encoding="utf-8")
        command = [sys.executable, str(RUNNER), str(request), str(result)]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode:
            raise RuntimeError(f"run_nest: NEST failed:\n{process.stderr.strip()[-2000:]}")
        with np.load(result) as arrays:
            numbers = (arrays[name].item() for name in Peer._fields[2:])
            return Peer(arrays["step"], arrays["neuron"], *numbers)
