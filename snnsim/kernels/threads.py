"""Compiled loops with as many threads as torch is set to use."""

import numba
import torch


class as_torch_has:
    """Run Numba's parallel loops with torch's number of threads, and leave both as they were."""

    def __enter__(self) -> None:
        self.torch, self.numba = torch.get_num_threads(), numba.get_num_threads()
        numba.set_num_threads(max(1, min(self.torch, numba.config.NUMBA_NUM_THREADS)))

    def __exit__(self, *_: object) -> None:
        numba.set_num_threads(self.numba)
        # numba's first parallel loop sets the number of threads of the OpenMP that it shares with torch
        if torch.get_num_threads() != self.torch:
            torch.set_num_threads(self.torch)
