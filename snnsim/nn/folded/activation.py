"""Spiking neurons as an activation between torch's own modules, over folded sequences.

    I[t]    = x[t]                            the currents, from a convolution, a normalization or a linear map
    I[t]    = Σ_t x[t] / T                    with `accumulate`: neurons wait for all steps, then fire
    v[−1]   = initial · θ
    y[t]    = amplitude · s[t]                s of the neuron model

Neurons with one decay and one threshold have a compiled pass of their own (kernels/neuron/maps.py), which reads maps in
the order of memory, torch's channels_last included. Other models get the channels as their neurons, so that a parameter
for each neuron is one for each channel.

Shapes   x, y (time · batch, channel, ...), such as (time · batch, channel, row, column) or (time · batch, neuron)
Units    x in units of the threshold · amplitude: the value of a spike for the next module
Names    θ threshold · T steps · accumulate: accumulate then fire, a schedule layer by layer
"""

from typing import Any, cast

import torch
from torch import Tensor

from snnsim import validation
from snnsim.kernels.common import dispatch
from snnsim.kernels.neuron.maps import MapOptions, fire
from snnsim.nn.folded.sequences import Folded, folded, unfolded
from snnsim.nn.lif import LIF
from snnsim.nn.protocols import Neuron, check_module
from snnsim.nn.scaled_lif import ScaledLIF


class SpikingActivation(Folded):
    """Neurons of any model, as a module of `torch.nn.Sequential` over a folded sequence that starts anew in each call.

    Args:
        neuron: Neuron model, such as LIF(beta=1.0, reset="soft").
        steps: Number of steps.
        initial: Voltage before the first step, in thresholds; 0 for models whose state is no voltage.
        amplitude: Value of a spike for the next module.
        accumulate: Whether the neurons get the mean current of all steps in each step; only a layer whose input is
            complete can fire then, so each layer adds T steps to the latency.
        temporal: Whether gradients pass through the state from step to step.
    """

    amplitude: Tensor

    def __init__(
        self,
        neuron: Neuron[Any],
        steps: int,
        *,
        initial: float = 0.0,
        amplitude: float = 1.0,
        accumulate: bool = False,
        temporal: bool = True,
    ) -> None:
        super().__init__(steps)
        check_module(neuron, Neuron, who="SpikingActivation", name="neuron", example="LIF")
        self.neuron = neuron
        self.initial = validation.real(initial, who="SpikingActivation", name="initial")
        self.accumulate = validation.truth(accumulate, who="SpikingActivation", name="accumulate")
        self.temporal = validation.truth(temporal, who="SpikingActivation", name="temporal")
        value = validation.positive(amplitude, who="SpikingActivation", name="amplitude")
        self.register_buffer("amplitude", torch.tensor([value]))

    def forward(self, values: Tensor) -> Tensor:
        """Return the spikes times the amplitude, in the layout of the currents.

        Args:
            values: Currents, a folded sequence (time · batch, channel, ...).
        """
        if values.dtype in (torch.bfloat16, torch.float16) and torch.is_autocast_enabled(values.device.type):
            # thresholds decide in 32 bits
            values = values.float()
        current = unfolded(values, self.steps, who="SpikingActivation")
        if self.accumulate:
            current = current.mean(0, keepdim=True).expand_as(current)
        if self._is_scalar() and dispatch.of_neurons(current) == "numba":
            return self._of_scalars(values if not self.accumulate else folded(current))
        # a channel is a neuron of the model
        channels = current.movedim(2, -1).contiguous()
        lanes = channels.flatten(1, -2) if channels.ndim > 3 else channels
        spikes = self.neuron.integrate(lanes, self._state(lanes), temporal=self.temporal).spikes
        return folded((spikes * self.amplitude.to(spikes.dtype)).view(channels.shape).movedim(-1, 2))

    def _is_scalar(self) -> bool:
        """Return whether one decay and one threshold are the whole model."""
        # a subclass may have other equations
        if type(self.neuron) not in (LIF, ScaledLIF):
            return False
        neuron = cast(LIF, self.neuron)
        return neuron.reset.detached and len(neuron.firing_threshold()) == len(neuron.decay()) == 1

    def _of_scalars(self, values: Tensor) -> Tensor:
        """Return the result of the pass over feature maps, in the order of memory."""
        neuron = cast(LIF, self.neuron)
        last = values.ndim == 4 and values.is_contiguous(memory_format=torch.channels_last)
        maps = values.permute(0, 2, 3, 1) if last else values.contiguous()
        threshold = neuron.firing_threshold().to(values.dtype)
        options = MapOptions(
            neuron.reset,
            start=self.initial * float(threshold.detach()),
            amplitude=float(self.amplitude),
            relative=isinstance(neuron, ScaledLIF),
            temporal=self.temporal,
        )
        current = unfolded(maps, self.steps, who="SpikingActivation")
        spikes = folded(fire(current, neuron.decay().to(values.dtype), threshold, options))
        return spikes.permute(0, 3, 1, 2) if last else spikes

    def _is_plain(self) -> bool:
        return bool(self.amplitude == 1)

    def _state(self, lanes: Tensor) -> Any:
        """Return the state before the first step, or None for rest.

        Raises:
            TypeError: If the state of the model has no voltage.
        """
        if not self.initial:
            return None
        rest = self.neuron.rest(lanes)
        # a constant of the pass: a learned threshold has no gradient through it
        start = self.initial * self.neuron.firing_threshold().detach().to(lanes.dtype)
        if isinstance(rest, Tensor):
            return rest + start
        try:
            return rest._replace(voltage=rest.voltage + start)
        except AttributeError:
            raise TypeError(
                f"SpikingActivation: initial must be 0 for {type(self.neuron).__name__}, whose state has no voltage; "
                "start it at rest"
            ) from None

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        initial = f", initial={self.initial:g}" if self.initial else ""
        amplitude = "" if self._is_plain() else f", amplitude={float(self.amplitude):g}"
        return f"steps={self.steps}{initial}{amplitude}{', accumulate' * self.accumulate}"
