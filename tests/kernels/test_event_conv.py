"""Convolutions over space and delays: all forms equal their definition, and event by event those of the same bits."""

import numpy as np
import pytest
import torch

from snnsim.kernels.common.dispatch import plain
from snnsim.kernels.delay import naive
from snnsim.kernels.delay.conv_forms import FORMS
from snnsim.kernels.delay.event_conv import ConvGeometry, event_conv
from snnsim.nn import DelayedConv

GEOMETRIES = [
    ConvGeometry(6, 5, 2, 0, 0),
    ConvGeometry(6, 5, 2, 2, 1, before=2),
    ConvGeometry(6, 5, 2, 1, 2, before=3, stride=(2, 3, 2)),
    ConvGeometry(6, 5, 2, 0, 0, stride=(4, 4, 3)),
]


def _drawn(geometry: ConvGeometry, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    neurons = geometry.height * geometry.width * geometry.channels
    spikes = (torch.rand(7, 2, neurons, generator=generator) < 0.2).float()
    return spikes, torch.randn(3, 3, 2, geometry.channels, 4, generator=generator)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_every_form_is_the_definition(form: str, geometry: ConvGeometry) -> None:
    spikes, kernel = _drawn(geometry)
    current = FORMS[form](spikes, kernel, geometry)
    field = spikes.numpy().reshape(7, 2, geometry.height, geometry.width, geometry.channels)
    margin = geometry.up, geometry.left
    for recording in range(2):
        defined = naive.space_time_current(
            field[:, recording], kernel.numpy(), margin, geometry.before, geometry.stride
        )
        np.testing.assert_allclose(current[:, recording].numpy(), defined, atol=2e-5)


@pytest.mark.parametrize("form", ["events", "frequency"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients_are_those_of_conv3d(form: str, geometry: ConvGeometry) -> None:
    spikes, kernel = _drawn(geometry, 1)
    gradients = []
    for name in (form, "time"):
        sent = spikes.clone().requires_grad_(form == "frequency")
        taps = kernel.clone().requires_grad_()
        current = FORMS[name](sent, taps, geometry)
        weight = torch.linspace(-1, 1, current.numel()).view_as(current)
        (current * weight).sum().backward()
        gradients.append((taps.grad, sent.grad))
    torch.testing.assert_close(gradients[0], gradients[1], atol=2e-5, rtol=1e-5)


def test_a_tap_that_no_event_reaches_has_no_gradient() -> None:
    geometry = ConvGeometry(4, 4, 1, 0, 0)
    spikes = torch.zeros(3, 1, 16)
    spikes[1, 0, 5] = 2.0
    kernel = torch.zeros(3, 3, 3, 1, 1, requires_grad=True)
    event_conv(spikes, kernel, geometry).sum().backward()
    # one event at step 1, row 1, column 1: delays 0 and 1 and the taps of rows and columns 0 and 1 of four positions
    expected = torch.zeros(3, 3, 3)
    expected[:2, :2, :2] = 2.0
    torch.testing.assert_close(kernel.grad[..., 0, 0], expected)


@pytest.mark.parametrize("dense", [True, False])
def test_a_layer_by_events_equals_its_patches(dense: bool) -> None:
    """Sums of dense delays have the bits of the ordered sums; those of windows are as near as transforms get."""
    generator = torch.Generator().manual_seed(2)
    layer = DelayedConv((5, 4, 2), 3, 2, 3, dense=dense, generator=generator)
    spikes = (torch.rand(9, 2, 40, generator=generator) < 0.1).float()
    with plain():
        expected = layer(spikes)
        expected.square().sum().backward()
    slope, layer.weight.grad = layer.weight.grad, None
    current = layer(spikes)
    current.square().sum().backward()
    assert layer._by_events(spikes)
    torch.testing.assert_close(current, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer.weight.grad, slope, atol=1e-4, rtol=1e-4)
    if dense:
        assert torch.equal(current, expected)
        assert torch.equal(layer.eval()(spikes), expected)


def test_dense_delays_refuse_taps() -> None:
    with pytest.raises(ValueError, match="dense delays"):
        DelayedConv((5, 4, 2), 3, 2, 3, dense=True, taps=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spikes": torch.zeros(7, 2, 61)}, "spikes must be"),
        ({"kernel": torch.zeros(3, 3, 2, 1, 4)}, "the kernel must be"),
        ({"kernel": torch.zeros(3, 9, 2, 2, 4)}, "must fit"),
        ({"geometry": GEOMETRIES[0]._replace(stride=(0, 1, 1))}, "strides must be"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    spikes, kernel = _drawn(GEOMETRIES[0])
    values = {"spikes": spikes, "kernel": kernel, "geometry": GEOMETRIES[0]} | change
    for form in FORMS.values():
        with pytest.raises(ValueError, match=message):
            form(**values)  # type: ignore[arg-type]


def test_events_refuse_spikes_that_need_a_gradient() -> None:
    spikes, kernel = _drawn(GEOMETRIES[0])
    with pytest.raises(ValueError, match="no gradient"):
        event_conv(spikes.requires_grad_(), kernel, GEOMETRIES[0])


@pytest.mark.parametrize("targets", [1, 17, 40, 49, 64, 100])
def test_any_number_of_targets_and_threads(targets: int) -> None:
    """Targets are added in vectors, up to four at once; threads share steps and delays."""
    geometry = GEOMETRIES[2]
    generator = torch.Generator().manual_seed(targets)
    spikes = torch.rand(7, 2, 60, generator=generator).floor_divide(0.8) * 0.3
    kernel = torch.randn(3, 3, 2, 2, targets, generator=generator, requires_grad=True)

    def run(form: str) -> tuple[torch.Tensor, torch.Tensor]:
        current = FORMS[form](spikes, kernel, geometry)
        (gradient,) = torch.autograd.grad((current * torch.linspace(-1, 1, targets)).sum(), kernel)
        return current.detach(), gradient

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = run("events")
        torch.set_num_threads(2)
        two = run("events")
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    torch.testing.assert_close(one, run("time"), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_may_be_without_recordings(form: str) -> None:
    spikes, kernel = _drawn(GEOMETRIES[0])
    taps = kernel.requires_grad_()
    current = FORMS[form](spikes[:, :0], taps, GEOMETRIES[0])
    assert current.shape == FORMS[form](spikes, kernel, GEOMETRIES[0])[:, :0].shape
    assert not torch.autograd.grad(current.sum(), taps)[0].any()


def test_gradients_of_events_are_there_while_a_graph_of_them_is_made() -> None:
    spikes, kernel = _drawn(GEOMETRIES[0])
    taps = kernel.requires_grad_()
    loss = event_conv(spikes, taps, GEOMETRIES[0]).square().sum()
    with_graph = torch.autograd.grad(loss, taps, create_graph=True)[0]
    assert torch.equal(with_graph, torch.autograd.grad(event_conv(spikes, taps, GEOMETRIES[0]).square().sum(), taps)[0])
    with pytest.raises(RuntimeError, match="once_differentiable"):
        with_graph.sum().backward()
