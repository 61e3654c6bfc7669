"""The probabilistic meta-neuron: its law, its gradients, and the same draws wherever they are taken."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from torch.autograd import gradcheck
from torch.testing import assert_close

from helpers.networks import eighths, generator
from snnsim import kernels
from snnsim.kernels import reference
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn import LIF, MetaNeuron, SparseLinear
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.meta import Recovery

RESETS = list(itertools.product(["hard", "soft"], [True, False]))
DRAWS = Draws.of(3, 5).at(2)


def currents(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64) + 0.4


# ---- the law it fires by ----


@pytest.mark.parametrize("hard", [True, False])
def test_equals_the_loops(hard):
    current, numbers = currents(30, 2, 4), {"beta": 0.75, "threshold": 1.25, "width": 0.5, "back": -0.25}
    neuron = MetaNeuron(beta=0.75, threshold=1.25, width=0.5, reset="hard" if hard else "soft", reset_value=-0.25)
    spikes, membrane = neuron.trace(current, draws=Draws.of(7, 3))
    for member in range(2):
        key = reference.mixed(7)
        drawn = np.array([[_drawn(key, 3 + member, t, n) for n in range(4)] for t in range(30)])
        expected = reference.meta(current[:, member].numpy(), np.zeros(4), drawn, neuron=numbers, hard=hard)
        np.testing.assert_array_equal(spikes[:, member], expected[0])
        np.testing.assert_allclose(membrane[:, member], expected[1], rtol=1e-12)
    assert 10 < spikes.sum() < 200


def _drawn(key, recording, step, neuron):
    for number in (recording, step):
        key = reference.mixed(key + 0x9E3779B97F4A7C15 * number)
    return (reference.mixed(key + 0x9E3779B97F4A7C15 * (neuron + 1)) // 2**12 + 0.5) / 2**52


@pytest.mark.parametrize("drive", [0.2, 0.9, 1.0, 1.3])
def test_rate_without_memory_is_the_sigmoid(drive):
    neuron = MetaNeuron(beta=0.0, threshold=1.0, width=0.25)
    spikes = neuron(torch.full((500, 10, 20), drive, dtype=torch.float64), draws=Draws.of(1))
    expected = float(torch.sigmoid(torch.tensor((drive - 1.0) / 0.25)))
    interval = stats.binomtest(int(spikes.sum()), spikes.numel(), expected).proportion_ci(0.999)
    assert interval.low < expected < interval.high


@pytest.mark.parametrize(("reset_value", "width"), [(0.0, 0.2), (-0.5, 0.2), (0.4, 0.05)])
def test_rate_with_constant_drive_is_that_of_the_renewal_process(reset_value, width):
    # from one spike to the next the membrane climbs the same way: u_k = β u_{k−1} + I from u_0 = r
    beta, drive, threshold = 0.9, 0.25, 1.0
    u, survival, mean = reset_value, 1.0, 0.0
    for _ in range(2000):
        u = beta * u + drive
        mean += survival
        survival *= 1 - 1 / (1 + np.exp(-(u - threshold) / width))
    neuron = MetaNeuron(beta=beta, width=width, reset_value=reset_value)
    spikes = neuron(torch.full((20_000, 4), drive, dtype=torch.float64), draws=Draws.of(2))
    intervals = np.concatenate([np.diff(np.flatnonzero(train)) for train in spikes.T.numpy()])
    assert abs(intervals.mean() - mean) < 3.5 * intervals.std() / np.sqrt(len(intervals))
    # each spike is a Bernoulli trial of its own, so the count scatters less than binomial trials of the mean rate
    found = stats.binomtest(int(spikes.sum()), spikes.numel()).proportion_ci(0.999)
    assert found.low < 1 / mean < found.high


# ---- without noise ----


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("plain", [False, True])
def test_without_width_it_is_lif(reset, plain):
    current = eighths(40, 3, 5)
    with kernels.plain() if plain else torch.enable_grad():
        expected = LIF(tau=3.0, reset=reset, surrogate="sigmoid").trace(current.requires_grad_())
        found = MetaNeuron(tau=3.0, reset=reset, width=0.0).trace(current, draws=DRAWS)
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[1], expected[1])
        slopes = [torch.autograd.grad(seen[0].cumsum(0).square().sum(), current)[0] for seen in (found, expected)]
    assert_close(*slopes)


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_noise_that_vanishes_leaves_lif(reset):
    current = currents(60, 3, 50)
    expected = LIF(beta=0.8, reset=reset)(current)
    apart = [
        (MetaNeuron(beta=0.8, reset=reset, width=width)(current, draws=DRAWS) != expected).double().mean()
        for width in (0.5, 1e-2, 1e-4, 1e-12)
    ]
    assert apart[0] > apart[1] > apart[2] > 0 == apart[3]


def test_without_draws_it_fires_where_that_is_likely():
    current = currents(60, 3, 5)
    assert torch.equal(MetaNeuron(beta=0.8, width=0.7)(current), LIF(beta=0.8)(current))


# ---- the same draws ----


@pytest.mark.parametrize("recovery", [None, Recovery(0.8, 0.05, 0.3)])
def test_windows_batches_and_forms_draw_the_same(recovery):
    neuron = MetaNeuron(beta=0.8, width=0.3, recovery=recovery)
    current = currents(20, 6, 7)
    whole, last = neuron.run(current, draws=DRAWS)
    assert 0.05 < whole.mean() < 0.95
    assert not torch.equal(whole, neuron(current, draws=Draws.of(4, 5).at(2)))
    for cut in (1, 9):
        first, between = neuron.run(current[:cut], draws=DRAWS)
        second, after = neuron.run(current[cut:], between, draws=DRAWS.at(DRAWS.step + cut))
        assert torch.equal(torch.cat([first, second]), whole)
        assert torch.equal(after, last)
    for member in range(6):
        alone = neuron(current[:, member], draws=DRAWS._replace(recording=DRAWS.recording + member))
        assert torch.equal(alone, whole[:, member])
    with kernels.plain():
        assert torch.equal(neuron(current, draws=DRAWS), whole)
    stepped, state = [], None
    for step, now in enumerate(current):
        spikes, state = neuron.step(now, state, DRAWS.at(DRAWS.step + step))
        stepped.append(spikes)
    assert torch.equal(torch.stack(stepped), whole)


def test_precision_draws_the_same():
    neuron, current = MetaNeuron(beta=0.0, width=0.5), torch.full((50, 4, 5), 0.9)
    found = neuron(current, draws=DRAWS)
    assert torch.equal(found.double(), neuron(current.double(), draws=DRAWS))
    short = neuron(current.bfloat16(), draws=DRAWS)
    assert (found.dtype, short.dtype) == (torch.float32, torch.bfloat16)
    assert (short != found).float().mean() < 0.01


def test_threads_draw_the_same():
    neuron, current = MetaNeuron(beta=0.8, width=0.3), currents(20, 60, 30)
    threads = torch.get_num_threads()
    found = []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            found.append(neuron(current, draws=DRAWS))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


# ---- gradients ----


def gradients(neuron, current, voltage, draws, *, temporal):
    seen = neuron.fire(current, voltage, record=True, draws=draws, temporal=temporal)
    draw = generator(1)
    parts = (seen.spikes, seen.membrane)
    loss = sum((part * torch.randn(part.shape, generator=draw, dtype=torch.float64)).sum() for part in parts)
    inputs = (current, voltage, *neuron.parameters())
    return seen.spikes, torch.autograd.grad(loss, inputs, materialize_grads=True)


@pytest.mark.parametrize(("reset", "detached"), RESETS)
@pytest.mark.parametrize(("temporal", "draws"), [(True, DRAWS), (False, DRAWS), (True, None)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gradients_equal_those_of_autograd(reset, detached, temporal, draws, dtype):
    how = {"reset": reset, "detach_reset": detached, "reset_value": 0.25, "learn": "neuron", "features": 7}
    neuron = MetaNeuron(tau=3.0, width=0.3, **how)
    current, voltage = (part.to(dtype).requires_grad_() for part in (currents(12, 90, 7), currents(90, 7, seed=1)))
    spikes, found = gradients(neuron, current, voltage, draws, temporal=temporal)
    with kernels.plain():
        expected_spikes, expected = gradients(neuron, current, voltage, draws, temporal=temporal)
    assert torch.equal(spikes, expected_spikes)
    tolerance = {} if dtype == torch.float64 else {"rtol": 1e-3, "atol": 1e-3}
    names = ["current", "voltage", *(name for name, _ in neuron.named_parameters())]
    for name, one, other in zip(names, found, expected, strict=True):
        assert_close(one, other, **tolerance, msg=lambda text, name=name: f"gradient of {name}: {text}")
        assert (one.abs().max() == 0) == (name in ("voltage", "reset_value.raw") and not temporal)


def test_straight_through_is_the_derivative_of_the_probability():
    neuron = MetaNeuron(beta=0.5, learn="layer", threshold=0.7, width=0.3)
    current = torch.linspace(-1, 2, 13, dtype=torch.float64)[None].requires_grad_()
    inputs = (current, neuron.threshold.raw, neuron.width.raw)
    found = torch.autograd.grad(neuron(current, draws=DRAWS).sum(), inputs)
    p = torch.sigmoid((current - neuron.threshold()) / neuron.width())
    assert_close(found, torch.autograd.grad(p.sum(), inputs))


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("recovery", [None, Recovery(0.7, 0.1, 0.2)])
def test_expectation_by_finite_differences(reset, recovery):
    neuron = MetaNeuron(
        tau=3.0, width=0.4, reset=reset, reset_value=0.2, recovery=recovery, estimator="expectation", learn="layer"
    ).double()
    names = [name for name, _ in neuron.named_parameters()]

    def sent(current, *values):
        return torch.func.functional_call(neuron, dict(zip(names, values, strict=True)), (current,))

    assert gradcheck(sent, (currents(6, 2, 3).requires_grad_(), *neuron.parameters()))


def test_score_is_unbiased_and_agrees_with_the_sampler():
    # E[L] and its gradient by all 2^4 spike trains, against the mean over sampled ones
    neuron = MetaNeuron(beta=0.7, width=0.4, reset_value=0.2, learn="layer").double()
    drive, steps, samples = torch.tensor([0.5, 0.9, 0.2, 0.8], dtype=torch.float64), 4, 40_000
    loss_of = lambda spikes: (spikes.cumsum(0).sin() + spikes).sum(0)  # noqa: E731
    trains = torch.tensor(list(itertools.product([0.0, 1.0], repeat=steps)), dtype=torch.float64).T
    chance = neuron.log_likelihood(drive[:, None].expand(steps, 16), trains).sum(0).exp()
    assert_close(chance.sum().item(), 1.0)
    expected = torch.autograd.grad((chance * loss_of(trains)).sum(), list(neuron.parameters()))
    current = drive[:, None, None].expand(steps, samples, 1)
    spikes = neuron(current, draws=Draws.of(0)).detach()[..., 0]
    score = neuron.log_likelihood(current[..., 0], spikes).sum(0)
    loss = loss_of(spikes)
    found = torch.autograd.grad((loss * score).mean(), list(neuron.parameters()))
    for name, one, other in zip(dict(neuron.named_parameters()), found, expected, strict=True):
        assert_close(one, other, rtol=0.05, atol=0.02, msg=lambda text, name=name: f"{name}: {text}")


def test_parameters_are_recovered_from_spike_trains():
    true = {"beta": 0.8, "threshold": 1.2, "width": 0.3, "reset_value": -0.4}
    drive = 0.3 + 0.4 * currents(1500, 8, 1, seed=2)
    spikes = MetaNeuron(**true)(drive, draws=Draws.of(9))
    start = MetaNeuron(beta=0.5, threshold=1.0, width=0.6, learn="layer").double()
    optimizer = torch.optim.LBFGS(start.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        found = -start.log_likelihood(drive, spikes).sum()
        found.backward()
        return found

    optimizer.step(loss)
    parts = {"beta": start.decay, "threshold": start.threshold, "width": start.width, "reset_value": start.reset_value}
    error = _standard_errors(start, drive, spikes)
    for (name, part), spread in zip(parts.items(), error, strict=True):
        assert abs(part().item() - true[name]) < 4 * spread, name
        assert spread < 0.2 * abs(true[name]), f"{name} is not told by these trains"


def _standard_errors(neuron, drive, spikes):
    """By the observed information, in the neuron's own numbers: raw errors times how far these move with them."""
    parameters = list(neuron.parameters())
    (first,) = [neuron.log_likelihood(drive, spikes).sum()]
    slope = torch.autograd.grad(-first, parameters, create_graph=True)
    information = torch.stack([torch.cat(torch.autograd.grad(s, parameters, retain_graph=True)) for s in slope])
    raw = torch.linalg.inv(information).diagonal().sqrt()
    parts = (neuron.decay, neuron.threshold, neuron.width, neuron.reset_value)
    moved = [torch.autograd.grad(part().sum(), list(part.parameters()))[0] for part in parts]
    return [float(error * move.abs()) for error, move in zip(raw, moved, strict=True)]


# ---- in a layer ----


@pytest.mark.parametrize("norm", [True, False])
def test_a_layer_in_one_pass_is_the_layer_part_by_part(norm):
    neuron = MetaNeuron(tau=3.0, width=0.3, learn="neuron", features=5)
    layer = SpikingLayer(
        SparseLinear(7, 5, generator=generator(2)), neuron, norm=BatchNorm(5) if norm else None, dropout=0.4
    ).double()
    spikes, valid = 2 * eighths(11, 4, 7).requires_grad_(), torch.tensor([11, 6, 1, 8])

    def learned():
        fired = layer(spikes, valid, generator(3))
        weight = torch.randn(fired.shape, generator=generator(4), dtype=torch.float64)
        return fired.detach(), torch.autograd.grad((fired * weight).sum(), list(layer.parameters()))

    found = learned()
    with kernels.plain():
        expected = learned()
    assert found[0].count_nonzero() > 10
    assert torch.equal(found[0], expected[0])
    assert_close(found[1], expected[1], rtol=1e-9, atol=1e-11)


# ---- what it says ----


def test_what_is_learned_is_saved_and_the_rest_is_not():
    assert list(MetaNeuron().state_dict()) == []
    learned = MetaNeuron(learn="layer", recovery=Recovery())
    assert sorted(learned.state_dict()) == [
        "decay.logit",
        "recovery.kept.logit",
        "recovery.membrane.raw",
        "recovery.spike.raw",
        "reset_value.raw",
        "threshold.raw",
        "width.raw",
    ]
    assert_close(learned.threshold().item(), 1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reset": "zero"}, "MetaNeuron: reset must be one of hard, soft, not 'zero'"),
        ({"estimator": "guess"}, "MetaNeuron: estimator must be one of straight_through, expectation, not 'guess'"),
        ({"threshold": 0.0}, "MetaNeuron: threshold must be positive, not 0.0"),
        ({"width": -1.0}, "MetaNeuron: width must be positive, or 0 where it is fixed and spikes are sent, not -1.0"),
        ({"width": 0.0, "learn": "layer"}, "MetaNeuron: width must be positive, or 0"),
        ({"learn": "all"}, "learn_decay must be 'fixed', 'layer' or 'neuron', not 'all'"),
        ({"learn": "neuron"}, "needs features, the number of neurons"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        MetaNeuron(**settings)
