from functools import partial

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from snnsim import allocator, kernels
from snnsim.kernels.common import dispatch
from snnsim.kernels.delay import currents, naive, pieces, window_sizes
from snnsim.kernels.delay.currents import FORMS, delayed_current, spread_current
from snnsim.kernels.delay.direct import in_time

# without compilation a transform takes a second
EXAMPLES = 4 if numba.config.DISABLE_JIT else 60


@st.composite
def layers(draw):
    steps, batch, sources, targets, delays = (draw(st.integers(1, most)) for most in (9, 3, 4, 4, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spikes = rng.random((steps, batch, sources)) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    # eighths add without rounding in any order, so that sums over time can be asked to be equal
    kernel = rng.integers(-16, 17, (delays, targets, sources)) / 8
    return torch.from_numpy(spikes.astype(np.float64)), torch.from_numpy(kernel)


def loops(spikes, kernel):
    members = [naive.delayed_current(member.numpy(), kernel.numpy()) for member in spikes.unbind(1)]
    return torch.from_numpy(np.stack(members, 1))


@settings(max_examples=EXAMPLES, deadline=None)
@given(layers())
def test_equals_the_loops(layer):
    expected = loops(*layer)
    assert torch.equal(in_time(*layer), expected)
    assert_close(delayed_current(*layer), expected, rtol=0, atol=1e-12)
    for form in FORMS:
        assert_close(delayed_current(*layer, form=form), expected, rtol=0, atol=1e-12)


def gradients(layer, form, seed=0):
    spikes, kernel = (part.clone().requires_grad_() for part in layer)
    current = delayed_current(spikes, kernel, form=form)
    grad = torch.randn(current.shape, generator=torch.Generator().manual_seed(seed), dtype=current.dtype)
    return current.detach(), *torch.autograd.grad(current, (spikes, kernel), grad)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(layers(), st.integers(0, 2**31))
def test_gradients_of_the_forms_are_the_same(layer, seed):
    expected = gradients(layer, "conv1d", seed)
    for form in FORMS[1:]:
        assert_close(gradients(layer, form, seed), expected, rtol=0, atol=1e-11)


def a_layer(steps, batch, sources, targets, delays, dtype=torch.float64):
    draw = torch.Generator().manual_seed(0)
    spikes = (torch.rand(steps, batch, sources, generator=draw) < 0.2).to(dtype) * 1.5
    return spikes, torch.randn(delays, targets, sources, generator=draw, dtype=dtype)


SIZES = {
    "one of each": (1, 1, 1, 1, 2),
    "kernel longer than time": (7, 2, 3, 2, 40),
    "odd lengths": (37, 3, 5, 7, 11),
    "several panels, the last not full": (20, 2, 70, 45, 6),
    "one neuron, long": (2000, 1, 1, 1, 9),
    "long, several windows": (1300, 2, 5, 3, 25),
    "delays longer than a window": (700, 1, 2, 2, 600),
}


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without compilation")
@pytest.mark.parametrize("size", SIZES)
def test_all_sizes(size):
    layer = a_layer(*SIZES[size])
    assert_close(gradients(layer, "overlap_save"), gradients(layer, "conv1d"), rtol=1e-12, atol=1e-11)


@pytest.mark.slow
@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without compilation")
def test_ten_thousand_steps():
    layer = a_layer(10_000, 2, 33, 20, 31)
    assert_close(gradients(layer, "overlap_save"), gradients(layer, "conv1d"), rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("piece", [1, 3000, 10**9])
def test_pieces_do_not_change_the_result(monkeypatch, piece):
    layer = a_layer(30, 3, 6, 67, 4) if not numba.config.DISABLE_JIT else a_layer(9, 2, 2, 3, 4)
    expected = gradients(layer, "conv1d")
    monkeypatch.setattr(pieces, "PIECE", piece)
    monkeypatch.setattr(window_sizes, "SHORT", 16)
    assert_close(gradients(layer, "overlap_save"), expected, rtol=0, atol=1e-11)


def test_pieces_are_short_where_little_memory_is_used(monkeypatch):
    like = torch.zeros(100, 256, 256)
    usual = pieces.Pieces(like, 25, columns=256, before=0).length
    monkeypatch.setattr(allocator, "_little", True)
    assert pieces.Pieces(like, 25, columns=256, before=0).length < usual / 20


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without compilation")
def test_long_pieces_of_windows_meet_all_kernels_in_turn(monkeypatch):
    layer = a_layer(40, 40, 6, 67, 4)
    expected = gradients(layer, "conv1d")
    monkeypatch.setattr(pieces, "PIECE", 90 * 18 * 6 * 8)
    monkeypatch.setattr(window_sizes, "SHORT", 16)
    groups = list(pieces.Pieces(layer[0].new_empty(40, 40, 67), 4, columns=6, before=0).groups(67))
    assert [(len(group), targets) for group, targets in groups] == 2 * [(1, (0, 64)), (1, (64, 67))]
    assert_close(gradients(layer, "overlap_save"), expected, rtol=0, atol=1e-11)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="one thread without compilation")
@pytest.mark.parametrize(("steps", "delays", "lanes"), [(100, 25, 1), (100, 5, 64), (60, 3, 2)])
def test_few_lanes_have_shorter_windows(steps, delays, lanes):
    points = window_sizes.points_of_a_window(steps, delays, lanes)
    assert delays < points < window_sizes.whole_points(steps, delays)
    layer = a_layer(steps, lanes, 5, 4, delays)
    assert_close(gradients(layer, "overlap_save"), gradients(layer, "conv1d"), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("lanes", [64, 128, 256])
def test_the_windows_of_usual_batches_are_whole(lanes):
    assert window_sizes.points_of_a_window(136, 25, lanes) == window_sizes.whole_points(136, 25) == 162


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="code that is not compiled has one thread")
def test_the_number_of_threads_changes_no_bit():
    layer, threads = a_layer(60, 5, 40, 70, 12, torch.float32), torch.get_num_threads()
    try:
        results = []
        for number in (1, 2):
            torch.set_num_threads(number)
            results.append(gradients(layer, "overlap_save"))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_kernels_are_computed_a_piece_at_a_time(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 1)
    draw, shapes = torch.Generator().manual_seed(0), []
    spikes = (torch.rand(12, 2, 70, generator=draw, dtype=torch.float64) < 0.3).double().requires_grad_()
    weight = torch.randn(3, 70, 2, generator=draw, dtype=torch.float64, requires_grad=True)
    shared = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def kernel_of(weight, shared):
        shapes.append(tuple(weight.shape))
        return (weight.sum(-1) * torch.stack([shared**k for k in range(4)])[:, None, None]).sin()

    def run(form):
        current = spread_current(spikes, kernel_of, (weight, shared), delays=4, form=form)
        return current, *torch.autograd.grad(current.square().sum(), (spikes, weight, shared))

    assert_close(run("overlap_save"), run("conv1d"), rtol=1e-12, atol=1e-11)
    assert (3, 32, 2) in shapes
    assert (3, 6, 2) in shapes


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(layers(), st.data())
def test_steps_before_are_left_out(layer, data):
    spikes, kernel = layer
    before = data.draw(st.integers(0, min(len(spikes), len(kernel) - 1)))
    grad = torch.randn(len(spikes) - before, spikes.shape[1], kernel.shape[1], dtype=torch.float64)
    expected = delayed_current(spikes, kernel, form="conv1d")[before:]
    leaves = [part.clone().requires_grad_() for part in layer]
    with_zeros = torch.cat([torch.zeros(before, *grad.shape[1:], dtype=torch.float64), grad])
    grads = torch.autograd.grad(delayed_current(*leaves, form="conv1d"), leaves, with_zeros)
    for form in FORMS:
        current = spread_current(
            leaves[0],
            currents._delays_first,
            (leaves[1].permute(1, 2, 0),),
            delays=len(kernel),
            before=before,
            form=form,
        )
        assert_close(current, expected, rtol=0, atol=1e-12)
        assert_close(torch.autograd.grad(current, leaves, grad), grads, rtol=0, atol=1e-11)


def test_steps_before_are_fewer_than_delays():
    spikes, kernel = torch.zeros(9, 1, 2), torch.zeros(4, 3, 2)
    with pytest.raises(ValueError, match="from 0 to 3, less than the 4 delays and at most the 9 steps"):
        spread_current(spikes, currents._delays_first, (kernel.permute(1, 2, 0),), delays=4, before=4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("steps", "delays"), [(1, 3), (4, 1), (5, 2), (3, 6)][: 2 if numba.config.DISABLE_JIT else 4])
def test_gradients_by_finite_differences(form, steps, delays):
    draw = torch.Generator().manual_seed(0)
    spikes = torch.randn(steps, 2, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(delays, 2, 3, generator=draw, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(partial(delayed_current, form=form), (spikes, kernel))


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without compilation")
@pytest.mark.parametrize("form", FORMS[1:])
def test_frequency_keeps_float32(form):
    layer = a_layer(120, 4, 60, 30, 25, torch.float32)
    exact = gradients([part.double() for part in layer], "conv1d", 1)
    spikes, kernel = (part.clone().requires_grad_() for part in layer)
    current = delayed_current(spikes, kernel, form=form)
    grad = torch.randn(current.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).float()
    results = current, *torch.autograd.grad(current, (spikes, kernel), grad)
    for one, other in zip(results, exact, strict=True):
        assert (one - other).abs().max() < 2e-6 * other.abs().max()


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
    spikes, kernel = torch.rand(8, 2, 3), torch.rand(7, 4, 3, requires_grad=True)
    with torch.inference_mode():
        delayed_current(spikes, kernel, form="overlap_save")
    delayed_current(spikes, kernel, form="overlap_save").sum().backward()
    assert kernel.grad.isfinite().all()


def test_choice_by_size_and_precision(monkeypatch):
    monkeypatch.delenv(dispatch.VARIABLE, raising=False)
    spikes = torch.rand(100, 2, 3)
    assert dispatch.of_current(spikes, delays=25, few=False) == "overlap_save"
    assert dispatch.of_current(spikes, delays=25, few=True) == "direct"
    assert dispatch.of_current(spikes.bfloat16(), delays=25, few=True) == "conv1d"
    with torch.autocast("cpu", torch.bfloat16):
        assert dispatch.of_current(spikes, delays=25, few=True) == "conv1d"
    with kernels.plain():
        assert dispatch.of_current(spikes, delays=25, few=True) == "conv1d"
        assert dispatch.of_neurons(spikes) == "steps"
    assert dispatch.of_neurons(spikes) == "numba"
    monkeypatch.setenv(dispatch.VARIABLE, "plain")
    assert dispatch.of_current(spikes, delays=25, few=True) == "conv1d"
    monkeypatch.setenv(dispatch.VARIABLE, "quick")
    with pytest.raises(ValueError, match="SNNSIM_KERNELS must be fast or plain, not 'quick'"):
        dispatch.of_neurons(spikes)


@pytest.mark.parametrize(("spikes", "kernel"), [((5, 2, 3), (4, 2, 2)), ((5, 3), (4, 2, 3)), ((5, 2, 3), (2, 3))])
def test_shapes_that_do_not_fit(spikes, kernel):
    with pytest.raises(ValueError, match=r"delayed_current: spikes must be \(time, batch, source\) and kernel"):
        delayed_current(torch.zeros(spikes), torch.zeros(kernel))


@pytest.mark.parametrize("delays", [1, 4])
def test_unknown_form(delays):
    with pytest.raises(
        ValueError, match="form 'fast' is unknown; the known ones are conv1d, direct, fft, overlap_save"
    ):
        delayed_current(torch.zeros(5, 2, 3), torch.zeros(delays, 2, 3), form="fast")
