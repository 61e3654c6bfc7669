"""Online convolutions and filters against loops, over random lengths and delays, gradients included."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from snnsim.kernels.delay.filtered import after, by_shifts, filtered
from snnsim.kernels.recurrent import naive
from snnsim.kernels.recurrent.online import NEAR, OnlineConvolution, OnlineFilter


def random_spikes(seed, *shape):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.4).double()


def random_values(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def step_by_step(loop, spikes, width):
    """Return the currents (time, batch, target) of a loop that is given the spikes of a sequence."""
    currents = []
    for now in spikes:
        current = loop.current()
        currents.append(now.new_zeros(len(now), width) if current is None else current)
        loop.push(now)
    return torch.stack(currents)


@settings(max_examples=40, deadline=None)
@given(delays=st.integers(1, 70), steps=st.integers(1, 90), seed=st.integers(0, 100))
def test_an_online_convolution_is_the_sum_over_all_delays(delays, steps, seed):
    kernel, spikes = random_values(seed, delays, 3, 2), random_spikes(seed, steps, 2, 2)
    currents = step_by_step(OnlineConvolution(kernel, steps=steps), spikes, 3)
    for recording in range(2):
        for step in {0, steps // 2, steps - 1}:
            expected = naive.recurrent_current(spikes[:, recording].numpy(), kernel.numpy(), step)
            np.testing.assert_allclose(currents[step, recording], expected, atol=1e-9)


@pytest.mark.parametrize("delays", [1, 2, NEAR, NEAR + 1, 40])
def test_the_gradient_of_an_online_convolution_is_that_of_the_sum(delays):
    steps, kernel = 60, random_values(1, delays, 3, 3)
    spikes, error = random_spikes(2, steps, 2, 3).requires_grad_(), random_values(3, steps, 2, 3)
    late = torch.cat([torch.zeros_like(spikes[:1]), spikes[:-1]])
    expected = sum(
        torch.cat([late.new_zeros(d, 2, 3), late[: steps - d]]) @ kernel[d].mT for d in range(min(delays, steps))
    )
    currents = step_by_step(OnlineConvolution(kernel, steps=steps), spikes, 3)
    assert_close(currents, expected)
    assert_close(
        torch.autograd.grad(currents, spikes, error)[0],
        torch.autograd.grad(expected, spikes, error)[0],
    )


@settings(max_examples=40, deadline=None)
@given(
    delays=st.integers(1, 50), steps=st.integers(1, 70), channels=st.sampled_from([1, 5, 70]), seed=st.integers(0, 99)
)
def test_filtered_channels_are_sums_of_shifted_ones(delays, steps, channels, seed):
    spikes = random_values(seed, steps, 2, channels).requires_grad_()
    window, error = (
        random_values(seed + 1, delays, channels).requires_grad_(),
        random_values(seed + 2, steps, 2, channels),
    )
    fast, plain = filtered(spikes, window), by_shifts(spikes, window)
    assert_close(fast, plain)
    assert_close(
        torch.autograd.grad(fast, (spikes, window), error), torch.autograd.grad(plain, (spikes, window), error)
    )


@settings(max_examples=40, deadline=None)
@given(delays=st.integers(1, 50), steps=st.integers(2, 70), seed=st.integers(0, 99))
def test_an_online_filter_is_the_filter_one_step_later(delays, steps, seed):
    spikes, window = random_values(seed, steps, 2, 3).requires_grad_(), random_values(seed + 1, delays, 3)
    error = random_values(seed + 2, steps, 2, 3)
    expected = filtered(torch.cat([torch.zeros_like(spikes[:1]), spikes[:-1]]), window)
    currents = step_by_step(OnlineFilter(window), spikes, 3)
    assert_close(currents, expected)
    assert_close(torch.autograd.grad(currents, spikes, error)[0], torch.autograd.grad(expected, spikes, error)[0])


@pytest.mark.parametrize(("before", "steps", "delays"), [(1, 1, 1), (3, 9, 4), (9, 3, 20), (5, 5, 1)])
def test_spikes_before_a_boundary_reach_the_steps_after_it(before, steps, delays):
    spikes, window = random_values(1, before, 2, 3), random_values(2, delays, 3)
    expected = by_shifts(torch.cat([spikes, spikes.new_zeros(steps, 2, 3)]), window)[before:]
    assert_close(after(spikes, window, steps=steps), expected)


@pytest.mark.parametrize(("spikes", "window"), [((3, 2), (2, 2)), ((3, 2, 4), (2, 3)), ((3, 2, 4), (0, 4))])
def test_shapes_that_do_not_match_are_refused(spikes, window):
    with pytest.raises(ValueError, match=r"filtered: spikes must be \(time, batch, channel\)"):
        filtered(torch.zeros(spikes), torch.zeros(window))
