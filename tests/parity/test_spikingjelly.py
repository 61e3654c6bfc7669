"""snnsim's neurons, surrogates and layers against and together with spikingjelly's."""

import itertools

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from snnsim.nn import LIF, DelayedLinear
from snnsim.surrogate import Surrogate

neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
layer = pytest.importorskip("spikingjelly.activation_based.layer")
their_surrogate = pytest.importorskip("spikingjelly.activation_based.surrogate")
functional = pytest.importorskip("spikingjelly.activation_based.functional")

STEPS, BATCH, NEURONS = 20, 3, 5
SURROGATES = {
    "atan": their_surrogate.ATan,
    "triangle": their_surrogate.PiecewiseQuadratic,
    "sigmoid": their_surrogate.Sigmoid,
    "boxcar": their_surrogate.Rect,
}
CASES = list(itertools.product(["hard", "soft"], [True, False], SURROGATES, [torch.float32, torch.float64]))


def currents(dtype=torch.float64, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return (torch.randn(STEPS, BATCH, NEURONS, generator=draw, dtype=torch.float64) + 0.4).to(dtype)


def node(*, reset, detach, surrogate="atan", decay_input=False, tau=4.0, threshold=1.0):
    return neuron.LIFNode(
        tau=tau,
        decay_input=decay_input,
        v_threshold=threshold,
        v_reset=0.0 if reset == "hard" else None,
        surrogate_function=SURROGATES[surrogate](alpha=2.0),
        detach_reset=detach,
        step_mode="m",
    )


def with_gradient(run, current):
    """Return the spikes and the gradient of a random sum of them."""
    current = current.clone().requires_grad_()
    spikes = run(current)
    weight = currents(current.dtype, seed=1)
    return spikes.detach(), torch.autograd.grad((spikes * weight).sum(), current)[0]


@pytest.mark.parametrize(("reset", "detach", "surrogate", "dtype"), CASES)
def test_lif_equals_spikingjelly_without_decay_input(reset, detach, surrogate, dtype):
    ours = LIF(tau=4.0, reset=reset, detach_reset=detach, surrogate=Surrogate(surrogate, 2.0))
    theirs = node(reset=reset, detach=detach, surrogate=surrogate)
    assert_close(with_gradient(ours, currents(dtype)), with_gradient(theirs, currents(dtype)))
    assert_close(ours.run(currents(dtype))[1], theirs.v.detach().to(dtype))
    assert 0.1 < ours(currents(dtype)).mean() < 0.9


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_lif_equals_spikingjelly_with_decay_input_at_tau_times_the_current(reset, detach):
    tau = 2.0
    ours = LIF(tau=tau, reset=reset, detach_reset=detach)
    theirs = node(reset=reset, detach=detach, tau=tau, decay_input=True)
    spikes, gradient = with_gradient(ours, currents())
    assert_close(with_gradient(lambda current: theirs(tau * current), currents()), (spikes, gradient))
    functional.reset_net(theirs)
    assert not torch.equal(with_gradient(theirs, currents())[0], spikes)


def test_threshold_equals_spikingjelly():
    theirs = node(reset="soft", detach=False, threshold=0.5)
    assert_close(
        with_gradient(LIF(tau=4.0, threshold=0.5, reset="soft", detach_reset=False), currents()),
        with_gradient(theirs, currents()),
    )


def test_spike_at_the_threshold_equals_spikingjelly():
    current = torch.tensor([[1.0], [0.999]])
    assert LIF()(current).tolist() == node(reset="hard", detach=True)(current).tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("alpha", [1.0, 5.0])
def test_surrogate_slopes_equal_spikingjelly(name, alpha):
    x = torch.linspace(-2, 2, 401, dtype=torch.float64, requires_grad=True)
    (theirs,) = torch.autograd.grad(SURROGATES[name](alpha=alpha)(x).sum(), x)
    assert_close(Surrogate(name, alpha).slope(x.detach()), theirs)


def test_default_sharpness_equals_spikingjelly():
    assert [Surrogate(name).alpha for name in SURROGATES] == [theirs().alpha for theirs in SURROGATES.values()]


def train_one_step(net, *, sources):
    """Return the parameters that a training step moved, by name; all of them must have a finite gradient."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    spikes = (torch.rand(STEPS, BATCH, sources, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    net(spikes).mean(0).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    optimizer.step()
    for module in net:
        if isinstance(module, DelayedLinear):
            module.constrain()
    functional.reset_net(net)
    return {name for name, value in net.named_parameters() if not torch.equal(value, before[name])}


def test_delayed_linear_between_snntorch_neurons():
    draw = torch.Generator().manual_seed(0)
    net = nn.Sequential(
        layer.Linear(8, 12, step_mode="m"),
        node(reset="hard", detach=True, threshold=0.2),
        DelayedLinear(12, 6, 5, generator=draw),
        node(reset="soft", detach=False, threshold=0.2),
    )
    functional.set_step_mode(net, "m")
    moved = train_one_step(net, sources=8)
    assert {"0.weight", "2.weight", "2.delay"} <= moved
    assert 0 <= net[2].delay.min() <= net[2].delay.max() <= 5


def test_lif_between_spikingjelly_layers():
    net = nn.Sequential(
        layer.Linear(8, 12, step_mode="m"),
        LIF(threshold=0.2, learn_decay="layer"),
        layer.Dropout(0.2, step_mode="m"),
        layer.Linear(12, 4, step_mode="m"),
        LIF(threshold=0.2),
    )
    assert {"0.weight", "1.decay.logit", "3.weight"} <= train_one_step(net, sources=8)
