"""Convolutions over fields of neurons: the same connections at every pixel, without or with delays.

    Conv          I[t, (y, x, o)] = Σ_e w[o, e] patch[t, (y, x)][e]              e = (c, row, col): torch's conv2d
    DelayedConv   I[t, (y, x, o)] = Σ_e Σ_k kernel[k, o, e] patch[t − k, (y, x)][e]      delays in time alone

With `dense` delays a connection has a weight at every delay, as a kernel of a three-dimensional convolution. Few
events are added one by one, see kernels/delay/event_conv.py: in training with learned delays, and with dense ones.

Both have an average pooling over `pool` × `pool` neurons of a channel in front of them. Evaluation, and training with
fixed delays, adds the spikes of a patch in the order of its neurons, as a Program does, see
kernels/delay/integer_delays.py; training of `Conv` and of learned delays adds in another order.

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
from snnsim.kernels.delay.event_conv import ConvGeometry, event_conv
from snnsim.kernels.delay.integer_delays import integer_current
from snnsim.nn import settings as carried
from snnsim.nn.connectivity import check_features, kaiming_weights, random_connections
from snnsim.nn.delayed_linear import DelayedLinear, run_delayed
from snnsim.nn.patches import Patches
from snnsim.nn.protocols import Synapse


class Conv(Synapse):
    """A convolution without delays; `synapse(spikes)` takes (..., source) and returns (..., target).

    Args:
        field: Field of the sources, (height, width, channels); `synapse.into` is the field of the targets.
        out_channels: Number of channels of the targets.
        kernel: Sides of the kernel: one odd side, or (rows, columns).
        padding: Zeros around the field; None keeps its height and width.
        pool: Side of the squares of pixels that are averaged first.
        stride: Rows and columns after pooling from one position to the next.
        sparsity: Share of the kernel's weights that are absent, at least 0 and below 1.
        generator: Generator of the initial weights and of the absent ones.
    """

    def __init__(  # noqa: PLR0913
        self,
        field: tuple[int, int, int],
        out_channels: int,
        kernel: int | tuple[int, int] = 3,
        *,
        padding: int | None = None,
        pool: int = 1,
        stride: int = 1,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.patches = Patches.of("Conv", field, kernel, padding=padding, pool=pool, stride=stride)
        check_features("Conv", self.patches.field.size, out_channels)
        self.into, self.channels = self.patches.into(out_channels), out_channels
        carried.carry(self, **self.patches.settings())
        shape = (out_channels, self.patches.field.channels, *self.patches.kernel)
        self.weight = nn.Parameter(kaiming_weights(shape, fan_in=self.patches.elements, generator=generator))
        self.register_buffer("connected", random_connections(shape, sparsity=sparsity, generator=generator))
        self.constrain()

    @property
    def targets(self) -> int:
        """Number of target neurons."""
        return self.into.size

    def current(self, spikes: Tensor, *, before: int = 0, delayed: str = "exact") -> Tensor:  # noqa: ARG002
        """Return the currents of spikes.

        Args:
            spikes: Spikes (..., source).
            before: Not used: without delays there is no history.
            delayed: Not used.
        """
        self.patches.check(spikes)
        spikes = gates.spikes(spikes, who="Conv", like=self.weight)
        if not self.training:
            weight = self.weight.flatten(1)[..., None]
            # without delays, recordings may follow each other as one
            flat = spikes.reshape(math.prod(spikes.shape[:-1]), 1, spikes.shape[-1])
            current = in_order(self.patches, flat, weight, torch.zeros_like(weight, dtype=torch.int64), delays=1)
            return current.reshape(*spikes.shape[:-1], self.into.size)
        current = functional.conv2d(
            self.patches.maps(spikes), self.weight, padding=self.patches.padding, stride=self.patches.stride
        )
        return current.permute(0, 2, 3, 1).reshape(*spikes.shape[:-1], self.into.size)

    def run(
        self, spikes: Tensor, history: Tensor | None = None, *, delayed: str = "exact"
    ) -> tuple[Tensor, Tensor | None]:
        """Return the currents of a sequence, and no history: without delays there is none.

        Args:
            spikes: Spikes (time, ..., source).
            history: None.
            delayed: Not used.
        """
        return self(spikes, delayed=delayed), history

    @torch.no_grad()
    def constrain(self) -> None:
        """Set absent weights to 0; called after each optimizer step."""
        if self.connected is not None:
            self.weight.mul_(self.connected)

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return self.patches.described(self.into.channels)


class DelayedConv(Synapse):
    """A convolution in which every connection of the kernel has its own delay, or several (weight, delay) taps.

    `synapse(spikes)` takes (time, ..., source) and returns (time, ..., target), fields as in `Conv`. The connections
    are a DelayedLinear from the elements of a patch to the channels, `synapse.connections`. After each optimizer step,
    `constrain()` keeps delays in their range; see `snnsim.nn.constrain_after`.

    Args:
        field: Field of the sources, (height, width, channels); `synapse.into` is the field of the targets.
        out_channels: Number of channels of the targets.
        max_delay: The longest delay in steps.
        kernel: Sides of the kernel: one odd side, or (rows, columns).
        padding: Zeros around the field; None keeps its height and width.
        pool: Side of the squares of pixels that are averaged first.
        stride: Rows and columns after pooling from one position to the next.
        dense: Whether every connection has a weight at each delay from 0 to `max_delay`, none of which is learned.
        **settings: Keywords of DelayedLinear: taps, window, sigma, learn_delay, learn_sigma, sparsity, generator.

    Raises:
        ValueError: If dense delays have another number of taps, or are learned.
    """

    def __init__(  # noqa: PLR0913
        self,
        field: tuple[int, int, int],
        out_channels: int,
        max_delay: int,
        kernel: int | tuple[int, int] = 3,
        *,
        padding: int | None = None,
        pool: int = 1,
        stride: int = 1,
        dense: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__()
        if dense and (fixed := sorted({"taps", "learn_delay"} & set(settings))):
            must = f"leave out {' and '.join(fixed)}"
            raise ValueError(f"DelayedConv: dense delays have one tap at each delay, and none is learned; {must}")
        settings |= {"taps": max_delay + 1, "learn_delay": False} if dense else {}
        self.dense = dense
        self.patches = Patches.of("DelayedConv", field, kernel, padding=padding, pool=pool, stride=stride)
        self.into, self.channels = self.patches.into(out_channels), out_channels
        carried.carry(self, **self.patches.settings())
        self.connections = DelayedLinear(self.patches.elements, out_channels, max_delay, **settings)
        self.max_delay = self.connections.max_delay
        if dense:
            self.connections.delay.data.copy_(torch.arange(max_delay + 1.0).expand_as(self.connections.delay))

    @property
    def targets(self) -> int:
        """Number of target neurons."""
        return self.into.size

    @property
    def weight(self) -> nn.Parameter:  # type: ignore[override]
        """The weights, (out channel, element, tap)."""
        return self.connections.weight

    @property
    def delay(self) -> nn.Parameter:
        """The delays in steps, (out channel, element, tap)."""
        return self.connections.delay

    @property
    def connected(self) -> Tensor | None:  # type: ignore[override]
        """Which connections are there, or None if all are."""
        return self.connections.connected

    def kernel(self) -> Tensor:
        """Return the kernel (delay, out channel, element) that the layer uses in its present mode."""
        return self.connections.kernel()

    def event_kernel(self) -> Tensor:
        """Return the kernel of the present mode as (delay, row, column, channel, out channel)."""
        channels, (rows, columns) = self.patches.field.channels, self.patches.kernel
        if self.dense:
            return self.weight.view(self.into.channels, channels, rows, columns, -1).permute(4, 2, 3, 1, 0)
        shape = self.max_delay + 1, self.into.channels, channels, rows, columns
        return self.kernel().view(shape).permute(0, 3, 4, 2, 1)

    def geometry(self, before: int = 0, stride: tuple[int, int, int] | None = None) -> ConvGeometry:
        """Return the sizes of the convolution for kernels/delay/event_conv.py.

        Args:
            before: Number of steps at the beginning whose currents are left out.
            stride: Steps, rows and columns from one current to the next; None for every step and that of the layer.
        """
        stride = (1, self.patches.stride, self.patches.stride) if stride is None else stride
        return ConvGeometry(*self.patches.field, *self.patches.padding, before, stride)

    def _by_events(self, spikes: Tensor) -> bool:
        several = self.connections.spreads or self.dense
        return several and self.patches.pool == 1 and dispatch.of_delayed_conv(spikes, self.weight) == "events"

    def current(self, spikes: Tensor, *, before: int = 0, delayed: str = "exact") -> Tensor:
        """Return the currents of all steps but the first `before`.

        Args:
            spikes: Spikes (time, ..., source).
            before: Number of steps at the beginning whose spikes are history; at most the longest delay.
            delayed: Gradient path from a current to the spikes that it came from; see `snnsim.gradient_paths`.
        """
        self.patches.check(spikes)
        spikes = gates.spikes(spikes, who="DelayedConv", like=self.weight)
        if len(spikes) > before and self._by_events(spikes):
            flat = spikes.reshape(len(spikes), math.prod(spikes.shape[1:-1]), spikes.shape[-1])
            current = event_conv(flat, self.event_kernel(), self.geometry(before))
            return current.reshape(len(current), *spikes.shape[1:-1], self.into.size)
        if self.connections.spreads or delayed != "exact":
            patches = gates.known(self.patches.of_spikes(spikes))
            return self.connections.current(patches, before=before, delayed=delayed).flatten(-2)
        flat = spikes.reshape(len(spikes), math.prod(spikes.shape[1:-1]), spikes.shape[-1])
        delay, delays = self.connections.integer_delay(), self.max_delay + 1
        current = in_order(self.patches, flat, self.weight, delay, delays=delays, before=before)
        return current.reshape(len(current), *spikes.shape[1:-1], self.into.size)

    def run(
        self, spikes: Tensor, history: Tensor | None = None, *, delayed: str = "exact"
    ) -> tuple[Tensor, Tensor | None]:
        """Return the currents of a sequence that goes on from a history, and the next history.

        Args:
            spikes: Spikes (time, ..., source).
            history: The last `max_delay` steps of the input before them, (max_delay, ..., source); None for silence.
            delayed: Gradient path from a current to the spikes that it came from; see `snnsim.gradient_paths`.
        """
        return run_delayed(self, spikes, history, delayed=delayed)

    def step(self, spikes: Tensor, history: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the currents (..., target) of one step, and the next history.

        Args:
            spikes: Spikes of the step (..., source), fields as in `Conv`.
            history: The last `max_delay` steps of spikes before, (max_delay, ..., source); None for silence.
        """
        current, history = self.run(spikes[None], history)
        return current[0], history

    def constrain(self) -> None:
        """Clamp delays to their range and set absent connections to 0; called after each optimizer step."""
        self.connections.constrain()

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return self.patches.described(self.into.channels)


def in_order(
    patches: Patches, spikes: Tensor, weight: Tensor, delay: Tensor, *, delays: int, before: int = 0
) -> Tensor:
    """Return the currents from neurons before pooling, summed in the order of these neurons.

    Args:
        patches: The patches of the field.
        spikes: Spikes (time, batch, source).
        weight: Weights (out channel, element, tap) after pooling; the averaged neurons share each of them.
        delay: Delays in steps, (out channel, element, tap), integers.
        delays: Number of different delays.
        before: Number of steps at the beginning whose currents are left out.

    Returns:
        Currents (time - before, batch, target).
    """
    weight, delay = patches.elements_in_order(weight / patches.pool**2), patches.elements_in_order(delay)
    learned = torch.is_grad_enabled() and (spikes.requires_grad or weight.requires_grad)
    if not learned and spikes.numel() and dispatch.of_integer_delays(spikes, weight) == "numba":
        # without a gradient, patches need not be copied
        offsets = patches.offsets()
        current: Tensor = cpu_integer_delays.current(spikes, weight, delay, before=before, patches=offsets)
        return current
    ordered = patches.in_order(spikes)
    current = integer_current(ordered.flatten(1, 2), weight, delay, delays=delays, before=before)
    return current.reshape(len(current), spikes.shape[1], ordered.shape[2] * len(weight))
