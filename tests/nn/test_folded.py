"""Neurons between torch's modules: layouts, steps, dropout, and the same results as neurons of snnsim.nn alone."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from helpers.networks import eighths, generator
from snnsim.nn import LIF, ScaledLIF
from snnsim.nn.folded import (
    DirectEncoding,
    FoldedDropout,
    Residual,
    SpikingActivation,
    TimeMean,
    folded,
    set_steps,
    unfolded,
)

STEPS, BATCH, CHANNELS, SIDE = 4, 2, 3, 5


def currents(seed=0):
    return eighths(STEPS * BATCH, CHANNELS, SIDE, SIDE, seed=seed)


@pytest.mark.parametrize(
    "neuron",
    [
        lambda: LIF(beta=1.0, reset="soft"),
        lambda: ScaledLIF(leak=0.75, threshold=0.5, reset="hard"),
        lambda: LIF(beta=0.5, detach_reset=False, learn_decay="neuron", features=CHANNELS),
    ],
    ids=["scalar", "scaled", "a decay for each channel"],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_an_activation_is_the_neuron_with_channels_as_neurons(neuron, layout):
    part = SpikingActivation(neuron().double(), STEPS, initial=0.25, amplitude=0.5, temporal=False)
    current = currents().contiguous(memory_format=layout).requires_grad_()
    lanes = unfolded(current, STEPS).movedim(2, -1).flatten(1, 3)
    start = part.neuron.rest(lanes) + 0.25 * part.neuron.firing_threshold().detach()
    spikes = 0.5 * part.neuron.integrate(lanes, start, temporal=False).spikes
    expected = folded(spikes.view(STEPS, BATCH, SIDE, SIDE, CHANNELS).movedim(-1, 2))
    result = part(current)
    assert torch.equal(result, expected)
    assert 0 < result.mean() < 0.5
    grad = currents(seed=1)
    assert_close(*(torch.autograd.grad((one * grad).sum(), current)[0] for one in (result, expected)))


def test_networks_keep_channels_last_in_memory():
    net = nn.Sequential(
        nn.Conv2d(CHANNELS, 4, 3), DirectEncoding(STEPS), SpikingActivation(LIF(), STEPS), nn.AvgPool2d(3)
    ).to(memory_format=torch.channels_last)
    image = torch.rand(BATCH, CHANNELS, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    for count in range(1, len(net)):
        assert net[:count](image).is_contiguous(memory_format=torch.channels_last)


def test_the_input_is_the_same_in_every_step_before_or_behind_the_first_convolution():
    conv = nn.Conv2d(CHANNELS, 4, 3).double()
    neurons, image = SpikingActivation(LIF(), STEPS), currents()[:BATCH]
    early = nn.Sequential(DirectEncoding(STEPS), conv, neurons)
    late = nn.Sequential(conv, DirectEncoding(STEPS), neurons)
    assert torch.equal(early(image), late(image))


def test_dropout_has_one_mask_for_all_steps():
    ones = torch.ones(STEPS * BATCH, CHANNELS, SIDE, SIDE)
    passed = unfolded(FoldedDropout(0.5, STEPS)(ones), STEPS)
    assert torch.equal(passed, passed[:1].expand_as(passed))
    assert set(passed.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(FoldedDropout(0.5, STEPS).eval()(ones), ones)


def test_steps_change_in_all_parts_and_the_mean_is_over_time():
    net = nn.Sequential(
        DirectEncoding(STEPS), Residual(SpikingActivation(LIF(beta=1.0, reset="soft"), STEPS)), TimeMean(STEPS)
    )
    set_steps(net, 2)
    value = torch.full((BATCH, 3), 0.5)
    # a spike in the second of two steps, and the current itself
    assert torch.equal(net(value), torch.full((BATCH, 3), 0.5 + 0.5))
    with pytest.raises(ValueError, match="set_steps: the network must have a module"):
        set_steps(nn.ReLU(), 2)
    with pytest.raises(ValueError, match="steps must be an integer from 1"):
        set_steps(net, 0)


def test_neurons_that_wait_fire_by_the_mean():
    current = currents()
    waiting = SpikingActivation(LIF(beta=1.0, reset="soft").double(), STEPS, initial=0.5, accumulate=True)
    counts = unfolded(waiting(current), STEPS).sum(0)
    mean = unfolded(current, STEPS).mean(0)
    assert torch.equal(counts, (STEPS * mean + 0.5).floor().clamp(0, STEPS))


def test_a_leak_of_one_is_learned_and_stays_within_its_range():
    neuron = ScaledLIF()
    SpikingActivation(neuron, 3)(torch.rand(6, 2, generator=generator())).sum().backward()
    (leak,) = neuron.decay.parameters()
    assert neuron.decay() == 1
    assert leak.grad.abs() > 0
    with torch.no_grad():
        leak.fill_(1.5)
        neuron.threshold.fill_(-1.0)
    neuron.constrain()
    assert neuron.decay() == 1
    assert neuron.firing_threshold() > 0


def test_wrong_shapes_and_models_are_refused():
    part = SpikingActivation(LIF(), STEPS)
    with pytest.raises(ValueError, match=r"must be \(steps · batch, ...\), with 4 steps, not \(3, 2\)"):
        part(torch.rand(3, 2))
    with pytest.raises(TypeError, match="neuron must be a Neuron, such as a LIF"):
        SpikingActivation(nn.ReLU(), STEPS)
    with pytest.raises(ValueError, match="amplitude must be positive"):
        SpikingActivation(LIF(), STEPS, amplitude=0.0)
    with pytest.raises(ValueError, match="ScaledLIF: leak must be"):
        ScaledLIF(leak=1.5)
