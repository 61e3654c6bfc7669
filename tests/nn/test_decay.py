import math

import pytest
import torch
from torch.testing import assert_close

from snnsim.nn.decay import Decay, decay_value


def test_value_from_tau_or_beta():
    assert decay_value(None, None) == 0.5
    assert decay_value(4.0, None) == 0.75
    assert decay_value(None, 0.9) == 0.9
    assert [decay_value(None, beta) for beta in (0, 1)] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("learn", "features", "shape"), [("fixed", None, 1), ("fixed", 3, 1), ("layer", 3, 1), ("neuron", 3, 3)]
)
def test_starts_at_its_value(learn, features, shape):
    decay = Decay(tau=None, beta=0.9, learn=learn, features=features)
    assert_close(decay(), torch.full((shape,), 0.9))
    assert len(list(decay.parameters())) == (learn != "fixed")


def test_learned_decay_stays_between_0_and_1():
    decay = Decay(tau=2.0, beta=None, learn="layer")
    for logit, value in [(-1e3, 0.0), (1e3, 1.0)]:
        with torch.no_grad():
            decay.logit.fill_(logit)
        assert decay().item() == value


def test_tau_and_beta_together():
    with pytest.raises(ValueError, match=r"give tau or beta, not both \(tau=2.0, beta=0.5"):
        decay_value(2.0, 0.5)


@pytest.mark.parametrize("beta", [-0.1, 1.1, math.nan])
def test_beta_out_of_range(beta):
    with pytest.raises(ValueError, match=r"beta must be between 0 and 1, not .*; it is the factor"):
        decay_value(None, beta)


def test_tau_below_a_step():
    with pytest.raises(ValueError, match="tau must be at least 1 step"):
        Decay(tau=0.5, beta=None)


def test_unknown_way_to_learn():
    with pytest.raises(ValueError, match="learn_decay must be 'fixed', 'layer' or 'neuron', not 'all'"):
        Decay(tau=2.0, beta=None, learn="all")


def test_one_decay_per_neuron_needs_features():
    with pytest.raises(ValueError, match="learn_decay='neuron' needs features, the number of neurons"):
        Decay(tau=2.0, beta=None, learn="neuron")


@pytest.mark.parametrize("beta", [0.0, 1.0, 0.99999999])
def test_learned_decay_cannot_start_at_an_end(beta):
    with pytest.raises(ValueError, match=f"a learned decay must start between 0 and 1, not at {beta}"):
        Decay(tau=None, beta=beta, learn="layer")
