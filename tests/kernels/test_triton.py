"""The passes written for a GPU against the equations in torch, step by step, and their gradients against autograd.

Triton decides once, when it is imported, whether a process compiles or interprets: without a CUDA device the passes
run in its interpreter, on the CPU; with one they are compiled, unless TRITON_INTERPRET=1 is in the environment.
What the interpreter lets pass, `compile_triton.py` catches: it compiles every launch for a GPU that need not be there.
"""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from neuron_cases import a_case, cases, leaky_by_steps, lif_by_steps
from torch.testing import assert_close

from snnsim.kernels.neuron.types import Inputs, OutputGradients
from snnsim.surrogate import NAMES, Surrogate

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton", reason="triton is not installed; pip install triton (on Linux) brings it")

import triton

from snnsim.kernels.neuron import gpu, gpu_kernels, gpu_two_state_kernels

COMPILED = isinstance(gpu_kernels.lif_forward_pass, triton.JITFunction)
RESETS = list(itertools.product([True, False], [True, False]))
RESULTS = ("spikes", "membrane", "last")
# whether the gradients of spikes, membrane and last voltage are passed
PASSED = list(itertools.product([True, False], repeat=3))
NONE_PASSED = (False, False, False)
EXACT = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    if (request.param == "cuda") != COMPILED:
        mode = "compiles" if COMPILED else "interprets"
        pytest.skip(f"triton {mode} in this process; TRITON_INTERPRET={int(COMPILED)} in the environment turns it")
    return request.param


def assert_equals_steps(case):
    expected = lif_by_steps(*case)
    for record in (True, False):
        spikes, membrane, last = gpu.lif_forward(*case, record=record)
        # not one rounding may differ: a threshold decides
        assert torch.equal(spikes, expected[0])
        assert torch.equal(last, expected[2])
        assert torch.equal(membrane, expected[1]) if record else membrane is None


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from([torch.float32, torch.float64]))
def test_forward_pass_equals_steps(device, drawn, dtype):
    assert_equals_steps(a_case(**drawn, device=device, dtype=dtype))


@pytest.mark.parametrize("hard", [True, False])
def test_neurons_fire_at_the_threshold(device, hard):
    inputs, neuron = a_case((4, 1, 3), lengths=[4], device=device, hard=hard)
    zero = 0 * inputs.scale
    neuron = neuron._replace(beta=0.5 + zero, threshold=1 + zero)
    # 1, then 1/2 + 1/2 after a soft reset of 2, or 1 after a hard one: sums without rounding
    current = 0 * inputs.current + torch.tensor([1.0, 2.0, 1.0 if hard else 0.5, 1.0], device=device)[:, None, None]
    case = (Inputs(current, 1 + zero, zero, inputs.lengths, 0 * inputs.voltage, None), neuron)
    assert_equals_steps(case)
    assert (gpu.lif_forward(*case, record=False).spikes == 1).all()
    assert_gradients_are_those_of_autograd(case, (True, True, True))


# one block of neurons less one, a full one, one more, and two with a rest
@pytest.mark.parametrize("neurons", [gpu.BLOCK + more for more in (-1, 0, 1, gpu.BLOCK + 5)])
def test_blocks_of_neurons(device, neurons):
    case = a_case((3, 2, neurons), lengths=[3, 2], device=device)
    assert_equals_steps(case)
    assert_gradients_are_those_of_autograd(case, (True, True, True))


@pytest.mark.parametrize("hard", [True, False])
def test_many_steps(device, hard):
    case = a_case((301, 1, 3), lengths=[290], device=device, dtype=torch.float32, hard=hard)
    assert_equals_steps(case)
    assert 0.05 < gpu.lif_forward(*case, record=False).spikes.count_nonzero() / (301 * 3) < 0.95
    assert_gradients_are_those_of_autograd(case, (True, False, False), rtol=1e-4, atol=1e-4)


def gradients_by_autograd(case, grads):
    inputs, neuron = case
    tensors = (inputs.current, inputs.scale, inputs.shift, neuron.beta, neuron.threshold, inputs.voltage)
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    current, scale, shift, beta, threshold, voltage = leaves
    inputs = inputs._replace(current=current, scale=scale, shift=shift, voltage=voltage)
    results = lif_by_steps(inputs, neuron._replace(beta=beta, threshold=threshold))
    # 0 times every result: without a gradient there would be nothing to differentiate
    loss = 0 * sum(result.sum() for result in results)
    loss = loss + sum((result * grad).sum() for result, grad in zip(results, grads, strict=True) if grad is not None)
    return torch.autograd.grad(loss, leaves, materialize_grads=True)


def assert_gradients_are_those_of_autograd(case, passed, **tolerance):
    current, scale, lengths = case[0].current, case[0].scale, case[0].lengths
    draw = torch.Generator().manual_seed(1)
    shapes = (current.shape, current.shape, current.shape[1:])
    grads = [torch.randn(shape, generator=draw, dtype=torch.float64).to(current) for shape in shapes]
    grads = OutputGradients(*(grad if keep else None for grad, keep in zip(grads, passed, strict=True)))
    back = gpu.lif_backward(*case, grads)
    expected = gradients_by_autograd(case, grads)
    # there is no noise here that could be learned
    assert (back.noise_scale, back.reset_value) == (None, None)
    # autograd's gradient is that of the current, which the affine map turns the gradient of the drive into
    grad_current = gpu.affine_backward(back.drive, current, lengths, scale, 0 * scale, 0 * scale)
    results = (grad_current, back.scale, back.shift, back.beta, back.threshold, back.voltage)
    names = ("current", "scale", "shift", "beta", "threshold", "voltage")
    for name, one, other in zip(names, results, expected, strict=True):
        assert_close(one, other, **(tolerance or EXACT), msg=lambda text, name=name: f"gradient of {name}: {text}")
    return back


# the kernel computes the surrogate and reads the gradients in separate lines: each varies beside one of the other
@pytest.mark.parametrize(
    ("surrogate", "passed"),
    [(surrogate, (True, True, True)) for surrogate in NAMES] + [("atan", passed) for passed in PASSED[1:]],
    ids=lambda value: value if isinstance(value, str) else "+".join(itertools.compress(RESULTS, value)) or "none",
)
@pytest.mark.parametrize(("hard", "detached"), RESETS)
def test_gradients_are_those_of_autograd(device, surrogate, hard, detached, passed):
    # no float32 has this sharpness
    alpha = 1.1 * Surrogate(surrogate).sharpness
    settings = {"surrogate": surrogate, "hard": hard, "detached": detached, "alpha": alpha}
    # dropout scales nothing but the spikes
    for dropout in (True, False) if passed[0] else (True,):
        case = a_case((6, 3, 4), lengths=[6, 3, 0], dropout=dropout, device=device, **settings)
        back = assert_gradients_are_those_of_autograd(case, passed)
        # a reset to 0 outside of the graph leaves no path from the threshold to membrane and voltage
        no_path = passed == NONE_PASSED or (not passed[0] and hard and detached)
        assert (back.threshold.abs().max() == 0) == no_path


@settings(max_examples=40, deadline=None)
@given(cases(), st.sampled_from(PASSED))
def test_gradients_at_any_size(device, drawn, passed):
    assert_gradients_are_those_of_autograd(a_case(**drawn, device=device, surrogate="sigmoid", alpha=1.7), passed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("size", "lengths"), [((9, 3, 70), [9, 4, 0]), ((1, 1, 1), [1]), ((7, 2, 3), [12, 1])])
def test_moments(device, size, lengths, dtype):
    inputs, _ = a_case(size, lengths=lengths, device=device, dtype=dtype)
    current, lengths = inputs.current, inputs.lengths
    # far from 0, where a difference of squares would have no digit left
    current += 1e4
    counted = current.double()[torch.arange(size[0], device=device)[:, None] < lengths]
    mean, variance = gpu.moments(current, lengths)
    assert mean.dtype == variance.dtype == dtype
    assert_close(mean.double(), counted.mean(0), rtol=4 * torch.finfo(dtype).eps, atol=0)
    # float64 gives the oracle itself no more than this, so far from 0
    assert_close(variance.double(), counted.var(0, correction=0), rtol=max(torch.finfo(dtype).eps * 8, 1e-10), atol=0)


def test_moments_of_nothing(device):
    mean, variance = gpu.moments(torch.ones(4, 2, 3, device=device), torch.tensor([0, 0], device=device))
    assert mean.tolist() == variance.tolist() == [0, 0, 0]


def test_affine_backward(device):
    inputs, _ = a_case((9, 3, 70), lengths=[9, 4, 0], device=device)
    current, scale, offset, lengths = inputs.current, inputs.scale, inputs.shift, inputs.lengths
    grad, slope = current.flip(0), offset.flip(0)
    counts = (torch.arange(9, device=device)[:, None] < lengths)[..., None]
    expected = torch.where(counts, scale * grad + offset + slope * current, 0.0)
    result = gpu.affine_backward(grad.clone(), current, lengths, scale, offset, slope)
    assert torch.equal(result, expected)


@pytest.mark.parametrize("size", [(9, 2, 70), (1, 1, 1), (4, 3, 1)])
def test_leaky_integrators(device, size):
    inputs, neuron = a_case(size, lengths=[1], device=device)
    current, voltage = inputs.current.requires_grad_(), inputs.voltage
    expected = leaky_by_steps(current, voltage, neuron.beta)
    assert torch.equal(gpu.leaky_forward(current.detach(), voltage, neuron.beta), expected)
    grad = torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(device)
    before = grad.clone()
    result = gpu.leaky_backward(neuron.beta, grad)
    assert_close(result, torch.autograd.grad(expected, current, grad)[0], **EXACT)
    assert torch.equal(grad, before)


def test_currents_behind_the_length_do_not_matter(device):
    inputs, neuron = a_case((6, 2, 3), lengths=[6, 2], device=device)
    current, scale, lengths = inputs.current, inputs.scale, inputs.lengths
    padded = current.clone()
    padded[2:, 1] = torch.nan
    grads = OutputGradients(torch.ones_like(current), torch.ones_like(current), None)

    def passes(current):
        case = inputs._replace(current=current), neuron
        return gpu.lif_forward(*case, record=True), gpu.lif_backward(*case, grads), gpu.moments(current, lengths)

    for one, other in zip(passes(padded), passes(current), strict=True):
        assert_close(one, other, rtol=0, atol=0)
    # these currents have no gradient either, whatever the gradient of the drive is
    back = gpu.affine_backward(padded.clone(), padded, lengths, scale, scale, scale)
    assert back.isfinite().all()
    assert back[2:, 1].count_nonzero() == 0


@pytest.mark.parametrize("size", [(0, 2, 3), (4, 0, 3), (4, 2, 0)])
def test_no_time_no_batch_no_neurons(device, size):
    inputs, neuron = a_case(size, lengths=[3] * size[1], device=device)
    current, scale, lengths, voltage = inputs.current, inputs.scale, inputs.lengths, inputs.voltage
    spikes, membrane, last = gpu.lif_forward(inputs, neuron, record=True)
    assert spikes.shape == membrane.shape == size
    assert torch.equal(last, voltage)
    back = gpu.lif_backward(inputs, neuron, OutputGradients(spikes, membrane, voltage))
    # without a step the last voltage is the first
    assert torch.equal(back.voltage, voltage)
    assert [part.shape for part in back[1:5]] == [scale.shape] * 4
    assert all(part.count_nonzero() == 0 for part in back[1:5])
    assert [part.shape for part in gpu.moments(current, lengths)] == [scale.shape] * 2
    assert gpu.affine_backward(current, current, lengths, scale, scale, scale).shape == size
    assert gpu.leaky_forward(current, voltage, neuron.beta).shape == size
    assert gpu.leaky_backward(neuron.beta, current).shape == size


def test_arguments_are_left_as_they_came(device):
    inputs, neuron = a_case((5, 2, 3), lengths=[5, 3], device=device)
    steps, step = torch.ones_like(inputs.current), torch.ones_like(inputs.voltage)
    flat = [*inputs, neuron.beta, neuron.threshold, steps, step]
    before = [tensor.clone() for tensor in flat]
    gpu.lif_forward(inputs, neuron, record=True)
    gpu.lif_backward(inputs, neuron, OutputGradients(steps, steps, step))
    gpu.moments(inputs.current, inputs.lengths)
    assert all(map(torch.equal, flat, before))


def test_every_run_gives_the_same_bits(device):
    case = a_case((33, 5, 70), lengths=[33, 20, 0, 7, 33], device=device, dtype=torch.float32)
    grads = OutputGradients(torch.ones_like(case[0].current), None, None)
    one, other = (gpu.lif_backward(*case, grads) for _ in range(2))
    assert all(map(torch.equal, one[:6], other[:6]))


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_current_that_is_not_finite_shows_in_the_last_voltage(device, hard, value):
    inputs, neuron = a_case((5, 1, 3), lengths=[5], device=device, hard=hard)
    inputs.current[1, 0, 2] = value
    last = gpu.lif_forward(inputs, neuron, record=False).last
    assert last.isfinite().tolist() == [[True, True, False]]


def test_planes_lie_further_apart_than_32_bits_count(tmp_path):
    # a process of its own, as a wrong index would end it; a file with a hole takes no room
    program = """
import sys, torch
from snnsim.kernels.neuron import gpu_kernels
stride = 2**30
sums = torch.from_file(sys.argv[1], shared=True, size=2 * stride + 64)
gpu_kernels.moments_pass[(1,)](torch.tensor([1.0]), torch.tensor([1]), sums, 1, stride, 1, BLOCK=64)
print(float(sums[0]))
"""
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    command = [sys.executable, "-c", program, str(tmp_path / "sums")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1.0\n"), done.stderr


def test_every_launch_compiles(tmp_path):
    # a process of its own: this one may interpret, and the cache must not hold what an older source compiled to
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    program = Path(__file__).parents[1] / "helpers" / "compile_triton.py"
    done = subprocess.run([sys.executable, program, "80"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split() for line in done.stdout.splitlines())
    loops = {name for name in (*vars(gpu_kernels), *vars(gpu_two_state_kernels)) if name.endswith("_pass")}
    assert set(lines) == loops
    # no product is rounded together with the sum it enters
    assert set(lines.values()) == {"0"}
