"""snnsim's neurons, surrogates and layers against and together with snnTorch's.

Two facts of snnTorch 1.0 bound what can be equal: it fires above the threshold and not at it, and where a voltage
is still above the threshold after a subtraction (u > 2 θ) it takes that reset over into the next step. Currents
here keep away from both; the last test of each part shows what happens where they do not.
"""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from snnsim.nn import LIF, DelayedLinear
from snnsim.surrogate import Surrogate

snntorch = pytest.importorskip("snntorch")
their_surrogate = pytest.importorskip("snntorch.surrogate")

STEPS, BATCH, NEURONS, BETA = 25, 3, 5, 0.75
RESETS = {"soft": "subtract", "hard": "zero"}
SURROGATES = {
    "atan": their_surrogate.atan,
    "fast_sigmoid": their_surrogate.fast_sigmoid,
    "sigmoid": their_surrogate.sigmoid,
}


def currents(seed=0):
    # below 1.2: with a voltage of at most θ = 1 behind it, a membrane of 2 θ is out of reach
    return torch.rand(STEPS, BATCH, NEURONS, generator=torch.Generator().manual_seed(seed)) * 1.7 - 0.5


def leaky(reset, **settings):
    settings = {"reset_delay": False, "spike_grad": their_surrogate.atan(alpha=2.0), **settings}
    return snntorch.Leaky(beta=BETA, reset_mechanism=RESETS[reset], **settings)


def stepped(neuron, current):
    spikes, memory = [], torch.zeros(current.shape[1:])
    for now in current:
        spike, memory = neuron(now, memory)
        spikes.append(spike)
    return torch.stack(spikes), memory


def weighted(spikes):
    return (spikes * currents(1)).sum()


@pytest.mark.parametrize("reset", RESETS)
def test_lif_equals_leaky_with_its_reset_in_the_same_step(reset):
    ours = LIF(beta=BETA, reset=reset, detach_reset=False)
    mine, other = currents().requires_grad_(), currents().requires_grad_()
    spikes, voltage = ours.run(mine)
    their_spikes, their_voltage = stepped(leaky(reset), other)
    assert torch.equal(spikes, their_spikes)
    assert_close(voltage, their_voltage)
    assert 0.1 < spikes.mean() < 0.9
    weighted(spikes).backward()
    weighted(their_spikes).backward()
    assert_close(mine.grad, other.grad)


@pytest.mark.parametrize("reset", RESETS)
def test_gradients_of_decay_and_threshold_equal_snntorch(reset):
    ours = LIF(beta=BETA, reset=reset, detach_reset=False, learn_decay="layer", learn_threshold=True)
    theirs = leaky(reset, learn_beta=True, learn_threshold=True)
    weighted(ours(currents())).backward()
    weighted(stepped(theirs, currents())[0]).backward()
    # we learn λ with β = sigmoid(λ), they learn β
    assert_close(ours.decay.logit.grad[0], theirs.beta.grad * BETA * (1 - BETA), rtol=1e-4, atol=1e-5)
    assert_close(ours.threshold.grad[0], theirs.threshold.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reset", RESETS)
def test_snntorch_default_resets_one_step_later(reset):
    spikes = LIF(beta=BETA, reset=reset)(currents())
    later, voltage = stepped(leaky(reset, reset_delay=True), currents())
    if reset == "soft":
        # θ is taken off after the leak instead of before it: the spikes are others
        assert not torch.equal(later, spikes)
    else:
        # setting to 0 before the next step or at its start is the same; only the voltage that is handed out differs
        assert torch.equal(later, spikes)
        assert not torch.equal(voltage, LIF(beta=BETA, reset=reset).run(currents())[1])


@pytest.mark.parametrize("reset", RESETS)
def test_snntorch_reset_is_not_detached(reset):
    mine, other = currents().requires_grad_(), currents().requires_grad_()
    weighted(LIF(beta=BETA, reset=reset, detach_reset=True)(mine)).backward()
    weighted(stepped(leaky(reset), other)[0]).backward()
    assert not torch.allclose(mine.grad, other.grad, rtol=1e-3)


def test_snntorch_does_not_fire_at_the_threshold_itself():
    current = torch.ones(1, 1, 1)
    assert LIF(beta=BETA)(current).item() == 1
    assert stepped(leaky("hard"), current)[0].item() == 0


def test_snntorch_resets_again_above_twice_the_threshold():
    current = torch.tensor([2.5, 0.5, 0.0]).view(3, 1, 1)
    ours, theirs = LIF(beta=BETA, reset="soft"), leaky("soft")
    assert ours(current).flatten().tolist() == [1, 1, 0]
    assert stepped(theirs, current)[0].flatten().tolist() == [1, 0, 0]


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("alpha", [2.0, 25.0])
def test_surrogate_slopes_equal_spikingjelly(name, alpha):
    x = torch.linspace(-1, 1, 401, requires_grad=True)
    (theirs,) = torch.autograd.grad(SURROGATES[name](alpha)(x).sum(), x)
    assert_close(Surrogate(name, alpha).slope(x.detach()), theirs)


def test_lif_steps_equal_snntorch():
    linear, lif, memory, spikes = nn.Linear(4, NEURONS), LIF(beta=BETA), None, []
    for now in torch.rand(STEPS, BATCH, 4, generator=torch.Generator().manual_seed(0)) * 3:
        spike, memory = lif.step(linear(now), memory)
        spikes.append(spike)
    torch.stack(spikes).sum().backward()
    assert linear.weight.grad.abs().sum() > 0


def test_delayed_linear_between_snntorch_neurons():
    draw = torch.Generator().manual_seed(0)
    synapse, first, second = DelayedLinear(8, 6, 5, generator=draw), leaky("soft"), leaky("hard")
    optimizer = torch.optim.Adam(synapse.parameters(), lr=0.05)
    weight, delay = (parameter.detach().clone() for parameter in (synapse.weight, synapse.delay))
    memory, after, history, spikes, currents_seen = torch.zeros(BATCH, 8), torch.zeros(BATCH, 6), None, [], []
    for now in torch.rand(STEPS, BATCH, 8, generator=draw) * 1.5:
        before, memory = first(now, memory)
        current, history = synapse.step(before, history)
        spike, after = second(current, after)
        spikes.append((before, spike))
        currents_seen.append(current)
    sent, fired = (torch.stack(part) for part in zip(*spikes, strict=True))
    assert_close(torch.stack(currents_seen), synapse(sent))
    fired.mean(0).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in synapse.parameters())
    optimizer.step()
    synapse.constrain()
    assert not torch.equal(synapse.weight, weight)
    assert not torch.equal(synapse.delay, delay)
    assert 0 <= synapse.delay.min() <= synapse.delay.max() <= 5
