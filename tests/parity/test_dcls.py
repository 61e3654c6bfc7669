"""Delay kernels against the layer of their authors, by the conversion that delay_windows.py gives."""

import pytest
import torch
from torch.testing import assert_close

from snnsim.kernels.delay.currents import FORMS, delayed_current
from snnsim.kernels.delay.integer_delays import integer_current
from snnsim.nn import delay_windows

modules = pytest.importorskip("DCLS.construct.modules")

SOURCES, TARGETS, TAPS, STEPS, BATCH = 4, 3, 2, 15, 2


def their_layer(window, length):
    layer = modules.Dcls1d(
        SOURCES, TARGETS, TAPS, padding=0, dilated_kernel_size=length, bias=False, version=window
    ).double()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=draw))
        # all delays from 0 to length − 1, whole ones left out: there the corners of max, v1 and v0 are
        delay = torch.rand(layer.P.shape, generator=draw).double() * (length - 1)
        layer.P.copy_((length + 1) // 2 - 1 - delay)
        if layer.SIG is not None:
            layer.SIG.copy_(torch.randn(layer.SIG.shape, generator=draw) * 2)
    return layer


def their_current(layer, spikes, length):
    """Their layer on (time, batch, source): time goes last, and is padded on the left to be causal."""
    padded = torch.nn.functional.pad(spikes.permute(1, 2, 0), (length - 1, 0))
    return layer(padded).permute(2, 0, 1)


def converted(layer, window, length):
    """Return weight, delay and σ of one of their layers, in the graph."""
    delay = (length + 1) // 2 - 1 - layer.P[0]
    sigma = torch.ones(()) if layer.SIG is None else layer.SIG[0].abs() + delay_windows.get_window(window).offset
    return layer.weight, delay, sigma


def spikes():
    return (torch.rand(STEPS, BATCH, SOURCES, generator=torch.Generator().manual_seed(1)) < 0.4).double()


def gradients(layer, current):
    draw = torch.Generator().manual_seed(2)
    loss = (current * torch.randn(current.shape, generator=draw, dtype=torch.float64)).sum()
    return torch.autograd.grad(loss, [parameter for parameter in layer.parameters() if parameter is not None])


@pytest.mark.parametrize("window", delay_windows.WINDOWS)
@pytest.mark.parametrize("length", [7, 8, 2, 25])
@pytest.mark.parametrize("form", FORMS)
def test_currents_and_gradients_equal_dcls(window, length, form):
    layer = their_layer(window, length)
    theirs = their_current(layer, spikes(), length)
    kernel = delay_windows.delay_kernel(*converted(layer, window, length), max_delay=length - 1, window=window)
    ours = delayed_current(spikes(), kernel, form=form)
    assert_close(ours, theirs)
    names = [name for name, _ in layer.named_parameters()]
    assert names == (["weight", "P", "SIG"] if delay_windows.get_window(window).has_width else ["weight", "P"])
    assert_close(gradients(layer, ours), gradients(layer, theirs))


@pytest.mark.parametrize("window", delay_windows.WINDOWS)
def test_spikingjelly_differs_without_the_conversion(window):
    length = 7
    layer = their_layer(window, length)
    theirs = their_current(layer, spikes(), length)
    weight, delay, sigma = converted(layer, window, length)
    settings = {"max_delay": length - 1, "window": window}
    backward = delay_windows.delay_kernel(weight, length - 1 - delay, sigma, **settings)
    assert not torch.allclose(delayed_current(spikes(), backward), theirs)
    if delay_windows.get_window(window).has_width:
        unshifted = delay_windows.delay_kernel(weight, delay, layer.SIG[0].abs() + 1e-3, **settings)
        assert not torch.allclose(delayed_current(spikes(), unshifted), theirs)


@pytest.mark.parametrize("delay", range(5))
def test_evaluation_of_dcls_equals_ours(delay):
    layer = their_layer("max", 5)
    with torch.no_grad():
        layer.P.fill_(2 - delay)
        layer.SIG.zero_()
    ours = integer_current(spikes(), layer.weight, torch.full_like(layer.weight, delay, dtype=torch.int64), delays=5)
    assert_close(ours, their_current(layer, spikes(), 5), rtol=1e-6, atol=1e-6)


def test_slopes_of_v0_at_integer_delays_have_opposite_sides():
    length, delay = 7, 3.0
    layer = their_layer("v0", length)
    with torch.no_grad():
        layer.P.fill_((length + 1) // 2 - 1 - delay)
    theirs = their_current(layer, spikes(), length)
    kernel = delay_windows.delay_kernel(*converted(layer, "v0", length), max_delay=length - 1, window="v0")
    ours = delayed_current(spikes(), kernel, form="time")
    assert_close(ours, theirs)
    (weight, position), (their_weight, their_position) = gradients(layer, ours), gradients(layer, theirs)
    assert_close(weight, their_weight)
    assert not torch.allclose(position, their_position)
