"""Programs of randomly drawn networks fire the spikes of their networks, in both engines."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.networks import BATCH, TARGETS, eighths, generator
from helpers.random_programs import dense_spikes
from snnsim.nn import LIF, DelayedLinear, LeakyReadout, MetaNeuron, SparseLinear
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.freezing import freeze
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork
from snnsim.simulation import ENGINES, Events, Probe, simulate

STEPS = 12


@st.composite
def synapses(draw, sources, targets):
    """Return a synapse between two layers: with learned or fixed delays of some taps, or without delays."""
    sparsity, seed = draw(st.sampled_from([0.0, 0.5])), generator(draw(st.integers(0, 2**31)))
    if draw(st.integers(0, 3)) == 0:
        return SparseLinear(sources, targets, sparsity=sparsity, generator=seed)
    return DelayedLinear(
        sources,
        targets,
        draw(st.integers(0, 9)),
        taps=draw(st.integers(1, 3)),
        window=draw(st.sampled_from(["gauss", "max", "v1", "v0"])),
        sigma=2.0,
        sparsity=sparsity,
        learn_delay=draw(st.booleans()),
        generator=seed,
    )


@st.composite
def neurons(draw, size):
    """Return neurons with a decay for each neuron or for all, some of them with another value after a spike."""
    beta = draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    settings = {"beta": beta, "threshold": draw(st.sampled_from([0.1, 0.5, 1.0]))}
    if draw(st.integers(0, 3)) == 0:
        return MetaNeuron(width=0.0, reset_value=draw(st.sampled_from([0.0, -0.25])), **settings)
    learn = draw(st.sampled_from(["fixed", "layer", "neuron"])) if 0 < beta < 1 else "fixed"
    return LIF(reset=draw(st.sampled_from(["hard", "soft"])), learn_decay=learn, features=size, **settings)


@st.composite
def networks(draw):
    """Return a network in float64 in evaluation mode, of one or two hidden layers, with and without normalization."""
    sizes = [draw(st.integers(1, 5)) for _ in range(draw(st.integers(2, 3)))]
    layers = [
        SpikingLayer(
            draw(synapses(sources, targets)),
            draw(neurons(targets)),
            norm=BatchNorm(targets) if draw(st.booleans()) else None,
            dropout=0.3,
        )
        for sources, targets in itertools.pairwise(sizes)
    ]
    readout = LeakyReadout(beta=draw(st.sampled_from([0.0, 0.7, 1.0])))
    synapse = draw(synapses(sizes[-1], TARGETS))
    network = SpikingNetwork(layers, synapse, readout, extra_steps=draw(st.integers(0, 4))).double()
    for layer in network.layers:
        if layer.norm is not None:
            layer.norm.running_mean.uniform_(-0.5, 0.5, generator=generator(1))
            layer.norm.running_var.uniform_(0.1, 2.0, generator=generator(2))
            torch.nn.init.uniform_(layer.norm.weight, -1.5, 1.5, generator=generator(3))
            torch.nn.init.uniform_(layer.norm.bias, -0.5, 0.5, generator=generator(4))
    return network.eval(), sizes[0]


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=40, deadline=None)
@given(drawn=networks(), seed=st.integers(0, 9))
@torch.no_grad()
def test_spikes_and_output_are_those_of_the_network(engine, drawn, seed):
    network, channels = drawn
    frames = eighths(STEPS, BATCH, channels, low=-8, high=18, seed=seed).clamp(0)
    program = freeze(network, time_step_ms=1.0)
    result = simulate(program, Events.from_frames(frames.numpy()), engine=engine, record=Probe(spikes=True))
    record = network.record(frames)
    for recording in range(BATCH):
        expected = torch.cat([layer[:, recording] for layer in record.spikes[1:]], -1)
        spikes = dense_spikes(result, program, recording)[:, : expected.shape[1]]
        np.testing.assert_array_equal(spikes, expected)
        np.testing.assert_allclose(result.output(recording), record.output[:, recording], rtol=1e-9, atol=1e-12)
