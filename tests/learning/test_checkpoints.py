"""Chunks of time in networks with loops: exact gradients from the last chunk to the first, or errors cut at chunks."""

import pytest
import torch
from torch.testing import assert_close

from helpers.networks import generator
from helpers.sltt_cases import CHANNELS, CLASSES, alike, batch, different, trained
from helpers.sltt_cases import network as chain
from snnsim.gradient_paths import SPATIAL, GradientPaths
from snnsim.learning import chunked, losses, rules
from snnsim.learning.checkpoints import Checkpoints
from snnsim.learning.decisions import summed_softmax
from snnsim.learning.stages import Stages
from snnsim.nn import (
    LIF,
    AdLIF,
    BatchNorm,
    CubaLIF,
    DelayedLinear,
    LeakyReadout,
    MetaNeuron,
    Recurrence,
    Skip,
    SparseLinear,
    SpikingLayer,
    SpikingNetwork,
)

SIZES = [CHANNELS, 7, 6]


def delayed(sources, targets, seed, **settings):
    return DelayedLinear(sources, targets, 4, sigma=1.2, generator=generator(seed), **settings)


def network(*, neuron=lambda: LIF(beta=0.5, threshold=0.25), norm=False, dropout=0.0):
    loops = [SparseLinear(7, 7, generator=generator(8)), delayed(6, 6, 9, delays="axonal")]
    layers = [
        SpikingLayer(
            delayed(SIZES[number], SIZES[number + 1], number),
            neuron(),
            norm=BatchNorm(SIZES[number + 1]) if norm else None,
            dropout=dropout,
            recurrent=Recurrence(loop, dropout=dropout),
        )
        for number, loop in enumerate(loops)
    ]
    skips = [Skip(0, 2, delayed(CHANNELS, 6, 5)), Skip(1, 3, delayed(7, CLASSES, 6))]
    readout = LeakyReadout(beta=0.5)
    return SpikingNetwork(layers, delayed(6, CLASSES, 4), readout, skips=skips, extra_steps=2).double().train()


NEURONS = {
    "lif": lambda: LIF(beta=0.5, threshold=0.25),
    "adlif": lambda: AdLIF(tau=3.0, tau_adaptation=8.0, threshold=0.25),
    "cuba_lif": lambda: CubaLIF(tau=3.0, tau_synapse=2.0, threshold=0.25),
}


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("chunk", [1, 3, 5, 50])
@pytest.mark.parametrize("loss", losses.LOSSES)
def test_gradients_through_loops_equal_those_of_the_recording(chunk, loss, neuron):
    full, result = trained(rules.get_rule("sltt", loss=loss), network(neuron=NEURONS[neuron], dropout=0.3))
    rule = rules.get_rule("sltt", loss=loss, chunk=chunk)
    grads, by_chunks = trained(rule, network(neuron=NEURONS[neuron], dropout=0.3))
    alike(grads, full)
    alike((by_chunks.loss, by_chunks.scores), (result.loss, result.scores))


def test_errors_cut_at_chunks_differ_and_leave_the_loss_as_it_is():
    full, result = trained(rules.get_rule("sltt"), network())
    cut, by_chunks = trained(rules.get_rule("sltt", chunk=3, loops="cut"), network())
    alike((by_chunks.loss, by_chunks.scores), (result.loss, result.scores))
    # those of the readout have no loop behind them
    same = {"synapse.weight", "synapse.delay", "skips.1.synapse.weight", "skips.1.synapse.delay"}
    assert set(different(cut, full)) >= {"layers.0.synapse.weight", "layers.0.recurrent.synapse.weight"}
    assert not set(different(cut, full)) & same
    one, _ = trained(rules.get_rule("sltt", chunk=50, loops="cut"), network())
    alike(one, full)


@pytest.mark.parametrize("delayed", ["cut", "stale"])
def test_without_paths_through_delays_the_two_are_alike(delayed):
    full, _ = trained(rules.get_rule("sltt", delayed=delayed), network())
    for loops in chunked.LOOPS:
        grads, _ = trained(rules.get_rule("sltt", delayed=delayed, chunk=3, loops=loops), network())
        alike(grads, full)


def test_paths_through_the_membrane_are_exact_too():
    frames = batch().frames
    full, net = network(), network()
    loss = full(frames, credit=GradientPaths())[:-2].exp().sum()
    loss.backward()
    checkpoints = Checkpoints(net, GradientPaths())
    checkpoints.forward(frames.split([2, 4, 1, 4]))
    assert checkpoints.backward(lambda output, _: output.exp().sum()) == pytest.approx(loss.item(), rel=1e-12)
    for (name, one), (_, other) in zip(net.named_parameters(), full.named_parameters(), strict=True):
        assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize("stochastic", [False, True])
def test_both_passes_have_the_same_averages_and_random_numbers(stochastic):
    nets = [chain(norm=True, dropout=0.3) for _ in range(2)]
    for net in nets:
        for layer in net.layers:
            layer.neuron = MetaNeuron(threshold=0.25).double() if stochastic else layer.neuron
    draws = [generator(1), generator(1)]
    stages = Stages(nets[0], SPATIAL, generator=draws[0])
    for frames in batch().frames.split(3):
        stages.backward(stages.forward(frames).exp().sum())
    stages.finish()
    checkpoints = Checkpoints(nets[1], SPATIAL, generator=draws[1])
    checkpoints.forward(batch().frames.split(3))
    checkpoints.backward(lambda output, _: output.exp().sum())
    alike([one.grad for one in nets[1].parameters()], [one.grad for one in nets[0].parameters()])
    assert_close(nets[1].state_dict(), nets[0].state_dict(), rtol=0, atol=0)
    assert torch.equal(draws[0].get_state(), draws[1].get_state())


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_without_a_generator_both_passes_draw_the_same_dropout(loss):
    rule, net = rules.get_rule("sltt", loss=loss, chunk=3), network(dropout=0.3)
    expected, _ = trained(rule, network(dropout=0.3), seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        rule(net, batch(), summed_softmax, None)
    alike({name: parameter.grad for name, parameter in net.named_parameters()}, expected)


def test_unknown_loops_are_refused():
    with pytest.raises(ValueError, match="chunks of time: loops 'most' is unknown; the known ones are exact, cut"):
        trained(rules.get_rule("sltt", chunk=3, loops="most"), network())
