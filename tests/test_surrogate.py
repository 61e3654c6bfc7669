"""What is particular to a shape; that each is a step with its primitive's slope stands in test_contracts.py."""

import math

import pytest
import torch
from torch.testing import assert_close

from snnsim.nn import LIF
from snnsim.surrogate import NAMES, Surrogate

DEFAULTS = {"atan": 2.0, "triangle": 1.0, "sigmoid": 4.0, "fast_sigmoid": 25.0, "boxcar": 1.0}


def test_defaults_are_those_of_the_table():
    assert {name: Surrogate(name).alpha for name in NAMES} == DEFAULTS
    assert Surrogate() == Surrogate("atan", 2.0)


@pytest.mark.parametrize(
    ("name", "alpha", "slope_at_0", "x", "slope_at_x"),
    [
        ("atan", 5.0, 2.5, 2 / (5 * math.pi), 1.25),
        ("triangle", 2.0, 2.0, 0.25, 1.0),
        ("sigmoid", 4.0, 1.0, 100.0, 0.0),
        ("fast_sigmoid", 25.0, 1.0, 0.04, 0.25),
        ("boxcar", 2.0, 2.0, 0.26, 0.0),
    ],
)
def test_slopes_by_hand(name, alpha, slope_at_0, x, slope_at_x):
    slope = Surrogate(name, alpha).slope(torch.tensor([0.0, x, -x]))
    assert_close(slope, torch.tensor([slope_at_0, slope_at_x, slope_at_x]))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "fast_sigmoid"])
@pytest.mark.parametrize("alpha", [1.0, 5.0])
def test_primitive_rises_from_0_to_1_through_a_half(name, alpha):
    g = Surrogate(name, alpha).primitive(torch.tensor([-1e6, 0.0, 1e6]))
    assert_close(g, torch.tensor([0.0, 0.5, 1.0]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_slope_keeps_type_and_argument(name, dtype):
    x = torch.linspace(-2, 2, 9).to(dtype)
    before = x.clone()
    slope, spikes = Surrogate(name).slope(x), Surrogate(name).spike(x)
    assert slope.dtype == spikes.dtype == dtype
    assert slope.min() >= 0
    assert torch.equal(x, before)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"Surrogate: name must be one of atan, triangle, sigmoid, .*, not 'relu'"):
        Surrogate("relu")


@pytest.mark.parametrize("alpha", [0.0, -1.0, math.nan])
def test_alpha_must_be_positive(alpha):
    with pytest.raises(ValueError, match="Surrogate atan: alpha must be a finite number above 0, not"):
        Surrogate("atan", alpha)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_sharpest_slope_is_finite(name, dtype):
    x = torch.tensor([0.0, 1e-8, -1e-3, 1.0, -1e4], dtype=dtype)
    assert Surrogate(name, 1e6).slope(x).isfinite().all()
    current = x[None].clone().requires_grad_()
    LIF(surrogate=Surrogate(name, 1e6), threshold=1e-9)(current).sum().backward()
    assert current.grad.isfinite().all()
    with pytest.raises(ValueError, match=r"alpha must be at most 1e\+06, not 1e\+300"):
        Surrogate(name, 1e300)
