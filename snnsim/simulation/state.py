"""Where streams stand between two pieces: voltages, and what is on its way; a value, to keep, copy or write down.

Shapes   voltage (stream, neuron) · pending (stream, delay, neuron), row k arrives k steps later
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnsim.files import written_whole


@dataclass(frozen=True, eq=False)
class State:
    """The state of some streams through one Program."""

    voltage: np.ndarray
    pending: np.ndarray
    step: int
    """Steps that are done."""
    program: str
    """Digest of the Program."""

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
