"""The probabilistic meta-neuron: its law, and equal draws in chunks, batches and forms."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from torch.testing import assert_close

from helpers.networks import eighths, generator
from snnsim import kernels
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.common.naive import mix
from snnsim.kernels.neuron import naive
from snnsim.nn import LIF, MetaNeuron, SparseLinear
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.meta import Recovery

RESETS = list(itertools.product(["hard", "soft"], [True, False]))
DRAWS = Draws.of(3, 5).at(2)


def currents(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64) + 0.4


# ---- law of the spikes ----


@pytest.mark.parametrize("hard", [True, False])
def test_equals_the_loops(hard):
    current, numbers = currents(30, 2, 4), naive.NoisyNeuron(0.75, 1.25, 0.5, -0.25)
    neuron = MetaNeuron(beta=0.75, threshold=1.25, width=0.5, reset="hard" if hard else "soft", reset_value=-0.25)
    spikes, membrane = neuron.trace(current, draws=Draws.of(7, 3))
    for member in range(2):
        key = mix(7)
        drawn = np.array([[_drawn(key, 3 + member, t, n) for n in range(4)] for t in range(30)])
        expected = naive.meta(current[:, member].numpy(), np.zeros(4), drawn, neuron=numbers, hard=hard)
        np.testing.assert_array_equal(spikes[:, member], expected[0])
        np.testing.assert_allclose(membrane[:, member], expected[1], rtol=1e-12)
    assert 10 < spikes.sum() < 200


def _drawn(key, recording, step, neuron):
    for number in (recording, step):
        key = mix(key + 0x9E3779B97F4A7C15 * number)
    return (mix(key + 0x9E3779B97F4A7C15 * (neuron + 1)) // 2**12 + 0.5) / 2**52


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
    result = stats.binomtest(int(spikes.sum()), spikes.numel()).proportion_ci(0.999)
    assert result.low < 1 / mean < result.high


# ---- without noise ----


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("plain", [False, True])
def test_without_width_it_is_lif(reset, plain):
    current = eighths(40, 3, 5)
    with kernels.plain() if plain else torch.enable_grad():
        expected = LIF(tau=3.0, reset=reset, surrogate="sigmoid").trace(current.requires_grad_())
        result = MetaNeuron(tau=3.0, reset=reset, width=0.0).trace(current, draws=DRAWS)
        assert torch.equal(result[0], expected[0])
        assert torch.equal(result[1], expected[1])
        slopes = [
            torch.autograd.grad(activity[0].cumsum(0).square().sum(), current)[0] for activity in (result, expected)
        ]
    assert_close(*slopes)


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_vanishing_noise_gives_lif(reset):
    current = currents(60, 3, 50)
    expected = LIF(beta=0.8, reset=reset)(current)
    apart = [
        (MetaNeuron(beta=0.8, reset=reset, width=width)(current, draws=DRAWS) != expected).double().mean()
        for width in (0.5, 1e-2, 1e-4, 1e-12)
    ]
    assert apart[0] > apart[1] > apart[2] > 0 == apart[3]


def test_without_draws_the_likelier_of_spike_and_silence():
    current = currents(60, 3, 5)
    assert torch.equal(MetaNeuron(beta=0.8, width=0.7)(current), LIF(beta=0.8)(current))


# ---- the same draws ----


@pytest.mark.parametrize("recovery", [None, Recovery(0.8, 0.05, 0.3)])
def test_chunks_batches_and_forms_draw_the_same(recovery):
    neuron = MetaNeuron(beta=0.8, width=0.3, recovery=recovery)
    current = currents(20, 6, 7)
    expected, last = neuron.run(current, draws=DRAWS)
    assert 0.05 < expected.mean() < 0.95
    assert not torch.equal(expected, neuron(current, draws=Draws.of(4, 5).at(2)))
    for cut in (1, 9):
        first, between = neuron.run(current[:cut], draws=DRAWS)
        second, after = neuron.run(current[cut:], between, draws=DRAWS.at(DRAWS.step + cut))
        assert torch.equal(torch.cat([first, second]), expected)
        assert torch.equal(after, last)
    for member in range(6):
        alone = neuron(current[:, member], draws=DRAWS._replace(recording=DRAWS.recording + member))
        assert torch.equal(alone, expected[:, member])
    with kernels.plain():
        assert torch.equal(neuron(current, draws=DRAWS), expected)
    stepped, state = [], None
    for step, now in enumerate(current):
        spikes, state = neuron.step(now, state, DRAWS.at(DRAWS.step + step))
        stepped.append(spikes)
    assert torch.equal(torch.stack(stepped), expected)


def test_precision_draws_the_same():
    neuron, current = MetaNeuron(beta=0.0, width=0.5), torch.full((50, 4, 5), 0.9)
    result = neuron(current, draws=DRAWS)
    assert torch.equal(result.double(), neuron(current.double(), draws=DRAWS))
    short = neuron(current.bfloat16(), draws=DRAWS)
    assert (result.dtype, short.dtype) == (torch.float32, torch.bfloat16)
    assert (short != result).float().mean() < 0.01


def test_threads_draw_the_same():
    neuron, current = MetaNeuron(beta=0.8, width=0.3), currents(20, 60, 30)
    threads = torch.get_num_threads()
    result = []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            result.append(neuron(current, draws=DRAWS))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*result)


# ---- in a layer ----


@pytest.mark.parametrize("norm", [True, False])
def test_fused_layer_equals_its_parts(norm):
    neuron = MetaNeuron(tau=3.0, width=0.3, learn="neuron", features=5)
    layer = SpikingLayer(
        SparseLinear(7, 5, generator=generator(2)), neuron, norm=BatchNorm(5) if norm else None, dropout=0.4
    ).double()
    spikes, valid = 2 * eighths(11, 4, 7).requires_grad_(), torch.tensor([11, 6, 1, 8])

    def learned():
        fired = layer(spikes, valid, generator(3))
        weight = torch.randn(fired.shape, generator=generator(4), dtype=torch.float64)
        return fired.detach(), torch.autograd.grad((fired * weight).sum(), list(layer.parameters()))

    result = learned()
    with kernels.plain():
        expected = learned()
    assert result[0].count_nonzero() > 10
    assert torch.equal(result[0], expected[0])
    assert_close(result[1], expected[1], rtol=1e-9, atol=1e-11)


# ---- saved state, messages ----


def test_state_dict_has_the_learned_parameters_alone():
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
