"""Feedback between layers against plain loops: outputs, gradients, steps, chunks, learning, and the frozen network."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from helpers import graph_loops
from helpers.networks import BATCH, NEURONS, STEPS, TARGETS, eighths, generator
from snnsim.gradient_paths import DELAYED, SPATIAL, GradientPaths
from snnsim.learning import chunked, qat
from snnsim.nn import (
    LIF,
    AdLIF,
    BatchNorm,
    Conv,
    DelayedLinear,
    LeakyReadout,
    MetaNeuron,
    Recurrence,
    Skip,
    SparseLinear,
    SpikingLayer,
    SpikingNetwork,
)
from snnsim.nn.freezing import freeze
from snnsim.nn.skip import joint_layers
from snnsim.simulation import Events, Probe, simulate

WIDTHS = [NEURONS, 6, 7, 5, TARGETS]


def synapse(source, target, seed, *, delays="synaptic", **settings):
    if delays is None:
        return SparseLinear(WIDTHS[source], WIDTHS[target], generator=generator(seed))
    return DelayedLinear(
        WIDTHS[source], WIDTHS[target], 3, sigma=1.2, delays=delays, generator=generator(seed), **settings
    )


def network(*, norm=False, neuron=lambda: LIF(tau=2.0, threshold=0.25), dropout=0.0, learn_delay=True):
    layers = [
        SpikingLayer(
            synapse(number - 1, number, number),
            neuron(),
            norm=BatchNorm(WIDTHS[number]) if norm else None,
            dropout=dropout,
            recurrent=Recurrence(synapse(1, 1, 9), dropout=dropout) if number == 1 else None,
        )
        for number in (1, 2, 3)
    ]
    skips = [
        Skip(2, 1, synapse(2, 1, 5, learn_delay=learn_delay)),
        Skip(2, 1, synapse(2, 1, 6, delays="dendritic", learn_delay=learn_delay)),
        Skip(0, 2, synapse(0, 2, 7)),
        Skip(2, 2, synapse(2, 2, 8, delays=None)),
        Skip(1, 4, synapse(1, 4, 3)),
    ]
    return SpikingNetwork(layers, synapse(3, 4, 4), LeakyReadout(tau=3.0), skips=skips, extra_steps=2).double()


@pytest.mark.parametrize(
    ("skips", "ranges"),
    [
        ([], ["1", "2", "3", "4"]),
        ([(2, 2)], ["1", "2", "3", "4"]),
        ([(3, 2), (0, 4)], ["1", "23", "4"]),
        ([(2, 1), (4, 3)], ["12", "34"]),
        ([(2, 1), (3, 2)], ["123", "4"]),
        ([(4, 1)], ["1234"]),
    ],
)
def test_layers_of_a_loop_are_joint(skips, ranges):
    connections = [Skip(source, target, SparseLinear(2, 2)) for source, target in skips]
    assert ["".join(map(str, numbers)) for numbers in joint_layers(4, connections)] == ranges


@pytest.mark.parametrize("neuron", [lambda: LIF(tau=2.0, threshold=0.25), lambda: AdLIF(tau=3.0, threshold=0.25)])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("learn_delay", [False, True])
def test_outputs_and_gradients_are_those_of_plain_loops(neuron, training, learn_delay):
    check_against_plain_loops(network(neuron=neuron, learn_delay=learn_delay).train(training))


@pytest.mark.parametrize("delays", [None, "synaptic", "axonal"])
@pytest.mark.parametrize("training", [False, True])
def test_slices_of_several_steps_give_those_of_plain_loops(delays, training):
    back = synapse(2, 1, 5, learn_delay=False)
    back.delay.data.clamp_(min=2)
    neurons = [LIF(tau=2.0, threshold=0.25) for _ in range(2)]
    layers = [
        SpikingLayer(synapse(number - 1, number, number, delays=delays), neuron, norm=None, dropout=0.0)
        for number, neuron in enumerate(neurons, 1)
    ]
    skips = [Skip(2, 1, back), Skip(0, 2, synapse(0, 2, 7))]
    net = SpikingNetwork(layers, SparseLinear(WIDTHS[2], TARGETS), LeakyReadout(tau=3.0), skips=skips)
    check_against_plain_loops(net.double().train(training))


def check_against_plain_loops(net):
    frames = eighths(STEPS, BATCH, NEURONS).requires_grad_()
    wanted = [frames, *(parameter for parameter in net.parameters() if parameter.requires_grad)]
    spikes, (expected,) = graph_loops.graph(net, frames)
    output = net(frames)
    assert all(train.any() for train in spikes)
    assert_close(output, expected)
    error = torch.randn(output.shape, generator=generator(4), dtype=torch.float64)
    gradients = torch.autograd.grad(output, wanted, error, allow_unused=True)
    assert_close(gradients, torch.autograd.grad(expected, wanted, error, allow_unused=True))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("lengths", [[1] * 20, [7, 12, 1]])
def test_chunks_are_the_whole_sequence(lengths, training, norm):
    net = network(norm=norm, dropout=0.3).train(training and not norm)
    frames = eighths(20, BATCH, NEURONS)
    silent = frames.new_zeros(net.extra_steps, *frames.shape[1:])
    pieces, state, draw = [], None, generator(2)
    with torch.no_grad():
        for chunk in [*frames.split(lengths), silent]:
            piece, state = net.run(chunk, state, generator=draw)
            pieces.append(piece)
        assert_close(torch.cat(pieces), net(frames, generator=generator(2)))
        if not training:
            assert_close(net.record(frames).output, net(frames))


def test_stochastic_neurons_draw_the_same_numbers_in_chunks():
    net = network(neuron=lambda: MetaNeuron(threshold=0.25).double()).train()
    frames = eighths(20, BATCH, NEURONS)
    net.extra_steps, pieces, state, draw = 0, [], None, generator(2)
    with torch.no_grad():
        for chunk in frames.split([7, 12, 1]):
            piece, state = net.run(chunk, state, generator=draw)
            pieces.append(piece)
        output = net(frames, generator=generator(2))
    assert_close(torch.cat(pieces), output)
    assert not torch.equal(output, net(frames, generator=generator(3)))


def test_averages_of_later_layers_are_updated_once():
    net, frames = network(norm=True).train(), eighths(STEPS, BATCH, NEURONS)
    second = net.layers[1]
    net(frames, torch.tensor([STEPS, 5, 9]))
    first = network(norm=True).train()
    assert not torch.equal(net.layers[0].norm.running_mean, first.layers[0].norm.running_mean)
    assert second.norm.num_batches_tracked == 1
    assert second.norm.running_mean.any()


@pytest.mark.parametrize("delayed", DELAYED)
def test_errors_take_the_paths_that_are_chosen(delayed):
    net, frames = network(), eighths(STEPS, BATCH, NEURONS).requires_grad_()
    paths = GradientPaths(temporal=False, delayed=delayed)
    (gradient,) = torch.autograd.grad(net(frames, credit=paths).sum(), frames)
    (every,) = torch.autograd.grad(net(frames).sum(), frames)
    assert not torch.allclose(gradient, every)
    results = []
    for lengths in ([STEPS], [3, 10, 1]):
        part = network()
        part.extra_steps = 0
        chunked.backpropagate(part, frames.detach().split(lengths), lambda output, _: output.sum(), credit=paths)
        results.append([parameter.grad for parameter in part.parameters()])
    assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("lengths", [[1] * 14, [3, 10, 1]])
def test_chunked_learning_has_the_gradients_of_the_whole_sequence(lengths):
    frames = eighths(STEPS, BATCH, NEURONS, low=0)
    expected, net = network(), network()
    expected.extra_steps = net.extra_steps = 0
    loss = expected(frames, credit=SPATIAL).square().sum()
    loss.backward()
    result = chunked.backpropagate(net, frames.split(lengths), lambda output, _: output.square().sum())
    assert result == pytest.approx(loss.item(), rel=1e-12)
    for (name, one), (_, other) in zip(net.named_parameters(), expected.named_parameters(), strict=True):
        assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-12, msg=name)
    with pytest.raises(ValueError, match="chunks of time: loops='cut' takes recurrent layers"):
        chunked.backpropagate(net, [frames], lambda output, _: output.sum(), loops="cut")


@pytest.mark.parametrize("norm", [False, True])
def test_the_frozen_network_fires_the_same_spikes(norm):
    net = network(norm=norm)
    frames = eighths(40, BATCH, NEURONS, low=-8, high=18).clamp(0).mul(4).floor().clamp(max=3)
    net(frames)
    net.eval()
    program = freeze(net, time_step_ms=1.0)
    backward = [edge for edge in program.edges if (edge.source, edge.target) == ("hidden 2", "hidden 1")]
    assert len(backward) == 2
    assert min(edge.delay.min() for edge in backward) >= 1
    events = Events.from_frames(frames.numpy().astype(np.int64))
    with torch.no_grad():
        record = net.record(frames)
    probe = Probe(spikes=True, membranes={"readout": None})
    for engine in ("clock_driven", "event_driven"):
        result = simulate(program, events, engine=engine, record=probe)
        for number in (1, 2, 3):
            counts = record.spikes[number].sum(0).numpy().astype(np.int64)
            assert counts.sum() > 0
            np.testing.assert_array_equal(result.counts(f"hidden {number}"), counts)
        for recording, output in enumerate(record.output.unbind(1)):
            np.testing.assert_allclose(result.membrane("readout", recording), output.numpy(), atol=1e-9)


def test_rounded_delays_of_feedback_are_those_of_the_program():
    net = network()
    qat.Grid(delays="3bit:2").apply(net)
    edges = freeze(net.eval(), time_step_ms=1.0).edges
    looped = [edge for edge in edges if (edge.source, edge.target) == ("hidden 2", "hidden 1")]
    assert {int(delay) for edge in looped for delay in edge.delay} == {2, 4}


def test_a_loop_with_a_convolution_is_refused():
    layer = SpikingLayer(Conv((1, 2, 3), 1, 1), LIF(tau=2.0), norm=None, dropout=0.0)
    size = layer.synapse.targets
    with pytest.raises(ValueError, match="a loop of layers must have no convolution, and layer 1 is one"):
        SpikingNetwork([layer], SparseLinear(2, 2), LeakyReadout(tau=2.0), skips=[Skip(1, 1, SparseLinear(size, size))])


def test_a_chunk_without_steps_changes_nothing():
    complete, parts = network(norm=True), network(norm=True)
    frames = eighths(STEPS, BATCH, NEURONS)
    expected, _ = complete.run(frames)
    nothing, state = parts.run(frames[:0])
    output, state = parts.run(frames, state)
    more, _ = parts.run(frames[:0], state)
    assert nothing.shape == more.shape == (0, BATCH, TARGETS)
    assert_close(output, expected)


def test_one_number_of_valid_steps_is_that_of_all_recordings():
    results = []
    for valid in (torch.full((BATCH,), 3), 3):
        net = network(norm=True)
        results.append((net.run(eighths(STEPS, BATCH, NEURONS), valid=valid)[0], net.layers[2].norm.running_mean))
    for one, other in zip(*results, strict=True):
        assert_close(one, other)
    with pytest.raises(ValueError, match=f"network: valid must be integers, a tensor of shape .{BATCH},."):
        network().run(eighths(STEPS, BATCH, NEURONS), valid=torch.ones(BATCH + 1, dtype=torch.long))
