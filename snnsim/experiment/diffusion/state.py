"""The state of a training of spiking diffusion, and its checkpoint: after an epoch, or after a batch within it.

Within an epoch a checkpoint has the states of the generator of noise and of those of torch, which draw dropout.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from snnsim.experiment.diffusion import losses
from snnsim.experiment.diffusion.losses import Execution
from snnsim.experiment.diffusion.settings import Settings
from snnsim.learning.options import EMA
from snnsim.nn import constrain_after
from snnsim.training import checkpoint
from snnsim.training.average import Average
from snnsim.training.run_folder import RunFolder


class State:
    """What a training changes: parameters, their average, the optimizer, the metrics of the finished epochs, and sums.

    Args:
        network: The network, on its device.
        settings: Settings of the run.
    """

    def __init__(self, network: nn.Module, settings: Settings) -> None:
        self.network = network
        self.average = Average(network, EMA(decay=settings.decay))
        self.optimizer = torch.optim.Adam(network.parameters(), lr=settings.lr)
        constrain_after(self.optimizer, network)
        self.history: list[dict[str, Any]] = []
        self.architecture = {"network": str(network)}
        self.step = 0
        """Trained batches of the present epoch."""
        self.loss = 0.0
        """Sum of their losses over the pictures."""
        self.seconds = 0.0
        """Duration of their training."""
        self._random: dict[str, Tensor] = {}

    def load(self, path: Path) -> None:
        """Restore the state of a checkpoint.

        Args:
            path: The file.
        """
        saved = checkpoint.load(path, self.architecture)
        checkpoint.into(path, self.network, saved)
        self.optimizer.load_state_dict(saved["optimizer"])
        self.average.load_state_dict(saved["average"], path)
        self.history = saved["history"]
        # old checkpoints have none
        self.step, self.loss, self.seconds, self._random = saved.get("epoch", (0, 0.0, 0.0, {}))

    def save(self, folder: RunFolder, generator: torch.Generator | None = None) -> None:
        """Write a checkpoint and the metrics.

        Args:
            folder: Folder of the run.
            generator: Generator of the noise, within an epoch.
        """
        content = {
            "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(), "history": self.history,
            "epoch": (self.step, self.loss, self.seconds, {} if generator is None else self._states(generator)),
        }  # fmt: skip
        checkpoint.save(folder.last, self.architecture, content)
        folder.write_metrics(self.history)

    def mean_loss(self, pictures: int, execution: Execution) -> float:
        """Return the mean loss of the present epoch.

        Args:
            pictures: Number of training pictures.
            execution: The processes, each of which has a sum.
        """
        return losses.over_processes(self.loss / pictures, execution)

    def close(self, row: dict[str, Any]) -> None:
        """End the present epoch.

        Args:
            row: Its metrics.
        """
        self.history.append(row)
        self.step, self.loss, self.seconds, self._random = 0, 0.0, 0.0, {}

    def restore_random(self, generator: torch.Generator) -> None:
        """Set the generators to the states of a checkpoint within the epoch, if it is one.

        Args:
            generator: Generator of the noise.
        """
        if self._random:
            generator.set_state(self._random["noise"])
            torch.set_rng_state(self._random["cpu"])
            if "cuda" in self._random:
                torch.cuda.set_rng_state(self._random["cuda"], self._device())

    def _states(self, generator: torch.Generator) -> dict[str, Tensor]:
        states = {"noise": generator.get_state(), "cpu": torch.get_rng_state()}
        device = self._device()
        return states | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})

    def _device(self) -> torch.device:
        return next(self.network.parameters()).device
