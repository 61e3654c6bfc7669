"""SLTT against loops written from its equations, against BPTT where they agree, in windows against the whole."""

import itertools
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from helpers.networks import generator
from snnsim import kernels
from snnsim.gradient_paths import DELAYED, GradientPaths
from snnsim.kernels import reference
from snnsim.learning import chunked, losses, rules
from snnsim.learning.decisions import max_membrane, mean_membrane, summed_softmax
from snnsim.nn import LIF, Conv, DelayedConv, DelayedLinear, LeakyReadout, LevyBaxter, MetaNeuron, SparseLinear
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork

STEPS, BATCH, CHANNELS, CLASSES, MAX_DELAY = 11, 4, 5, 3, 4
EXTRA = 2
LENGTHS, LABELS = torch.tensor([11, 7, 9, 4]), torch.tensor([0, 1, 2, 1])


def network(*, beta=0.5, norm=False, dropout=0.0, max_delay=MAX_DELAY, learn=False, taps=1):
    draw = generator(3)
    learned = {"learn_decay": "neuron", "learn_threshold": True} if learn else {}
    sizes = [CHANNELS, 7, 6]
    layers = [
        SpikingLayer(
            DelayedLinear(source, target, max_delay, sigma=1.2, taps=taps, generator=draw),
            LIF(beta=beta, threshold=0.25, features=target, **learned),
            norm=BatchNorm(target) if norm else None,
            dropout=dropout,
        )
        for source, target in itertools.pairwise(sizes)
    ]
    synapse = DelayedLinear(6, CLASSES, max_delay, sigma=1.2, taps=taps, generator=draw)
    readout = LeakyReadout(beta=beta, learn_decay="neuron" if learn else "fixed", features=CLASSES)
    return SpikingNetwork(layers, synapse, readout, extra_steps=EXTRA).double().train()


def batch():
    frames = torch.rand(STEPS, BATCH, CHANNELS, generator=generator(1), dtype=torch.float64) * 2
    frames *= (torch.arange(STEPS)[:, None] < LENGTHS)[..., None]
    return losses.Batch(frames, LENGTHS, LABELS, whole=float(BATCH))


def trained(rule, net, decide=summed_softmax, seed=0):
    """Return the gradients that a rule leaves, by name, and what it saw."""
    seen = rule(net, batch(), decide, generator(seed))
    found = {name: parameter.grad for name, parameter in net.named_parameters()}
    assert all(grad is not None and grad.isfinite().all() for grad in found.values())
    return found, seen


def alike(one, other):
    assert_close(one, other, rtol=1e-9, atol=1e-12)


def different(one, other):
    return [name for name in one if not torch.allclose(one[name], other[name], rtol=1e-6)]


# ---- the equations ----


def test_equals_the_equations_in_loops():
    net, valid = network(), LENGTHS + 2
    found, seen = trained(rules.sltt, net, mean_membrane)
    frames = torch.cat([batch().frames, torch.zeros(2, BATCH, CHANNELS)])
    # of the mean cross-entropy of the mean over the steps that count
    error = (seen.scores.softmax(1) - torch.eye(CLASSES, dtype=torch.float64)[LABELS]) / BATCH / valid[:, None]
    error = error * (torch.arange(STEPS + 2)[:, None] < valid)[..., None]
    synapses = {**{f"layers.{n}.synapse": layer.synapse for n, layer in enumerate(net.layers)}, "synapse": net.synapse}
    built = [synapse.kernel() for synapse in synapses.values()]
    slope = net.layers[0].neuron.surrogate.slope
    by_loops = reference.spatial_gradients(
        frames.numpy(), [kernel.detach().numpy() for kernel in built], error.numpy(), beta=0.5, threshold=0.25,
        slope=lambda x: slope(torch.tensor(x, dtype=torch.float64)).item(),
    )  # fmt: skip
    for (name, synapse), kernel, grad in zip(synapses.items(), built, by_loops, strict=True):
        weight, delay = torch.autograd.grad(kernel, (synapse.weight, synapse.delay), torch.from_numpy(grad))
        alike((found[f"{name}.weight"], found[f"{name}.delay"]), (weight, delay))


@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("norm", [False, True])
def test_fast_forms_equal_the_plain_ones(norm, learn):
    fast, _ = trained(rules.sltt, network(norm=norm, learn=learn))
    with kernels.plain():
        plain, _ = trained(rules.sltt, network(norm=norm, learn=learn))
    alike(fast, plain)


# ---- where it is the same as bptt, and where not ----


@pytest.mark.parametrize("norm", [False, True])
def test_equals_bptt_without_a_leak(norm):
    alike(trained(rules.sltt, network(beta=0.0, norm=norm))[0], trained(rules.bptt, network(beta=0.0, norm=norm))[0])


def test_equals_bptt_in_one_step():
    def one_step(rule):
        net = network()
        net.extra_steps = 0
        one = losses.Batch(batch().frames[:1], torch.ones(BATCH, dtype=torch.long), LABELS, whole=float(BATCH))
        rule(net, one, summed_softmax, None)
        return {name: parameter.grad for name, parameter in net.named_parameters()}

    alike(one_step(rules.sltt), one_step(rules.bptt))


def test_differs_from_bptt_with_a_leak_but_sees_the_same():
    (sltt, seen), (bptt, by_bptt) = trained(rules.sltt, network()), trained(rules.bptt, network())
    assert len(different(sltt, bptt)) == len(sltt)
    alike((seen.loss, seen.scores), (by_bptt.loss, by_bptt.scores))


# ---- delays that errors do not go back over ----


@pytest.mark.parametrize("delayed", ["cut", "stale"])
def test_other_credit_leaves_the_last_synapse_and_changes_the_others(delayed):
    exact, _ = trained(rules.sltt, network())
    other, _ = trained(rules.get_rule("sltt", delayed=delayed), network())
    assert different(exact, other) == [name for name in exact if name.startswith("layers")]


def test_credit_of_a_delay():
    spikes = torch.rand(6, 1, 1, generator=generator(), dtype=torch.float64)
    error = torch.tensor([0.0, 0, 0, 0, 1, 0], dtype=torch.float64).view(6, 1, 1)
    found = {}
    for delayed in DELAYED:
        synapse = DelayedLinear(1, 1, 3).double().eval()
        with torch.no_grad():
            synapse.weight.fill_(2.0)
            synapse.delay.fill_(2.0)
        leaf = spikes.clone().requires_grad_()
        current = synapse(leaf, delayed=delayed)
        alike(current.detach(), synapse(spikes).detach())
        current.backward(error)
        found[delayed] = leaf.grad.flatten().tolist()
    assert found["exact"] == pytest.approx([0, 0, 2, 0, 0, 0], abs=1e-12)
    assert found["stale"] == pytest.approx([0, 0, 0, 0, 2, 0], abs=1e-12)
    assert found["cut"] == pytest.approx([0] * 6, abs=1e-12)


def test_without_delays_all_credits_agree():
    exact, _ = trained(rules.sltt, network(max_delay=0))
    for delayed in ("cut", "stale"):
        alike(trained(rules.get_rule("sltt", delayed=delayed), network(max_delay=0))[0], exact)


def test_unknown_credit():
    with pytest.raises(ValueError, match="delayed must be one of exact, cut, stale, not 'late'"):
        GradientPaths(delayed="late")


# ---- k of the steps ----


@pytest.mark.parametrize("k", [STEPS + 2, 100])
def test_all_steps_are_sltt(k):
    alike(trained(rules.get_rule("sltt-k", k=k), network())[0], trained(rules.sltt, network())[0])


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_mean_over_draws_is_k_of_t_steps(loss):
    steps, k = STEPS + 2, 1
    every, _ = trained(rules.get_rule("sltt", loss=loss), network())
    total = {name: torch.zeros_like(grad) for name, grad in every.items()}
    # each step is drawn alone exactly once: no chance is left in the mean
    seeds, seen = iter(range(10_000)), set()
    while len(seen) < steps:
        seed = next(seeds)
        (step,) = losses.chosen(k, steps, generator(seed)).nonzero().flatten().tolist()
        if step in seen:
            continue
        seen.add(step)
        found, _ = trained(rules.get_rule("sltt-k", k=k, loss=loss), network(), seed=seed)
        total = {name: total[name] + grad for name, grad in found.items()}
    for name, grad in every.items():
        alike(total[name] / steps, grad * k / steps)


def test_steps_are_drawn_without_replacement_by_the_seed():
    masks = [losses.chosen(3, 8, generator(seed)) for seed in range(300)]
    assert {int(mask.sum()) for mask in masks} == {3}
    often = torch.stack(masks).float().mean(0)
    assert_close(often, torch.full((8,), 3 / 8), atol=0.12, rtol=0)
    assert torch.equal(losses.chosen(3, 8, generator(7)), masks[7])


def test_no_step_is_too_few():
    with pytest.raises(ValueError, match="at least 1 step, not k = 0"):
        trained(rules.get_rule("sltt-k", k=0), network())


# ---- windows of time ----

WINDOWS = [1, 2, 3, 5, 8, STEPS + 2, 50]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("delayed", DELAYED)
@pytest.mark.parametrize("decide", [summed_softmax, mean_membrane])
def test_windows_equal_the_whole(window, delayed, decide):
    settings = {"learn": True, "dropout": 0.4, "taps": 2}
    whole, seen = trained(rules.get_rule("sltt", delayed=delayed), network(**settings), decide)
    cut, by_windows = trained(rules.get_rule("sltt", delayed=delayed, window=window), network(**settings), decide)
    alike(cut, whole)
    alike((by_windows.loss, by_windows.scores), (seen.loss, seen.scores))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("k", [None, 1, 4])
@pytest.mark.parametrize("loss", losses.LOSSES)
def test_windows_of_some_steps_equal_the_whole(window, k, loss):
    whole, seen = trained(rules.get_rule("sltt", k=k, loss=loss), network(dropout=0.4))
    cut, by_windows = trained(rules.get_rule("sltt", k=k, loss=loss, window=window), network(dropout=0.4))
    alike(cut, whole)
    alike(by_windows.scores, seen.scores)
    if k is None:
        alike(by_windows.loss, seen.loss)


@pytest.mark.parametrize("kind", [LevyBaxter, MetaNeuron])
@pytest.mark.parametrize("window", [2, 5, 50])
def test_windows_of_neurons_that_draw(window, kind):
    def made():
        net = network(dropout=0.3)
        for layer in net.layers:
            sources = {"learn": "neuron", "sources": layer.synapse.weight.shape[1]} if kind is LevyBaxter else {}
            layer.neuron = kind(threshold=0.25, **sources)
        return net.double().train()

    whole, seen = trained(rules.sltt, made())
    found, seen_so = trained(partial(chunked.of_batch, window=window), made())
    alike(found, whole)
    alike(seen_so.scores, seen.scores)
    # the draws are those of the seed
    assert different(trained(rules.sltt, made(), seed=1)[0], whole)


@pytest.mark.parametrize("window", [1, 3, 50])
def test_windows_of_layers_without_delays(window):
    def plain():
        draw = generator(3)
        hidden = SpikingLayer(SparseLinear(CHANNELS, 7, generator=draw), LIF(threshold=0.25), norm=None, dropout=0.0)
        return SpikingNetwork([hidden], SparseLinear(7, CLASSES, generator=draw), LeakyReadout()).double()

    alike(trained(rules.get_rule("sltt", window=window), plain())[0], trained(rules.sltt, plain())[0])


def test_windows_from_an_iterator_of_any_lengths():
    frames = batch().frames

    def objective(output, first):
        return (output.square() * (first + torch.arange(len(output)))[:, None, None]).sum()

    whole, cut = network(), network()
    whole.extra_steps = 0
    loss = objective(whole(frames, credit=GradientPaths(temporal=False)), 0)
    loss.backward()
    found = chunked.backpropagate(cut, iter(frames.split([2, 1, 5, 3])), objective)
    assert found == pytest.approx(loss.item())
    alike([one.grad for one in cut.parameters()], [one.grad for one in whole.parameters()])


def test_windows_keep_no_more_than_delays_reach_back(monkeypatch):
    most = []
    forward = chunked._Stage.forward

    def watched(stage, spikes):
        output = forward(stage, spikes)
        most.append((stage.run, sum(piece.end - piece.first for piece in stage.waiting)))
        return output

    monkeypatch.setattr(chunked._Stage, "forward", watched)
    frames = torch.ones(300, 2, CHANNELS).double()
    chunked.backpropagate(network(), iter(frames.split(2)), lambda output, _: output.sum())
    by_stage = [max(size for run, size in most if run is one) for one in dict.fromkeys(run for run, _ in most)]
    # the window itself, and what the delays of the layers behind reach back to
    assert by_stage == [2 * MAX_DELAY + 2, MAX_DELAY + 2, 2]


@pytest.mark.parametrize("window", [1, 3, 50])
def test_windows_are_normalized_alike_in_every_form(window):
    fast, plain = network(norm=True, dropout=0.4), network(norm=True, dropout=0.4)
    found, seen = trained(rules.get_rule("sltt", window=window), fast)
    with kernels.plain():
        expected, by_steps = trained(rules.get_rule("sltt", window=window), plain)
    alike(found, expected)
    alike(seen.scores, by_steps.scores)
    alike(dict(fast.named_buffers()), dict(plain.named_buffers()))
    assert different(found, trained(rules.sltt, network(norm=True, dropout=0.4))[0])


def test_a_sequence_moves_the_running_averages_by_their_momentum():
    current = 3 + 2 * torch.randn(8, 5, 4, generator=generator(), dtype=torch.float64)
    valid, flat = torch.full((5,), 8), current.flatten(0, 1)
    mean, variance = flat.mean(0), flat.var(0, correction=0)
    once, often = BatchNorm(4, momentum=0.2).double(), BatchNorm(4, momentum=0.2).double()
    once.window(current, valid, valid.sum())
    for _ in range(4):
        often.window(current, valid, 4 * valid.sum())
    alike(once.running_mean, 0.2 * mean)
    alike(once.running_var, 0.8 * (1 + 0.2 * mean.square()) + 0.2 * variance)
    alike(often.running_mean, once.running_mean)
    # windows that do not count move nothing, and neither does evaluation
    before = [buffer.clone() for buffer in once.buffers()]
    once.window(current, torch.zeros(5, dtype=torch.long), valid.sum())
    once.eval().window(current, valid, valid.sum())
    assert all(map(torch.equal, once.buffers(), before))


def test_a_window_is_normalized_with_the_averages_that_it_has_moved():
    net = network(norm=True)
    layer, frames = net.layers[0], batch().frames
    sent, _ = layer.run(frames, valid=LENGTHS)
    layer.norm.eval()
    norm = layer.norm(layer.current(frames))
    counted = (torch.arange(STEPS)[:, None] < LENGTHS)[..., None]
    alike(sent, layer.neuron(norm * counted))


def test_a_window_in_which_nothing_counts_is_normalized_as_in_evaluation():
    short = losses.Batch(batch().frames, torch.full((BATCH,), 2), LABELS, whole=float(BATCH))
    net = network(norm=True)
    rules.get_rule("sltt", window=2)(net, short, summed_softmax, None)
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    assert all(buffer.isfinite().all() for buffer in net.buffers())


def test_windows_need_a_sum_over_time():
    with pytest.raises(ValueError, match="summed_softmax or mean_membrane, not max_membrane"):
        trained(rules.get_rule("sltt", window=3), network(), max_membrane)


def test_windows_need_at_least_a_step():
    with pytest.raises(ValueError, match="at least 1 step, not 0"):
        trained(rules.get_rule("sltt", window=0), network())


def test_windows_need_a_rule_without_temporal_routes():
    with pytest.raises(ValueError, match="without routes through the membrane"):
        chunked.backpropagate(network(), [], lambda *_: None, credit=GradientPaths())


def test_unknown_loss():
    with pytest.raises(ValueError, match="loss 'mean' is unknown; the known ones are decision, steps"):
        trained(rules.get_rule("sltt", loss="mean"), network())


@pytest.mark.parametrize("kind", [Conv, DelayedConv])
@pytest.mark.parametrize("window", [2, 50])
def test_windows_of_fields_of_neurons(kind, window):
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
        rule(net, losses.Batch(frames, LENGTHS, LABELS, whole=float(BATCH)), summed_softmax, generator(5))
        return {name: parameter.grad for name, parameter in net.named_parameters()}

    whole = gradients(rules.sltt)
    assert all(grad.abs().max() > 0 for grad in whole.values())
    alike(gradients(rules.get_rule("sltt", window=window)), whole)
    assert different(gradients(rules.bptt), whole)
