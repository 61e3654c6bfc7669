"""ScaledLIF in a layer: the fast forms have the spikes and gradients of single steps."""

import pytest
import torch
from torch.testing import assert_close

from helpers.networks import BATCH, NEURONS, STEPS, eighths, generator
from snnsim import kernels
from snnsim.nn import BatchNorm, DelayedLinear, Recurrence, ScaledLIF, SparseLinear, SpikingLayer

WIDTH = 8
VALID = torch.tensor([STEPS, 9, 5])
LOOPS = {
    "none": lambda: None,
    "dense": lambda: SparseLinear(WIDTH, WIDTH, generator=generator(2)),
    "delays": lambda: DelayedLinear(WIDTH, WIDTH, 4, sigma=1.2, generator=generator(2)),
}


def layer(*, norm=False, loop="none", reset="soft"):
    recurrent = LOOPS[loop]()
    return SpikingLayer(
        DelayedLinear(NEURONS, WIDTH, 4, sigma=1.2, generator=generator(1)),
        ScaledLIF(threshold=0.4, leak=0.75, reset=reset),
        norm=BatchNorm(WIDTH) if norm else None,
        dropout=0.3,
        recurrent=None if recurrent is None else Recurrence(recurrent),
    ).double()


def spikes_and_gradients(part):
    spikes = part(eighths(STEPS, BATCH, NEURONS), VALID, generator(3))
    error = torch.randn(spikes.shape, generator=generator(4), dtype=torch.float64)
    wanted = {name: parameter for name, parameter in part.named_parameters() if parameter.requires_grad}
    return spikes, dict(zip(wanted, torch.autograd.grad(spikes, wanted.values(), error), strict=True))


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("norm", [False, True])
def test_spikes_and_gradients_are_those_of_single_steps(norm, loop, reset):
    spikes, gradients = spikes_and_gradients(layer(norm=norm, loop=loop, reset=reset))
    with kernels.plain():
        expected, of_steps = spikes_and_gradients(layer(norm=norm, loop=loop, reset=reset))
    assert 0.05 < spikes.count_nonzero() / spikes.numel() < 0.6
    assert_close(spikes, expected)
    assert_close(gradients, of_steps)
    assert gradients["neuron.threshold"].abs() > 0


def test_a_normalization_alone_learns_by_the_same_gradients():
    parts = [layer(norm=True) for _ in range(2)]
    for part in parts:
        part.synapse.requires_grad_(False)
        part.neuron.requires_grad_(False)
    _, gradients = spikes_and_gradients(parts[0])
    with kernels.plain():
        assert_close(gradients, spikes_and_gradients(parts[1])[1])
    assert gradients.keys() == {"norm.weight", "norm.bias"}


@pytest.mark.parametrize("loop", LOOPS)
@torch.no_grad()
def test_evaluation_fires_the_spikes_of_single_steps(loop):
    part, current = layer(norm=True, loop=loop).eval(), eighths(STEPS, BATCH, NEURONS)
    spikes = part(current)
    with kernels.plain():
        assert_close(spikes, part(current))
    assert spikes.any()
