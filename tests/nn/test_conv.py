"""Convolutions over flat fields against loops, torch's conv2d and conv3d, gradients included."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from helpers.networks import generator, random_spikes
from snnsim.kernels import plain
from snnsim.nn import Conv, DelayedConv, DelayedLinear
from snnsim.nn.patches import Patches
from snnsim.program import Field

STEPS, BATCH, OUT, MAX_DELAY = 7, 2, 3, 4
GEOMETRIES = {
    "same": {"field": (4, 3, 2), "kernel": 3},
    "same, oblong": {"field": (3, 5, 2), "kernel": (1, 3)},
    "pooled": {"field": (6, 4, 2), "kernel": 3, "pool": 2},
    "inside": {"field": (5, 4, 1), "kernel": (2, 3), "padding": 0},
    "wide": {"field": (4, 4, 1), "kernel": 2, "padding": 1},
    "strides": {"field": (5, 6, 2), "kernel": 3, "stride": 2},
    "strides, inside, pooled": {"field": (8, 10, 1), "kernel": 2, "padding": 0, "pool": 2, "stride": 3},
    "the whole field, pooled": {"field": (4, 6, 2), "kernel": (2, 3), "padding": 0, "pool": 2},
}
every_geometry = pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)


def conv(geometry, **settings):
    return Conv(out_channels=OUT, generator=generator(), **geometry, **settings).double()


def delayed(geometry, **settings):
    settings = {"max_delay": MAX_DELAY, "taps": 2, "sigma": 1.5, "generator": generator(), **settings}
    return DelayedConv(out_channels=OUT, **geometry, **settings).double()


def spikes(geometry, *lead):
    return random_spikes(*(lead or (STEPS, BATCH)), Field(*geometry["field"]).size)


def looped(layer, weight, sequence):
    """Return the currents of kernels weight (delay, out, in, row, column), pixel by pixel and tap by tap."""
    patches, (height, width, channels), pool = layer.patches, layer.patches.field, layer.patches.pool
    averaged = (
        sequence.view(len(sequence), BATCH, height // pool, pool, width // pool, pool, channels).mean((3, 5)).numpy()
    )
    steps, (up, left) = len(sequence), patches.padding
    current = np.zeros((steps, BATCH, *layer.into))
    indices = itertools.product(range(steps), *map(range, layer.into), *map(range, weight.shape[:1] + weight.shape[2:]))
    for t, y, x, o, k, c, row, col in indices:
        above, aside = y * patches.stride + row - up, x * patches.stride + col - left
        if t >= k and 0 <= above < averaged.shape[2] and 0 <= aside < averaged.shape[3]:
            current[t, :, y, x, o] += weight[k, o, c, row, col] * averaged[t - k, :, above, aside, c]
    return torch.from_numpy(current).flatten(2)


def kernel_of(layer):
    """Return the dense kernel (delay, out, in, row, column) of a layer."""
    shape = layer.patches.field.channels, *layer.patches.kernel
    dense = layer.weight[None] if isinstance(layer, Conv) else layer.kernel()
    return dense.reshape(len(dense), OUT, *shape)


def by_conv3d(layer, sequence):
    """Return the currents of torch's conv3d with the layer's dense kernel."""
    height, width, channels = layer.patches.field
    volume = sequence.view(len(sequence), BATCH, height, width, channels).permute(1, 4, 0, 2, 3)
    pooled = functional.avg_pool3d(volume, (1, layer.patches.pool, layer.patches.pool))
    (up, left), dense = layer.patches.padding, kernel_of(layer)
    padded = functional.pad(pooled, (left, left, up, up, len(dense) - 1, 0))
    # conv3d correlates, so the longest delay comes first
    stride = 1, layer.patches.stride, layer.patches.stride
    current = functional.conv3d(padded, dense.flip(0).permute(1, 2, 0, 3, 4), stride=stride)
    return current.permute(2, 0, 3, 4, 1).flatten(2)


@every_geometry
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("make", [conv, delayed])
def test_equals_the_loops_and_conv3d(make, training, geometry):
    layer, sequence = make(geometry).train(training), spikes(geometry)
    with torch.no_grad():
        current = layer(sequence)
        assert current.shape == (STEPS, BATCH, layer.into.size)
        assert_close(current, looped(layer, kernel_of(layer).numpy(), sequence))
        assert_close(current, by_conv3d(layer, sequence))
    assert current.abs().max() > 0.1


@every_geometry
@pytest.mark.parametrize("window", ["gauss", "max", "v1", "v0"])
def test_gradients_equal_conv3d(window, geometry):
    gradients = []
    for way in (lambda layer, inputs: layer(inputs), by_conv3d):
        layer, inputs = delayed(geometry, window=window), spikes(geometry).requires_grad_()
        current = way(layer, inputs)
        (current * torch.randn(current.shape, generator=generator(1)).double()).sum().backward()
        gradients.append([inputs.grad, layer.weight.grad, layer.delay.grad])
    assert_close(*gradients)
    assert all(part.abs().max() > 0 for part in gradients[0])


@every_geometry
@pytest.mark.parametrize("make", [conv, delayed])
def test_gradients_equal_finite_differences(make, geometry):
    layer, inputs = make(geometry), spikes(geometry, 3, 1).requires_grad_()
    names = [name for name, _ in layer.named_parameters()]

    def current(inputs, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (inputs,))

    with plain():
        assert torch.autograd.gradcheck(current, (inputs, *layer.parameters()), fast_mode=True)


@pytest.mark.parametrize("steps", [7, 60])
def test_plain_and_fast_forms_agree(steps):
    geometry, gradients = GEOMETRIES["pooled"], []
    for only_plain in (False, True):
        layer, inputs = delayed(geometry, max_delay=20), spikes(geometry, steps, BATCH).requires_grad_()
        if only_plain:
            with plain():
                layer(inputs).square().sum().backward()
        else:
            layer(inputs).square().sum().backward()
        gradients.append([inputs.grad, layer.weight.grad, layer.delay.grad])
    assert_close(*gradients)


def test_conv_equals_torchs_conv2d():
    layer, maps = conv(GEOMETRIES["same"]), torch.rand(BATCH, 4, 3, 2).double()
    expected = functional.conv2d(maps.permute(0, 3, 1, 2), layer.weight, padding=1)
    assert_close(layer(maps.flatten(1)), expected.permute(0, 2, 3, 1).flatten(1))


def test_a_kernel_of_the_whole_field_is_a_delayed_linear():
    layer = DelayedConv((3, 4, 2), OUT, MAX_DELAY, (3, 4), padding=0, generator=generator())
    linear = DelayedLinear(24, OUT, MAX_DELAY, generator=generator())
    assert layer.into == (1, 1, OUT)
    inputs = random_spikes(STEPS, BATCH, 24).float()
    # patches have their channels first
    moved = inputs.view(STEPS, BATCH, 3, 4, 2).permute(0, 1, 4, 2, 3).flatten(2)
    assert_close(layer(inputs), linear(moved))


@every_geometry
def test_members_are_the_neurons_behind_every_element(geometry):
    layer, inputs = conv(geometry), spikes(geometry, 2, 1)[0]
    members, known = layer.patches.members(), torch.cat([inputs, torch.zeros(1, 1)], -1)[0]
    patches = known[members].mean(-1)
    assert_close(patches, layer.patches.of_spikes(inputs)[0])
    assert_close(patches @ layer.weight.flatten(1).T, layer(inputs)[0].view(-1, OUT))


def test_history_is_the_last_max_delay_steps():
    geometry = GEOMETRIES["pooled"]
    layer, sequence = delayed(geometry), spikes(geometry)
    _, history = layer.run(sequence)
    assert torch.equal(history, sequence[-MAX_DELAY:])


@pytest.mark.parametrize("settings", [{}, {"dense": True}, {"learn_delay": False}], ids=["learned", "dense", "fixed"])
@pytest.mark.parametrize("training", [True, False])
def test_a_chunk_without_steps_leaves_the_history(settings, training):
    # few events, and in single precision, which are added one by one
    layer = DelayedConv((4, 4, 1), OUT, MAX_DELAY, generator=generator(), **settings).train(training)
    frames = random_spikes(STEPS, BATCH, 16).float() * (torch.arange(16) == 5)
    history = layer.run(frames)[1]
    for before in (None, history):
        current, after = layer.run(frames[:0], before)
        assert current.shape == (0, BATCH, layer.targets)
        assert torch.equal(after, torch.zeros_like(history) if before is None else history)


def test_evaluation_and_fixed_delays_are_integers():
    layer = delayed(GEOMETRIES["same"], taps=1).eval()
    assert ((layer.kernel() != 0).sum(0) == 1).all()
    assert torch.equal((layer.kernel() != 0).double().argmax(0), layer.delay.round().long()[..., 0])
    fixed = delayed(GEOMETRIES["same"], learn_delay=False)
    assert torch.equal(fixed.delay, fixed.delay.round())
    assert fixed.max_delay == MAX_DELAY


def test_generator_determines_weights_within_the_kaiming_bound():
    assert torch.equal(conv(GEOMETRIES["same"]).weight, conv(GEOMETRIES["same"]).weight)
    layer = Conv((8, 8, 20), 40, 3, generator=generator())
    bound = (6 / 180) ** 0.5
    assert layer.weight.shape == (40, 20, 3, 3)
    assert layer.weight.abs().max() <= bound
    assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.03)
    assert Conv((4, 4, 30), 40, sparsity=0.7, generator=generator()).weight.eq(0).float().mean() > 0.65


def test_prints_its_settings():
    assert "6 x 4 x 2 -> 3 channels, kernel=(3, 3), pool=2" in repr(conv(GEOMETRIES["pooled"]))
    assert "max_delay=4 (learned), taps=2" in repr(delayed(GEOMETRIES["same"]))


@pytest.mark.parametrize("make", [conv, delayed])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"field": (4, 5, 1), "kernel": 3, "pool": 2},
            r"pool divides its height and width; got \(4, 5, 1\) and pool=2",
        ),
        ({"field": (4, 0, 1), "kernel": 3}, r"\(height, width, channels\) from 1 on"),
        ({"field": (4, 4, 1), "kernel": 2}, r"odd unless a padding of 0 or more is given; got \(2, 2\)"),
        ({"field": (4, 4, 1), "kernel": 3, "padding": -1}, "padding of 0 or more"),
        ({"field": (4, 4, 1), "kernel": 5, "padding": 0}, r"kernel of \(5, 5\) does not fit into \(4, 4, 1\)"),
    ],
)
def test_invalid_geometries_are_refused(make, wrong, words):
    with pytest.raises(ValueError, match=words):
        make(wrong)


def test_spikes_of_another_field_are_refused():
    with pytest.raises(ValueError, match=r"over 4 x 3 x 2 neurons needs spikes \(time, ..., 24\), not \(7, 2, 23\)"):
        conv(GEOMETRIES["same"])(torch.zeros(7, 2, 23))
    with pytest.raises(ValueError, match="at least one neuron on each side"):
        Conv((4, 4, 1), 0)


def test_sizes_of_patches_and_fields():
    patches = Patches.of("test", (8, 6, 2), 3, padding=0, pool=2)
    assert (patches.pooled, patches.elements, patches.into(5)) == (Field(4, 3, 2), 18, Field(2, 1, 5))


@every_geometry
@pytest.mark.parametrize("make", [conv, delayed])
@pytest.mark.parametrize("batch", [1, BATCH, 9])
def test_evaluation_is_the_same_with_and_without_gradients(make, geometry, batch):
    # tenths are rounded, so that another order gives another sum
    layer, sequence = make(geometry).eval(), spikes(geometry, STEPS, batch)
    with torch.no_grad():
        layer.weight.copy_((layer.weight * 10).round() / 10)
        current = layer(sequence)
    assert torch.equal(layer(sequence), current)
    with plain(), torch.no_grad():
        assert torch.equal(layer(sequence), current)
    assert torch.equal(layer(sequence.requires_grad_()), current)
