import pytest
import torch
from torch import nn
from torch.testing import assert_close

from snnsim.nn import SparseLinear


def draw():
    return torch.Generator().manual_seed(0)


def test_equals_torchs_linear_map():
    synapse, linear = SparseLinear(4, 3, generator=draw()), nn.Linear(4, 3, bias=False)
    linear.weight = synapse.weight
    spikes = torch.rand(6, 2, 4)
    assert_close(synapse(spikes), linear(spikes))


def test_share_of_absent_connections():
    synapse = SparseLinear(80, 60, sparsity=0.7, generator=draw())
    assert (synapse.weight == 0).float().mean().item() == pytest.approx(0.7, abs=0.03)
    assert torch.equal(synapse.weight != 0, synapse.connected)


def test_weights_start_within_the_bound_of_kaiming():
    weight = SparseLinear(60, 50, generator=draw()).weight
    assert weight.abs().max() <= 0.1**0.5
    assert weight.std().item() == pytest.approx((0.1 / 3) ** 0.5, rel=0.03)


def test_generator_determines_initial_values():
    assert torch.equal(SparseLinear(4, 3, generator=draw()).weight, SparseLinear(4, 3, generator=draw()).weight)


@pytest.mark.parametrize(("sources", "targets"), [(0, 3), (3, 0)])
def test_no_neurons(sources, targets):
    with pytest.raises(
        ValueError, match=f"SparseLinear: .* at least one neuron on each side, not {sources} -> {targets}"
    ):
        SparseLinear(sources, targets)


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, float("nan")])
def test_sparsity_out_of_range(sparsity):
    with pytest.raises(ValueError, match=r"sparsity must be at least 0 and below 1, not .* connections left out"):
        SparseLinear(3, 2, sparsity=sparsity)
