"""Where streams stand between two pieces: voltages, and what is on its way; a value, to keep, copy or write down.

Shapes   voltage (stream, neuron) · pending (stream, delay, neuron), row k arrives k steps later
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
    """The state of some streams through one Program."""

    voltage: np.ndarray
    pending: np.ndarray
    step: int
    """Steps that are done."""
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
    def left(cls, voltage: np.ndarray, pending: np.ndarray, step: int, program: str) -> "State":
        """Return the state that an engine has left, which needs no check; it would read all of `pending` once more."""
        state = object.__new__(cls)
        for name, value in (("voltage", voltage), ("pending", pending), ("step", step), ("program", program)):
            object.__setattr__(state, name, value)
        return state

    def __len__(self) -> int:
        return len(self.voltage)

    def save(self, path: Path) -> None:
        """Write the state into one file."""
        text = json.dumps({"format": "snnsim state", "step": self.step, "program": self.program}).encode()
        with written_whole(Path(path)) as partial, partial.open("wb") as file:
            np.savez(file, header=np.frombuffer(text, np.uint8), voltage=self.voltage, pending=self.pending)

    @staticmethod
    def load(path: Path) -> "State":
        """Return the state of a file."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                header = json.loads(stored["header"].tobytes())
                if header["format"] != "snnsim state":
                    raise ValueError("the header is another's")
                return State(stored["voltage"], stored["pending"], header["step"], header["program"])
        except FileNotFoundError:
            raise
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is damaged, or no state of snnsim: {error}") from error
