"""Leaky readout: an integrator without spikes, whose voltage over time is the output of the network.

    u[t] = β u[t−1] + I[t]

Shapes   I, u (time, ..., class)
Source   DCLS-Delays has a LIF neuron with a threshold out of reach; the readout is the same without the threshold
"""

import torch
from torch import Tensor, nn

from snnsim.kernels.common import dispatch, gates
from snnsim.kernels.neuron import autograd
from snnsim.nn import settings
from snnsim.nn.decay import Decay
from snnsim.nn.lif import flat
from snnsim.nn.parameters import Learn


class LeakyReadout(nn.Module):
    """Leaky integrators without a threshold; `readout(current)` gives their voltage over time.

    Args:
        tau: Time constant of the leak in steps, β = 1 − 1/τ; give `tau` or `beta`, or neither for τ = 2.
        beta: Decay of the voltage over a step, from 0 to 1.
        learn_decay: "fixed", or trained with one value for the "layer" or one for each "neuron".
        features: Number of classes, needed for "neuron".
    """

    def __init__(
        self,
        *,
        tau: float | None = None,
        beta: float | None = None,
        learn_decay: Learn = "fixed",
        features: int | None = None,
    ) -> None:
        super().__init__()
        settings.carry(self)
        self.decay = Decay(tau=tau, beta=beta, learn=learn_decay, features=features)

    def forward(self, current: Tensor, *, temporal: bool = True) -> Tensor:
        """Return the voltage of every step of a sequence that starts at rest.

        Args:
            current: The currents, (time, ..., class).
            temporal: Whether gradients pass from step to step.
        """
        return self.run(current, temporal=temporal)[0]

    def run(self, current: Tensor, voltage: Tensor | None = None, *, temporal: bool = True) -> tuple[Tensor, Tensor]:
        """Return the voltage of every step, and the last one as the state to go on from.

        Args:
            current: The currents, (time, ..., class).
            voltage: The voltage before the first step, or None for rest.
            temporal: Whether gradients pass from step to step.
        """
        current = gates.current(current, who="LeakyReadout")
        voltage = current.new_zeros(()) if voltage is None else voltage
        voltage = gates.state(voltage, current.shape[1:], who="LeakyReadout", like=current)
        if len(current) == 0:
            return current, voltage
        beta = gates.each_neuron(self.decay(), current, who="LeakyReadout", name="decay")
        if dispatch.of_neurons(current) == "steps":
            steps = []
            for now in current:
                _, voltage = self.step(now, voltage if temporal else voltage.detach())
                steps.append(voltage)
            gates.ended(voltage, who="LeakyReadout")
            return torch.stack(steps), voltage if temporal else voltage.detach()
        lanes = flat(current)
        membrane = autograd.leaky(lanes, voltage.reshape(lanes.shape[1:]), beta, temporal=temporal).view_as(current)
        return membrane, membrane[-1] if temporal else membrane[-1].detach()

    def step(self, current: Tensor, voltage: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the voltage of one step, as output and as state.

        Args:
            current: The current of the step, (..., class).
            voltage: The voltage after the step before, (..., class); None for rest.
        """
        if voltage is not None:
            voltage = gates.state(voltage, current.shape, who="LeakyReadout", like=current)
        voltage = current if voltage is None else self.decay().to(current.dtype) * voltage + current
        gates.ended(voltage, who="LeakyReadout")
        return voltage, voltage
