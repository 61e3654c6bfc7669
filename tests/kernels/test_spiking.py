"""The compiled neurons against the naive loops, and their gradients against torch's autograd.

The neurons and layers call the compiled forms; `kernels.plain` turns them off.
"""

import itertools
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from snnsim import kernels
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron import autograd, naive
from snnsim.kernels.neuron.types import Noise
from snnsim.nn import LIF, LeakyReadout, SparseLinear
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SpikingLayer
from snnsim.surrogate import NAMES, Surrogate

RESETS = list(itertools.product(["hard", "soft"], [True, False]))
DTYPES = [torch.float32, torch.float64]


@st.composite
def populations(draw):
    steps, batch, neurons = draw(st.integers(1, 9)), draw(st.integers(1, 3)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # eighths, and decays that shift them, keep every product exact: even at the threshold there is no rounding
    current = torch.from_numpy(rng.integers(-8, 17, (steps, batch, neurons)) / 8)
    voltage = torch.from_numpy(rng.integers(-8, 9, (batch, neurons)) / 8)
    beta, threshold = draw(st.sampled_from([0.0, 0.5, 0.75, 1.0])), draw(st.sampled_from([0.5, 1.0, 1.25]))
    return current, voltage, beta, threshold


@settings(max_examples=80, deadline=None)
@given(populations(), st.sampled_from(["hard", "soft"]), st.sampled_from(DTYPES))
def test_equals_the_loops(population, reset, dtype):
    current, voltage, beta, threshold = population
    lif = LIF(beta=beta, threshold=threshold, reset=reset)
    spikes, membrane = lif.trace(current.to(dtype), voltage.to(dtype))
    for member in range(current.shape[1]):
        expected = naive.lif(
            current[:, member].numpy(), voltage[member].numpy(), beta=beta, threshold=threshold, hard=reset == "hard"
        )
        np.testing.assert_array_equal(spikes[:, member].numpy(), expected[0])
        np.testing.assert_array_equal(membrane[:, member].numpy(), expected[1])


@settings(max_examples=20, deadline=None)
@given(populations())
def test_leak_is_a_neuron_that_never_fires(population):
    current, voltage, beta, _ = population
    membrane, last = LeakyReadout(beta=beta).run(current, voltage)
    for member in range(current.shape[1]):
        _, expected = naive.lif(
            current[:, member].numpy(), voltage[member].numpy(), beta=beta, threshold=1e300, hard=False
        )
        np.testing.assert_array_equal(membrane[:, member].numpy(), expected)
    assert torch.equal(last, membrane[-1])


def a_population(dtype, *, steps=12, batch=3, neurons=4):
    draw = torch.Generator().manual_seed(0)
    current = torch.randn(steps, batch, neurons, generator=draw, dtype=torch.float64) + 0.3
    voltage = torch.randn(batch, neurons, generator=draw, dtype=torch.float64)
    # learned tensors of a layer: one decay for each neuron, one threshold
    lif = LIF(tau=3.0, learn_decay="neuron", learn_threshold=True, features=neurons)
    return lif, current.to(dtype).requires_grad_(), voltage.to(dtype).requires_grad_()


def plainly(function):
    def run(*arguments, **named):
        with kernels.plain():
            return function(*arguments, **named)

    return run


def gradients(lif, trace, current, voltage, *, outputs):
    results = [trace(current, voltage)[output] for output in outputs]
    draw = torch.Generator().manual_seed(1)
    loss = sum((part * torch.randn(part.shape, generator=draw, dtype=torch.float64)).sum() for part in results)
    inputs = (current, voltage, lif.decay.logit, lif.threshold)
    return torch.autograd.grad(loss, inputs, materialize_grads=True)


# what reaches the kernel backward: the gradient of the spikes, that of the membrane, or both
@pytest.mark.parametrize("outputs", [(0,), (1,), (0, 1)], ids=["spikes", "membrane", "both"])
@pytest.mark.parametrize(("reset", "detached"), RESETS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("temporal", [True, False])
def test_gradients_equal_those_of_autograd(outputs, reset, detached, dtype, temporal):
    lif, current, voltage = a_population(dtype)
    lif.reset = autograd.Reset(reset == "hard", detached, lif.surrogate)

    def trace(current, voltage):
        fired = lif.integrate(current, voltage, record=True, temporal=temporal)
        return fired.spikes, fired.membrane

    compiled = gradients(lif, trace, current, voltage, outputs=outputs)
    by_steps = gradients(lif, plainly(trace), current, voltage, outputs=outputs)
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-6, "atol": 1e-6}
    for name, one, other in zip(("current", "voltage", "beta", "threshold"), compiled, by_steps, strict=True):
        assert_close(one, other, **tolerance, msg=lambda text, name=name: f"gradient of {name}: {text}")
        # a reset to 0 outside of the graph leaves no path from the threshold to the membrane
        no_path = name == "threshold" and outputs == (1,) and ((reset == "hard" and detached) or not temporal)
        no_path |= name == "voltage" and not temporal
        assert (one.abs().max() == 0) == no_path, f"gradient of {name}: {one}"


@pytest.mark.parametrize(("reset", "detached"), RESETS)
def test_gradients_of_one_step_and_of_parts(reset, detached):
    lif, current, voltage = a_population(torch.float64, steps=1, batch=1, neurons=1)
    lif.reset = autograd.Reset(reset == "hard", detached, lif.surrogate)
    compiled = gradients(lif, lif.trace, current, voltage, outputs=(0, 1))
    assert_close(compiled, gradients(lif, plainly(lif.trace), current, voltage, outputs=(0, 1)))
    for wanted in (current, voltage, lif.decay.logit, lif.threshold):
        for tensor in (current, voltage, lif.decay.logit, lif.threshold):
            tensor.requires_grad_(tensor is wanted)
        result = torch.autograd.grad(lif.trace(current, voltage)[0].sum(), wanted)[0]
        expected = torch.autograd.grad(plainly(lif.trace)(current, voltage)[0].sum(), wanted)[0]
        assert_close(result, expected)


@pytest.mark.parametrize("steps", [1, 6])
def test_leak_by_finite_differences(steps):
    draw = torch.Generator().manual_seed(0)
    current = torch.randn(steps, 2, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    voltage = torch.randn(2, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    beta = torch.tensor([0.0, 0.4, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(autograd.leaky, (current, voltage, beta))


def test_membrane_by_finite_differences_where_nothing_fires():
    _, current, voltage = a_population(torch.float64)
    beta = torch.full((4,), 0.6, dtype=torch.float64, requires_grad=True)
    threshold = torch.full((4,), 1e3, dtype=torch.float64)
    reset = LIF().reset

    def membrane(*arguments):
        return autograd.lif(*arguments, threshold, reset=reset, record=True).membrane

    assert torch.autograd.gradcheck(membrane, (current, voltage, beta))


@pytest.mark.parametrize("neuron", [LIF(tau=2.0), LIF(tau=2.0, reset="soft"), LeakyReadout()])
def test_layout_in_memory_does_not_matter(neuron):
    current = torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(0))
    turned = current.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    assert not turned.is_contiguous()
    assert torch.equal(neuron(turned), neuron(current))
    steps = current.clone().requires_grad_()
    neuron(steps.transpose(0, 1)).sum().backward()
    direct = current.transpose(0, 1).contiguous().requires_grad_()
    neuron(direct).sum().backward()
    assert_close(steps.grad.transpose(0, 1), direct.grad)


def test_second_backward_pass_says_that_there_is_none():
    current = torch.ones(3, 1, 2, requires_grad=True)
    (grad,) = torch.autograd.grad(LeakyReadout()(current).square().sum(), current, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


def a_batch_layer(dtype, *, surrogate="atan", reset="hard", detached=True, norm=True, dropout=0.4):
    draw = torch.Generator().manual_seed(2)
    lif = LIF(
        tau=3.0, reset=reset, detach_reset=detached, surrogate=Surrogate(surrogate), learn_decay="neuron",
        learn_threshold=True, features=5,
    )  # fmt: skip
    synapse = SparseLinear(7, 5, generator=draw)
    layer = SpikingLayer(synapse, lif, norm=BatchNorm(5) if norm else None, dropout=dropout).to(dtype)
    if norm:
        with torch.no_grad():
            layer.norm.weight.copy_(1.5 + torch.rand(5, generator=draw))
            layer.norm.bias.copy_(torch.rand(5, generator=draw))
    spikes = 2 * torch.rand(11, 4, 7, generator=draw, dtype=torch.float64).to(dtype)
    return layer, spikes, torch.tensor([11, 6, 1, 8])


def learned(layer, spikes, valid, *, plain):
    spikes = spikes.clone().requires_grad_()
    run = plainly(layer) if plain else layer
    fired = run(spikes, valid, torch.Generator().manual_seed(3))
    weight = torch.randn(fired.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64).to(fired)
    grads = torch.autograd.grad((fired * weight).sum(), (spikes, *layer.parameters()))
    return fired.detach(), [part.clone() for part in layer.buffers()], grads


@pytest.mark.parametrize("surrogate", NAMES)
@pytest.mark.parametrize(("reset", "detached"), RESETS)
@pytest.mark.parametrize(("norm", "dropout"), [(True, 0.4), (False, 0.4), (True, 0.0)])
def test_a_layer_in_one_pass_is_the_layer_part_by_part(surrogate, reset, detached, norm, dropout):
    settings = {"surrogate": surrogate, "reset": reset, "detached": detached, "norm": norm, "dropout": dropout}
    result, expected = (learned(*a_batch_layer(torch.float64, **settings), plain=plain) for plain in (False, True))
    assert result[0].count_nonzero() > 10
    assert torch.equal(result[0], expected[0])
    # running statistics are updated by torch in its own way of rounding
    assert_close(result[1], expected[1], rtol=1e-8, atol=1e-9)
    assert_close(result[2], expected[2], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("valid", [None, torch.tensor([11, 6, 1, 8])])
def test_evaluation_in_one_pass_is_evaluation_part_by_part(valid):
    layer, spikes, _ = a_batch_layer(torch.float64)
    layer(spikes, valid)
    layer.eval()
    assert torch.equal(layer(spikes, valid), plainly(layer)(spikes, valid))
    assert layer(spikes, valid).any()


def test_in_float32_too():
    result, expected = (learned(*a_batch_layer(torch.float32), plain=plain) for plain in (False, True))
    assert torch.equal(result[0], expected[0])
    assert_close(result[2], expected[2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", ["norm", "neuron", "dropout"])
def test_forward_hooks_of_a_part_are_called(part):
    layer, spikes, valid = a_batch_layer(torch.float32)
    calls = []
    getattr(layer, part).register_forward_hook(lambda *_: calls.append(part))
    layer(spikes, valid)
    assert calls == [part]


@pytest.mark.parametrize("part", [LIF(), LeakyReadout(learn_decay="layer")])
def test_a_backward_pass_may_lie_in_another_block_than_the_forward_pass(part):
    current, gradients = torch.rand(9, 2, 3, generator=torch.Generator().manual_seed(1)).requires_grad_(), []
    for backward in (kernels.plain, nullcontext):
        result = part(current)
        with backward():
            gradients.append(torch.autograd.grad(result.sum(), current))
    assert_close(*gradients, rtol=0, atol=0)


def test_one_step_has_no_variance():
    layer, spikes, _ = a_batch_layer(torch.float64)
    running = [buffer.clone() for buffer in layer.buffers()]
    for plain in (False, True):
        result = learned(layer, spikes[:1], torch.tensor([1, 0, 0, 0]), plain=plain)[0]
        layer.eval()
        layer.dropout.train()
        assert_close(result[:, 0], learned(layer, spikes[:1, :1], None, plain=plain)[0][:, 0])
        layer.train()
    assert all(map(torch.equal, layer.buffers(), running))


def test_lengths_beyond_the_frames_end_with_them():
    results = []
    for beyond in (0, 3):
        layer, spikes, _ = a_batch_layer(torch.float64)
        results.append(learned(layer, spikes, torch.full((4,), len(spikes) + beyond), plain=False))
    assert_close(*results, rtol=0, atol=0)


def test_moments_leave_padding_out_and_keep_their_digits():
    current = torch.full((50, 3, 4), 1e3) + torch.randn(50, 3, 4, generator=torch.Generator().manual_seed(0))
    valid = torch.tensor([50, 10, 33])
    current[10:, 1] = 1e9
    mean, variance = autograd.moments(current, valid)
    counted = torch.cat([current[:steps, member] for member, steps in enumerate(valid)]).double()
    assert_close(mean.double(), counted.mean(0), rtol=1e-6, atol=0)
    assert_close(variance.double(), counted.var(0, correction=0), rtol=1e-5, atol=0)


def test_backward_keeps_the_current_alone():
    current = torch.randn(9, 2, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda part: sizes.append(part.numel()) or part, lambda part: part):
        LIF(tau=2.0)(current)
    assert sorted(sizes)[-1] == current.numel()
    assert sizes.count(current.numel()) == 1


@pytest.mark.parametrize(("reset", "detached"), RESETS)
def test_noise_without_elements_is_none_and_a_reset_value_without_them_is_0(reset, detached):
    _, current, voltage = a_population(torch.float64)
    beta, nothing = torch.full((4,), 0.5, dtype=torch.float64), torch.zeros(0, dtype=torch.float64)
    of_reset = autograd.Reset(reset == "hard", detached, Surrogate("atan"))

    def fired(noise):
        result = autograd.lif(current, voltage, beta, 2 * beta, reset=of_reset, record=True, noise=noise)
        gradient = torch.autograd.grad(result.spikes.cumsum(0).sum() + result.last.sum(), (current, voltage))
        return result, gradient

    results = [fired(Noise(beta, value, Draws.of(3))) for value in (nothing, 0 * beta)]
    assert_close(*results, rtol=0, atol=0)
    assert_close(fired(Noise(nothing, nothing, Draws.of(3))), fired(None), rtol=0, atol=0)
    assert not torch.equal(results[0][0].spikes, fired(None)[0].spikes)
