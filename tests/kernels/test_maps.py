"""The pass over feature maps against the definition and against single steps, with gradients and exact ties."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from helpers.networks import eighths
from snnsim.kernels.common import dispatch
from snnsim.kernels.neuron import naive
from snnsim.kernels.neuron.functions import Reset
from snnsim.kernels.neuron.maps import MapOptions, fire
from snnsim.nn import LIF, ScaledLIF
from snnsim.surrogate import Surrogate

# more columns than a block has, and no multiple of the lanes of a sum
STEPS, COLUMNS = 4, 1100


def numbers(*values):
    return [torch.tensor([value], dtype=torch.float64, requires_grad=True) for value in values]


@pytest.mark.parametrize("hard", [False, True])
def test_spikes_are_those_of_the_definition_also_at_the_threshold(hard):
    current = eighths(STEPS, COLUMNS)
    beta, threshold = numbers(0.5, 0.75)
    options = MapOptions(Reset(hard, True, Surrogate("triangle")), start=0.25, amplitude=0.5)
    spikes, membrane = naive.lif(current.numpy(), np.full(COLUMNS, 0.25), beta=0.5, threshold=0.75, hard=hard)
    assert (membrane == 0.75).any()
    assert np.array_equal(fire(current, beta, threshold, options).detach().numpy(), 0.5 * spikes)


@pytest.mark.parametrize("temporal", [True, False])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("model", [LIF, ScaledLIF])
@pytest.mark.parametrize("surrogate", ["triangle", "atan"])
def test_gradients_are_those_of_single_steps(model, hard, temporal, surrogate):
    leak = {"beta": 0.5, "learn_decay": "layer"} if model is LIF else {"leak": 0.5}
    reset = "hard" if hard else "soft"
    neuron = model(**leak, threshold=0.75, learn_threshold=True, reset=reset, surrogate=surrogate).double()
    current = eighths(STEPS, COLUMNS).requires_grad_()
    grad = eighths(STEPS, COLUMNS, seed=1)
    with dispatch.plain():
        plain = neuron.integrate(current, torch.full((COLUMNS,), 0.25).double(), temporal=temporal).spikes
    named = [current, *neuron.parameters()]
    expected = torch.autograd.grad((plain * grad).sum(), named)
    options = MapOptions(neuron.reset, start=0.25, relative=model is ScaledLIF, temporal=temporal)
    spikes = fire(current, neuron.decay(), neuron.firing_threshold(), options)
    assert torch.equal(spikes, plain)
    for one, other in zip(torch.autograd.grad((spikes * grad).sum(), named), expected, strict=True):
        assert_close(one, other)


def test_threads_change_nothing():
    current = torch.randn(2, 150_000, generator=torch.Generator().manual_seed(0)).requires_grad_()
    beta, threshold = (one.detach().float().requires_grad_() for one in numbers(0.5, 0.75))
    options, before = MapOptions(Reset(False, True, Surrogate("atan"))), torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            spikes = fire(current, beta, threshold, options)
            results.append([spikes, *torch.autograd.grad(spikes.sum(), [current, beta, threshold])])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


# without compilation, NumPy warns of them
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_currents_that_are_not_finite_and_wrong_types_are_refused():
    beta, threshold = numbers(0.5, 1.0)
    options = MapOptions(Reset(False, True, Surrogate()))
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="the voltage must be finite"):
            fire(torch.full((2, 3), wrong).double(), beta, threshold, options)
    with pytest.raises(TypeError, match="beta must be of the current's type"):
        fire(torch.zeros(2, 3), beta, threshold, options)
    with pytest.raises(ValueError, match="skip the reset"):
        fire(torch.zeros(2, 3).double(), beta, threshold, options._replace(reset=Reset(True, False, Surrogate())))
