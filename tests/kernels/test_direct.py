"""Delayed currents by a matrix product for each delay: their limit, context steps, and gradients of gradients."""

import pytest
import torch
from torch.testing import assert_close

from snnsim.kernels.delay.currents import spread_current
from snnsim.kernels.delay.direct import are_few, direct_current


def a_layer(steps, batch, sources, targets, delays):
    draw = torch.Generator().manual_seed(0)
    spikes = (torch.rand(steps, batch, sources, generator=draw) < 0.2).double() * 1.5
    return spikes, torch.randn(delays, targets, sources, generator=draw, dtype=torch.float64)


def test_few_products_are_computed_in_time():
    def few(steps, lanes, delays, width=256):
        return are_few(torch.empty(steps, lanes, 1), delays=delays, synapses=width**2)

    # one recording, few taps or few steps; a usual batch of `shd` has windows
    assert few(100, 1, 25)
    assert few(400, 64, 3)
    assert few(25, 16, 25)
    assert not few(100, 16, 25)
    assert not few(100, 256, 25)
    # a kernel of 100 MiB is computed piece by piece
    assert few(100, 1, 25, width=512)
    assert not few(100, 1, 25, width=1024)


@pytest.mark.parametrize("before", [0, 1, 3, 6])
def test_the_direct_form_has_context_steps(before):
    spikes, kernel = (part.requires_grad_() for part in a_layer(9, 2, 3, 4, 7))
    current, expected = (
        spread_current(
            spikes, lambda one: one.permute(2, 0, 1), (kernel.permute(1, 2, 0),), delays=7, before=before, form=form
        )
        for form in ("direct", "conv1d")
    )
    assert_close(current, expected)
    grad = torch.randn(current.shape, generator=torch.Generator().manual_seed(1), dtype=current.dtype)
    ours, plain = (torch.autograd.grad(one, (spikes, kernel), grad) for one in (current, expected))
    assert_close(ours, plain)


@pytest.mark.parametrize("needed", [(True, True), (True, False), (False, True)])
def test_the_direct_form_has_gradients_of_gradients(needed):
    layer = [part.requires_grad_(need) for part, need in zip(a_layer(6, 2, 3, 2, 4), needed, strict=True)]
    assert torch.autograd.gradcheck(direct_current, layer)
    assert torch.autograd.gradgradcheck(direct_current, layer)
