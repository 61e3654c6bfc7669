"""One exported file, one consumer, some recordings: are the spikes the same?

    equal spikes = Σ min(ours, theirs) over cells      total = Σ max(ours, theirs)
    equal cells  = cells in which both fire, or neither      total = steps · neurons

Names    cell: one neuron in one step of a recording
Differs  several spikes of a channel in a step are one for both sides where the consumer does not take counts
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from snnsim.export.bias_channel import ticking
from snnsim.export.dequantize import as_floats
from snnsim.export.targets import TARGETS
from snnsim.program import Population, Program
from snnsim.simulation import Events, Probe, Result, Simulator
from snnsim.verification.backends import CONSUMERS, named
from snnsim.verification.differences import Cells, Difference, first_differences


@dataclass(frozen=True)
class Layer:
    """What was compared of one population."""

    name: str
    spikes_equal: int
    spikes_total: int
    cells_equal: int
    cells_total: int


@dataclass(frozen=True)
class Report:
    """What a consumer made of recordings, beside what we make of them."""

    consumer: str
    version: str
    recordings: int
    layers: tuple[Layer, ...]
    choices: np.ndarray | None
    """Class of each recording, by the consumer itself or its membranes of the readout; None if it gives neither."""
    ours: np.ndarray | None
    """Class of each recording by our simulator."""
    apart: float | None = None
    """Largest difference of the readout's membranes, in units of the trained network; None if it gives none."""
    differences: tuple[Difference, ...] = ()
    """The first cell that differs, of each recording that has one."""
    left_out: int = 0
    """Spikes of the recordings that neither side was given, for the consumer takes one of a channel in a step."""

    def total(self, part: str) -> int:
        """Return the sum of a number over the layers."""
        return sum(getattr(layer, part) for layer in self.layers)

    @property
    def equal(self) -> bool:
        """Whether every spike is the same."""
        return self.total("cells_equal") == self.total("cells_total")


def verify(
    path: Path,
    program: Program,
    events: Events,
    *,
    consumer: str,
    python: str = sys.executable,
    trust: bool = False,
) -> Report:
    """Return what a consumer makes of an exported file, compared with what our simulator makes of its Program.

    Args:
        path: The file or folder.
        program: What `export.read` makes of it.
        events: The recordings to run.
        consumer: Who runs it; a name of CONSUMERS.
        python: The interpreter of the environment in which the consumer is installed.
        trust: Whether code in the folder is run that is not, byte for byte, what snnsim writes for this Program.

    Raises:
        ValueError: If the folder holds other code, and it is not trusted.
        ImportError: If the consumer is not installed.
        RuntimeError: If it fails.
    """
    chosen = named(consumer)
    if not trust:
        _refuse_code_of_others(Path(path), program, chosen.target)
    taken = events if chosen.counts else replace(events, count=np.ones_like(events.count))
    program, fed = ticking(program, taken)
    ours = Simulator(program if chosen.integers else as_floats(program)).run(fed, Probe(spikes=True))
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "recordings.npz", Path(folder) / "result.npz"
        np.savez(
            given, steps=ours.length, step=fed.step, channel=fed.channel, count=fed.count.astype(np.int64),
            offset=fed.offset, channels=np.array(program.channels),
        )  # fmt: skip
        _call([python, str(chosen.script(consumer)), str(path), str(given), str(made)], consumer)
        with np.load(made) as stored:
            theirs = {unquote(name, errors="surrogatepass"): stored[name] for name in stored.files}
    cells = partial(_cells, ours), partial(_their_cells, theirs, ours.length)
    parts = [part for part in ours.program.populations if part.fires and f"{part.name}/step" in theirs]
    return Report(
        consumer=consumer,
        version=str(theirs["version"]),
        recordings=len(events),
        layers=tuple(_layer(ours, part, cells) for part in parts),
        choices=_choices(ours, theirs),
        ours=ours.predictions() if program.decision else None,
        apart=_apart(ours, theirs),
        differences=tuple(first_differences(ours, fed, parts, cells)),
        left_out=int(events.count.sum(dtype=np.int64) - taken.count.sum(dtype=np.int64)),
    )


def _refuse_code_of_others(path: Path, program: Program, target: str) -> None:
    for name, text in TARGETS[target].executed(program).items():
        file = path / name
        # read as bytes, and no more of them than are wanted
        with file.open("rb") as opened:
            same = opened.read(len(text.encode()) + 1) == text.encode()
        if not same:
            raise ValueError(
                f"verify: {file} would be run, and must be what this snnsim writes for this network; it is not. Read "
                "it, and allow it by --trust (trust=True in Python), or export the network again"
            )


def _call(command: list[str], consumer: str) -> None:
    chosen = CONSUMERS[consumer]
    # in a session of its own, so that processes which it starts are stopped with it
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            _, told = process.communicate(timeout=chosen.seconds)
        except subprocess.TimeoutExpired as error:
            text = f"verify: {consumer} did not finish within {chosen.seconds:g} s, and was stopped"
            raise RuntimeError(text) from error
        finally:
            _stop(process)
    if process.returncode == 0:
        return
    last = told.strip().splitlines()[-1:] or ["it gave no reason"]
    if "ModuleNotFoundError" in last[0]:
        raise ImportError(
            f"verify: {consumer} is not installed ({last[0]}); pip install {chosen.packages}, here or in an "
            "environment of its own that --python names"
        )
    raise RuntimeError(f"verify: {consumer} failed: {last[0]}\n{told}")


def _stop(process: subprocess.Popen[str]) -> None:
    """End a consumer and all that it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()


def _layer(ours: Result, part: Population, cells: tuple[Cells, Cells]) -> Layer:
    equal = total = both = 0
    for recording, steps in enumerate(ours.length):
        here, there = (side(part, recording) for side in cells)
        common = len(np.intersect1d(here, there))
        apart = len(here) + len(there) - 2 * common
        both, total = both + common, total + common + apart
        equal += int(steps) * part.size - apart
    return Layer(part.name, both, total, equal, int(ours.length.sum()) * part.size)


def _cells(ours: Result, part: Population, recording: int) -> np.ndarray:
    step, neuron = ours.spikes(part.name, recording)
    return step.astype(np.int64) * part.size + neuron


def _their_cells(theirs: dict[str, np.ndarray], length: np.ndarray, part: Population, recording: int) -> np.ndarray:
    offset = theirs[f"{part.name}/offset"]
    rows = slice(offset[recording], offset[recording + 1])
    step, neuron = theirs[f"{part.name}/step"][rows], theirs[f"{part.name}/neuron"][rows]
    inside = (step >= 0) & (step < length[recording])
    return step[inside] * part.size + neuron[inside]


def _choices(ours: Result, theirs: dict[str, np.ndarray]) -> np.ndarray | None:
    if ours.program.decision is None or not {f"membrane/{ours.program.readout}", "choices"} & set(theirs):
        return None
    if "choices" in theirs:
        return theirs["choices"]
    # a result's membranes are in units of the Program, and it brings them into those of the trained network
    return replace(ours, traces=theirs[f"membrane/{ours.program.readout}"]).predictions()


def _apart(ours: Result, theirs: dict[str, np.ndarray]) -> float | None:
    traces = theirs.get(f"membrane/{ours.program.readout}")
    if traces is None:
        return None
    unit = ours.program.population(str(ours.program.readout)).scale
    return float((np.abs(traces - ours.traces) * unit).max(initial=0.0))
