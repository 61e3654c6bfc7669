"""An average of a network's parameters over the steps of training, which is evaluated and frozen in their place.

    ema    m ← m + (1 − min(decay, (1 + n) / (10 + n))) (p − m)
    mean   m ← m + (p − m) / (n + 1)

Averages are those of all parameters, delays included, after each step of training and within their ranges. The running
mean and variance of batch normalization are averaged by the same rule: they then are those of the networks whose
parameters the average is of. Widths of delay windows and counters are those of the network.

Names    m average · p value of the network · n steps in the average so far; the first step is copied
Source   averages of the last iterates: Polyak, Juditsky 1992, SIAM J. Control Optim. 30:838; the mean as in SWA:
         Izmailov et al. 2018 (UAI), arXiv 1803.05407; the decay of the first steps: TensorFlow's moving averages
Differs  SWA computes the statistics of batch normalization anew from the data; here they are averaged
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from snnsim.learning.options import EMA, AnyAverage
from snnsim.validation import require, shown


class Average:
    """The average parameters of a network.

    Args:
        network: The network.
        kind: The average and its settings.
    """

    def __init__(self, network: nn.Module, kind: AnyAverage) -> None:
        self.kind = kind
        self.count = 0
        """Steps in the average so far."""
        self.network = dict(_averaged(network))
        self.values = {name: value.detach().clone() for name, value in self.network.items()}

    @torch.no_grad()
    def include(self, epoch: int) -> None:
        """Take the present parameters of the network into the average.

        Args:
            epoch: Number of the epoch, counted from 0. Before the first epoch of the average, it follows the network.
        """
        # a copy, as values plus a difference need not be the parameters to the last bit
        if epoch + 1 < self.kind.first_epoch or self.count == 0:
            for name, value in self.network.items():
                self.values[name].copy_(value)
            self.count = int(epoch + 1 >= self.kind.first_epoch)
            return
        share = self._share()
        for name, value in self.network.items():
            self.values[name].lerp_(value, share)
        self.count += 1

    def _share(self) -> float:
        """Return the share of the next step in the average."""
        if isinstance(self.kind, EMA):
            return 1 - min(self.kind.decay, (1 + self.count) / (10 + self.count))
        return 1 / (self.count + 1)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Return a context in which the network has its average parameters."""
        saved = {name: value.detach().clone() for name, value in self.network.items()}
        self.apply()
        try:
            yield
        finally:
            self._into(saved)

    def apply(self) -> None:
        """Give the network its average parameters for good."""
        self._into(self.values)

    @torch.no_grad()
    def _into(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            self.network[name].copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `load_state_dict` restores."""
        return {"count": self.count, "values": self.values}

    def load_state_dict(self, state: Any, path: Path) -> None:
        """Restore a state.

        Args:
            state: Value of `state_dict`, as it was read from a checkpoint.
            path: The checkpoint, for messages.

        Raises:
            ValueError: If the value is no state of an average of this network.
        """
        who = f"checkpoint {path}: the average of the parameters"
        require(isinstance(state, dict) and state.keys() == {"count", "values"}, f"{who} must be a table of two values")
        count, values = state["count"], state["values"]
        require(type(count) is int and count >= 0, f"{who} must have a number of steps, not {shown(count)}")
        fits = isinstance(values, dict) and values.keys() == self.values.keys()
        require(fits, f"{who} must have the parameters of the network")
        for name, value in values.items():
            own = self.values[name]
            same = isinstance(value, Tensor) and value.shape == own.shape and value.dtype == own.dtype
            require(
                same and bool(torch.isfinite(value).all()), f"{who} must have finite numbers in the shape of {name}"
            )
            own.copy_(value)
        self.count = count


def _averaged(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters, and the running mean and variance of batch normalization, with their names."""
    yield from network.named_parameters()
    for prefix, part in network.named_modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            for name in ("running_mean", "running_var"):
                value = getattr(part, name)
                if value is not None:
                    yield f"{prefix}.{name}", value
