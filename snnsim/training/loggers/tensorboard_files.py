"""TensorBoard's files, in the folder `tensorboard` of a run."""

from pathlib import Path
from typing import Any

from snnsim.training.loggers.protocol import LoggedRun, Row

FOLDER = "tensorboard"


class TensorBoardLogger:
    """Metrics as scalars; a folder without files gets all epochs of a history."""

    def __init__(self) -> None:
        self._writer: Any = None

    def start(self, run: LoggedRun) -> None:
        """Begin, or go on after the epochs of a history.

        Args:
            run: The run.
        """
        # its import takes as long as that of torch
        from torch.utils.tensorboard import SummaryWriter

        folder: Path = run.folder / FOLDER
        last = len(run.history) if any(folder.glob("events.*")) else min(1, len(run.history))
        # TensorBoard ignores earlier rows from this epoch on
        self._writer = SummaryWriter(str(folder), purge_step=max(1, last))
        for row in run.history[max(0, last - 1) :]:
            self.add(row)

    def add(self, row: Row) -> None:
        """Write the metrics of an epoch, and flush them to the disk.

        Args:
            row: Metrics of the epoch by name, among them its number `epoch` and the `activity` of each layer.
        """
        for name, value in row.items():
            if isinstance(value, float):
                self._writer.add_scalar(name, value, row["epoch"])
        for layer, value in enumerate(row.get("activity", ()), start=1):
            self._writer.add_scalar(f"activity/layer {layer}", value, row["epoch"])
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
