"""Dropout with a new mask in every step: its numbers are those of a counter, in chunks of time too."""

from functools import partial

import numpy as np
import pytest
import torch

from helpers.sltt_cases import network, trained
from snnsim.kernels.common import naive
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.common.step_masks import below
from snnsim.learning.rules import bptt, sltt
from snnsim.nn.dropout import SequenceDropout


def test_masks_are_those_of_the_definition():
    expected = [
        [[naive.uniform(7, 0, lane, 5 + step, neuron) < 0.3 for neuron in range(6)] for lane in range(3)]
        for step in range(4)
    ]
    mask = below(Draws.of(7).layer(0).at(5), 0.3, steps=4, lanes=3, neurons=6)
    np.testing.assert_array_equal(mask, expected)


def test_every_step_has_its_own_mask():
    dropout = SequenceDropout(0.25, per_step=True)
    result = dropout(torch.ones(400, 8, 10), torch.Generator().manual_seed(0))
    assert result.unique().tolist() == pytest.approx([0, 4 / 3])
    # five standard deviations of a mean of 32,000 draws
    assert float((result == 0).float().mean()) == pytest.approx(0.25, abs=5 * (0.25 * 0.75 / 32_000) ** 0.5)
    assert not torch.equal(result[0], result[1])
    assert torch.equal(dropout.eval()(torch.ones(4, 2, 3)), torch.ones(4, 2, 3))


def test_a_chunk_may_have_no_steps():
    assert SequenceDropout(0.25, per_step=True)(torch.ones(0, 8, 10)).shape == (0, 8, 10)


def of_steps(net):
    for layer in net.layers:
        layer.dropout = SequenceDropout(0.4, per_step=True)
    return net


@pytest.mark.parametrize("chunk", [1, 3, 5])
def test_chunks_have_the_masks_of_the_sequence(chunk):
    expected, result = trained(sltt, of_steps(network()))
    ours, chunked = trained(partial(sltt, chunk=chunk), of_steps(network()))
    torch.testing.assert_close(chunked.loss, result.loss, rtol=1e-9, atol=1e-12)
    for name, grad in expected.items():
        torch.testing.assert_close(ours[name], grad, rtol=1e-9, atol=1e-12)
    others, _ = trained(sltt, of_steps(network()), seed=1)
    assert any(not torch.equal(grad, others[name]) for name, grad in expected.items())


def test_the_gradient_is_that_of_the_masked_spikes():
    layer = of_steps(network()).layers[0]
    frames = torch.rand(11, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2
    spikes = layer(frames, generator=torch.Generator().manual_seed(3))
    layer.dropout = SequenceDropout(0.0)
    plain = layer(frames)
    dropped_spikes = (plain != 0) & (spikes == 0)
    assert torch.equal(spikes != 0, (plain != 0) & ~dropped_spikes)
    assert 0 < int(dropped_spikes.sum()) < plain.count_nonzero()
    factor = torch.rand(spikes.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    dropped = SequenceDropout(0.4, per_step=True)
    counter = dropped.counter(torch.Generator().manual_seed(3))
    source = plain.detach().clone().requires_grad_()
    (dropped.of_steps(source, counter) * factor).sum().backward()
    keep = torch.from_numpy(~below(counter, 0.4, 11, 4, 7))
    torch.testing.assert_close(source.grad, factor * keep / 0.6)
    assert torch.equal(plain * keep, torch.where(spikes != 0, 1.0, 0.0).double())


def test_bptt_takes_dropout_of_steps():
    grads, _ = trained(bptt, of_steps(network(norm=True)))
    assert grads
