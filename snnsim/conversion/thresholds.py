"""Thresholds of converted layers, from the pre-activations z of a batch of training pictures or from a trained step.

    percentile    θ = the p-th percentile of max(z, 0), where the layers before have spiked already
    qcfs          θ = λ of the layer's QCFS
    calibration   θ = the value m (1 − i / 100), i = 0 .. 94, m = max z, with the least mean square of
                  θ / T clip(⌊(T z + v₀) / θ⌋, 0, T) − max(z, 0)

Shapes   z (time · batch, channel, ...) · θ a number for the layer
Names    T steps · v₀ initial potential
Source   percentile: B. Rueckauer et al. 2017 (Front. Neurosci. 11:682), 99 to 99.9; S. Chowdhury, N. Rathi & K. Roy
         2022 take 90 on 512 pictures. Calibration: Y. Li, S. Deng, X. Dong, R. Gong & S. Gu 2021 (ICML)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.conversion.qcfs import QCFS
from snnsim.nn.folded import unfolded

_MOST = 2**20
"""Values that a threshold is taken from; of more, an even selection."""


class Rule(Protocol):
    """A rule for the threshold of a layer."""

    def threshold(self, current: Tensor, activation: nn.Module | None, steps: int, initial: float) -> float:
        """Return the threshold of a layer.

        Args:
            current: Its pre-activations, a folded sequence.
            activation: Module of the activation; None for a function.
            steps: Number of steps.
            initial: Initial potential, in thresholds.
        """


@dataclass(frozen=True)
class Percentile:
    """The percentile of the positive part of the pre-activations."""

    percent: float = 90.0

    def __post_init__(self) -> None:
        validation.real(self.percent, who="Percentile", name="percent", above=0, at_most=100)

    def threshold(self, current: Tensor, activation: nn.Module | None, steps: int, initial: float) -> float:  # noqa: ARG002
        """Return the threshold of a layer; 0 where too few values are positive.

        Args:
            current: Its pre-activations, a folded sequence.
            activation: Not used.
            steps: Not used.
            initial: Not used.
        """
        values = _selected(current.detach()).clamp(min=0)
        return float(torch.quantile(values, self.percent / 100)) if len(values) else 0.0


@dataclass(frozen=True)
class TrainedStep:
    """The trained step of a QCFS."""

    def threshold(self, current: Tensor, activation: nn.Module | None, steps: int, initial: float) -> float:  # noqa: ARG002
        """Return the threshold of a layer.

        Args:
            current: Not used.
            activation: The QCFS.
            steps: Not used.
            initial: Not used.

        Raises:
            ValueError: If the activation is none.
        """
        if not isinstance(activation, QCFS):
            raise ValueError(
                "convert: thresholds by 'qcfs' must come from QCFS activations; the network has others; train it with "
                "QCFS, or take 'percentile' or 'calibration'"
            )
        return float(activation.bound())


@dataclass(frozen=True)
class LeastError:
    """The threshold with the least mean square error of the activation in so many steps."""

    candidates: int = 95

    def threshold(self, current: Tensor, activation: nn.Module | None, steps: int, initial: float) -> float:  # noqa: ARG002
        """Return the threshold of a layer; 0 where no value is positive.

        Args:
            current: Its pre-activations, a folded sequence.
            activation: Not used.
            steps: Number of steps.
            initial: Initial potential, in thresholds.
        """
        values = _selected(unfolded(current.detach(), steps, who="convert").mean(0))
        most, goal = float(values.max()), values.clamp(min=0)
        if most <= 0:
            return 0.0
        tried = [most * (1 - number / 100) for number in range(self.candidates)]
        return min(tried, key=lambda theta: float((rate(values, theta, steps, initial) - goal).square().mean()))


def _selected(values: Tensor) -> Tensor:
    """Return values in float64, or an even selection of many, (value,)."""
    flat = values.flatten()
    return flat[:: -(-len(flat) // _MOST) or 1].double()


def rate(values: Tensor, threshold: float, steps: int, initial: float) -> Tensor:
    """Return θ / T times the number of spikes of integrate-and-fire neurons with constant input.

    Args:
        values: The input z of every step, of any shape.
        threshold: Threshold θ.
        steps: Number of steps T.
        initial: Initial potential, in thresholds.
    """
    return threshold / steps * (values * steps / threshold + initial).floor().clamp(0, steps)


RULES: dict[str, Callable[[float], Rule]] = {
    "percentile": Percentile,
    "qcfs": lambda _: TrainedStep(),
    "calibration": lambda _: LeastError(),
}
"""Rules by name, from the percentage of the percentile."""
