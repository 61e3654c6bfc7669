"""The form in which a computation runs; no other module chooses by device and size.

    computation       device and type                             form
    delayed current   CPU, float32 or float64: few taps,          direct
                      recordings and steps; otherwise             overlap_save
                      other devices, enough taps                  fft
                      few taps, mixed or short precision          conv1d
    integer delays    CPU, float32 or float64                     numba
                      otherwise                                   in_order
    convolution with  CPU, float32, few events, an input without  events
    delays            a gradient; otherwise                       patches
    neurons           CPU, float32 or float64                     numba
                      CUDA, where Triton is installed             triton, or steps for stochastic neurons
                      otherwise                                   steps

Tests compare the fast forms with the plain ones: conv1d, in_order and steps. The environment variable
SNNSIM_KERNELS=plain, or `with kernels.plain(): ...`, leaves the plain forms alone; the default is SNNSIM_KERNELS=fast.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec

import torch
from torch import Tensor

VARIABLE = "SNNSIM_KERNELS"
_ONLY_PLAIN: ContextVar[bool | None] = ContextVar("only_plain", default=None)
_FULL_PRECISION = (torch.float32, torch.float64)


@contextmanager
def plain() -> Iterator[None]:
    """Use the plain forms only, within a `with` block."""
    token = _ONLY_PLAIN.set(True)
    try:
        yield
    finally:
        _ONLY_PLAIN.reset(token)


def only_plain() -> bool:
    """Return whether only the plain forms are used.

    Raises:
        ValueError: If the environment variable SNNSIM_KERNELS has another value than fast or plain.
    """
    override = _ONLY_PLAIN.get()
    if override is not None:
        return override
    setting = os.environ.get(VARIABLE, "fast")
    if setting not in ("fast", "plain"):
        raise ValueError(f"{VARIABLE} must be fast or plain, not {setting!r}")
    return setting == "plain"


def of_current(spikes: Tensor, *, delays: int, few: bool) -> str:
    """Return the form of a delayed current: products in the frequency domain are faster from a few taps on.

    Args:
        spikes: The spikes (time, batch, source).
        delays: The number of delays of a kernel.
        few: Whether there are so few products in time that they take less time than windows of a CPU.
    """
    device = spikes.device.type
    if only_plain() or torch.is_autocast_enabled(device) or spikes.dtype not in _FULL_PRECISION:
        return "conv1d"
    if device == "cpu":
        return "direct" if few else "overlap_save"
    frequencies = (len(spikes) + delays) / 2
    # a complex product is three or four real ones, and the transforms come on top; conv1d has one per tap and step
    if delays * len(spikes) < 8 * frequencies:
        return "conv1d"
    return "fft"


def of_integer_delays(spikes: Tensor, weight: Tensor) -> str:
    """Return the form of the current of connections with integer delays.

    Args:
        spikes: The spikes (time, batch, source).
        weight: The weights (target, source, tap); compiled code needs them in the type of the spikes.
    """
    if only_plain() or spikes.device.type != "cpu" or spikes.dtype not in _FULL_PRECISION:
        return "in_order"
    return "numba" if weight.dtype == spikes.dtype else "in_order"


MOST_EVENTS = 0.125
"""Share of numbers other than 0 above which patches are faster than events."""


def of_delayed_conv(spikes: Tensor, weight: Tensor) -> str:
    """Return the form of a convolution whose kernel has weights at many delays.

    Args:
        spikes: The spikes (time, batch, source); the form event by event has no gradient for them.
        weight: The weights; compiled code needs them in the type of the spikes.
    """
    # networks of double precision are compared, not trained: one compiled form is enough
    if only_plain() or spikes.device.type != "cpu" or spikes.dtype != torch.float32 or spikes.requires_grad:
        return "patches"
    few = spikes.numel() > 0 and int(spikes.count_nonzero()) <= MOST_EVENTS * spikes.numel()
    return "events" if few and weight.dtype == spikes.dtype else "patches"


def of_neurons(current: Tensor, *, noisy: bool = False) -> str:
    """Return the form of a pass over neurons.

    Args:
        current: The currents.
        noisy: Whether the neurons are stochastic.
    """
    if only_plain() or current.dtype not in _FULL_PRECISION:
        return "steps"
    if current.device.type == "cpu":
        return "numba"
    on_gpu = current.device.type == "cuda" and find_spec("triton") is not None
    return "triton" if on_gpu and not noisy else "steps"
