"""Rate networks and time constants: equations, bounds, the diagonal, and unit-gain neurons."""

import pytest
import torch

from snnsim import kernels
from snnsim.nn import UnitGainLIF
from snnsim.nn.rate_network import RateNetwork
from snnsim.nn.time_constant import TimeConstant


def network(**settings):
    return RateNetwork(6, 2, generator=torch.Generator().manual_seed(0), **settings).double()


@pytest.mark.parametrize("leak", ["inside", "outside"])
def test_states_follow_the_equation(leak):
    layer = network(leak=leak)
    x = torch.randn(4, 3, 2, dtype=torch.float64)
    state = layer.initial_state(3).double()
    tau, weight = layer.tau(), layer.weight.clone()
    weight.data.fill_diagonal_(0)
    every, h = layer(x, state), state
    for step, states in zip(x, every, strict=True):
        current = h @ weight.T + layer.bias + step @ layer.input_weight.T + layer.input_bias
        decayed, f = (1 - 1 / tau) * h, torch.nn.functional.leaky_relu
        h = f(decayed + current / tau, 0.01) if leak == "inside" else decayed + f(current, 0.01) / tau
        torch.testing.assert_close(states, h)


def test_a_sequence_goes_on_from_its_last_state():
    layer, x = network(), torch.randn(6, 3, 2, dtype=torch.float64)
    first = layer(x[:2])
    torch.testing.assert_close(torch.cat([first, layer(x[2:], first[-1])]), layer(x))


def test_no_unit_leads_to_itself():
    layer = network()
    layer(torch.randn(5, 3, 2, dtype=torch.float64)).sum().backward()
    assert (layer.recurrent_weight().diagonal() == 0).all()
    assert (layer.weight.grad.diagonal() == 0).all()
    assert (layer.weight.grad != 0).sum() == 30


def test_the_clamp_holds_a_time_constant_below_1_and_the_smooth_bound_does_not():
    clamp, smooth = (TimeConstant(3, bound=bound) for bound in ("clamp", "smooth"))
    with torch.no_grad():
        clamp.raw.copy_(torch.tensor([0.5, 1.5, 3.0]))
        smooth.raw.copy_(smooth.inverse(torch.tensor([1.001, 1.5, 3.0])))
    for constant, wanted in ((clamp, [1.0, 1.5, 3.0]), (smooth, [1.001, 1.5, 3.0])):
        constant().sum().backward()
        torch.testing.assert_close(constant().detach(), torch.tensor(wanted), rtol=1e-4, atol=1e-6)
    assert clamp.raw.grad.tolist() == [0, 1, 1]
    assert (smooth.raw.grad > 0).all()


def test_time_constants_start_uniform_and_may_be_fixed():
    constant = TimeConstant(4000, bound="smooth", learn=False, generator=torch.Generator().manual_seed(0))
    tau = constant()
    assert not tau.requires_grad
    assert 1 <= tau.min() < 1.01
    assert 1.99 < tau.max() <= 2
    assert float(tau.mean()) == pytest.approx(1.5, abs=0.02)
    with pytest.raises(ValueError, match="must ascend"):
        TimeConstant(3, start=(2.0, 1.5))
    with pytest.raises(ValueError, match="bound"):
        TimeConstant(3, bound="hard")


def test_a_constant_current_leads_to_the_same_membrane_whatever_tau_is():
    neuron = UnitGainLIF(features=3, tau=(1.0, 9.0), threshold=2.0)
    with kernels.plain():
        membrane = neuron.trace(torch.full((300, 1, 3), 0.75))[1]
    torch.testing.assert_close(membrane[-1], torch.full((1, 3), 0.75))


def test_the_spikes_of_unit_gain_neurons_follow_the_equation():
    neuron = UnitGainLIF(features=4, tau=(1.0, 5.0), generator=torch.Generator().manual_seed(1)).double()
    current = 3 * torch.rand(30, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    tau, v, spikes = neuron.tau().detach(), torch.zeros(2, 4, dtype=torch.float64), []
    for now in current:
        u = (1 - 1 / tau) * v + now / tau
        spikes.append((u >= 1).double())
        v = u - spikes[-1]
    with kernels.plain():
        fired = neuron(current)
    assert 0 < fired.mean() < 1
    assert torch.equal(fired, torch.stack(spikes))


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="leak"):
        network(leak="around")
    with pytest.raises(ValueError, match="units must be an integer of at least 1, not 0"):
        RateNetwork(0)
    with pytest.raises(ValueError, match=r"x must be \(time, ..., 2\)"):
        network()(torch.zeros(3, 1, 1, dtype=torch.float64))
