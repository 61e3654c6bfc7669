"""The passes over two-state neurons that are written for a GPU, against the compiled ones for the CPU.

test_two_state.py compares the latter with the naive loops and with autograd. Without a CUDA device, Triton's
interpreter runs the passes; see test_triton.py.
"""

import os

import pytest
import torch
from torch.testing import assert_close

from snnsim.kernels.neuron.functions import Reset
from snnsim.kernels.neuron.two_state_tensors import Inputs, OutputGradients
from snnsim.kernels.neuron.two_state_types import Coefficients
from snnsim.surrogate import NAMES, Surrogate

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton", reason="triton is not installed; pip install triton (on Linux) brings it")

import triton

from snnsim.kernels.neuron import cpu_two_state_passes as cpu
from snnsim.kernels.neuron import gpu_two_state as gpu
from snnsim.kernels.neuron import gpu_two_state_kernels

DEVICE = "cuda" if isinstance(gpu_two_state_kernels.two_state_forward_pass, triton.JITFunction) else "cpu"
pytestmark = pytest.mark.skipif(
    DEVICE == "cuda" and not torch.cuda.is_available(), reason="triton compiles in this process, and there is no GPU"
)
SIZE = (7, 3, 5)


def population(size=SIZE, *, lengths=(7, 3, 0), dtype=torch.float64, exact=False, dropout=True):
    """Return random inputs and coefficients; exact ones are fractions of two, so that many membranes are ties."""
    draw = torch.Generator().manual_seed(0)
    _, batch, neurons = size

    def random(*shape):
        values = torch.rand(*shape, generator=draw, dtype=torch.float64)
        return ((values * 4).round() / 4 if exact else values).to(dtype)

    mask = 1.5 * (random(batch, neurons) > 0.3) if dropout else None
    inputs = Inputs(
        3 * random(*size) - 1, 0.5 + random(neurons), random(neurons) - 0.5, torch.tensor(lengths),
        random(batch, neurons) - 0.5, random(batch, neurons) - 0.5, None if mask is None else mask.to(dtype),
    )  # fmt: skip
    neuron = Coefficients(*(random(neurons) for _ in Coefficients._fields))
    return inputs, neuron._replace(feedback=-neuron.feedback, intake=neuron.intake / 4)


def moved(parts):
    return type(parts)(*(part if part is None else part.to(DEVICE) for part in parts))


def assert_forward_equals(inputs, neuron, *, hard):
    for record in (True, False):
        expected = cpu.two_state_forward(inputs, neuron, hard=hard, record=record)
        result = gpu.two_state_forward(moved(inputs), moved(neuron), hard=hard, record=record)
        for name, one, other in zip(expected._fields, result, expected, strict=True):
            assert one is other is None or torch.equal(one.cpu(), other), name
    return expected


def assert_backward_equals(inputs, neuron, reset, *, passed=(True, True, True, True), temporal=True):
    draw = torch.Generator().manual_seed(1)
    shapes = (inputs.current.shape, inputs.current.shape, inputs.v.shape, inputs.v.shape)
    grads = [torch.randn(shape, generator=draw, dtype=torch.float64).to(inputs.v.dtype) for shape in shapes]
    grads = OutputGradients(*(grad if keep else None for grad, keep in zip(grads, passed, strict=True)))
    settings = {"temporal": temporal, "learned": True, "normed": True}
    expected = cpu.two_state_backward(inputs, neuron, reset, grads, **settings)
    result = gpu.two_state_backward(moved(inputs), moved(neuron), reset, moved(grads), **settings)
    names = (*expected._fields[:-1], *Coefficients._fields)
    results = zip(names, (*result[:-1], *result[-1]), (*expected[:-1], *expected[-1]), strict=True)
    tolerance = {"rtol": 1e-10, "atol": 1e-10}
    for name, one, other in results:
        assert_close(one.cpu(), other, **tolerance, msg=lambda text, name=name: f"gradient of {name}: {text}")
    return expected


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize(("exact", "dtype"), [(True, torch.float64), (False, torch.float32)])
def test_forward_pass_equals_that_of_the_cpu(hard, exact, dtype):
    inputs, neuron = population(exact=exact, dtype=dtype)
    spikes = assert_forward_equals(inputs, neuron, hard=hard).spikes
    assert 0.02 < spikes.count_nonzero() / spikes.numel() < 0.98
    assert_forward_equals(inputs._replace(mask=None), neuron, hard=hard)


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("detached", [True, False])
@pytest.mark.parametrize("temporal", [True, False])
def test_gradients_equal_those_of_the_cpu(hard, detached, temporal):
    expected = assert_backward_equals(*population(), Reset(hard, detached, Surrogate("atan")), temporal=temporal)
    assert (expected.coefficients.rho.abs().max() == 0) != temporal


@pytest.mark.parametrize("surrogate", NAMES)
def test_surrogates(surrogate):
    assert_backward_equals(*population(), Reset(False, False, Surrogate(surrogate)))


@pytest.mark.parametrize("number", range(4))
def test_gradients_that_are_not_passed(number):
    passed = tuple(index == number for index in range(4))
    assert_backward_equals(*population(dropout=False), Reset(True, False, Surrogate("atan")), passed=passed)


# one neuron more than a block, and a number of steps that is no multiple of those read at once
def test_blocks_of_neurons_and_steps():
    inputs, neuron = population((9, 2, 65), lengths=(9, 12))
    assert_forward_equals(inputs, neuron, hard=True)
    assert_backward_equals(inputs, neuron, Reset(True, True, Surrogate("atan")))


def test_currents_behind_the_length_do_not_matter():
    inputs, neuron = map(moved, population())
    padded = inputs.current.clone()
    padded[3:, 1] = torch.nan
    ones = torch.ones_like(padded)

    def results(inputs):
        back = gpu.two_state_backward(
            inputs, neuron, Reset(True, True, Surrogate("atan")), OutputGradients(ones, ones, None, None),
            temporal=True, learned=True, normed=True,
        )  # fmt: skip
        return *gpu.two_state_forward(inputs, neuron, hard=True, record=True), *back[:-1], *back[-1]

    for one, other in zip(results(inputs._replace(current=padded)), results(inputs), strict=True):
        assert torch.equal(one, other)
