import pytest
import torch
from torch.testing import assert_close

from snnsim.nn import LIF, LeakyReadout


def test_response_to_one_pulse_is_the_powers_of_beta():
    current = torch.zeros(6, 1)
    current[1] = 2.0
    assert LeakyReadout(beta=0.5)(current)[:, 0].tolist() == [0, 2.0, 1.0, 0.5, 0.25, 0.125]


def test_is_a_lif_whose_threshold_is_out_of_reach():
    current = torch.randn(20, 3, 4, generator=torch.Generator().manual_seed(0))
    assert_close(LeakyReadout(tau=3.0)(current), LIF(tau=3.0, threshold=1e9).trace(current)[1])


def test_continues_from_a_voltage():
    voltage, last = LeakyReadout(beta=0.5).run(torch.zeros(2, 1, 1), torch.tensor([[8.0]]))
    assert voltage[:, 0, 0].tolist() == [4.0, 2.0]
    assert last.tolist() == [[2.0]]
    with pytest.raises(ValueError, match="the state must match the shape"):
        LeakyReadout().run(torch.zeros(2, 3, 4), torch.zeros(5, 4))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_type_of_the_current_is_kept(dtype):
    voltage, last = LeakyReadout(learn_decay="layer").run(torch.rand(4, 2, 3).to(dtype), torch.zeros(2, 3))
    assert voltage.dtype == last.dtype == dtype


def test_bfloat16_follows_the_equation():
    current = torch.randint(-4, 9, (5, 2, 3), generator=torch.Generator().manual_seed(0)) / 4
    assert torch.equal(LeakyReadout(beta=0.5)(current.bfloat16()).float(), LeakyReadout(beta=0.5)(current))
