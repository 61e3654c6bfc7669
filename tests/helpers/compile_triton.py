"""Compile every launch of the passes for a GPU that need not be there: `python compile_triton.py 80`.

The passes are called as they are, on tensors of the CPU; only the last act, the launch, is left out. What reaches the
compiler is therefore what reaches it on a GPU: types, sizes of 1, alignment, arguments that are None. Prints for each
loop how many fused multiply-adds its PTX has. ptxas, which comes with triton, has then accepted it, too.
"""

import itertools
import sys

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import JITFunction, driver

from snnsim.kernels.neuron import gpu
from snnsim.kernels.neuron.types import Neuron
from snnsim.surrogate import NAMES


class AbsentGpu:
    """All that triton asks a driver for before a launch."""

    def __init__(self, architecture: int) -> None:
        self.target = GPUTarget("cuda", architecture, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return device

    def get_current_target(self) -> GPUTarget:
        return self.target


def compile_every_launch() -> dict[str, list[str]]:
    """Return the PTX of all launches, by loop."""
    found: dict[str, list[str]] = {}
    run = JITFunction.run

    def compile_only(self, *arguments, grid, warmup, **settings):
        del warmup
        compiled = run(self, *arguments, grid=grid, warmup=True, **settings)
        found.setdefault(self.__name__, []).append(compiled.asm["ptx"])

    JITFunction.run = compile_only
    try:
        for size in ((1, 1, 1), (7, 3, 70), (64, 16, 64)):
            for dtype in (torch.float32, torch.float64):
                launch_all(size, dtype)
        routes = ((*routes, NAMES[0]) for routes in itertools.product((True, False), repeat=3))
        surrogates = ((False, False, True, name) for name in NAMES)
        for kind in itertools.chain(routes, surrogates):
            fire_both_ways((7, 3, 70), torch.float32, kind)
    finally:
        JITFunction.run = run
    return found


def launch_all(size: tuple[int, int, int], dtype: torch.dtype) -> None:
    """Call every pass once."""
    steps, batch, neurons = size
    current, each = torch.ones(size, dtype=dtype), torch.ones(neurons, dtype=dtype)
    valid = torch.full((batch,), steps)
    gpu.moments(current, valid)
    gpu.affine_back(current, current, valid, each, each, each)
    gpu.leak(current, current[0], each)
    gpu.leak_back(each, current)
    fire_both_ways(size, dtype, (True, True, True, "atan"))


def fire_both_ways(size: tuple[int, int, int], dtype: torch.dtype, kind: tuple[bool, bool, bool, str]) -> None:
    """Call `fire` and `fire_back`, with all that may be None and with none of it."""
    _, batch, neurons = size
    current, each = torch.ones(size, dtype=dtype), torch.ones(neurons, dtype=dtype)
    voltage, valid = torch.ones(batch, neurons, dtype=dtype), torch.ones(batch, dtype=torch.int64)
    neuron = Neuron(each, each, *kind, alpha=2.5)
    for given in (True, False):
        keep, all_steps, one_step = (voltage, current, voltage) if given else (None, None, None)
        gpu.fire(current, each, each, valid, voltage, keep, neuron, given)
        gpu.fire_back(
            current, each, each, valid, voltage, keep, neuron, all_steps, all_steps, one_step
        )  # fmt: skip


if __name__ == "__main__":
    driver.set_active(AbsentGpu(int(sys.argv[1])))
    for loop, codes in compile_every_launch().items():
        sys.stdout.write(f"{loop} {sum(code.count('fma.') for code in codes)}\n")
