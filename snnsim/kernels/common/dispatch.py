"""Which form of a computation runs: chosen by device and size, here and nowhere else.

    what              where                                       form
    delayed current   CPU, float32 or float64, enough taps        blocked
                      other devices, likewise                     fourier
                      few taps, mixed or short precision          time
    integer delays    CPU, float32 or float64                     numba
                      otherwise                                   in_order
    neurons           CPU, float32 or float64                     numba
                      CUDA, where Triton is installed             triton, or steps where firing is drawn
                      otherwise                                   steps

The plain forms, time, in_order and steps, are what the others are compared with. To have nothing but them, set the
environment variable SNNSIM_KERNELS=plain, or write `with kernels.plain(): ...`; the default is SNNSIM_KERNELS=fast.
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
_WHOLE_PRECISION = (torch.float32, torch.float64)


@contextmanager
def plain() -> Iterator[None]:
    """Use the plain forms only."""
    token = _ONLY_PLAIN.set(True)
    try:
        yield
    finally:
        _ONLY_PLAIN.reset(token)


def only_plain() -> bool:
    """Return whether only plain forms are to be used."""
    chosen = _ONLY_PLAIN.get()
    if chosen is not None:
        return chosen
    named = os.environ.get(VARIABLE, "fast")
    if named not in ("fast", "plain"):
        raise ValueError(f"{VARIABLE} must be fast or plain, not {named!r}")
    return named == "plain"


def of_current(spikes: Tensor, *, delays: int) -> str:
    """Return the form of a delayed current: products in frequency pay from a few taps on, where precision is kept."""
    device = spikes.device.type
    if only_plain() or torch.is_autocast_enabled(device) or spikes.dtype not in _WHOLE_PRECISION:
        return "time"
    frequencies = (len(spikes) + delays) / 2
    # a complex product is three or four real ones, against one per tap and step; and there are the transforms
    if delays * len(spikes) < 8 * frequencies:
        return "time"
    return "blocked" if device == "cpu" else "fourier"


def of_integer_delays(spikes: Tensor, weight: Tensor) -> str:
    """Return the form of the current of connections whose delays are integers."""
    if only_plain() or spikes.device.type != "cpu" or spikes.dtype not in _WHOLE_PRECISION:
        return "in_order"
    return "numba" if weight.dtype == spikes.dtype else "in_order"


def of_neurons(current: Tensor, *, noisy: bool = False) -> str:
    """Return the form of a pass over neurons, whose firing is drawn or not."""
    if only_plain() or current.dtype not in _WHOLE_PRECISION:
        return "steps"
    if current.device.type == "cpu":
        return "numba"
    on_gpu = current.device.type == "cuda" and find_spec("triton") is not None
    return "triton" if on_gpu and not noisy else "steps"
