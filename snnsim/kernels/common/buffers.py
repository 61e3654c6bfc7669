"""Memory for large arrays on the CPU, and for what is needed over and over.

NumPy's memory, not torch's: torch asks for alignment, and glibc before 2.38 gives an aligned block that was freed to
nobody who asks for the same again, so that a step takes half as much again as it uses. NumPy also asks for large
pages, which fault once where small ones fault 512 times.
"""

import threading

import numpy as np
import torch
from torch import Tensor


def empty(like: Tensor, *shape: int) -> Tensor:
    """Return a tensor of unknown values with the dtype of another."""
    return torch.from_numpy(np.empty(shape, str(like.dtype).removeprefix("torch.")))


class _Workspace(threading.local):
    def __init__(self) -> None:
        self.kept: dict[torch.dtype, Tensor] = {}


_WORKSPACE = _Workspace()


def workspace(like: Tensor, size: int) -> Tensor:
    """Return so many numbers of unknown value; a thread keeps the memory and gets it again at its next call.

    Fresh pages cost as much as what is done in them.
    """
    kept = _WORKSPACE.kept.get(like.dtype)
    if kept is None or len(kept) < size:
        # more than is needed now, so that a wider layer finds it large enough; memory that is not used costs nothing
        _WORKSPACE.kept[like.dtype] = kept = empty(like, 4 * size)
    return kept[:size]
