"""Products with factors of bfloat16 and sums of float32, against products of float32."""

import numba
import pytest
import torch

from snnsim.kernels.common import short_products
from snnsim.kernels.common.short_products import products_are_short
from snnsim.kernels.delay import kept_spectra
from snnsim.kernels.delay.complex_gemm import ProductShape
from snnsim.kernels.delay.currents import delayed_current
from snnsim.kernels.delay.kept_spectra import keep_spectra
from snnsim.kernels.delay.short_gemm import multiply_short

ROUNDING = 2.0**-8
"""Largest error of a number that is rounded to bfloat16, in units of the number."""
SIZES = [(40, 3, 7, 5, 9), (40, 4, 16, 112, 9)]
if not numba.config.DISABLE_JIT:
    # minutes without compilation
    SIZES += [(100, 8, 140, 250, 25), (700, 5, 33, 50, 40)]


LEAST = 1e-5 if short_products.keeps_sums() else 0.0
"""No rounding at all would mean that the other form ran, where the processor has products of bfloat16."""


@pytest.fixture(autouse=True)
def _set(monkeypatch):
    """Run the code of short products on every processor; without instructions for them, factors are not rounded."""
    monkeypatch.setattr(short_products, "keeps_sums", lambda: True)


def results(steps, batch, sources, targets, delays):
    """Return current, gradient of the spikes and gradient of the kernel."""
    generator = torch.Generator().manual_seed(0)
    spikes = (torch.rand(steps, batch, sources, generator=generator) < 0.1).float().requires_grad_()
    kernel = torch.randn(delays, targets, sources, generator=generator).requires_grad_()
    current = delayed_current(spikes, kernel, form="overlap_save")
    current.backward(torch.randn(current.shape, generator=generator))
    return current.detach(), spikes.grad, kernel.grad


@pytest.mark.parametrize("sizes", SIZES)
def test_currents_and_gradients_are_those_of_float32_up_to_the_rounding(sizes):
    exact = results(*sizes)
    with short_products.short_products():
        short = results(*sizes)
    for one, other in zip(exact, short, strict=True):
        error = float((one - other).norm() / one.norm())
        # two rounded factors
        assert LEAST <= error < 2 * ROUNDING


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("conjugate", [False, True])
@pytest.mark.parametrize("added", [False, True])
def test_products_of_small_integers_are_exact(conjugate, transposed, added):
    frequencies, rows, terms, columns = 3, 33, 35, 48  # smaller matrices are multiplied in float32 in any case
    generator = torch.Generator().manual_seed(1)

    def integers(*shape):
        return torch.randint(-9, 10, (2, frequencies, *shape), generator=generator).float()

    a, b, c = integers(rows, terms), integers(terms, columns), integers(rows, columns)
    factor = torch.complex(*b).conj() if conjugate else torch.complex(*b)
    wanted = torch.complex(*a) @ factor + (torch.complex(*c) if added else 0)
    planes = [one.flatten(0, 1).flatten(1) for one in (a.mT.contiguous() if transposed else a, b, c)]
    with short_products.short_products():
        multiply_short(
            *planes, ProductShape(rows, terms, columns), conjugate=conjugate, transposed=transposed, added=added
        )
    assert torch.equal(planes[2], torch.cat([wanted.real, wanted.imag]).flatten(1))


def test_kept_spectra():
    spikes, parameter = torch.randint(0, 3, (48, 16, 40)).float(), torch.randn(33, 40, 9, requires_grad=True)

    class Kernels:
        def of(self, weight):
            return weight.permute(2, 0, 1)

    def gradient():
        with keep_spectra():
            kernels = kept_spectra.kept_kernels(Kernels().of, (parameter,), delays=9, before=8)
            current = kernels.current(spikes)
            current.sum().backward()
        result, parameter.grad = parameter.grad, None
        return current.detach(), result

    exact = gradient()
    with short_products.short_products():
        short = gradient()
    for one, other in zip(exact, short, strict=True):
        assert LEAST <= float((one - other).norm() / one.norm()) < 2 * ROUNDING


def test_the_setting_ends_with_its_block():
    def fail():
        with short_products.short_products():
            assert products_are_short()
            raise ZeroDivisionError

    assert not products_are_short()
    with pytest.raises(ZeroDivisionError):
        fail()
    assert not products_are_short()
    product = torch.full((64, 64), 1 + 2.0**-12) @ torch.eye(64)
    assert torch.equal(product, torch.full((64, 64), 1 + 2.0**-12))


@pytest.mark.parametrize("rounds", [False, True])
def test_processors_that_keep_no_sums_have_no_setting(rounds, monkeypatch):
    monkeypatch.setattr(short_products, "keeps_sums", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: rounds)
    product = torch.full((128, 128), 1 + 2.0**-12)
    with short_products.short_products():
        assert not products_are_short()
        assert torch.equal(product @ torch.eye(128), torch.ones(128, 128)) == rounds
    assert torch.equal(product @ torch.eye(128), product)
