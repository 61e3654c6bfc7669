"""Memory of large arrays on the CPU, and scratch memory that every call needs again.

The memory comes from NumPy, not from torch. torch asks for alignment, and glibc before 2.38 does not reuse an aligned
block after it was freed, so that a training step takes half as much memory again as it uses. NumPy also asks for large
pages, which fault once where small pages fault 512 times.
"""

import threading

import numpy as np
import torch
from torch import Tensor


def empty(like: Tensor, *shape: int) -> Tensor:
    """Return a tensor of unknown values.

    Args:
        like: A tensor whose dtype the result has.
        *shape: The shape of the result.
    """
    return torch.from_numpy(np.empty(shape, str(like.dtype).removeprefix("torch.")))


class _Workspace(threading.local):
    def __init__(self) -> None:
        self.buffers: dict[torch.dtype, Tensor] = {}


_WORKSPACE = _Workspace()


def workspace(like: Tensor, size: int) -> Tensor:
    """Return scratch memory of unknown values, which the thread keeps for its next call.

    Fresh pages cost as much time as the work that is done in them.

    Args:
        like: A tensor whose dtype the memory has.
        size: The number of values.
    """
    buffer = _WORKSPACE.buffers.get(like.dtype)
    if buffer is None or len(buffer) < size:
        # four times the size, so that a wider layer finds the buffer large enough; untouched memory costs nothing
        _WORKSPACE.buffers[like.dtype] = buffer = empty(like, 4 * size)
    return buffer[:size]
