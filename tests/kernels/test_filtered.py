"""Filters over the steps of channels: the compiled loops beside loops over single delays, in the same order."""

import numpy as np
import pytest
import torch

from snnsim.kernels.delay import filtered

STEPS, BATCH, DELAYS = 19, 3, 7
CHANNELS = [1, 15, 16, 33, 64, 140]


def sequences(channels, dtype):
    rng = np.random.default_rng(channels)
    shapes = (STEPS, BATCH, channels), (STEPS, BATCH, channels), (DELAYS, channels)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def of_pairs(pairs, steps, sequence, window):
    """Return sums of window[d] · sequence[q] for triples (p, d, q), added one by one."""
    result = np.zeros((steps, *sequence.shape[1:]), sequence.dtype)
    for p, d, q in pairs:
        result[p] = result[p] + window[d] * sequence[q]
    return result


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", CHANNELS)
def test_every_sum_has_the_order_of_the_delays_to_the_last_bit(channels, dtype):
    spikes, grad, window = sequences(channels, dtype)
    inputs, weights = torch.tensor(spikes, requires_grad=True), torch.tensor(window, requires_grad=True)
    result = filtered.filtered(inputs, weights)
    pairs = [(t, d, t - d) for t in range(STEPS) for d in range(min(DELAYS, t + 1))]
    np.testing.assert_array_equal(result.detach(), of_pairs(pairs, STEPS, spikes, window))

    result.backward(torch.tensor(grad))
    pairs = [(t, d, t + d) for t in range(STEPS) for d in range(min(DELAYS, STEPS - t))]
    np.testing.assert_array_equal(inputs.grad, of_pairs(pairs, STEPS, grad, window))
    expected = np.zeros_like(window)
    for b in range(BATCH):
        for d in range(DELAYS):
            for t in range(d, STEPS):
                expected[d] = expected[d] + grad[t, b] * spikes[t - d, b]
    np.testing.assert_array_equal(weights.grad, expected)


@pytest.mark.parametrize("steps", [1, 4, 12])
@pytest.mark.parametrize("before", [1, 5, STEPS])
def test_what_comes_after_has_the_order_of_the_steps_to_the_last_bit(before, steps):
    spikes, grad, window = sequences(33, np.float32)
    inputs = torch.tensor(spikes[:before], requires_grad=True)
    result = filtered.after(inputs, torch.tensor(window), steps=steps)
    behind = [(p, before + p - q, q) for p in range(steps) for q in range(before) if before + p - q < DELAYS]
    np.testing.assert_array_equal(result.detach(), of_pairs(behind, steps, inputs.detach().numpy(), window))
    result.backward(torch.tensor(grad[:steps]))
    ahead = [(q, d, p) for q in range(before) for p in range(steps) if (d := before + p - q) < DELAYS]
    np.testing.assert_array_equal(inputs.grad, of_pairs(ahead, before, grad[:steps], window))


def test_windows_longer_than_the_recordings():
    spikes, grad, window = (torch.tensor(one, requires_grad=True) for one in sequences(16, np.float64))
    result = filtered.filtered(spikes[:3], window)
    torch.testing.assert_close(result, filtered.by_shifts(spikes[:3], window))
    result.backward(grad[:3].detach())
    assert (window.grad[3:] == 0).all()
    assert (window.grad[:3] != 0).all()


@pytest.mark.parametrize("shape", [(0, 3, 5), (4, 0, 5), (4, 3, 0)])
def test_filters_of_nothing_are_empty(shape):
    spikes, window = torch.zeros(shape, requires_grad=True), torch.ones(DELAYS, shape[2], requires_grad=True)
    result = filtered.filtered(spikes, window)
    assert result.shape == shape
    result.sum().backward()
    assert spikes.grad.shape == shape
    assert (window.grad == 0).all()
    assert filtered.after(spikes.detach(), window.detach(), steps=2).tolist() == torch.zeros(2, *shape[1:]).tolist()
