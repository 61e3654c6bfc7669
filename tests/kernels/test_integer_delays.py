"""Currents of integer delays: equal to the loops in every bit, for weights whose sums depend on their order."""

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from snnsim import kernels
from snnsim.kernels.common import dispatch
from snnsim.kernels.delay import cpu_integer_delays, naive
from snnsim.kernels.delay.direct import in_time
from snnsim.kernels.delay.integer_delays import dense_kernel, integer_current

EXAMPLES = 10 if numba.config.DISABLE_JIT else 100
DTYPES = (torch.float32, torch.float64)


@st.composite
def layers(draw):
    steps, batch, sources, targets, taps = (draw(st.integers(1, most)) for most in (12, 6, 5, 4, 2))
    delays = draw(st.integers(1, 15))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spikes = rng.random((steps, batch, sources)) < draw(st.sampled_from([0.2, 0.7, 1.0]))
    spikes = spikes * rng.integers(1, draw(st.sampled_from([2, 2, 5])), spikes.shape)
    # sevenths and tenths are rounded, so that another order gives another sum
    weight = rng.integers(-4, 16, (targets, sources, taps)) / draw(st.sampled_from([7, 8, 10]))
    delay = torch.from_numpy(rng.integers(0, delays, weight.shape))
    shared = draw(st.sampled_from([None, "axonal", "dendritic"]))
    if shared is not None:
        delay = delay.narrow(0 if shared == "axonal" else 1, 0, 1).expand(weight.shape)
    kind = draw(st.sampled_from(DTYPES))
    return torch.from_numpy(spikes).to(kind), torch.from_numpy(weight).to(kind), delay, delays


def loops(spikes, weight, delay):
    members = [naive.integer_current(one.numpy(), weight.numpy(), delay.numpy()) for one in spikes.unbind(1)]
    return torch.from_numpy(np.stack(members, 1))


@settings(max_examples=EXAMPLES, deadline=None)
@given(layers())
def test_equal_to_the_loops_in_every_bit(layer):
    spikes, weight, delay, delays = layer
    expected = loops(spikes, weight, delay)
    assert torch.equal(integer_current(spikes, weight, delay, delays=delays), expected)
    with kernels.plain():
        assert torch.equal(integer_current(spikes, weight, delay, delays=delays), expected)


@settings(max_examples=EXAMPLES, deadline=None)
@given(layers(), st.data())
def test_any_window_of_time_and_any_member_of_the_batch_has_the_same_bits(layer, data):
    spikes, weight, delay, delays = layer
    current = integer_current(spikes, weight, delay, delays=delays)
    before = data.draw(st.integers(0, len(spikes)))
    assert torch.equal(integer_current(spikes, weight, delay, delays=delays, before=before), current[before:])
    member = data.draw(st.integers(0, spikes.shape[1] - 1))
    alone = integer_current(spikes[:, member : member + 1], weight, delay, delays=delays)
    assert torch.equal(alone, current[:, member : member + 1])


SIZES = {
    "one of each": (1, 1, 1, 1, 1),
    "no delays": (70, 5, 33, 20, 1),
    "one recording, long": (1000, 1, 9, 5, 30),
    "delays longer than time": (7, 3, 6, 5, 40),
    "more lanes than a group": (40, 11, 20, 17, 9),
    "long delays": (300, 2, 5, 4, 250),
}


def a_layer(steps, batch, sources, targets, delays, dtype):
    rng = np.random.default_rng(0)
    spikes = rng.random((steps, batch, sources)) < 0.3
    weight, delay = rng.standard_normal((targets, sources, 1)), rng.integers(0, delays, (targets, sources, 1))
    return torch.from_numpy(spikes).to(dtype), torch.from_numpy(weight).to(dtype), torch.from_numpy(delay), delays


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without compilation")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_all_sizes(size, dtype, monkeypatch):
    spikes, weight, delay, delays = a_layer(*SIZES[size], dtype)
    with kernels.plain():
        expected = integer_current(spikes, weight, delay, delays=delays)
    assert torch.equal(integer_current(spikes, weight, delay, delays=delays), expected)
    for lanes, buffer in ((1, 1), (3, 2**12), (16, 2**20)):
        monkeypatch.setattr(cpu_integer_delays, "LANES", lanes)
        monkeypatch.setattr(cpu_integer_delays, "BUFFER", buffer)
        for before in (0, 1, min(len(spikes), delays) // 2):
            current = integer_current(spikes, weight, delay, delays=delays, before=before)
            assert torch.equal(current, expected[before:])


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="one thread without compilation")
def test_the_number_of_threads_changes_no_bit():
    spikes, weight, delay, delays = a_layer(60, 9, 40, 30, 12, torch.float32)
    threads, currents = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            currents.append(integer_current(spikes, weight, delay, delays=delays))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*currents)


def gradients(current, leaves):
    grad = torch.randn(current.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return torch.autograd.grad(current, leaves, grad.to(current.dtype))


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(layers(), st.data())
def test_gradients_are_those_of_the_dense_kernel(layer, data):
    spikes, weight, delay, delays = layer
    spikes, weight = (part.double().requires_grad_() for part in (spikes, weight))
    before = data.draw(st.integers(0, len(spikes) - 1))
    expected = gradients(in_time(spikes, dense_kernel(weight, delay, delays))[before:], (spikes, weight))
    current = integer_current(spikes, weight, delay, delays=delays, before=before)
    assert_close(gradients(current, (spikes, weight)), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("before", [9, 10, 35, 60])
def test_gradients_end_where_no_delay_reaches(before):
    spikes, weight, delay, delays = a_layer(60, 2, 3, 4, 10, torch.float64)
    leaves = spikes.requires_grad_(), weight.requires_grad_()
    expected = gradients(integer_current(*leaves, delay, delays=delays)[before:], leaves)
    result = gradients(integer_current(*leaves, delay, delays=delays, before=before), leaves)
    assert_close(result, expected, rtol=0, atol=1e-10)
    assert result[0][: before - delays + 1].count_nonzero() == 0


def test_only_what_needs_a_gradient_gets_one():
    spikes, weight, delay, delays = a_layer(60, 2, 3, 4, 25, torch.float64)
    spikes, weight = spikes.requires_grad_(), weight.requires_grad_()
    for one, other in ((spikes, weight.detach()), (spikes.detach(), weight)):
        current = integer_current(one, other, delay, delays=delays)
        (leaf,) = (part for part in (one, other) if part.requires_grad)
        assert gradients(current, leaf)[0].abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_short_precision_is_summed_in_float32(dtype):
    spikes, weight, delay, delays = a_layer(20, 2, 30, 4, 6, torch.float32)
    expected = integer_current(spikes, weight.to(dtype).float(), delay, delays=delays).to(dtype)
    assert torch.equal(integer_current(spikes.to(dtype), weight.to(dtype), delay, delays=delays), expected)


@pytest.mark.parametrize("shape", [(0, 5, 3), (6, 0, 3)])
def test_no_time_and_no_batch(shape):
    weight = torch.rand(2, 3, 1, requires_grad=True)
    current = integer_current(torch.zeros(shape), weight, torch.ones(2, 3, 1, dtype=torch.int64), delays=4)
    assert current.shape == (*shape[:2], 2)
    current.sum().backward()
    assert torch.equal(weight.grad, torch.zeros_like(weight))


def test_all_of_time_may_lie_before():
    spikes, weight, delay, delays = a_layer(9, 2, 3, 4, 5, torch.float32)
    assert integer_current(spikes, weight, delay, delays=delays, before=9).shape == (0, 2, 4)


def test_synapses_of_weight_0_are_left_out():
    weight = torch.tensor([[[0.0], [2.0]], [[0.0], [0.0]]])
    synapses = cpu_integer_delays.ordered(weight, torch.tensor([[[1], [3]], [[0], [2]]]))
    assert synapses.indptr.tolist() == [0, 1, 1]
    assert (synapses.source.tolist(), synapses.delay.tolist(), synapses.weight.tolist()) == ([1], [3], [2.0])


def test_choice_by_device_and_precision(monkeypatch):
    monkeypatch.delenv(dispatch.VARIABLE, raising=False)
    spikes, weight = torch.zeros(5, 2, 3), torch.zeros(4, 3, 1)
    assert dispatch.of_integer_delays(spikes, weight) == "numba"
    assert dispatch.of_integer_delays(spikes.bfloat16(), weight.bfloat16()) == "in_order"
    assert dispatch.of_integer_delays(spikes, weight.double()) == "in_order"
    with kernels.plain():
        assert dispatch.of_integer_delays(spikes, weight) == "in_order"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"spikes": torch.zeros(5, 3)}, ValueError, r"spikes must be \(time, batch, source\) and weight"),
        ({"spikes": torch.zeros(5, 2, 4)}, ValueError, r"spikes must be \(time, batch, source\) and weight"),
        ({"delay": torch.zeros(4, 3, 2, dtype=torch.int64)}, ValueError, "weight and delay"),
        ({"delay": torch.zeros(4, 3, 1)}, TypeError, r"delays must be integers, not torch.float32; round them"),
        ({"delay": torch.full((4, 3, 1), 6)}, ValueError, "delays must be from 0 to 5, not 6 to 6"),
        ({"delay": torch.full((4, 3, 1), -1)}, ValueError, "delays must be from 0 to 5, not -1 to -1"),
        ({"before": 6}, ValueError, "before must be from 0 to the 5 steps there are, not 6"),
        ({"before": -1}, ValueError, "before must be from 0 to the 5 steps there are, not -1"),
    ],
)
def test_what_does_not_fit_is_refused(change, error, message):
    right = {"spikes": torch.zeros(5, 2, 3), "weight": torch.zeros(4, 3, 1), "delay": torch.zeros(4, 3, 1).long()}
    arguments = right | {"delays": 6, "before": 0} | change
    with pytest.raises(error, match=message):
        integer_current(**arguments)
