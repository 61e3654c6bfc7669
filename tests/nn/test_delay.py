import pytest
import scipy.stats
import torch
from torch.testing import assert_close

from helpers.networks import generator, random_spikes
from snnsim.kernels.delay.currents import delayed_current
from snnsim.nn import DelayedLinear
from snnsim.nn.connections import connections


def layer(sources=3, targets=2, max_delay=5, **settings):
    return DelayedLinear(sources, targets, max_delay, generator=torch.Generator().manual_seed(0), **settings)


def spikes(*shape):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.4).float()


def test_one_spike_arrives_delay_steps_later():
    synapse = layer(1, 2).eval()
    with torch.no_grad():
        synapse.delay.copy_(torch.tensor([0.0, 3.4]).view(2, 1, 1))
        synapse.weight.copy_(torch.tensor([2.0, -1.0]).view(2, 1, 1))
    pulse = torch.zeros(6, 1)
    pulse[1] = 1.0
    expected = torch.zeros(6, 2)
    expected[1, 0], expected[4, 1] = 2.0, -1.0
    assert_close(synapse(pulse), expected, rtol=0, atol=1e-6)


def test_training_spreads_and_evaluation_rounds():
    synapse = layer(sigma=1.2)
    # a Gaussian around every delay, of sum 1 over the steps
    distance = torch.arange(6)[:, None, None] - synapse.delay[None, ..., 0]
    gauss = torch.exp(-(distance.square()) / (2 * 1.2**2))
    spread = synapse.weight[..., 0] * gauss / gauss.sum(0)
    assert_close(synapse.train().kernel(), spread, rtol=1e-5, atol=1e-6)
    rounded = torch.zeros(6, 2, 3).scatter_(
        0, synapse.delay.detach().round().long().movedim(2, 0), synapse.weight[None, ..., 0]
    )
    assert torch.equal(synapse.eval().kernel(), rounded)


@pytest.mark.parametrize(
    ("delay", "step"), [(0.5, 0), (1.5, 2), (1.51, 2), (2.49, 2), (2.5, 2), (-7.0, 0), (5.4, 5), (90.0, 5), (1e30, 5)]
)
def test_evaluation_rounds_delays_half_to_even_within_their_range(delay, step):
    synapse, pulse = layer(1, 1).eval(), torch.zeros(8, 1)
    pulse[0] = 1.0
    with torch.no_grad():
        synapse.delay.fill_(delay)
        synapse.weight.fill_(1.0)
    assert synapse.integer_delay().tolist() == [[[step]]]
    assert synapse(pulse)[:, 0].tolist() == [float(t == step) for t in range(8)]
    assert connections(synapse).delay.tolist() == [step]


def test_nan_delays_are_refused_in_evaluation():
    synapse = layer().eval()
    with torch.no_grad():
        synapse.delay[1, 2] = torch.nan
    for use in (synapse, lambda _: connections(synapse)):
        with pytest.raises(ValueError, match="DelayedLinear: delays must be numbers, and some are NaN"):
            use(torch.zeros(4, 3))


def test_delays_learn_spike_lags():
    # the target wants the current two steps later than the delay at the start
    synapse = layer(1, 1, 8, sigma=2.0)
    pulse, wanted = torch.zeros(12, 1), torch.zeros(12, 1)
    pulse[0], wanted[5] = 1.0, 1.0
    with torch.no_grad():
        synapse.delay.fill_(3.0)
        synapse.weight.fill_(1.0)
    optimizer = torch.optim.Adam([synapse.delay], lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        (synapse(pulse) - wanted).square().sum().backward()
        optimizer.step()
        synapse.constrain()
    assert synapse.delay.item() == pytest.approx(5, abs=0.2)


def test_fixed_delays_are_integers_in_both_modes():
    synapse = layer(20, 10, learn_delay=False)
    assert not synapse.learns_delay
    assert not synapse.delay.requires_grad
    assert torch.equal(synapse.delay, synapse.delay.round())
    assert torch.equal(synapse.train().kernel(), synapse.eval().kernel())
    assert synapse.delay.unique().tolist() == [0, 1, 2, 3, 4, 5]


def test_weights_start_within_the_bound_of_kaiming():
    synapse = layer(60, 40, taps=2)
    bound = (6 / 120) ** 0.5
    assert synapse.weight.abs().max() <= bound
    assert synapse.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.03)


def test_generator_determines_initial_values_and_leaves_the_global_one():
    before = torch.get_rng_state()
    one, two = layer(sparsity=0.3), layer(sparsity=0.3)
    assert torch.equal(torch.get_rng_state(), before)
    assert_close(one.state_dict(), two.state_dict())
    other = DelayedLinear(3, 2, 5, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(other.delay, one.delay)


def test_learned_width_stays_above_the_narrowest():
    synapse = layer(learn_sigma=True, sigma=1.0)
    assert synapse.sigma.shape == synapse.weight.shape
    with torch.no_grad():
        synapse.sigma -= 5.0
    synapse.constrain()
    assert_close(synapse.sigma, torch.full_like(synapse.sigma, 0.27))


def test_initial_width():
    assert layer().sigma.item() == pytest.approx(2.5 + 0.27)
    assert layer(window="max", sigma=1.5).sigma.item() == 1.5


def test_share_of_absent_connections():
    synapse = layer(80, 60, sparsity=0.7)
    assert (synapse.weight == 0).float().mean().item() == pytest.approx(0.7, abs=0.03)
    assert torch.equal(synapse.weight != 0, synapse.connected)


def test_history_is_the_last_max_delay_steps():
    synapse, sequence = layer(max_delay=3), spikes(7, 2, 3)
    _, history = synapse.run(sequence)
    assert torch.equal(history, sequence[-3:])
    _, history = synapse.run(sequence[:1])
    assert torch.equal(history, torch.cat([torch.zeros(2, 2, 3), sequence[:1]]))


def test_extra_axes_are_batches():
    synapse, sequence = layer().eval(), spikes(6, 2, 4, 3)
    assert_close(synapse(sequence)[:, 1, 2], synapse(sequence[:, 1, 2]))


def test_loaded_network_equals_the_saved_one():
    synapse, other = layer(sparsity=0.4), DelayedLinear(3, 2, 5, sparsity=0.4)
    other.load_state_dict(synapse.state_dict())
    assert torch.equal(other(spikes(6, 2, 3)), synapse(spikes(6, 2, 3)))


def test_prints_its_settings():
    assert "3 -> 2, max_delay=5 (learned), taps=1, window=gauss" in repr(layer())
    assert "max_delay=5 (fixed)" in repr(layer(learn_delay=False))


@pytest.mark.parametrize(("sources", "targets"), [(0, 3), (3, 0), (-1, 2)])
def test_no_neurons(sources, targets):
    with pytest.raises(
        ValueError, match=f"DelayedLinear: .* at least one neuron on each side, not {sources} -> {targets}"
    ):
        layer(sources, targets)


@pytest.mark.parametrize("settings", [{"max_delay": -1}, {"taps": 0}])
def test_delays_and_taps_out_of_range(settings):
    with pytest.raises(ValueError, match="max_delay must be 0 or more whole steps and taps 1 or more, not"):
        layer(**settings)


@pytest.mark.parametrize("sigma", [None, 2.0])
def test_unknown_window(sigma):
    with pytest.raises(ValueError, match="window 'box' is unknown"):
        layer(window="box", sigma=sigma)


def test_too_narrow():
    with pytest.raises(ValueError, match="sigma of the window 'gauss' must be"):
        layer(sigma=0.05)


@pytest.mark.parametrize("shape", [(5, 2, 4), (3,)])
def test_spikes_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"DelayedLinear: spikes must be \(time, ..., 3\), not"):
        layer()(torch.zeros(shape))


@pytest.mark.parametrize("sparsity", [-0.1, 1.0])
def test_sparsity_out_of_range(sparsity):
    with pytest.raises(ValueError, match="sparsity must be at least 0 and below 1, not"):
        layer(sparsity=sparsity)


@pytest.mark.parametrize("settings", [{"window": "v1"}, {"window": "v0"}, {"learn_delay": False}])
def test_learn_sigma_needs_a_window_with_a_width(settings):
    with pytest.raises(ValueError, match="learn_sigma needs learned delays and a window with a width"):
        DelayedLinear(3, 2, 4, learn_sigma=True, **settings)


def test_non_integer_max_delay_is_refused():
    with pytest.raises(ValueError, match=r"max_delay must be 0 or more whole steps .* not 2\.5"):
        DelayedLinear(3, 2, 2.5)


def test_fixed_delays_are_uniform_over_integers():
    layer = DelayedLinear(100, 100, 4, learn_delay=False, generator=torch.Generator().manual_seed(0))
    counts = torch.bincount(layer.delay.detach().flatten().long())
    assert len(counts) == 5
    assert scipy.stats.chisquare(counts.numpy()).pvalue > 0.01


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
@pytest.mark.parametrize("learn_sigma", [False, True])
def test_invalid_widths_are_refused_in_training(value, learn_sigma):
    synapse = layer(learn_sigma=learn_sigma)
    with torch.no_grad():
        synapse.sigma.reshape(-1)[-1:].fill_(value)
    for use in (lambda: synapse(spikes(8, 2, 3)), synapse.kernel):
        with pytest.raises(ValueError, match="DelayedLinear: sigma must be finite and above 0 steps"):
            use()
    # evaluation has no windows
    assert bool(synapse.eval()(spikes(8, 2, 3)).isfinite().all())


def test_missing_sigma_is_refused():
    synapse = layer()
    synapse.sigma = None
    with pytest.raises(TypeError, match="sigma must be a torch tensor, not None"):
        synapse(spikes(8, 2, 3))


def test_nan_delays_are_refused_in_training():
    synapse = layer()
    with torch.no_grad():
        synapse.delay[0, 0] = float("nan")
    with pytest.raises(ValueError, match="DelayedLinear: delays must be finite"):
        synapse(spikes(8, 2, 3))


@pytest.mark.parametrize("learn_sigma", [False, True])
@pytest.mark.parametrize("delays", ["axonal", "dendritic"])
def test_shared_delays_are_delays_of_every_connection(delays, learn_sigma):
    layer = DelayedLinear(
        5, 4, 7, taps=2, delays=delays, sigma=1.5, learn_sigma=learn_sigma, generator=generator(1)
    ).double()
    assert layer.delay.shape == ((1, 5, 2) if delays == "axonal" else (4, 1, 2))
    spikes = random_spikes(20, 3, 5).requires_grad_()
    wanted = [spikes, *(parameter for parameter in layer.parameters() if parameter.requires_grad)]
    current = layer(spikes)
    expected = delayed_current(spikes, layer.kernel(), form="time")
    assert_close(current, expected)
    error = random_spikes(20, 3, 4, seed=4)
    assert_close(torch.autograd.grad(current, wanted, error), torch.autograd.grad(expected, wanted, error))
    assert_close(layer.current(spikes, before=3), expected[3:])
    layer.eval()
    assert layer.integer_delay().shape == layer.weight.shape
    assert_close(layer(spikes), delayed_current(spikes, layer.kernel(), form="time"))


def test_unknown_kinds_of_delays_are_refused():
    with pytest.raises(ValueError, match="DelayedLinear: delays must be one of synaptic, axonal, dendritic, not 'all'"):
        DelayedLinear(2, 2, 3, delays="all")
