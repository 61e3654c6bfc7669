"""Compile every launch of the passes for a GPU that need not exist: `python compile_triton.py 80`.

The passes are called as they are, on tensors of the CPU; only the launch itself is left out. The arguments of the
compiler are therefore those on a GPU: types, sizes of 1, alignment, arguments that are None. The program prints the
number of fused multiply-adds in the PTX of each loop, which ptxas, a part of triton, has then accepted, too.
"""

import itertools
import sys

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import JITFunction, driver

from snnsim.kernels.neuron import gpu, gpu_two_state
from snnsim.kernels.neuron import two_state_tensors as two_state
from snnsim.kernels.neuron.functions import Reset
from snnsim.kernels.neuron.two_state_types import Coefficients
from snnsim.kernels.neuron.types import Inputs, Neuron, OutputGradients
from snnsim.surrogate import NAMES, Surrogate


class AbsentGpu:
    """The part of a driver that triton calls before a launch.

    Args:
        architecture: Compute capability of the GPU, such as 80.
    """

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
    codes: dict[str, list[str]] = {}
    run = JITFunction.run

    def compile_only(self, *arguments, grid, warmup, **settings):
        del warmup
        compiled = run(self, *arguments, grid=grid, warmup=True, **settings)
        codes.setdefault(self.__name__, []).append(compiled.asm["ptx"])

    JITFunction.run = compile_only
    try:
        # sizes of 1 and alignment specialize both types alike
        cases = [(size, torch.float32) for size in ((1, 1, 1), (7, 3, 70), (64, 16, 64))]
        for size, dtype in (*cases, ((7, 3, 70), torch.float64)):
            launch_all(size, dtype)
        routes = ((*routes, NAMES[0]) for routes in itertools.product((True, False), repeat=3))
        surrogates = ((False, False, True, name) for name in NAMES)
        for kind in itertools.chain(routes, surrogates):
            run_both_passes((7, 3, 70), torch.float32, kind)
    finally:
        JITFunction.run = run
    return codes


def launch_all(size: tuple[int, int, int], dtype: torch.dtype) -> None:
    """Call every pass once.

    Args:
        size: Steps, recordings and neurons.
        dtype: Type of the arrays.
    """
    steps, batch, neurons = size
    current, each = torch.ones(size, dtype=dtype), torch.ones(neurons, dtype=dtype)
    lengths = torch.full((batch,), steps)
    gpu.moments(current, lengths)
    gpu.affine_backward(current, current, lengths, each, each, each)
    gpu.leaky_forward(current, current[0], each)
    gpu.leaky_backward(each, current)
    run_both_passes(size, dtype, (True, True, True, "atan"))


def run_both_passes(size: tuple[int, int, int], dtype: torch.dtype, kind: tuple[bool, bool, bool, str]) -> None:
    """Call `lif_forward` and `lif_backward`, with and without the arguments that may be None.

    Args:
        size: Steps, recordings and neurons.
        dtype: Type of the arrays.
        kind: Values of `hard`, `detached`, `temporal` and `surrogate` in Neuron.
    """
    _, batch, neurons = size
    current, each = torch.ones(size, dtype=dtype), torch.ones(neurons, dtype=dtype)
    voltage, lengths = torch.ones(batch, neurons, dtype=dtype), torch.ones(batch, dtype=torch.int64)
    neuron = Neuron(each, each, *kind, alpha=2.5)
    for complete in (True, False):
        mask, all_steps, one_step = (voltage, current, voltage) if complete else (None, None, None)
        inputs = Inputs(current, each, each, lengths, voltage, mask)
        gpu.lif_forward(inputs, neuron, record=complete)
        gpu.lif_backward(inputs, neuron, OutputGradients(all_steps, all_steps, one_step))
        run_two_state_passes(inputs, kind)


def run_two_state_passes(inputs: Inputs, kind: tuple[bool, bool, bool, str]) -> None:
    """Call both passes over neurons with two state variables.

    Args:
        inputs: Inputs of neurons with one; their results are recorded, and have gradients, where there is a mask.
        kind: Values of `hard`, `detached`, `temporal` and `surrogate`.
    """
    hard, detached, temporal, surrogate = kind
    current, scale, shift, lengths, voltage, mask = inputs
    arguments = two_state.Inputs(current, scale, shift, lengths, voltage, voltage, mask)
    neuron = Coefficients(*(scale for _ in Coefficients._fields))
    complete = mask is not None
    grads = two_state.OutputGradients(*((current, current, voltage, voltage) if complete else (None,) * 4))
    gpu_two_state.two_state_forward(arguments, neuron, hard=hard, record=complete)
    gpu_two_state.two_state_backward(
        arguments, neuron, Reset(hard, detached, Surrogate(surrogate)), grads,
        temporal=temporal, learned=True, normed=True,
    )  # fmt: skip


if __name__ == "__main__":
    driver.set_active(AbsentGpu(int(sys.argv[1])))
    for loop, codes in compile_every_launch().items():
        sys.stdout.write(f"{loop} {sum(code.count('fma.') for code in codes)}\n")
