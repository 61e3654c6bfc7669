"""Convolutions over fields of neurons: the same connections at every place, without or with a delay each.

    Conv          I[t, (y, x, o)] = Σ_e w[o, e] patch[t, (y, x)][e]              e = (c, row, col): torch's conv2d
    DelayedConv   I[t, (y, x, o)] = Σ_e Σ_k kernel[k, o, e] patch[t − k, (y, x)][e]      delays in time alone

Both look at the average over squares of `pool` × `pool` neurons of a channel: average pooling in front of them.
Evaluation, and training with fixed delays, adds what the neurons of a patch send in the order of those neurons, as a
Program does (kernels/delay/integer_delays.py); training of `Conv` and of learned delays adds in another order.

Shapes   s (time, ..., source) and I (time, ..., target), fields as flat as patches.py has them
         w of Conv (out channel, in channel, row, column), as torch.nn.Conv2d has it
         w, d of DelayedConv (out channel, element, tap), as DelayedLinear has them
Units    d, k in steps, counted from 0 (the same step) to max_delay
Source   convolutional spiking networks with average pooling: Meng, Xiao, Yan, Wang, Lin, Luo 2023 (ICCV),
         arXiv 2302.14311; delays: see delayed_linear.py
Differs  a correlation, as everywhere in deep learning: patches are not flipped
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim.kernels.common import dispatch, gates
from snnsim.kernels.delay import cpu_integer_delays
from snnsim.kernels.delay.integer_delays import integer_current
from snnsim.nn import settings as carried
from snnsim.nn.connectivity import check_features, kaiming_weights, random_connections
from snnsim.nn.delayed_linear import DelayedLinear, run_on
from snnsim.nn.patches import Patches


class Conv(nn.Module):
    """A convolution without delays; `layer(spikes)` takes (..., source) and returns (..., target).

    `field` is (height, width, channels) of the sources; `layer.into` is that of the targets. `kernel` is one odd side
    or (rows, columns); without `padding`, zeros around the field keep its height and width. `pool` averages over
    squares of so many pixels first. A random share `sparsity` of the kernel's weights is absent for good.
    """

    def __init__(  # noqa: PLR0913
        self,
        field: tuple[int, int, int],
        out_channels: int,
        kernel: int | tuple[int, int] = 3,
        *,
        padding: int | None = None,
        pool: int = 1,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.patches = Patches.of("Conv", field, kernel, padding=padding, pool=pool)
        check_features("Conv", self.patches.field.size, out_channels)
        self.into = self.patches.into(out_channels)
        carried.carry(self, **self.patches.told())
        shape = (out_channels, self.patches.field.channels, *self.patches.kernel)
        self.weight = nn.Parameter(kaiming_weights(shape, fan_in=self.patches.elements, generator=generator))
        self.register_buffer("connected", random_connections(shape, sparsity=sparsity, generator=generator))
        self.constrain()

    def forward(self, spikes: Tensor, *, delayed: str = "exact") -> Tensor:  # noqa: ARG002
        """Return the currents of spikes (..., source); there are no delays, so `delayed` changes nothing."""
        self.patches.check(spikes)
        spikes = gates.spikes(spikes, who="Conv", like=self.weight)
        if not self.training:
            weight = self.weight.flatten(1)[..., None]
            # without delays, recordings may follow each other as one
            flat = spikes.reshape(math.prod(spikes.shape[:-1]), 1, spikes.shape[-1])
            current = in_order(self.patches, flat, weight, torch.zeros_like(weight, dtype=torch.int64), delays=1)
            return current.reshape(*spikes.shape[:-1], self.into.size)
        current = functional.conv2d(self.patches.maps(spikes), self.weight, padding=self.patches.padding)
        return current.permute(0, 2, 3, 1).reshape(*spikes.shape[:-1], self.into.size)

    def run(self, spikes: Tensor, history: None = None, *, delayed: str = "exact") -> tuple[Tensor, None]:
        """Return the currents of a sequence, and None for the history: nothing is remembered."""
        return self(spikes, delayed=delayed), history

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring the parameters back to what they may be; called after each step of an optimizer."""
        if self.connected is not None:
            self.weight *= self.connected

    def extra_repr(self) -> str:
        """Say the settings that `print(network)` should show."""
        return _described(self.patches, self.into.channels)


class DelayedConv(nn.Module):
    """A convolution in which every connection of the kernel has its own delay, or several (weight, delay) taps.

    `layer(spikes)` takes (time, ..., source) and returns (time, ..., target), fields as in `Conv`. The connections are
    a DelayedLinear from the elements of a patch to the channels, `layer.connections`; `settings` are its keywords:
    taps, window, sigma, learn_delay, learn_sigma, sparsity, generator. After each optimizer step call `constrain()`.
    """

    def __init__(
        self,
        field: tuple[int, int, int],
        out_channels: int,
        max_delay: int,
        kernel: int | tuple[int, int] = 3,
        *,
        padding: int | None = None,
        pool: int = 1,
        **settings: Any,
    ) -> None:
        super().__init__()
        self.patches = Patches.of("DelayedConv", field, kernel, padding=padding, pool=pool)
        self.into = self.patches.into(out_channels)
        carried.carry(self, **self.patches.told())
        self.connections = DelayedLinear(self.patches.elements, out_channels, max_delay, **settings)

    @property
    def weight(self) -> nn.Parameter:
        """The weights, (out channel, element, tap)."""
        return self.connections.weight

    @property
    def delay(self) -> nn.Parameter:
        """The delays in steps, (out channel, element, tap)."""
        return self.connections.delay

    @property
    def connected(self) -> Tensor | None:
        """Which connections are there, or None if all are."""
        return self.connections.connected

    @property
    def max_delay(self) -> int:
        """The longest delay in steps."""
        return self.connections.max_delay

    def kernel(self) -> Tensor:
        """Return the kernel (delay, out channel, element) that the layer uses in its present mode."""
        return self.connections.kernel()

    def forward(self, spikes: Tensor, *, delayed: str = "exact") -> Tensor:
        """Return the currents of a sequence (time, ..., source) before which there were no spikes.

        `delayed` says how the error of a current reaches the spikes that it came from; see `snnsim.gradient_paths`.
        """
        return self.current(spikes, delayed=delayed)

    def current(self, spikes: Tensor, *, before: int = 0, delayed: str = "exact") -> Tensor:
        """Return the currents of all steps but the first `before`, which are no more than the longest delay."""
        self.patches.check(spikes)
        spikes = gates.spikes(spikes, who="DelayedConv", like=self.weight)
        if self.connections.spreads or delayed != "exact":
            seen = gates.known(self.patches.of_spikes(spikes))
            return self.connections.current(seen, before=before, delayed=delayed).flatten(-2)
        flat = spikes.reshape(len(spikes), math.prod(spikes.shape[1:-1]), spikes.shape[-1])
        delay, delays = self.connections.integer_delay(), self.max_delay + 1
        current = in_order(self.patches, flat, self.weight, delay, delays=delays, before=before)
        return current.reshape(len(current), *spikes.shape[1:-1], self.into.size)

    def run(self, spikes: Tensor, history: Tensor | None = None, *, delayed: str = "exact") -> tuple[Tensor, Tensor]:
        """Return the currents of a sequence that goes on from `history`, and the history to go on with.

        The history is the last `max_delay` steps of the input, (max_delay, ..., source); None means silence.
        """
        return run_on(self, spikes, history, delayed=delayed)

    def step(self, spikes: Tensor, history: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the currents (..., target) of one step, and the history to go on with."""
        current, history = self.run(spikes[None], history)
        return current[0], history

    def constrain(self) -> None:
        """Bring delays back into their range and absent connections to 0; call after each optimizer step."""
        self.connections.constrain()

    def extra_repr(self) -> str:
        """Say the settings that `print(network)` should show."""
        return _described(self.patches, self.into.channels)


def in_order(
    patches: Patches, spikes: Tensor, weight: Tensor, delay: Tensor, *, delays: int, before: int = 0
) -> Tensor:
    """Return the currents that neurons before pooling bring, in the order of these neurons.

    Args:
        patches: Where the patches lie.
        spikes: Spikes (time, batch, source).
        weight: Weights (out channel, element, tap) after pooling; each neuron that is averaged has its share.
        delay: Delays in steps, (out channel, element, tap), integers.
        delays: How many different delays there may be.
        before: Steps at the beginning whose currents are not wanted.

    Returns:
        Currents (time - before, batch, target).
    """
    weight, delay = patches.elements_in_order(weight / patches.pool**2), patches.elements_in_order(delay)
    learned = torch.is_grad_enabled() and (spikes.requires_grad or weight.requires_grad)
    if not learned and spikes.numel() and dispatch.of_integer_delays(spikes, weight) == "numba":
        # where no gradient is wanted, patches need not be copied
        return cpu_integer_delays.current(spikes, weight, delay, before=before, patches=patches.places())
    seen = patches.in_order(spikes)
    current = integer_current(seen.flatten(1, 2), weight, delay, delays=delays, before=before)
    return current.reshape(len(current), spikes.shape[1], seen.shape[2] * len(weight))


def _described(patches: Patches, channels: int) -> str:
    height, width, sources = patches.field
    pooled = "" if patches.pool == 1 else f", pool={patches.pool}"
    return f"{height} x {width} x {sources} -> {channels} channels, kernel={patches.kernel}{pooled}"
