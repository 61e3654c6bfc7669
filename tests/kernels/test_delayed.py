import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from snnsim.kernels import reference
from snnsim.kernels.delayed import FORMS, delayed_current, fastest, in_frequency, in_time

BY_NAME = {"time": in_time, "frequency": in_frequency}


@st.composite
def layers(draw):
    steps, batch, sources, targets, delays = (draw(st.integers(1, most)) for most in (9, 3, 4, 4, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spikes = rng.random((steps, batch, sources)) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    # eighths add without rounding in any order, so that sums over time can be asked to be equal
    kernel = rng.integers(-16, 17, (delays, targets, sources)) / 8
    return torch.from_numpy(spikes.astype(np.float64)), torch.from_numpy(kernel)


def loops(spikes, kernel):
    members = [reference.delayed_current(member.numpy(), kernel.numpy()) for member in spikes.unbind(1)]
    return torch.from_numpy(np.stack(members, 1))


@settings(max_examples=60, deadline=None)
@given(layers())
def test_equals_the_loops(layer):
    expected = loops(*layer)
    assert torch.equal(in_time(*layer), expected)
    assert_close(in_frequency(*layer), expected, rtol=0, atol=1e-12)
    assert_close(delayed_current(*layer), expected, rtol=0, atol=1e-12)
    for form in FORMS:
        assert_close(delayed_current(*layer, form=form), expected, rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(layers(), st.integers(0, 2**31))
def test_gradients_of_the_forms_are_the_same(layer, seed):
    found = []
    for form in FORMS:
        spikes, kernel = (part.clone().requires_grad_() for part in layer)
        current = delayed_current(spikes, kernel, form=form)
        grad = torch.randn(current.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        found.append(torch.autograd.grad(current, (spikes, kernel), grad))
    assert_close(found[0], found[1], rtol=0, atol=1e-11)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("steps", "delays"), [(1, 3), (4, 1), (5, 2), (3, 6)])
def test_gradients_by_finite_differences(form, steps, delays):
    draw = torch.Generator().manual_seed(0)
    spikes = torch.randn(steps, 2, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(delays, 2, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(BY_NAME[form], (spikes, kernel))


def test_frequency_keeps_float32():
    draw = torch.Generator().manual_seed(0)
    spikes = (torch.rand(120, 4, 60, generator=draw) < 0.1).float()
    kernel = torch.randn(25, 30, 60, generator=draw)
    exact = in_time(spikes.double(), kernel.double())
    assert (in_frequency(spikes, kernel) - exact).abs().max() < 2e-6 * exact.abs().max()


def test_nothing_wraps_around():
    spikes, kernel = torch.zeros(8, 1, 1), torch.zeros(5, 1, 1)
    spikes[-1], kernel[-1] = 1.0, 1.0
    for form in FORMS:
        assert_close(delayed_current(spikes, kernel, form=form), torch.zeros(8, 1, 1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("form", [None, *FORMS])
def test_no_time_and_no_batch(form):
    kernel = torch.rand(4, 2, 3)
    assert delayed_current(torch.zeros(0, 5, 3), kernel, form=form).shape == (0, 5, 2)
    assert delayed_current(torch.zeros(6, 0, 3), kernel, form=form).shape == (6, 0, 2)


def test_training_follows_inference_mode():
    spikes, kernel = torch.rand(31, 2, 3), torch.rand(17, 4, 3, requires_grad=True)
    with torch.inference_mode():
        delayed_current(spikes, kernel, form="frequency")
    delayed_current(spikes, kernel, form="frequency").sum().backward()
    assert kernel.grad.isfinite().all()


def test_frequency_is_left_where_float32_is_not_kept():
    spikes, kernel = torch.rand(100, 2, 3), torch.rand(25, 2, 3)
    assert fastest(spikes, kernel) == "frequency"
    assert fastest(spikes.bfloat16(), kernel.bfloat16()) == "time"
    assert fastest(spikes, kernel[:2]) == "time"
    with torch.autocast("cpu", torch.bfloat16):
        assert fastest(spikes, kernel) == "time"


@pytest.mark.parametrize(("spikes", "kernel"), [((5, 2, 3), (4, 2, 2)), ((5, 3), (4, 2, 3)), ((5, 2, 3), (2, 3))])
def test_shapes_that_do_not_fit(spikes, kernel):
    with pytest.raises(ValueError, match=r"delayed_current: spikes must be \(time, batch, source\) and kernel"):
        delayed_current(torch.zeros(spikes), torch.zeros(kernel))


@pytest.mark.parametrize("delays", [1, 4])
def test_unknown_form(delays):
    with pytest.raises(ValueError, match="form 'fast' is unknown; the known ones are time, frequency"):
        delayed_current(torch.zeros(5, 2, 3), torch.zeros(delays, 2, 3), form="fast")
