"""Frozen networks: shared kernels, and the spikes of the network itself in both engines, borders and biases too."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from helpers.networks import generator
from snnsim.conversion import Settings, convert, count, events, freeze
from snnsim.nn import ALIF, LIF, ScaledLIF
from snnsim.nn.folded import DirectEncoding, Residual, SpikingActivation, TimeMean, unfolded
from snnsim.program import ConvEdge, Program
from snnsim.simulation import ENGINES, Simulator

STEPS, BATCH, SIDE = 3, 2, 8


def neurons(**settings):
    return SpikingActivation(LIF(beta=0.75, reset="soft", threshold=0.5), STEPS, initial=0.5, **settings)


class Joined(nn.Module):
    """A map beside an upsampled one, as in a U-Net."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(4, 4, 2, stride=2, bias=False), nn.Upsample(scale_factor=2)
        self.spikes = neurons()

    def forward(self, value):
        return torch.cat([value, self.up(self.spikes(self.down(value)))], 1)


def network():
    torch.manual_seed(0)
    modules = [
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), DirectEncoding(STEPS), neurons(amplitude=0.5),
        nn.AvgPool2d(2), nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4),
        Residual(nn.Sequential(neurons(), nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2))),
        SpikingActivation(ScaledLIF(leak=0.5, threshold=0.125, reset="hard"), STEPS), Joined(),
        nn.Conv2d(8, 3, 3, padding=1, stride=2), neurons(),
        nn.Flatten(), nn.Linear(12, 5), TimeMean(STEPS),
    ]  # fmt: skip
    net = nn.Sequential(*modules).eval()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.3, 0.3)
            part.running_var.uniform_(0.3, 1.5)
    return net.double()


def images(channels=2, side=SIDE):
    return torch.rand(BATCH, channels, side, side, generator=generator()).double()


def counts_of(net, image):
    """Return the output, and the spike counts of each layer by the name of its population, as fields are flat."""
    counts, hooks = {}, []
    for name, part in net.named_modules():
        if isinstance(part, SpikingActivation):

            def hook(module, _, output, name=name):
                spikes = unfolded(output / module.amplitude, module.steps).sum(0)
                field = spikes.permute(0, 2, 3, 1).flatten(1) if spikes.ndim == 4 else spikes
                counts[name.replace(".", " ")] = field.numpy()

            hooks.append(part.register_forward_hook(hook))
    with torch.no_grad():
        output = net(image)
    for each in hooks:
        each.remove()
    return output.numpy(), counts


@pytest.fixture(scope="module")
def frozen():
    net = network()
    return net, freeze(net, (2, SIDE, SIDE), classes=tuple("abcde"))


def test_kernels_are_shared(frozen):
    _, program = frozen
    assert all(isinstance(edge, ConvEdge) for edge in program.edges)
    assert sum(len(edge.weight) for edge in program.edges) < program.synapses / 4
    # currents of both paths reach the neurons behind a residual
    assert [edge.source for edge in program.edges if edge.target == "8"] == ["7 body 0", "3"]


@pytest.mark.parametrize("engine", ENGINES)
def test_spikes_and_output_are_those_of_the_network(frozen, engine, tmp_path):
    net, program = frozen
    program.save(tmp_path / "a.snn")
    loaded = Program.load(tmp_path / "a.snn")
    assert loaded.same_as(program)
    image = images()
    output, counts = counts_of(net, image)
    result = Simulator(loaded, engine=engine, threads=1).run(events(image, STEPS))
    for name, expected in counts.items():
        assert expected.sum() > 0
        assert np.array_equal(result.counts(name), expected), name
    assert np.allclose(result.scores() / STEPS, output, rtol=1e-12, atol=1e-12)


def test_a_stream_starts_at_the_initial_potential(frozen):
    net, program = frozen
    simulator, whole_input = Simulator(program, engine="event_driven", threads=1), events(images(), STEPS)
    expected, state, total = simulator.run(whole_input).counts("3"), simulator.start(BATCH), 0
    for step in range(STEPS):
        result, state = simulator.feed(whole_input.part(step, step + 1), state)
        total = total + result.counts("3")
    assert np.array_equal(total, expected)
    assert np.array_equal(expected, counts_of(net, images())[1]["3"])


def test_costs_are_the_operations_of_the_engine():
    torch.manual_seed(1)
    modules = [
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1, groups=2), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(24, 5), nn.ReLU(), nn.Linear(5, 3),
    ]  # fmt: skip
    net = nn.Sequential(*modules).double().eval()
    image = images(1)
    spiking = convert(net, image, Settings(4, percent=99.0)).network
    output, costs = count(spiking, image)
    program = freeze(spiking, (1, SIDE, SIDE))
    result = Simulator(program, engine="event_driven", threads=1).run(events(image, 4))
    first = program.edges[0].synapses
    of_input = first * 4
    assert costs.operations == result.synaptic_operations().mean() - of_input
    assert costs.multiplications == first
    assert costs.spikes["neurons_1"] == result.counts("neurons_1").sum() / BATCH
    assert costs.energy_nj == pytest.approx((4.6 * first + 0.9 * costs.operations) / 1000)
    assert torch.equal(output, spiking(image))
    _, dense = count(net, image)
    assert (dense.operations, dense.spikes_per_neuron) == (0, 0)
    assert dense.multiplications == 4 * 22 * 22 + 6 * 2 * 10 * 10 + 24 * 5 + 5 * 3


def test_costs_of_a_pooling_by_a_function_are_those_of_its_module():
    class Pooled(nn.Module):
        def __init__(self, pool):
            super().__init__()
            self.first, self.last, self.pool = nn.Conv2d(2, 4, 3), nn.Linear(36, 3), pool

        def forward(self, value):
            return self.last(torch.flatten(self.pool(torch.relu(self.first(value))), 1))

    def costs(pool):
        torch.manual_seed(0)
        return count(convert(Pooled(pool).double(), images(), Settings(STEPS)).network, images())[1]

    expected = costs(nn.AvgPool2d(2))
    assert expected.operations > 0
    assert costs(lambda value: functional.avg_pool2d(value, 2)) == expected
    assert costs(lambda value: functional.avg_pool2d(value, kernel_size=2)) == expected


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)], "1 has a padding, so the currents before it"),
        ([nn.AvgPool2d(3), nn.Conv2d(2, 2, 3, padding=1, bias=False)], "1 has a padding"),
        ([nn.Softmax(1)], "0: a Softmax cannot be frozen"),
        ([neurons(accumulate=True)], "0 waits for all steps"),
        ([SpikingActivation(ALIF(), STEPS, initial=0.5)], "only LIF neurons have in a Program"),
        ([nn.Linear(8, 3)], "must get one axis of neurons; put a Flatten"),
        ([nn.Conv2d(3, 2, 1)], "must get 3 channels, not 2"),
        ([nn.Upsample(scale_factor=2, mode="bilinear")], "mode='nearest'"),
        ([nn.AdaptiveAvgPool2d(3)], "which .3, 3. does not"),
        ([nn.Conv2d(2, 2, 3, padding="same")], "padded by a number of zeros"),
        ([nn.Flatten(), nn.BatchNorm1d(2 * SIDE**2)], "1 must normalize 2 channels, not 128 features"),
    ],
)
def test_layers_that_cannot_be_frozen_are_named(modules, message):
    with pytest.raises(ValueError, match=message):
        freeze(nn.Sequential(*modules), (2, SIDE, SIDE))


def test_a_pooling_that_leaves_pixels_out_is_frozen_where_no_padding_reads_them():
    net = nn.Sequential(nn.AvgPool2d(3), nn.Conv2d(2, 2, 2), neurons()).double()
    image = images()
    image = image.repeat(STEPS, 1, 1, 1)
    _, counts = counts_of(net, image)
    program = freeze(net, (2, SIDE, SIDE))
    result = Simulator(program, threads=1).run(events(images(), STEPS))
    assert program.readout is None
    assert np.array_equal(result.counts("2"), counts["2"])
