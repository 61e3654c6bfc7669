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
from torch.testing import assert_close

from snnsim.kernels.neuron.types import Neuron
from snnsim.surrogate import NAMES, Surrogate

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton", reason="triton is not installed; pip install triton (on Linux) brings it")

import triton

from snnsim.kernels.neuron import gpu, gpu_kernels

COMPILED = isinstance(gpu_kernels.fire_pass, triton.JITFunction)
RESETS = list(itertools.product([True, False], [True, False]))
RESULTS = ("spikes", "membrane", "last")
# which of the gradients of spikes, membrane and last voltage come
GIVEN = list(itertools.product([True, False], repeat=3))
NONE_GIVEN = (False, False, False)
EXACT = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    if (request.param == "cuda") != COMPILED:
        mode = "compiles" if COMPILED else "interprets"
        pytest.skip(f"triton {mode} in this process; TRITON_INTERPRET={int(COMPILED)} in the environment turns it")
    return request.param


def fire_by_steps(current, scale, shift, valid, voltage, keep, neuron):  # noqa: PLR0913
    """Return what `fire` returns, from its equations one step at a time."""
    surrogate = Surrogate(neuron.surrogate, neuron.alpha)
    v, spikes, membrane = voltage, [], []
    for t, now in enumerate(current):
        v = v if neuron.temporal else v.detach()
        u = neuron.beta * v + torch.where((t < valid)[:, None], scale * now + shift, 0.0)
        s = surrogate.spike(u - neuron.threshold)
        reset = s.detach() if neuron.detached else s
        v = u * (1 - reset) if neuron.hard else u - neuron.threshold * reset
        spikes.append(s if keep is None else s * keep)
        membrane.append(u)
    return torch.stack(spikes), torch.stack(membrane), v if neuron.temporal else v.detach()


def leak_by_steps(current, voltage, beta):
    steps = itertools.accumulate(current, lambda v, now: beta * v + now, initial=voltage)
    return torch.stack(list(steps)[1:])


def a_case(size, *, valid, device, dtype=torch.float64, keep=True, seed=0, **settings):
    """Return the arguments of `fire` but `record`, drawn at random."""
    steps, batch, neurons = size
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64).to(device, dtype)

    def uniform(*shape):
        return torch.rand(*shape, generator=draw, dtype=torch.float64).to(device, dtype)

    settings = {"hard": True, "detached": True, "temporal": True, "surrogate": "atan", "alpha": 2.3} | settings
    dropped = (uniform(batch, neurons) < 0.7).to(dtype) / 0.7 if keep else None
    return (
        normal(steps, batch, neurons),
        0.5 + uniform(neurons),
        0.3 + 0.2 * normal(neurons),
        torch.tensor(valid, device=device),
        normal(batch, neurons),
        dropped,
        Neuron(beta=uniform(neurons), threshold=0.5 + uniform(neurons), **settings),
    )


@st.composite
def cases(draw):
    size = tuple(draw(st.integers(1, most)) for most in (9, 3, 5))
    valid = draw(st.lists(st.integers(0, size[0] + 1), min_size=size[1], max_size=size[1]))
    flags = {name: draw(st.booleans()) for name in ("hard", "detached", "temporal", "keep")}
    return {"size": size, "valid": valid, "seed": draw(st.integers(0, 2**31)), **flags}


def assert_fires_as_by_steps(case):
    expected = fire_by_steps(*case)
    for record in (True, False):
        spikes, membrane, last = gpu.fire(*case, record)
        # not one rounding may differ: a threshold decides
        assert torch.equal(spikes, expected[0])
        assert torch.equal(last, expected[2])
        assert torch.equal(membrane, expected[1]) if record else membrane is None


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from([torch.float32, torch.float64]))
def test_fires_as_by_steps(device, drawn, dtype):
    assert_fires_as_by_steps(a_case(**drawn, device=device, dtype=dtype))


@pytest.mark.parametrize("hard", [True, False])
def test_at_the_threshold_it_fires(device, hard):
    current, scale, _, valid, voltage, _, neuron = a_case((4, 1, 3), valid=[4], device=device, hard=hard)
    neuron = neuron._replace(beta=0.5 + 0 * scale, threshold=1 + 0 * scale)
    # 1, then 1/2 + 1/2 after a soft reset of 2, or 1 after a hard one: sums without rounding
    current = 0 * current + torch.tensor([1.0, 2.0, 1.0 if hard else 0.5, 1.0], device=device)[:, None, None]
    case = (current, 1 + 0 * scale, 0 * scale, valid, 0 * voltage, None, neuron)
    assert_fires_as_by_steps(case)
    assert (gpu.fire(*case, False)[0] == 1).all()
    assert_gradients_are_those_of_autograd(case, (True, True, True))


# one block of neurons less one, a full one, one more, and two with a rest
@pytest.mark.parametrize("neurons", [gpu.BLOCK + more for more in (-1, 0, 1, gpu.BLOCK + 5)])
def test_blocks_of_neurons(device, neurons):
    case = a_case((3, 2, neurons), valid=[3, 2], device=device)
    assert_fires_as_by_steps(case)
    assert_gradients_are_those_of_autograd(case, (True, True, True))


@pytest.mark.parametrize("hard", [True, False])
def test_many_steps(device, hard):
    case = a_case((301, 1, 3), valid=[290], device=device, dtype=torch.float32, hard=hard)
    assert_fires_as_by_steps(case)
    assert 0.05 < gpu.fire(*case, False)[0].count_nonzero() / (301 * 3) < 0.95
    assert_gradients_are_those_of_autograd(case, (True, False, False), rtol=1e-4, atol=1e-4)


def gradients_by_autograd(case, grads):
    current, scale, shift, valid, voltage, keep, neuron = case
    leaves = [part.clone().requires_grad_() for part in (current, scale, shift, neuron.beta, neuron.threshold, voltage)]
    current, scale, shift, beta, threshold, voltage = leaves
    neuron = neuron._replace(beta=beta, threshold=threshold)
    found = fire_by_steps(current, scale, shift, valid, voltage, keep, neuron)
    # a sum with 0 of everything: without any gradient given there would be nothing to differentiate
    loss = 0 * sum(part.sum() for part in found)
    loss = loss + sum((part * grad).sum() for part, grad in zip(found, grads, strict=True) if grad is not None)
    return torch.autograd.grad(loss, leaves, materialize_grads=True)


def assert_gradients_are_those_of_autograd(case, given, **tolerance):
    current, scale, valid = case[0], case[1], case[3]
    draw = torch.Generator().manual_seed(1)
    shapes = (current.shape, current.shape, current.shape[1:])
    grads = [torch.randn(shape, generator=draw, dtype=torch.float64).to(current) for shape in shapes]
    grads = [grad if wanted else None for grad, wanted in zip(grads, given, strict=True)]
    back = gpu.fire_back(*case, *grads)
    expected = gradients_by_autograd(case, grads)
    # autograd gives the gradient of the current: that of the drive is what the affine map turns into it
    # nothing is drawn here, so there is no noise that could be learned
    assert (back.grad_width, back.grad_back) == (None, None)
    found = (gpu.affine_back(back[0], current, valid, scale, 0 * scale, 0 * scale), *back[1:6])
    names = ("current", "scale", "shift", "beta", "threshold", "voltage")
    for name, one, other in zip(names, found, expected, strict=True):
        assert_close(one, other, **(tolerance or EXACT), msg=lambda text, name=name: f"gradient of {name}: {text}")
    return back


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: "+".join(itertools.compress(RESULTS, given)) or "none")
@pytest.mark.parametrize(("hard", "detached"), RESETS)
@pytest.mark.parametrize("surrogate", NAMES)
def test_gradients_are_those_of_autograd(device, surrogate, hard, detached, given):
    # no float32 has this sharpness
    alpha = 1.1 * Surrogate(surrogate).sharpness
    settings = {"surrogate": surrogate, "hard": hard, "detached": detached, "alpha": alpha}
    # dropout scales nothing but the spikes
    for keep in (True, False) if given[0] else (True,):
        case = a_case((6, 3, 4), valid=[6, 3, 0], keep=keep, device=device, **settings)
        back = assert_gradients_are_those_of_autograd(case, given)
        # a reset to 0 outside of the graph leaves no path from the threshold to membrane and voltage
        no_path = given == NONE_GIVEN or (not given[0] and hard and detached)
        assert (back.grad_threshold.abs().max() == 0) == no_path


@settings(max_examples=40, deadline=None)
@given(cases(), st.sampled_from(GIVEN))
def test_gradients_at_any_size(device, drawn, given):
    assert_gradients_are_those_of_autograd(a_case(**drawn, device=device, surrogate="sigmoid", alpha=1.7), given)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("size", "valid"), [((9, 3, 70), [9, 4, 0]), ((1, 1, 1), [1]), ((7, 2, 3), [12, 1])])
def test_moments(device, size, valid, dtype):
    current, _, _, valid, *_ = a_case(size, valid=valid, device=device, dtype=dtype)
    # far from 0, where a difference of squares would have no digit left
    current += 1e4
    counted = current.double()[torch.arange(size[0], device=device)[:, None] < valid]
    mean, variance = gpu.moments(current, valid)
    assert mean.dtype == variance.dtype == dtype
    assert_close(mean.double(), counted.mean(0), rtol=4 * torch.finfo(dtype).eps, atol=0)
    # float64 gives the oracle itself no more than this, so far from 0
    assert_close(variance.double(), counted.var(0, correction=0), rtol=max(torch.finfo(dtype).eps * 8, 1e-10), atol=0)


def test_moments_of_nothing(device):
    mean, variance = gpu.moments(torch.ones(4, 2, 3, device=device), torch.tensor([0, 0], device=device))
    assert mean.tolist() == variance.tolist() == [0, 0, 0]


def test_affine_back(device):
    current, scale, offset, valid, *_ = a_case((9, 3, 70), valid=[9, 4, 0], device=device)
    grad, slope = current.flip(0), offset.flip(0)
    counts = (torch.arange(9, device=device)[:, None] < valid)[..., None]
    expected = torch.where(counts, scale * grad + offset + slope * current, 0.0)
    result = gpu.affine_back(grad.clone(), current, valid, scale, offset, slope)
    assert torch.equal(result, expected)


@pytest.mark.parametrize("size", [(9, 2, 70), (1, 1, 1), (4, 3, 1)])
def test_leak(device, size):
    current, *_, voltage, _, neuron = a_case(size, valid=[1], device=device)
    current.requires_grad_()
    expected = leak_by_steps(current, voltage, neuron.beta)
    assert torch.equal(gpu.leak(current.detach(), voltage, neuron.beta), expected)
    grad = torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(device)
    before = grad.clone()
    found = gpu.leak_back(neuron.beta, grad)
    assert_close(found, torch.autograd.grad(expected, current, grad)[0], **EXACT)
    assert torch.equal(grad, before)


def test_what_stands_behind_the_end_does_not_matter(device):
    case = a_case((6, 2, 3), valid=[6, 2], device=device)
    current, scale, _, valid, *_ = case
    padded = current.clone()
    padded[2:, 1] = torch.nan
    grad = torch.ones_like(current)
    for one, other in (
        (gpu.fire(padded, *case[1:], True), gpu.fire(*case, True)),
        (
            gpu.fire_back(padded, *case[1:], grad, grad, None),
            gpu.fire_back(*case, grad, grad, None),
        ),
        (gpu.moments(padded, valid), gpu.moments(current, valid)),
    ):
        assert_close(one, other, rtol=0, atol=0)
    # nor does it get a gradient, whatever comes from behind
    back = gpu.affine_back(padded.clone(), padded, valid, scale, scale, scale)
    assert back.isfinite().all()
    assert back[2:, 1].count_nonzero() == 0


@pytest.mark.parametrize("size", [(0, 2, 3), (4, 0, 3), (4, 2, 0)])
def test_no_time_no_batch_no_neurons(device, size):
    case = a_case(size, valid=[3] * size[1], device=device)
    current, scale, _, valid, voltage, _, neuron = case
    spikes, membrane, last = gpu.fire(*case, True)
    assert spikes.shape == membrane.shape == size
    assert torch.equal(last, voltage)
    back = gpu.fire_back(*case, spikes, membrane, voltage)
    # without a step the last voltage is the first
    assert torch.equal(back.grad_voltage, voltage)
    assert [part.shape for part in back[1:5]] == [scale.shape] * 4
    assert all(part.count_nonzero() == 0 for part in back[1:5])
    assert [part.shape for part in gpu.moments(current, valid)] == [scale.shape] * 2
    assert gpu.affine_back(current, current, valid, scale, scale, scale).shape == size
    assert gpu.leak(current, voltage, neuron.beta).shape == size
    assert gpu.leak_back(neuron.beta, current).shape == size


def test_arguments_are_left_as_they_came(device):
    case = a_case((5, 2, 3), valid=[5, 3], device=device)
    flat = [*case[:6], case[6].beta, case[6].threshold, torch.ones_like(case[0]), torch.ones_like(case[4])]
    before = [part.clone() for part in flat]
    gpu.fire(*case, True)
    gpu.fire_back(*case, flat[-2], flat[-2], flat[-1])
    gpu.moments(case[0], case[3])
    assert all(map(torch.equal, flat, before))


def test_every_run_gives_the_same_bits(device):
    case = a_case((33, 5, 70), valid=[33, 20, 0, 7, 33], device=device, dtype=torch.float32)
    one, other = (gpu.fire_back(*case, torch.ones_like(case[0]), None, None) for _ in range(2))
    assert all(map(torch.equal, one[:6], other[:6]))


def test_every_launch_compiles(tmp_path):
    # a process of its own: this one may interpret, and the cache must not hold what an older source compiled to
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    program = Path(__file__).parents[1] / "helpers" / "compile_triton.py"
    done = subprocess.run([sys.executable, program, "80"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split() for line in done.stdout.splitlines())
    loops = {name for name in vars(gpu_kernels) if name.endswith("_pass")}
    assert set(lines) == loops
    # no product is rounded together with the sum it enters
    assert set(lines.values()) == {"0"}
