import pytest
import torch
from torch.testing import assert_close

from snnsim.nn import LIF
from snnsim.surrogate import Surrogate

CURRENT = torch.tensor([0.5, 0.75, 1.25, 0.5, 2.5, 0.25])[:, None]
# u[t] = v[t−1] / 2 + I[t], by hand
BY_HAND = {
    "hard": ([0, 1, 1, 0, 1, 0], [0.5, 1.0, 1.25, 0.5, 2.75, 0.25], 0.25),
    "soft": ([0, 1, 1, 0, 1, 1], [0.5, 1.0, 1.25, 0.625, 2.8125, 1.15625], 0.15625),
}


@pytest.mark.parametrize("reset", BY_HAND)
@pytest.mark.parametrize("leak", [{"tau": 2.0}, {"beta": 0.5}, {}])
def test_sequence_by_hand(reset, leak):
    lif = LIF(**leak, reset=reset)
    spikes, membrane, last = BY_HAND[reset]
    traced = lif.trace(CURRENT)
    assert traced[0][:, 0].tolist() == spikes
    assert traced[1][:, 0].tolist() == membrane
    assert lif(CURRENT)[:, 0].tolist() == spikes
    assert lif.run(CURRENT)[1].tolist() == [last]


def test_fires_at_the_threshold_itself():
    assert LIF(threshold=1.5)(torch.tensor([[1.5], [1.5 - 2**-20]])).tolist() == [[1.0], [0.0]]


def test_without_leak_and_without_memory():
    current = torch.full((4, 1), 0.4)
    assert LIF(beta=1.0)(current)[:, 0].tolist() == [0, 0, 1, 0]
    assert LIF(tau=1.0)(current).sum() == 0


def test_each_neuron_has_its_own_decay():
    lif = LIF(beta=0.5, learn_decay="neuron", features=3)
    with torch.no_grad():
        lif.decay.logit.copy_(torch.logit(torch.tensor([0.25, 0.5, 0.75])))
    _, membrane = lif.trace(torch.tensor([[0.5], [0.0]]).expand(2, 3))
    assert_close(membrane[1], torch.tensor([0.125, 0.25, 0.375]))


def test_voltage_is_in_the_units_of_the_threshold():
    current = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    for reset in ("hard", "soft"):
        assert torch.equal(LIF(threshold=4.0, reset=reset)(4 * current), LIF(reset=reset)(current))


def test_voltage_before_the_first_step_may_be_shared():
    current, voltage = torch.rand(5, 3, 2), torch.tensor([0.5, 0.25])
    spikes, last = LIF().run(current, voltage)
    assert_close((spikes, last), LIF().run(current, voltage.expand(3, 2)))
    with pytest.raises(ValueError, match="the state must match the shape"):
        LIF().run(current, torch.zeros(4, 2))


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_type_of_the_current_is_kept(reset, dtype):
    lif, current = LIF(reset=reset, learn_decay="layer", learn_threshold=True), torch.rand(4, 2, 3).to(dtype)
    spikes, voltage = lif.run(current, torch.zeros(2, 3))
    assert spikes.dtype == voltage.dtype == dtype
    assert all(part.dtype == dtype for part in lif.step(current[0]))


def test_bfloat16_follows_the_equations():
    current = torch.randint(-4, 9, (6, 2, 3), generator=torch.Generator().manual_seed(0)) / 4
    assert torch.equal(LIF(beta=0.5)(current.bfloat16()).float(), LIF(beta=0.5)(current))


def test_takes_a_surrogate_or_its_name():
    gradients = []
    for surrogate in ("sigmoid", Surrogate("sigmoid"), Surrogate("sigmoid", 1.0)):
        current = torch.full((1, 1), 0.5, requires_grad=True)
        LIF(surrogate=surrogate)(current).sum().backward()
        gradients.append(current.grad.item())
    assert gradients[0] == gradients[1] != gradients[2]
    with pytest.raises(ValueError, match=r"Surrogate: name must be one of atan, .*, not 'relu'"):
        LIF(surrogate="relu")


def test_state_dict_has_the_learned_parameters_alone():
    assert list(LIF().state_dict()) == []
    learned = LIF(learn_decay="layer", learn_threshold=True)
    assert sorted(learned.state_dict()) == ["decay.logit", "threshold"]


def test_prints_its_settings():
    assert "reset=soft, surrogate=Surrogate(name='atan', alpha=2.0)" in repr(LIF(reset="soft"))


def test_unknown_reset():
    with pytest.raises(ValueError, match="LIF: reset must be one of hard, soft, not 'zero'"):
        LIF(reset="zero")


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan")])
def test_threshold_must_be_positive(threshold):
    with pytest.raises(ValueError, match="LIF: threshold must be positive, not"):
        LIF(threshold=threshold)
