"""The compiled loops of rate networks compute the naive definition, with the gradients of a loop in torch."""

import numpy as np
import pytest
import torch

from snnsim import kernels
from snnsim.kernels.rate import autograd, naive
from snnsim.kernels.rate.autograd import Diverged, Shape

INSIDE, OUTSIDE = Shape(0.01, True), Shape(0.01, False)
NAMES = ("external", "initial", "weight", "leak")


def arguments(steps=7, batch=3, units=5, *, halves=False):
    generator = torch.Generator().manual_seed(0)
    shapes = (steps, batch, units), (batch, units), (units, units), (units,)
    if halves:
        # sums of halves are exact; from rest, a current of 0 is an argument of 0
        values = [torch.randint(-1, 2, shape, generator=generator).double() / 2 for shape in shapes[:3]]
        return [values[0], 0 * values[1], values[2], torch.full((units,), 0.5, dtype=torch.float64)]
    values = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes[:3]]
    return [*values, torch.rand(units, generator=generator, dtype=torch.float64)]


def results(function, values, shape, *, last=False):
    """States, and the gradients of a weighted sum of them, or of the last ones."""
    leaves = [value.clone().requires_grad_() for value in values]
    states = function(*leaves, shape)
    chosen = states[-1] if last else states
    weights = (torch.arange(chosen.numel()) % 7 - 3).to(chosen.dtype).view_as(chosen)
    return [states.detach(), *torch.autograd.grad((weights * chosen).sum(), leaves)]


@pytest.mark.parametrize("shape", [INSIDE, OUTSIDE])
def test_states_are_those_of_the_definition(shape):
    values = arguments()
    wanted = naive.states(*(value.numpy() for value in values), **shape._asdict())
    np.testing.assert_allclose(autograd.run(*values, shape).numpy(), wanted, rtol=1e-12)
    np.testing.assert_allclose(autograd.by_steps(*values, shape).numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize("shape", [INSIDE, OUTSIDE])
@pytest.mark.parametrize("last", [False, True])
def test_gradients_are_those_of_a_loop_in_torch(shape, last):
    for one, other, name in zip(
        results(autograd.run, arguments(), shape, last=last),
        results(autograd.by_steps, arguments(), shape, last=last),
        ("states", *NAMES),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("shape", [Shape(0.5, True), Shape(0.5, False)])
def test_exact_zeros_have_the_slope_below_zero(shape):
    """Halves and slopes of 1/2 are exact: both loops agree to the last bit where arguments are exactly 0."""
    values = arguments(steps=3, halves=True)
    fast, plain = (results(function, values, shape) for function in (autograd.run, autograd.by_steps))
    assert (fast[0] == 0).sum() == 5
    for one, other in zip(fast, plain, strict=True):
        assert torch.equal(one, other)


def test_single_precision_and_plain_kernels():
    values = [value.float() for value in arguments()]
    fast = autograd.run(*values, INSIDE)
    with kernels.plain():
        plain = autograd.run(*values, INSIDE)
    assert fast.dtype == torch.float32
    torch.testing.assert_close(fast, plain)


# without compilation, NumPy warns of the numbers that grow without bounds
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_wrong_arguments_are_named():
    external, initial, weight, leak = arguments()
    with pytest.raises(ValueError, match=r"weight must be of shape \(5, 5\), not \(4, 5\)"):
        autograd.run(external, initial, weight[:4], leak, INSIDE)
    with pytest.raises(TypeError, match="leak must be of the currents' type"):
        autograd.run(external, initial, weight, leak.float(), INSIDE)
    with pytest.raises(ValueError, match="one step or more"):
        autograd.run(external[:0], initial, weight, leak, INSIDE)
    with pytest.raises(Diverged, match="states must be finite"):
        autograd.run(external, initial, weight * 1e200, leak, INSIDE)
