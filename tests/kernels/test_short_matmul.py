"""Products of float32 tensors that are computed from tensors of bfloat16, against the formula and float32."""

import pytest
import torch
from torch.nn import functional

from snnsim.kernels.common.short_matmul import ShortMatmul
from snnsim.nn import DelayedLinear


def short(one, other):
    """Return the product of rounded factors with sums of float64, rounded."""
    return (one.bfloat16().double() @ other.bfloat16().double()).bfloat16().float()


def near(one, other):
    # sums of float32 and of float64 may round to neighbors
    return (one - other).abs().max() <= 2.0**-8 * other.abs().max()


@pytest.mark.parametrize("bias", [False, True])
def test_products_and_gradients_are_those_of_rounded_factors(bias):
    generator = torch.Generator().manual_seed(0)
    x, weight, back = (torch.randn(*size, generator=generator) for size in ((200, 120), (64, 120), (200, 64)))
    for one in (x, weight):
        one.requires_grad_()
    shift = torch.randn(64, generator=generator) if bias else None
    with ShortMatmul():
        result = functional.linear(x, weight, shift)
        result.backward(back)
    assert result.dtype == x.grad.dtype == weight.grad.dtype == torch.float32
    with torch.no_grad():
        pairs = [
            (result - (0 if shift is None else shift), short(x, weight.mT)),
            (x.grad, short(back, weight)),
            (weight.grad, short(back.mT, x)),
        ]
        for ours, wanted in pairs:
            assert near(ours, wanted)
        assert not torch.equal(result, functional.linear(x, weight, shift))


def test_products_of_batches():
    a, b = torch.randn(2, 4, 100, 60)[0], torch.randn(4, 60, 80)
    with ShortMatmul():
        result = a @ b
    assert near(result, short(a, b))
    assert not torch.equal(result, a @ b)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64])
def test_small_products_and_other_types_stay_as_they_are(dtype):
    small, large = torch.randn(16, 16), torch.randn(128, 128, dtype=dtype)
    exact = small @ small, large @ large
    with ShortMatmul():
        assert torch.equal(small @ small, exact[0])
        assert torch.equal(large @ large, exact[1])


def test_scaled_sums_stay_in_float32():
    large = torch.randn(128, 128)
    exact = torch.addmm(large, large, large, beta=0.5)
    with ShortMatmul():
        assert torch.equal(torch.addmm(large, large, large, beta=0.5), exact)


def test_spikes_and_small_integers_have_exact_sums():
    spikes = (torch.rand(300, 100) < 0.1).float()
    weight = torch.randint(-4, 5, (100, 40)).float()
    exact = spikes @ weight
    with ShortMatmul():
        assert torch.equal(spikes @ weight, exact)


@pytest.mark.parametrize("delays", ["synaptic", "axonal"])
def test_a_layer_with_delays_trains(delays):
    torch.manual_seed(0)
    layer = DelayedLinear(60, 80, max_delay=10, delays=delays)
    spikes = (torch.rand(20, 16, 60) < 0.2).float()

    def gradients():
        layer.zero_grad()
        layer(spikes).square().sum().backward()
        return [one.grad.clone() for one in layer.parameters()]

    exact = gradients()
    with ShortMatmul():
        rounded = gradients()
    for one, other in zip(rounded, exact, strict=True):
        assert (one - other).norm() <= 0.02 * other.norm()
