"""Weights & Biases: a run of its own name and identity, which goes on when the training is resumed.

The identity is in wandb-id.txt of the folder of a run; files of Weights & Biases lie in its folder wandb. In the mode
`offline`, nothing is sent: `wandb sync RUN/wandb/offline-run-*` sends the files later.
"""

import secrets
from typing import Any

from snnsim.config.loggers import WandB
from snnsim.files import written_whole
from snnsim.training.loggers.protocol import LoggedRun, Row, numbers

FILE = "wandb-id.txt"


class WandBLogger:
    """A run of Weights & Biases.

    Args:
        section: The settings.
    """

    def __init__(self, section: WandB) -> None:
        try:
            import wandb
        except ImportError as error:
            text = "training.loggers: wandb must be installed; it is not; run `pip install snnsim[wandb]`"
            raise ImportError(text) from error
        self._wandb, self._section = wandb, section
        self._run: Any = None

    def start(self, run: LoggedRun) -> None:
        """Begin, or go on after the epochs of a history.

        Args:
            run: The run.
        """
        path, section = run.folder / FILE, self._section
        logged = path.is_file()
        if not logged:
            with written_whole(path) as partial:
                partial.write_text(secrets.token_hex(4), encoding="utf-8")
        self._run = self._wandb.init(
            project=section.project, entity=section.entity, mode=section.mode, dir=str(run.folder), name=run.name,
            id=path.read_text(encoding="utf-8"), resume="allow", config=dict(run.config),
            settings=self._wandb.Settings(silent=True),
        )  # fmt: skip
        # epochs that were logged are not sent again, but for the last one
        for row in run.history[-1:] if logged else run.history:
            self.add(row)

    def add(self, row: Row) -> None:
        """Log the metrics of an epoch.

        Args:
            row: The metrics.
        """
        self._run.log(numbers(row), step=row["epoch"])

    def close(self) -> None:
        """Finish the run; its files are complete when the process of the training has ended."""
        self._run.finish()
