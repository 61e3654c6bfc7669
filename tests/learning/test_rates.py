"""Bounds of spike rates: their gradients are those of the penalty, in every rule for complete recordings."""

from functools import partial

import pytest
import torch

from helpers.sltt_cases import EXTRA, LENGTHS, batch, different, network
from snnsim.gradient_paths import ALL_PATHS, SPATIAL
from snnsim.learning import losses, rates, rules
from snnsim.learning.decisions import summed_softmax
from snnsim.learning.options import RateBounds
from snnsim.nn.batch_norm import valid_steps
from snnsim.nn.layer_state import SequenceContext

BOUNDS = {
    "neurons": RateBounds(low=0.35, high=0.4, low_strength=3.0, high_strength=5.0),
    "layers": RateBounds(low=0.9, high=0.95, of="layer"),
}


def learned(rule, net, *, seed=0):
    """Return the gradients that a rule leaves, and its loss."""
    result = rule(net, batch(), summed_softmax, torch.Generator().manual_seed(seed))
    return {name: parameter.grad for name, parameter in net.named_parameters()}, result.loss


def reference(net, bounds, paths):
    """Return the gradients of the mean loss and the penalty, written as one function of the spikes."""
    data, total = batch(), 0.0
    spikes = torch.cat([data.frames, data.frames.new_zeros(EXTRA, *data.frames.shape[1:])])
    valid = LENGTHS + EXTRA
    counted = valid_steps(valid, len(spikes))[..., None]
    for layer in net.layers:
        spikes = layer.spike(layer.current(spikes, paths), SequenceContext(valid, None, paths))[0]
        rate = (spikes * counted).sum((0, 1)) / valid.sum()
        assert float(rate.detach().min()) < bounds.low
        assert bounds.of == "layer" or float(rate.detach().max()) > bounds.high
        rate = rate if bounds.of == "neuron" else rate.mean()
        low, high = (bounds.low - rate).clamp_min(0), (rate - bounds.high).clamp_min(0)
        total = total + (bounds.low_strength * low**2 + bounds.high_strength * high**2).mean()
    output = net.readout(net.synapse(spikes, delayed=paths.delayed), temporal=paths.temporal)
    (losses.decision_loss(summed_softmax(output, valid), data.labels) / data.normalizer + total).backward()
    return {name: parameter.grad for name, parameter in net.named_parameters()}


@pytest.mark.parametrize("kind", BOUNDS)
@pytest.mark.parametrize(("rule", "paths"), [(rules.bptt, ALL_PATHS), (rules.sltt, SPATIAL)])
def test_the_gradient_is_that_of_loss_and_penalty(kind, rule, paths):
    ours, loss = learned(rates.bounded(rule, BOUNDS[kind]), network(norm=True))
    plain, same = learned(rule, network(norm=True))
    theirs = reference(network(norm=True), BOUNDS[kind], paths)
    assert loss == same
    assert different(ours, plain)
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-9, atol=1e-12)


def test_the_penalty_counts_all_steps_where_sltt_k_draws_some():
    bounds = BOUNDS["neurons"]
    penalties = []
    for rule in (rules.sltt, partial(rules.sltt_k, k=3)):
        with_bounds, plain = learned(rates.bounded(rule, bounds), network())[0], learned(rule, network())[0]
        penalties.append({name: with_bounds[name] - plain[name] for name in plain})
    for name in penalties[0]:
        torch.testing.assert_close(penalties[0][name], penalties[1][name], rtol=1e-9, atol=1e-12)


def test_rates_within_the_bounds_leave_the_gradient():
    ours, _ = learned(rates.bounded(rules.bptt, RateBounds(low=0.0, high=1.0)), network())
    plain, _ = learned(rules.bptt, network())
    assert all(torch.equal(ours[name], plain[name]) for name in plain)
    assert rates.bounded(rules.bptt, None) is rules.bptt


def with_a_silent_neuron(*, norm):
    net = network(norm=norm)
    with torch.no_grad():
        (net.layers[0].norm.bias if norm else net.layers[0].synapse.weight)[2] = -2.0
    return net


@pytest.mark.parametrize("norm", [False, True])
def test_silent_neurons_are_revived(norm):
    net = with_a_silent_neuron(norm=norm)
    silent = [~spikes.any(0).any(0) for spikes in net.record(batch().frames, LENGTHS).spikes[1:]]
    assert silent[0][2]
    assert not silent[0].all()
    ours, _ = learned(rates.bounded(rules.bptt, RateBounds(revive=0.5)), net)
    plain, _ = learned(rules.bptt, with_a_silent_neuron(norm=norm))
    for number, rows in enumerate(silent):
        raised = f"layers.{number}.norm.bias" if norm else f"layers.{number}.synapse.weight"
        # gradient descent adds the learning rate times the strength
        plain[raised][rows] -= 0.5
    assert all(torch.equal(ours[name], plain[name]) for name in plain)


@pytest.mark.parametrize("norm", [False, True])
def test_a_lower_bound_raises_a_silent_neuron(norm):
    ours, _ = learned(rates.bounded(rules.bptt, RateBounds(low=0.1)), with_a_silent_neuron(norm=norm))
    plain, _ = learned(rules.bptt, with_a_silent_neuron(norm=norm))
    name = "layers.0.norm.bias" if norm else "layers.0.synapse.weight"
    assert bool((ours[name][2] < plain[name][2]).all())


def test_chunks_of_time_are_refused():
    rule = rates.bounded(partial(rules.sltt, chunk=4), RateBounds(low=0.1))
    with pytest.raises(ValueError, match="bounds of rates need complete recordings"):
        learned(rule, network())
