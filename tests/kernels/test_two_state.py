"""Neurons with two state variables: each model by its own equation, the naive form of all, and the compiled passes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from snnsim.kernels.common.jit import JIT_DISABLED
from snnsim.kernels.common.row_loops import VECTOR
from snnsim.kernels.neuron import naive_two_state as naive
from snnsim.kernels.neuron.autograd import Reset, Statistics
from snnsim.kernels.neuron.two_state import Coefficients, two_state
from snnsim.surrogate import NAMES, Surrogate

ATAN = Surrogate("atan")
PLAIN = {"feedback": 0.0, "gain": 1.0, "sensitivity": 0.0, "rho": 0.0, "coupling": 0.0, "jump": 0.0, "intake": 0.0}
STEPS, BATCH, NEURONS = 7, 3, 4


@st.composite
def neurons(draw):
    """Return currents, a state and numbers in fractions of two: no product is rounded, and many membranes are ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    current, state = rng.integers(-8, 17, (STEPS, 3)) / 8, rng.integers(-8, 9, (2, 3)) / 8
    numbers = {name: float(rng.choice([0.0, 0.25, 0.5, 1.0])) for name in ("beta", "rho", "a", "b")}
    return current, state, numbers | {"threshold": float(rng.choice([0.5, 1.0, 1.25]))}


def equal(one, other):
    for name, a, b in zip(one._fields, one, other, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(neurons(), st.booleans())
def test_every_model_is_the_one_form_with_its_coefficients(drawn, hard):
    current, state, n = drawn
    alpha, rho, a, b, threshold = n["beta"], n["rho"], n["a"], n["b"], n["threshold"]
    shared = PLAIN | {"beta": alpha, "threshold": threshold}
    adapting = shared | {"feedback": -1.0, "gain": 1 - alpha, "rho": rho}
    q = 2.0
    of_adlif = adapting | {"coupling": (1 - rho) * q * a, "jump": (1 - rho) * q * b}
    expected = naive.adlif(current, state, alpha=alpha, rho=rho, a=a, b=b, q=q, threshold=threshold)
    equal(naive.two_state(current, state, of_adlif, hard=True), expected)
    of_silif = adapting | {"coupling": a, "jump": b + a * threshold}
    expected = naive.silif(current, state, alpha=alpha, rho=rho, a=a, b=b, threshold=threshold)
    equal(naive.two_state(current, state, of_silif, hard=False), expected)
    of_alif = shared | {"sensitivity": 1.0, "rho": rho, "jump": b}
    expected = naive.alif(current, state, beta=alpha, rho=rho, b=b, threshold=threshold, hard=hard)
    equal(naive.two_state(current, state, of_alif, hard=hard), expected)
    of_cuba = shared | {"feedback": rho, "gain": 0.5, "intake": 1.0}
    expected = naive.cuba_lif(current, state, beta=alpha, alpha=rho, gain=0.5, threshold=threshold, hard=hard)
    equal(naive.two_state(current, state, of_cuba, hard=hard), expected)


def test_own_equations_and_the_one_form_round_alike():
    rng = np.random.default_rng(0)
    current, state = rng.normal(0.4, 1, (300, 4)), rng.normal(0, 1, (2, 4))
    of_cuba = PLAIN | {"beta": 0.9, "threshold": 1.0, "feedback": 0.7, "gain": 0.3, "intake": 1.0}
    expected = naive.cuba_lif(current, state, beta=0.9, alpha=0.7, gain=0.3, threshold=1.0, hard=False)
    equal(naive.two_state(current, state, of_cuba, hard=False), expected)
    of_alif = PLAIN | {"beta": 0.9, "threshold": 1.0, "sensitivity": 1.0, "rho": 0.97, "jump": 0.3}
    expected = naive.alif(current, state, beta=0.9, rho=0.97, b=0.3, threshold=1.0, hard=True)
    equal(naive.two_state(current, state, of_alif, hard=True), expected)
    assert 0 < expected.spikes.mean() < 1


def population(dtype=torch.float64, *, exact=False, steps=12, batch=BATCH, width=NEURONS, seed=0):
    draw = torch.Generator().manual_seed(seed)

    def random(*shape):
        values = torch.rand(*shape, generator=draw, dtype=torch.float64)
        return ((values * 8).round() / 8 if exact else values).to(dtype)

    current = 3 * random(steps, batch, width) - 1
    state = (random(batch, width) - 0.5, random(batch, width) - 0.5)
    neuron = Coefficients(*(random(width) for _ in Coefficients._fields))
    # a feedback below 0, so that adaptation does not grow without bounds
    return current, state, neuron._replace(feedback=-neuron.feedback, intake=neuron.intake / 4)


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("exact", [True, False])
def test_compiled_equals_naive(hard, exact):
    current, (v, w), neuron = population(exact=exact)
    fired = two_state(current, v, w, neuron, reset=Reset(hard, True, ATAN), record=True)
    assert 0.02 < fired.spikes.mean() < 0.98
    for b, n in np.ndindex(BATCH, NEURONS):
        numbers = {name: values[n].item() for name, values in neuron._asdict().items()}
        state = np.array([[v[b, n]], [w[b, n]]])
        expected = naive.two_state(current[:, b, n : n + 1].numpy(), state, numbers, hard=hard)
        np.testing.assert_array_equal(fired.spikes[:, b, n], expected.spikes[:, 0])
        np.testing.assert_array_equal(fired.membrane[:, b, n], expected.membrane[:, 0])
        assert fired.w[b, n] == expected.second[-1, 0]


def test_fires_at_the_level_itself():
    numbers = PLAIN | {"beta": 0.5, "threshold": 1.0, "sensitivity": 1.0}
    neuron = Coefficients(*(torch.tensor([numbers[name]] * 2) for name in Coefficients._fields))
    current, w = torch.tensor([[[1.5, 1.5 - 2**-20]]]), torch.full((1, 2), 0.5)
    fired = two_state(current, torch.zeros(1, 2), w, neuron, reset=Reset(True, True, ATAN))
    assert fired.spikes.tolist() == [[[1.0, 0.0]]]


def by_steps(tensors, *, reset, temporal, mask, affine=(1.0, 0.0), lengths=None):
    """The equations in torch, with gradients by autograd."""
    current, v, w, *rest = tensors
    neuron, spikes, membranes = Coefficients(*rest), [], []
    lengths = torch.full((current.shape[1],), len(current)) if lengths is None else lengths
    for t, now in enumerate(current):
        v, w = (v, w) if temporal else (v.detach(), w.detach())
        inside = (t < lengths)[:, None]
        y = torch.where(inside, affine[0] * now + affine[1], torch.zeros_like(now)) + neuron.feedback * w
        u = neuron.beta * v + neuron.gain * y
        level = neuron.threshold + neuron.sensitivity * w
        s = reset.surrogate.spike(u - level)
        resetting = s.detach() if reset.detached else s
        v = u * (1 - resetting) if reset.hard else u - level * resetting
        w = neuron.rho * w + neuron.coupling * v + neuron.jump * s + neuron.intake * y
        spikes.append(s if mask is None else s * mask)
        membranes.append(u)
    return torch.stack(spikes), torch.stack(membranes), v, w


def gradients(outputs, inputs):
    draw = torch.Generator().manual_seed(1)
    weights = [torch.randn(one.shape, generator=draw, dtype=torch.float64).to(one) for one in outputs]
    loss = sum((one * weight).sum() for one, weight in zip(outputs, weights, strict=True))
    return torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize("surrogate", NAMES)
@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("detached", [True, False])
@pytest.mark.parametrize("temporal", [True, False])
def test_gradients_equal_those_of_autograd(surrogate, hard, detached, temporal):
    current, state, neuron = population()
    tensors = [tensor.clone().requires_grad_() for tensor in (current, *state, *neuron)]
    reset = Reset(hard, detached, Surrogate(surrogate))
    mask = 1.5 * (torch.rand(BATCH, NEURONS, generator=torch.Generator().manual_seed(2)) > 0.3).double()
    fired = two_state(*tensors[:3], Coefficients(*tensors[3:]), reset=reset, mask=mask, record=True, temporal=temporal)
    expected = by_steps(tensors, reset=reset, temporal=temporal, mask=mask)
    for one, other in zip(fired, expected, strict=True):
        assert torch.equal(one, other)
    outputs = 4 if temporal else 2
    compiled = gradients(fired[:outputs], tensors)
    for name, one, other in zip(
        ("current", "v", "w", *Coefficients._fields), compiled, gradients(expected[:outputs], tensors), strict=True
    ):
        assert_close(one, other, rtol=1e-8, atol=1e-9, msg=lambda text, name=name: f"gradient of {name}: {text}")
        later = ("v", "w", "rho", "coupling", "jump", "intake")
        assert (one.abs().max() == 0) == (not temporal and name in later), name


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normalization_and_lengths(own, dtype):
    current, state, neuron = population(dtype)
    tensors = [tensor.clone().requires_grad_() for tensor in (current, *state, *neuron)]
    draw = torch.Generator().manual_seed(3)
    gamma, bias = ((torch.rand(NEURONS, generator=draw) + 0.5).to(dtype).requires_grad_() for _ in range(2))
    lengths, reset = torch.tensor([12, 5, 0]), Reset(True, True, ATAN)
    counted = torch.cat([tensors[0][:steps, member] for member, steps in enumerate(lengths)])
    mean, variance = counted.mean(0), counted.var(0, correction=0)
    statistics = Statistics(mean.detach(), variance.detach(), 1e-5, own)
    norm = gamma, bias, statistics
    fired = two_state(*tensors[:3], Coefficients(*tensors[3:]), reset=reset, norm=norm, lengths=lengths, record=True)
    if not own:
        mean, variance = mean.detach(), variance.detach()
    scale = gamma * (variance + 1e-5).rsqrt()
    expected = by_steps(
        tensors, reset=reset, temporal=True, mask=None, affine=(scale, bias - mean * scale), lengths=lengths
    )
    assert torch.equal(fired.spikes, expected[0])
    inputs = (*tensors, gamma, bias)
    tolerance = {"rtol": 1e-3, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 1e-8, "atol": 1e-9}
    assert_close(gradients(fired, inputs), gradients(expected, inputs), **tolerance)


def test_gradients_are_computed_for_the_tensors_that_need_them():
    current, state, neuron = population()
    every = [tensor.clone().requires_grad_() for tensor in (current, *state, *neuron)]
    reset = Reset(False, False, ATAN)
    expected = gradients(two_state(*every[:3], Coefficients(*every[3:]), reset=reset)[:1], every)
    for index in range(len(every)):
        tensors = [one.detach().requires_grad_(number == index) for number, one in enumerate(every)]
        fired = two_state(*tensors[:3], Coefficients(*tensors[3:]), reset=reset)
        assert_close(gradients(fired[:1], tensors[index])[0], expected[index])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", [VECTOR, 2 * VECTOR, 2 * VECTOR + 3])
def test_gradients_of_blocks_of_many_recordings(width, dtype):
    # coefficients of whole vectors are those of every recording of a block; there are two blocks and a part of one
    steps = 6 if JIT_DISABLED else 70
    current, state, neuron = population(dtype, steps=steps, batch=2 * 2048 // width + 5, width=width)
    tensors = [tensor.clone().requires_grad_() for tensor in (current, *state, *neuron)]
    reset = Reset(True, True, ATAN)
    fired = two_state(*tensors[:3], Coefficients(*tensors[3:]), reset=reset)
    expected = by_steps(tensors, reset=reset, temporal=True, mask=None)
    assert torch.equal(fired.spikes, expected[0])
    assert 0.01 < fired.spikes.mean() < 0.99
    tolerance = {"rtol": 2e-4, "atol": 2e-3} if dtype == torch.float32 else {"rtol": 1e-8, "atol": 1e-8}
    assert_close(gradients(fired[:1], tensors), gradients(expected[:1], tensors), **tolerance)


def test_recordings_and_threads_do_not_meet():
    # more recordings than fit one block of columns, and several threads
    current, (v, w), neuron = population(batch=9, width=200)
    tensors = [tensor.clone().requires_grad_() for tensor in (current, v, w, *neuron)]
    reset, results = Reset(True, True, ATAN), []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        fired = two_state(*tensors[:3], Coefficients(*tensors[3:]), reset=reset)
        results.append((fired.spikes, *gradients(fired[:1], tensors)))
    torch.set_num_threads(before)
    assert all(map(torch.equal, *results))
    alone = two_state(current[:, 5:6], v[5:6], w[5:6], neuron, reset=reset)
    assert torch.equal(alone.spikes[:, 0], results[0][0][:, 5])


# without compilation, NumPy warns of infinity minus infinity
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"v": torch.zeros(2, NEURONS).double()}, ValueError, "neurons: v must be of shape"),
        ({"w": torch.zeros(BATCH, NEURONS)}, TypeError, "neurons: w must be of the current's type torch.float64"),
        ({"threshold": torch.ones(1).double()}, ValueError, "neurons: threshold must be of shape"),
        ({"threshold": torch.full((NEURONS,), torch.nan).double()}, ValueError, "neurons: threshold must be finite"),
        ({"rho": torch.full((NEURONS,), torch.inf).double()}, ValueError, "must be finite"),
        ({"beta": torch.ones(NEURONS)}, TypeError, "neurons: beta must be of the current's type"),
    ],
)
def test_arguments_are_checked(change, error, message):
    current, (v, w), neuron = population()
    states = {"v": v, "w": w} | {name: one for name, one in change.items() if name in "vw"}
    neuron = neuron._replace(**{name: one for name, one in change.items() if name not in "vw"})
    with pytest.raises(error, match=message):
        two_state(current, states["v"], states["w"], neuron, reset=Reset(True, True, ATAN))


def test_nothing_passes():
    current, (v, w), neuron = population()
    fired = two_state(current[:0], v, w, neuron, reset=Reset(True, True, ATAN), record=True)
    assert fired.spikes.shape == fired.membrane.shape == (0, BATCH, NEURONS)
    assert torch.equal(fired.v, v)
    assert torch.equal(fired.w, w)


def test_backward_saves_the_current_alone():
    current, (v, w), neuron = population()
    current.requires_grad_()
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda part: sizes.append(part.numel()) or part, lambda part: part):
        two_state(current, v, w, neuron, reset=Reset(True, True, ATAN))
    assert sizes.count(current.numel()) == 1
    assert max(sizes) == current.numel()
