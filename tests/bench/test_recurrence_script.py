"""The ring buffers of scripts/bench/recurrence.py are the layer that they are compared with."""

import pytest
import torch

from snnsim import LIF

STEPS = 50


@pytest.mark.parametrize("delays", ["axonal", "synaptic"])
def test_ring_buffers_have_the_spikes_and_gradients_of_the_layer(bench_script, delays):
    recurrence = bench_script("recurrence")
    torch.manual_seed(0)
    loop = recurrence.connection(delays)
    current, grad = torch.randn(STEPS, 3, recurrence.NEURONS), torch.randn(STEPS, 3, recurrence.NEURONS)
    results = []
    for layer in (recurrence.Recurrent(loop), recurrence.RingBuffer(loop, LIF(tau=1.05))):
        loop.zero_grad()
        inputs = current.clone().requires_grad_()
        spikes = layer(inputs)
        spikes.backward(grad)
        results.append((spikes, inputs.grad, loop.weight.grad.clone(), loop.delay.grad.clone()))
    (spikes, *compiled), (expected, *gradients) = results
    assert torch.equal(spikes, expected)
    assert spikes.mean() > 0.01
    torch.testing.assert_close(compiled, gradients, rtol=1e-4, atol=1e-4)
