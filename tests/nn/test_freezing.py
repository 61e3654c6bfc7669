"""A Program computes what its network computes in evaluation mode."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from helpers.networks import (
    BATCH,
    MAX_DELAY,
    NEURONS,
    STEPS,
    TARGETS,
    eighths,
    generator,
    small_convolutional_network,
    small_images,
    small_network,
)
from helpers.random_programs import dense_spikes, everything
from snnsim.learning import decisions
from snnsim.nn import LIF, DelayedLinear, LeakyReadout, SparseLinear
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.freezing import freeze
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork
from snnsim.simulation import Events, Probe, simulate

EXTRA = 5


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def frames(seed=0, *, steps=STEPS):
    return eighths(steps, BATCH, NEURONS, low=-8, high=18, seed=seed).clamp(0).mul(4).floor().clamp(max=3)


def delayed(**settings):
    return lambda sources, targets: DelayedLinear(
        sources, targets, MAX_DELAY, sigma=1.5, generator=generator(7), **settings
    )


def network(synapse, neuron, *, norm=True, affine=True):
    sizes = [NEURONS, 9, 8]
    layers = [
        SpikingLayer(
            synapse(sources, targets),
            neuron(targets),
            norm=BatchNorm(targets, affine=affine) if norm else None,
            dropout=0.4,
        )
        for sources, targets in itertools.pairwise(sizes)
    ]
    network = SpikingNetwork(layers, synapse(sizes[-1], TARGETS), LeakyReadout(tau=3.0), extra_steps=EXTRA)
    # statistics and shifts of a batch norm that has seen something
    for seed in range(3):
        network.train()(frames(seed).float())
    with torch.no_grad():
        for layer in network.layers:
            if layer.norm is not None and affine:
                layer.norm.weight.uniform_(-1.5, 1.5, generator=generator(1))
                layer.norm.bias.uniform_(-0.5, 1.0, generator=generator(2))
    return network


NETWORKS = {
    "delays": lambda: network(delayed(), lambda _: LIF(tau=2.0, threshold=0.25)),
    "taps, soft reset": lambda: network(delayed(taps=3), lambda _: LIF(beta=0.9, threshold=0.5, reset="soft")),
    "fixed, sparse": lambda: network(delayed(learn_delay=False, sparsity=0.6), lambda _: LIF(tau=4.0)),
    "no delays": lambda: network(lambda i, o: SparseLinear(i, o, generator=generator(3)), lambda _: LIF(tau=4.0)),
    "no norm": lambda: network(delayed(), lambda _: LIF(tau=2.0, threshold=0.25), norm=False),
    "norm without scale": lambda: network(delayed(), lambda _: LIF(tau=2.0), affine=False),
    "learned neurons": lambda: network(
        delayed(), lambda n: LIF(beta=0.5, learn_decay="neuron", learn_threshold=True, features=n)
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_spikes_and_output_are_those_of_the_network(name):
    computes_the_same(NETWORKS[name](), frames(9))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("delays", [False, True])
def test_spikes_and_output_of_convolutions_are_those_of_the_network(delays, norm):
    network = small_convolutional_network(delays=delays, extra_steps=EXTRA, norm=norm)
    for seed in range(3):
        network.train()(small_images(seed=seed))
    for number, layer in enumerate(network.layers):
        layer.neuron.decay.logit += torch.linspace(-1, 1, len(layer.neuron.decay.logit))
        if norm:
            layer.norm.weight.uniform_(-1.5, 1.5, generator=generator(number))
            layer.norm.bias.uniform_(-0.2, 0.5, generator=generator(number))
    computes_the_same(network, small_images(seed=9))


def computes_the_same(network, inputs):
    program = freeze(network, time_step_ms=10.0, decision="summed_softmax")
    exact = network.double().eval()
    record = exact.record(inputs)
    result = simulate(
        program, Events.from_frames(inputs.numpy()), record=Probe(spikes=True, membranes=everything(program))
    )
    for recording in range(BATCH):
        spikes = torch.cat([layer[:, recording] for layer in record.spikes[1:]], -1)
        np.testing.assert_array_equal(dense_spikes(result, program, recording)[:, : spikes.shape[1]], spikes)
        assert_close(torch.from_numpy(result.output(recording)), record.output[:, recording])
    assert 0.05 < torch.cat([layer.flatten() for layer in record.spikes[1:]]).mean() < 0.95
    valid = torch.full((BATCH,), len(record.output))
    assert_close(torch.from_numpy(result.scores()), decisions.summed_softmax(record.output, valid))


def test_a_bias_counts_in_silence_and_in_the_extra_steps():
    network = NETWORKS["delays"]().eval()
    with torch.no_grad():
        network.layers[0].norm.bias += 2.0
    program = freeze(network, time_step_ms=10.0)
    nothing = torch.zeros(STEPS, 1, NEURONS, dtype=torch.float64)
    expected = network.double().record(nothing)
    result = simulate(program, Events.from_frames(nothing.numpy()))
    assert result.length.tolist() == [STEPS + EXTRA]
    np.testing.assert_array_equal(result.counts("hidden 1")[0], expected.spikes[1].sum((0, 1)))
    assert result.counts("hidden 1").sum() > 0


def test_lengths_end_a_recording():
    network, inputs = NETWORKS["delays"](), frames(4)
    lengths = torch.tensor([STEPS, STEPS - 4, 2])
    inputs = inputs * (torch.arange(STEPS)[:, None] < lengths)[..., None]
    program = freeze(network, time_step_ms=10.0, decision="last_membrane")
    expected = network.double().eval()(inputs, lengths)
    result = simulate(program, Events.from_frames(inputs.numpy(), lengths.numpy()))
    assert_close(torch.from_numpy(result.scores()), decisions.last_membrane(expected, lengths + EXTRA))


@pytest.mark.parametrize("decision", decisions.DECISIONS)
def test_scores_of_the_program_equal_training(decision):
    program = freeze(NETWORKS["delays"](), time_step_ms=10.0, decision=decision)
    result = simulate(program, Events.from_frames(frames(2).numpy()))
    output = torch.from_numpy(np.stack([result.output(recording) for recording in range(BATCH)], 1))
    expected = decisions.get_decision(decision)(output, torch.full((BATCH,), len(output)))
    assert_close(torch.from_numpy(result.scores()), expected)


def test_freezing_drops_absent_connections_and_leaves_the_network_unchanged():
    network = NETWORKS["fixed, sparse"]()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    program = freeze(network, time_step_ms=10.0, classes=list("abcd"), provenance={"run": "x"})
    assert [len(edge.weight) for edge in program.edges] == [
        int((synapse.weight != 0).sum()) for synapse in network.synapses()
    ]
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert program.classes == ("a", "b", "c", "d")
    assert program.provenance == {"run": "x"}
    assert [population.name for population in program.populations] == ["hidden 1", "hidden 2", "readout"]
    assert program.extra_steps == EXTRA


def test_unsupported_parts_are_refused():
    network = small_network()
    network.layers[1].synapse = nn.Linear(8, 7)
    with pytest.raises(
        TypeError, match=r"synapse of 'hidden 2' must be a DelayedLinear, a SparseLinear, .* not a Linear"
    ):
        freeze(network, time_step_ms=1.0)
    network = small_network()
    network.layers[0].neuron = nn.ReLU()
    with pytest.raises(
        TypeError, match=r"neurons of 'hidden 1' must be LIF, .* LeakyReadout, or MetaNeuron .*, not ReLU"
    ):
        freeze(network, time_step_ms=1.0)
    network = small_network()
    network.layers[0].norm = BatchNorm(8, track_running_stats=False)
    with pytest.raises(TypeError, match="normalization of 'hidden 1' must be a BatchNorm that keeps its statistics"):
        freeze(network, time_step_ms=1.0)
