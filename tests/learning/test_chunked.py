"""SLTT in chunks of time has the gradients, scores and losses of whole recordings."""

from functools import partial

import pytest
import torch

from helpers.networks import generator
from helpers.sltt_cases import (
    BATCH,
    CHANNELS,
    CLASSES,
    LABELS,
    LENGTHS,
    MAX_DELAY,
    STEPS,
    alike,
    batch,
    different,
    network,
    trained,
)  # fmt: skip
from snnsim import kernels
from snnsim.gradient_paths import DELAYED, GradientPaths
from snnsim.learning import chunked, losses, rules, stages
from snnsim.learning.decisions import max_membrane, mean_membrane, summed_softmax
from snnsim.nn import LIF, Conv, DelayedConv, DelayedLinear, LeakyReadout, LevyBaxter, MetaNeuron, SparseLinear
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork

CHUNKS = [1, 2, 3, 5, 8, STEPS + 2, 50]


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("delayed", DELAYED)
@pytest.mark.parametrize("decide", [summed_softmax, mean_membrane])
def test_chunks_equal_the_recording(chunk, delayed, decide):
    settings = {"learn": True, "dropout": 0.4, "taps": 2}
    full, result = trained(rules.get_rule("sltt", delayed=delayed), network(**settings), decide)
    cut, by_chunks = trained(rules.get_rule("sltt", delayed=delayed, chunk=chunk), network(**settings), decide)
    alike(cut, full)
    alike((by_chunks.loss, by_chunks.scores), (result.loss, result.scores))


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("k", [None, 1, 4])
@pytest.mark.parametrize("loss", losses.LOSSES)
def test_chunks_with_k_steps_equal_the_recording(chunk, k, loss):
    full, result = trained(rules.get_rule("sltt", k=k, loss=loss), network(dropout=0.4))
    cut, by_chunks = trained(rules.get_rule("sltt", k=k, loss=loss, chunk=chunk), network(dropout=0.4))
    alike(cut, full)
    alike(by_chunks.scores, result.scores)
    if k is None:
        alike(by_chunks.loss, result.loss)


@pytest.mark.parametrize("kind", [LevyBaxter, MetaNeuron])
@pytest.mark.parametrize("chunk", [2, 5, 50])
def test_chunks_of_stochastic_neurons(chunk, kind):
    def drawing_network():
        net = network(dropout=0.3)
        for layer in net.layers:
            sources = {"learn": "neuron", "sources": layer.synapse.weight.shape[1]} if kind is LevyBaxter else {}
            layer.neuron = kind(threshold=0.25, **sources)
        return net.double().train()

    full, result = trained(rules.sltt, drawing_network())
    grads, chunked_result = trained(partial(chunked.backpropagate_batch, chunk=chunk), drawing_network())
    alike(grads, full)
    alike(chunked_result.scores, result.scores)
    # the draws depend on the seed
    assert different(trained(rules.sltt, drawing_network(), seed=1)[0], full)


@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_chunks_without_delays(chunk):
    def plain():
        draw = generator(3)
        hidden = SpikingLayer(SparseLinear(CHANNELS, 7, generator=draw), LIF(threshold=0.25), norm=None, dropout=0.0)
        return SpikingNetwork([hidden], SparseLinear(7, CLASSES, generator=draw), LeakyReadout()).double()

    alike(trained(rules.get_rule("sltt", chunk=chunk), plain())[0], trained(rules.sltt, plain())[0])


@pytest.mark.parametrize("k", [None, 4])
def test_without_a_generator_both_passes_draw_the_same_dropout(k):
    rule = rules.get_rule("sltt", chunk=3, k=k)
    expected, _ = trained(rule, network(dropout=0.4), seed=3)
    net = network(dropout=0.4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        rule(net, batch(), summed_softmax, None)
    alike({name: parameter.grad for name, parameter in net.named_parameters()}, expected)


def test_chunks_of_unequal_lengths_from_an_iterator():
    frames = batch().frames

    def objective(output, first):
        return (output.square() * (first + torch.arange(len(output)))[:, None, None]).sum()

    full, cut = network(), network()
    full.extra_steps = 0
    loss = objective(full(frames, credit=GradientPaths(temporal=False)), 0)
    loss.backward()
    grads = chunked.backpropagate(cut, iter(frames.split([2, 1, 5, 3])), objective)
    assert grads == pytest.approx(loss.item())
    alike([one.grad for one in cut.parameters()], [one.grad for one in full.parameters()])


def test_pending_steps_are_bounded_by_the_delays(monkeypatch):
    most = []
    forward = stages.Stage.forward

    def watched(stage, spikes):
        output = forward(stage, spikes)
        most.append((stage.run, sum(pending.end - pending.first for pending in stage.pending)))
        return output

    monkeypatch.setattr(stages.Stage, "forward", watched)
    frames = torch.ones(300, 2, CHANNELS).double()
    chunked.backpropagate(network(), iter(frames.split(2)), lambda output, _: output.sum())
    by_stage = [max(size for run, size in most if run is one) for one in dict.fromkeys(run for run, _ in most)]
    # the chunk itself, and the delays of the layers behind
    assert by_stage == [2 * MAX_DELAY + 2, MAX_DELAY + 2, 2]


@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_compiled_and_plain_chunks_are_normalized_alike(chunk):
    fast, plain = network(norm=True, dropout=0.4), network(norm=True, dropout=0.4)
    grads, result = trained(rules.get_rule("sltt", chunk=chunk), fast)
    with kernels.plain():
        expected, by_steps = trained(rules.get_rule("sltt", chunk=chunk), plain)
    alike(grads, expected)
    alike(result.scores, by_steps.scores)
    alike(dict(fast.named_buffers()), dict(plain.named_buffers()))
    assert different(grads, trained(rules.sltt, network(norm=True, dropout=0.4))[0])


def test_chunks_of_a_sequence_update_running_averages_by_the_momentum():
    current = 3 + 2 * torch.randn(8, 5, 4, generator=generator(), dtype=torch.float64)
    valid, flat = torch.full((5,), 8), current.flatten(0, 1)
    mean, variance = flat.mean(0), flat.var(0, correction=0)
    once, often = BatchNorm(4, momentum=0.2).double(), BatchNorm(4, momentum=0.2).double()
    once.statistics(current, valid, valid.sum())
    for _ in range(4):
        often.statistics(current, valid, 4 * valid.sum())
    alike(once.running_mean, 0.2 * mean)
    alike(once.running_var, 0.8 * (1 + 0.2 * mean.square()) + 0.2 * variance)
    alike(often.running_mean, once.running_mean)
    # neither chunks of padding nor evaluation update them
    before = [buffer.clone() for buffer in once.buffers()]
    once.statistics(current, torch.zeros(5, dtype=torch.long), valid.sum())
    once.eval().statistics(current, valid, valid.sum())
    assert all(map(torch.equal, once.buffers(), before))


def test_a_chunk_is_normalized_with_the_averages_it_updated():
    net = network(norm=True)
    layer, frames = net.layers[0], batch().frames
    sent, _ = layer.run(frames, valid=LENGTHS)
    layer.norm.eval()
    norm = layer.norm(layer.current(frames))
    counted = (torch.arange(STEPS)[:, None] < LENGTHS)[..., None]
    alike(sent, layer.neuron(norm * counted))


def test_a_chunk_of_padding_is_normalized_as_in_evaluation():
    short = losses.Batch(batch().frames, torch.full((BATCH,), 2), LABELS, normalizer=float(BATCH))
    net = network(norm=True)
    rules.get_rule("sltt", chunk=2)(net, short, summed_softmax, None)
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    assert all(buffer.isfinite().all() for buffer in net.buffers())


def test_chunks_need_a_sum_over_time():
    with pytest.raises(ValueError, match="summed_softmax or mean_membrane, not max_membrane"):
        trained(rules.get_rule("sltt", chunk=3), network(), max_membrane)


def test_chunks_need_at_least_a_step():
    with pytest.raises(ValueError, match="at least 1 step, not 0"):
        trained(rules.get_rule("sltt", chunk=0), network())


def test_chunks_need_paths_without_the_membrane():
    with pytest.raises(ValueError, match="without the membrane"):
        chunked.backpropagate(network(), [], lambda *_: None, credit=GradientPaths())


@pytest.mark.parametrize("kind", [Conv, DelayedConv])
@pytest.mark.parametrize("chunk", [2, 50])
def test_chunks_of_convolutions(kind, chunk):
    def pictured():
        draw, delays = generator(3), [3] if kind is DelayedConv else []
        first = kind((3, 3, 2), 4, *delays, kernel=3, generator=draw)
        second = kind(first.into, 3, *delays, kernel=3, generator=draw)
        layers = [
            SpikingLayer(synapse, LIF(beta=0.5, threshold=0.25), norm=None, dropout=0.3) for synapse in (first, second)
        ]
        read = DelayedLinear(second.into.size, CLASSES, 2, generator=draw)
        return SpikingNetwork(layers, read, LeakyReadout(beta=0.5)).double()

    def gradients(rule):
        net = pictured()
        frames = torch.rand(STEPS, BATCH, 18, generator=generator(1), dtype=torch.float64)
        rule(net, losses.Batch(frames, LENGTHS, LABELS, normalizer=float(BATCH)), summed_softmax, generator(5))
        return {name: parameter.grad for name, parameter in net.named_parameters()}

    full = gradients(rules.sltt)
    assert all(grad.abs().max() > 0 for grad in full.values())
    alike(gradients(rules.get_rule("sltt", chunk=chunk)), full)
    assert different(gradients(rules.bptt), full)
