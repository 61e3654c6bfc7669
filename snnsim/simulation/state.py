"""The state of streams between two pieces: voltages and pending currents.

A state is a value: `Simulator.feed` returns a new one, and leaves its argument as it is.

Shapes   voltage (stream, neuron), or (stream, 2 · neuron) where a model has a second state variable, the voltages first
         pending (stream, delay, neuron), row k arrives k steps later
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnsim.files import written_whole
from snnsim.validation import instance, integer, shown


@dataclass(frozen=True, eq=False)
class State:
    """The state of streams through one Program."""

    voltage: np.ndarray
    pending: np.ndarray
    step: int
    """Number of steps before this state."""
    program: str
    """Digest of the Program."""

    def __post_init__(self) -> None:
        for name, dimensions in (("voltage", 2), ("pending", 3)):
            values = getattr(self, name)
            instance(values, np.ndarray, who="State", name=name)
            if values.ndim != dimensions or values.dtype.kind not in "bif" or not np.isfinite(values).all():
                raise ValueError(
                    f"State: {name} must be finite numbers of {dimensions} axes, not {shown(values)}; begin with "
                    "start()"
                )
        step = integer(self.step, who="State", name="step", at_least=0, at_most=2**62)
        object.__setattr__(self, "step", step)
        instance(self.program, str, who="State", name="program")

    @classmethod
    def unchecked(cls, voltage: np.ndarray, pending: np.ndarray, step: int, program: str) -> "State":
        """Return the state of arrays that an engine wrote, without checks; they would read all of `pending` again.

        Args:
            voltage: Voltages (stream, neuron).
            pending: Pending currents (stream, delay, neuron).
            step: Number of steps before this state.
            program: Digest of the Program.
        """
        state = object.__new__(cls)
        for name, value in (("voltage", voltage), ("pending", pending), ("step", step), ("program", program)):
            object.__setattr__(state, name, value)
        return state

    def __len__(self) -> int:
        return len(self.voltage)

    def save(self, path: Path) -> None:
        """Write the state into one file.

        Args:
            path: The file; missing folders above it are made.
        """
        text = json.dumps({"format": "snnsim state", "step": self.step, "program": self.program}).encode()
        with written_whole(Path(path)) as partial, partial.open("wb") as file:
            np.savez(file, header=np.frombuffer(text, np.uint8), voltage=self.voltage, pending=self.pending)

    @staticmethod
    def load(path: Path) -> "State":
        """Return the state of a file.

        Args:
            path: The file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is damaged, or holds no state.
        """
        return _read(path)


def _read(path: Path) -> State:
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes())
            if header["format"] != "snnsim state":
                raise ValueError("the header is that of another format")
            return State(stored["voltage"], stored["pending"], header["step"], header["program"])
    except FileNotFoundError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged, or no state of snnsim: {error}") from error
