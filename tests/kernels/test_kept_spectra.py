"""Chunks of time with kernels that are transformed once have the currents and gradients of the complete sequence."""

import pytest
import torch
from torch.testing import assert_close

from snnsim.kernels.delay import kept_spectra, naive
from snnsim.kernels.delay.currents import spread_current
from snnsim.nn import DelayedLinear

DELAYS, STEPS, BATCH = 9, 60, 3


def connection(sources=5, targets=7, **settings):
    draw = torch.Generator().manual_seed(2)
    return DelayedLinear(sources, targets, DELAYS - 1, sigma=0.5, generator=draw, **settings).double().train()


def recordings(sources=5):
    draw = torch.Generator().manual_seed(3)
    return torch.poisson(torch.full((STEPS, BATCH, sources), 0.4), generator=draw).double()


def in_chunks(layer, spikes, lengths, form="overlap_save"):
    """Return the currents of chunks that go on from each other, which are all in front of the backward pass."""
    padded, currents, first = torch.cat([spikes.new_zeros(DELAYS - 1, *spikes.shape[1:]), spikes]), [], 0
    for length in lengths:
        chunk = padded[first : first + length + DELAYS - 1]
        settings = {"delays": DELAYS, "before": DELAYS - 1, "form": form}
        currents.append(spread_current(chunk, layer.spread, layer.parameters_of_kernel(), **settings))
        first += length
    return torch.cat(currents)


def gradients(layer, lengths, form="overlap_save"):
    """Return currents, and the gradients of the spikes and of all parameters, for a loss that weighs every current."""
    spikes = recordings().requires_grad_()
    with kept_spectra.keep_spectra():
        current = in_chunks(layer, spikes, lengths, form)
        weights = torch.linspace(-1, 1, current.numel(), dtype=current.dtype).view_as(current)
        (current * weights).sum().backward()
    grads = [parameter.grad for parameter in layer.parameters()]
    return current.detach(), spikes.grad, *grads


@pytest.mark.parametrize("lengths", [[60], [25, 25, 10], [10, 25, 25], [1] * 60, [59, 1]])
@pytest.mark.parametrize("settings", [{}, {"taps": 2, "learn_sigma": True}])
def test_chunks_equal_the_sequence(lengths, settings):
    ours, plain = gradients(connection(**settings), lengths), gradients(connection(**settings), [60], "conv1d")
    assert_close(ours, plain, rtol=1e-11, atol=1e-11)


def test_chunks_equal_the_loops():
    layer, spikes = connection(), recordings()
    with torch.no_grad(), kept_spectra.keep_spectra():
        current = in_chunks(layer, spikes, [20, 20, 20])
        kernel = layer.kernel().numpy()
    for b in range(BATCH):
        expected = torch.from_numpy(naive.delayed_current(spikes[:, b].numpy(), kernel))
        assert_close(current[:, b], expected, rtol=0, atol=1e-12)


def test_kernels_are_transformed_once(monkeypatch):
    calls, layer = [], connection()
    spread = DelayedLinear.spread
    monkeypatch.setattr(DelayedLinear, "spread", lambda *arguments: calls.append(0) or spread(*arguments))
    gradients(layer, [20, 20, 20])
    # forward, for the gradient of the spikes, and for those of the parameters
    assert len(calls) == 3


def test_parameters_that_change_or_are_made_anew_take_the_ordinary_form():
    layer, spikes = connection(), recordings()
    with torch.no_grad(), kept_spectra.keep_spectra():
        before = in_chunks(layer, spikes, [30, 30])
        layer.weight.mul_(2)
        assert_close(in_chunks(layer, spikes, [30, 30]), 2 * before, rtol=1e-12, atol=1e-12)


def test_parameters_without_a_gradient_get_none():
    layer = connection()
    layer.delay.requires_grad_(False)
    ours = gradients(layer, [20, 40])
    other = connection()
    other.delay.requires_grad_(False)
    plain = gradients(other, [60], "conv1d")
    assert layer.delay.grad is None
    assert_close(ours[:3], plain[:3], rtol=1e-11, atol=1e-11)


def test_an_error_leaves_no_kept_kernels():
    layer, spikes = connection(), recordings()

    @kept_spectra.keep_spectra()
    def fails():
        in_chunks(layer, spikes, [60]).sum().backward()
        raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fails()
    assert layer.weight.grad is None
    with torch.no_grad():
        assert len(in_chunks(layer, spikes, [60])) == STEPS
