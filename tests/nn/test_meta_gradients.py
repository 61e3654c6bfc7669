"""Gradients of the probabilistic meta-neuron: compiled, straight-through, expected and of the score function."""

import itertools

import pytest
import torch
from torch.autograd import gradcheck
from torch.testing import assert_close

from helpers.networks import generator
from snnsim import kernels
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn import MetaNeuron
from snnsim.nn.meta import Recovery

RESETS = list(itertools.product(["hard", "soft"], [True, False]))
DRAWS = Draws.of(3, 5).at(2)


def currents(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64) + 0.4


def gradients(neuron, current, voltage, draws, *, temporal):
    activity = neuron.integrate(current, voltage, record=True, draws=draws, temporal=temporal)
    draw = generator(1)
    parts = (activity.spikes, activity.membrane)
    loss = sum((part * torch.randn(part.shape, generator=draw, dtype=torch.float64)).sum() for part in parts)
    inputs = (current, voltage, *neuron.parameters())
    return activity.spikes, torch.autograd.grad(loss, inputs, materialize_grads=True)


@pytest.mark.parametrize(("reset", "detached"), RESETS)
@pytest.mark.parametrize(("temporal", "draws"), [(True, DRAWS), (False, DRAWS), (True, None)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gradients_equal_those_of_autograd(reset, detached, temporal, draws, dtype):
    settings = {"reset": reset, "detach_reset": detached, "reset_value": 0.25, "learn": "neuron", "features": 7}
    neuron = MetaNeuron(tau=3.0, width=0.3, **settings)
    current, voltage = (part.to(dtype).requires_grad_() for part in (currents(12, 90, 7), currents(90, 7, seed=1)))
    spikes, result = gradients(neuron, current, voltage, draws, temporal=temporal)
    with kernels.plain():
        expected_spikes, expected = gradients(neuron, current, voltage, draws, temporal=temporal)
    assert torch.equal(spikes, expected_spikes)
    tolerance = {} if dtype == torch.float64 else {"rtol": 1e-3, "atol": 1e-3}
    names = ["current", "voltage", *(name for name, _ in neuron.named_parameters())]
    for name, one, other in zip(names, result, expected, strict=True):
        assert_close(one, other, **tolerance, msg=lambda text, name=name: f"gradient of {name}: {text}")
        assert (one.abs().max() == 0) == (name in ("voltage", "reset_value.raw") and not temporal)


def test_straight_through_is_the_derivative_of_the_probability():
    neuron = MetaNeuron(beta=0.5, learn="layer", threshold=0.7, width=0.3)
    current = torch.linspace(-1, 2, 13, dtype=torch.float64)[None].requires_grad_()
    inputs = (current, neuron.threshold.raw, neuron.width.raw)
    result = torch.autograd.grad(neuron(current, draws=DRAWS).sum(), inputs)
    p = torch.sigmoid((current - neuron.threshold()) / neuron.width())
    assert_close(result, torch.autograd.grad(p.sum(), inputs))


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("recovery", [None, Recovery(0.7, 0.1, 0.2)])
def test_expectation_by_finite_differences(reset, recovery):
    neuron = MetaNeuron(
        tau=3.0, width=0.4, reset=reset, reset_value=0.2, recovery=recovery, estimator="expectation", learn="layer"
    ).double()
    names = [name for name, _ in neuron.named_parameters()]

    def sent(current, *values):
        return torch.func.functional_call(neuron, dict(zip(names, values, strict=True)), (current,))

    assert gradcheck(sent, (currents(6, 2, 3).requires_grad_(), *neuron.parameters()))


def test_score_is_unbiased_and_agrees_with_the_sampler():
    # E[L] and its gradient by all 2^4 spike trains, against the mean over sampled ones
    neuron = MetaNeuron(beta=0.7, width=0.4, reset_value=0.2, learn="layer").double()
    drive, steps, samples = torch.tensor([0.5, 0.9, 0.2, 0.8], dtype=torch.float64), 4, 40_000
    loss_of = lambda spikes: (spikes.cumsum(0).sin() + spikes).sum(0)  # noqa: E731
    trains = torch.tensor(list(itertools.product([0.0, 1.0], repeat=steps)), dtype=torch.float64).T
    chance = neuron.log_likelihood(drive[:, None].expand(steps, 16), trains).sum(0).exp()
    assert_close(chance.sum().item(), 1.0)
    expected = torch.autograd.grad((chance * loss_of(trains)).sum(), list(neuron.parameters()))
    current = drive[:, None, None].expand(steps, samples, 1)
    spikes = neuron(current, draws=Draws.of(0)).detach()[..., 0]
    score = neuron.log_likelihood(current[..., 0], spikes).sum(0)
    loss = loss_of(spikes)
    result = torch.autograd.grad((loss * score).mean(), list(neuron.parameters()))
    for name, one, other in zip(dict(neuron.named_parameters()), result, expected, strict=True):
        assert_close(one, other, rtol=0.05, atol=0.02, msg=lambda text, name=name: f"{name}: {text}")


def test_parameters_are_recovered_from_spike_trains():
    true = {"beta": 0.8, "threshold": 1.2, "width": 0.3, "reset_value": -0.4}
    drive = 0.3 + 0.4 * currents(1500, 8, 1, seed=2)
    spikes = MetaNeuron(**true)(drive, draws=Draws.of(9))
    start = MetaNeuron(beta=0.5, threshold=1.0, width=0.6, learn="layer").double()
    optimizer = torch.optim.LBFGS(start.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        result = -start.log_likelihood(drive, spikes).sum()
        result.backward()
        return result

    optimizer.step(loss)
    parts = {"beta": start.decay, "threshold": start.threshold, "width": start.width, "reset_value": start.reset_value}
    error = _standard_errors(start, drive, spikes)
    for (name, part), spread in zip(parts.items(), error, strict=True):
        assert abs(part().item() - true[name]) < 4 * spread, name
        assert spread < 0.2 * abs(true[name]), f"{name} is not identified by these trains"


def _standard_errors(neuron, drive, spikes):
    """By the observed information, in the neuron's own numbers: raw errors times how far these move with them."""
    parameters = list(neuron.parameters())
    (first,) = [neuron.log_likelihood(drive, spikes).sum()]
    slope = torch.autograd.grad(-first, parameters, create_graph=True)
    information = torch.stack([torch.cat(torch.autograd.grad(s, parameters, retain_graph=True)) for s in slope])
    raw = torch.linalg.inv(information).diagonal().sqrt()
    parts = (neuron.decay, neuron.threshold, neuron.width, neuron.reset_value)
    moved = [torch.autograd.grad(part().sum(), list(part.parameters()))[0] for part in parts]
    return [float(error * move.abs()) for error, move in zip(raw, moved, strict=True)]
