"""Networks without spikes for both tasks: a layer frame by frame, and layers that see its features at several lags.

    h[t]  = ReLU(W₀ frame[t] + b₀)
    y[t]  = back([h[t], h[t−l₁], h[t−l₂]])           h = 0 before the first frame
    score = mean of y[t] over t, and over positions

    actions    W₀ and back are convolutions, the last one of a single pixel
    keywords   W₀ and back are dense

The lags are delays: without them, a mean over frames could not tell east from west.

Shapes   frames (time, batch, axes of a frame) · y (time, batch, classes of all heads)
"""

import torch
from torch import Tensor, nn

LAGS = {"actions": (0, 2, 4), "keywords": (0, 4, 8)}
"""Lags in frames, by task."""


class FrameNetwork(nn.Module):
    """A network for sequences of frames.

    Args:
        front: Layers that compute frames one by one.
        back: Layers that compute the features of several frames.
        lags: Lags of the features, in frames.
    """

    def __init__(self, front: nn.Module, back: nn.Module, lags: tuple[int, ...]) -> None:
        super().__init__()
        self.front, self.back, self.lags = front, back, lags

    def forward(self, frames: Tensor) -> Tensor:
        """Return the outputs of every step.

        Args:
            frames: Sequences (time, batch, axes of a frame).
        """
        values = self.front(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        lagged = [torch.cat([torch.zeros_like(values[:lag]), values[: len(values) - lag]]) for lag in self.lags]
        outputs: Tensor = self.back(torch.cat(lagged, dim=2).flatten(0, 1)).unflatten(0, frames.shape[:2])
        return outputs.flatten(3).mean(3) if outputs.ndim > 3 else outputs


def network(task: str, outputs: int, seed: int) -> FrameNetwork:
    """Return the network of a task, whose first weights are a function of the seed.

    Args:
        task: One of TASKS.
        outputs: Number of classes of all heads together.
        seed: Seed of the weights.
    """
    lags = LAGS[task]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if task == "keywords":
            front: list[nn.Module] = [nn.Linear(40, 64), nn.ReLU()]
            back: list[nn.Module] = [nn.Linear(64 * len(lags), 96), nn.ReLU(), nn.Linear(96, outputs)]
        else:
            front = [nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU()]
            back = [
                nn.Conv2d(8 * len(lags), 24, 3, stride=2, padding=1), nn.ReLU(),
                nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, outputs, 1),
            ]  # fmt: skip
        for layer in (*front, *back):
            if not isinstance(layer, nn.ReLU):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # type: ignore[arg-type]
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return FrameNetwork(nn.Sequential(*front), nn.Sequential(*back), lags)
