"""SLTT against loops written from its equations, and against BPTT where the two agree."""

import pytest
import torch
from torch.testing import assert_close

from helpers.networks import generator
from helpers.sltt_cases import (
    BATCH,
    CHANNELS,
    CLASSES,
    LABELS,
    LENGTHS,
    STEPS,
    alike,
    batch,
    different,
    network,
    trained,
)
from helpers.sltt_loops import spatial_gradients
from snnsim import kernels
from snnsim.gradient_paths import DELAYED, GradientPaths
from snnsim.learning import losses, rules
from snnsim.learning.decisions import mean_membrane, summed_softmax
from snnsim.nn import DelayedLinear

# ---- the equations ----


def test_gradients_equal_the_equations_in_loops():
    net, valid = network(), LENGTHS + 2
    grads, result = trained(rules.sltt, net, mean_membrane)
    frames = torch.cat([batch().frames, torch.zeros(2, BATCH, CHANNELS)])
    # of the mean cross-entropy of the mean over the steps that count
    error = (result.scores.softmax(1) - torch.eye(CLASSES, dtype=torch.float64)[LABELS]) / BATCH / valid[:, None]
    error = error * (torch.arange(STEPS + 2)[:, None] < valid)[..., None]
    synapses = {**{f"layers.{n}.synapse": layer.synapse for n, layer in enumerate(net.layers)}, "synapse": net.synapse}
    built = [synapse.kernel() for synapse in synapses.values()]
    slope = net.layers[0].neuron.surrogate.slope
    by_loops = spatial_gradients(
        frames.numpy(), [kernel.detach().numpy() for kernel in built], error.numpy(), beta=0.5, threshold=0.25,
        slope=lambda x: slope(torch.tensor(x, dtype=torch.float64)).item(),
    )  # fmt: skip
    for (name, synapse), kernel, grad in zip(synapses.items(), built, by_loops, strict=True):
        weight, delay = torch.autograd.grad(kernel, (synapse.weight, synapse.delay), torch.from_numpy(grad))
        alike((grads[f"{name}.weight"], grads[f"{name}.delay"]), (weight, delay))


@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("norm", [False, True])
def test_compiled_forms_equal_the_plain_ones(norm, learn):
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
        one = losses.Batch(batch().frames[:1], torch.ones(BATCH, dtype=torch.long), LABELS, normalizer=float(BATCH))
        rule(net, one, summed_softmax, None)
        return {name: parameter.grad for name, parameter in net.named_parameters()}

    alike(one_step(rules.sltt), one_step(rules.bptt))


def test_differs_from_bptt_with_a_leak_with_equal_scores():
    (sltt, result), (bptt, by_bptt) = trained(rules.sltt, network()), trained(rules.bptt, network())
    assert len(different(sltt, bptt)) == len(sltt)
    alike((result.loss, result.scores), (by_bptt.loss, by_bptt.scores))


# ---- delays that errors do not go back over ----


@pytest.mark.parametrize("delayed", ["cut", "stale"])
def test_other_paths_through_delays_change_hidden_layers_alone(delayed):
    exact, _ = trained(rules.sltt, network())
    other, _ = trained(rules.get_rule("sltt", delayed=delayed), network())
    assert different(exact, other) == [name for name in exact if name.startswith("layers")]


def test_gradient_paths_through_a_delay():
    spikes = torch.rand(6, 1, 1, generator=generator(), dtype=torch.float64)
    error = torch.tensor([0.0, 0, 0, 0, 1, 0], dtype=torch.float64).view(6, 1, 1)
    grads = {}
    for delayed in DELAYED:
        synapse = DelayedLinear(1, 1, 3).double().eval()
        with torch.no_grad():
            synapse.weight.fill_(2.0)
            synapse.delay.fill_(2.0)
        leaf = spikes.clone().requires_grad_()
        current = synapse(leaf, delayed=delayed)
        alike(current.detach(), synapse(spikes).detach())
        current.backward(error)
        grads[delayed] = leaf.grad.flatten().tolist()
    assert grads["exact"] == pytest.approx([0, 0, 2, 0, 0, 0], abs=1e-12)
    assert grads["stale"] == pytest.approx([0, 0, 0, 0, 2, 0], abs=1e-12)
    assert grads["cut"] == pytest.approx([0] * 6, abs=1e-12)


def test_all_paths_agree_without_delays():
    exact, _ = trained(rules.sltt, network(max_delay=0))
    for delayed in ("cut", "stale"):
        alike(trained(rules.get_rule("sltt", delayed=delayed), network(max_delay=0))[0], exact)


def test_unknown_path_through_delays():
    with pytest.raises(ValueError, match="delayed must be one of exact, cut, stale, not 'late'"):
        GradientPaths(delayed="late")


# ---- k of the steps ----


@pytest.mark.parametrize("k", [STEPS + 2, 100])
def test_sltt_k_of_all_steps_is_sltt(k):
    alike(trained(rules.get_rule("sltt-k", k=k), network())[0], trained(rules.sltt, network())[0])


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_mean_over_draws_is_k_over_t(loss):
    steps, k = STEPS + 2, 1
    every, _ = trained(rules.get_rule("sltt", loss=loss), network())
    total = {name: torch.zeros_like(grad) for name, grad in every.items()}
    # each step is drawn alone exactly once: no chance is left in the mean
    seeds, drawn = iter(range(10_000)), set()
    while len(drawn) < steps:
        seed = next(seeds)
        (step,) = losses.random_steps(k, steps, generator(seed)).nonzero().flatten().tolist()
        if step in drawn:
            continue
        drawn.add(step)
        grads, _ = trained(rules.get_rule("sltt-k", k=k, loss=loss), network(), seed=seed)
        total = {name: total[name] + grad for name, grad in grads.items()}
    for name, grad in every.items():
        alike(total[name] / steps, grad * k / steps)


def test_steps_are_drawn_without_replacement_by_the_seed():
    masks = [losses.random_steps(3, 8, generator(seed)) for seed in range(300)]
    assert {int(mask.sum()) for mask in masks} == {3}
    often = torch.stack(masks).float().mean(0)
    assert_close(often, torch.full((8,), 3 / 8), atol=0.12, rtol=0)
    assert torch.equal(losses.random_steps(3, 8, generator(7)), masks[7])


def test_k_of_zero_is_refused():
    with pytest.raises(ValueError, match="at least 1 step, not k = 0"):
        trained(rules.get_rule("sltt-k", k=0), network())


def test_unknown_loss():
    with pytest.raises(ValueError, match="loss 'mean' is unknown; the known ones are decision, steps"):
        trained(rules.get_rule("sltt", loss="mean"), network())
