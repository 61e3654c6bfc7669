"""Neurons of converted networks: integrate-and-fire, with signed spikes, and with bursts.

    if       u = v + I      s = Θ(u − θ)                                      v = u − θ s
    signed   u = v + I      s = Θ(u − θ) − Θ(−u) [n > 0]     n ← n + s         v = u − θ s
    burst    u = v + I      s = clip(⌊u / θ⌋, 0, Γ)                           v = u − θ s

A signed neuron takes a spike back when its voltage falls below 0 and its running count n is positive, so its sum never
falls below 0. A burst neuron sends up to Γ spikes in a step. Both send messages of more than one bit: compare them with
others by spikes for each picture, not by steps.

Shapes   I, s, u (time, ..., neuron) · v, n (..., neuron) · θ (1,)
Source   signed: Y. Hu, Q. Zheng, X. Jiang & G. Pan 2023, Fast-SNN (IEEE TPAMI); burst: Y. Li & Y. Zeng 2022, Efficient
         and Accurate Conversion of Spiking Neural Network with Burst Spikes (IJCAI)
Differs  signed, published code: below −0.001 in place of 0
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snnsim import validation
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn import LIF, Neuron, ScaledLIF


class Counted(NamedTuple):
    """The state of signed neurons."""

    voltage: Tensor
    """(..., neuron)."""
    total: Tensor
    """Spikes so far, the negative ones subtracted, (..., neuron)."""


class _Fixed:
    """A threshold as a buffer."""

    threshold: Tensor

    def firing_threshold(self) -> Tensor:
        """Return θ, (1,)."""
        return self.threshold


class SignedIF(_Fixed, Neuron[Counted]):
    """Integrate-and-fire neurons whose spikes are 1 and, to take one back, −1.

    Args:
        threshold: Membrane at which a neuron fires, itself included.
    """

    def __init__(self, *, threshold: float = 1.0) -> None:
        super().__init__()
        value = validation.positive(threshold, who="SignedIF", name="threshold")
        self.register_buffer("threshold", torch.tensor([value]))

    def rest(self, current: Tensor) -> Counted:
        """Return voltage and count at rest, zeros.

        Args:
            current: Currents (time, ..., neuron), whose shape, type and device the state has.
        """
        zeros = current.new_zeros(current.shape[1:])
        return Counted(zeros, zeros)

    def advance(self, current: Tensor, state: Counted, draws: Draws | None = None) -> tuple[Tensor, Tensor, Counted]:  # noqa: ARG002
        """Return the spikes and the membrane of one step, and the state after it.

        Args:
            current: Current of the step, (..., neuron).
            state: State before the step.
            draws: Not used.
        """
        threshold = self.threshold.to(current.dtype)
        membrane = state.voltage + current
        up, down = membrane >= threshold, (membrane < 0) & (state.total > 0)
        spikes = up.to(current.dtype) - down.to(current.dtype)
        return spikes, membrane, Counted(membrane - threshold * spikes, state.total + spikes)


class BurstIF(_Fixed, Neuron[Tensor]):
    """Integrate-and-fire neurons that send several spikes in a step.

    Args:
        threshold: Membrane at which a neuron fires, itself included.
        most: Most spikes of a step, Γ.
    """

    def __init__(self, *, threshold: float = 1.0, most: int = 5) -> None:
        super().__init__()
        value = validation.positive(threshold, who="BurstIF", name="threshold")
        self.register_buffer("threshold", torch.tensor([value]))
        self.most = validation.integer(most, who="BurstIF", name="most", at_least=1, at_most=2**20)

    def rest(self, current: Tensor) -> Tensor:
        """Return the voltage at rest, zeros.

        Args:
            current: Currents (time, ..., neuron), whose shape, type and device the voltage has.
        """
        return current.new_zeros(current.shape[1:])

    def advance(self, current: Tensor, state: Tensor, draws: Draws | None = None) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Return the spikes and the membrane of one step, and the voltage after it.

        Args:
            current: Current of the step, (..., neuron).
            state: Voltage before the step.
            draws: Not used.
        """
        threshold = self.threshold.to(current.dtype)
        membrane = state + current
        spikes = (membrane / threshold).floor().clamp(0, self.most)
        return spikes, membrane, membrane - threshold * spikes

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return f"most={self.most}"


NEURONS: dict[str, Callable[[float], Neuron[Any]]] = {
    "if": lambda threshold: LIF(beta=1.0, reset="soft", threshold=threshold, surrogate="triangle"),
    "signed": lambda threshold: SignedIF(threshold=threshold),
    "burst": lambda threshold: BurstIF(threshold=threshold),
    "scaled_lif": lambda threshold: ScaledLIF(threshold=threshold, leak=1.0),
}
"""Neurons by name, from a threshold: integrate-and-fire, signed, burst, and those that go on learning θ and leak."""
