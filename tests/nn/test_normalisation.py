import pytest
import torch
from torch import nn
from torch.testing import assert_close

from snnsim.nn import LIF, SparseLinear, SpikingLayer
from snnsim.nn.batch_norm import BatchNorm, valid_steps

STEPS, BATCH, FEATURES = 9, 4, 3
VALID = torch.tensor([9, 4, 1, 6])


def currents(seed=0):
    return torch.randn(STEPS, BATCH, FEATURES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch_norm(cls=BatchNorm):
    norm = cls(FEATURES).double()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
        norm.bias.copy_(torch.tensor([0.1, -0.2, 0.3]))
    return norm


def test_mask_of_the_steps_that_count():
    mask = valid_steps(torch.tensor([3, 0, 1]), 3)
    assert mask.tolist() == [[True, False, True], [True, False, False], [True, False, False]]


@pytest.mark.parametrize("valid", [None, torch.full((BATCH,), STEPS), torch.full((BATCH,), STEPS + 5)])
def test_without_padding_batch_norm_equals_torch(valid):
    ours, theirs, current = batch_norm(), batch_norm(nn.BatchNorm1d), currents()
    assert_close(ours(current, valid), theirs(current.flatten(0, 1)).view_as(current))
    assert_close(ours.state_dict(), theirs.state_dict())


def test_statistics_are_those_of_the_valid_steps():
    ours, theirs, current = batch_norm(), batch_norm(nn.BatchNorm1d), currents()
    counted = valid_steps(VALID, STEPS)
    normalized = ours(current, VALID)
    assert_close(normalized[counted], theirs(current[counted]))
    assert_close(ours.state_dict(), theirs.state_dict())
    assert normalized[~counted].abs().max() == 0


def test_values_in_the_padding_have_no_effect():
    counted = valid_steps(VALID, STEPS)[..., None]
    results = []
    for padding in (0.0, 1e6):
        norm, current = batch_norm(), currents().masked_fill(~counted, padding).requires_grad_()
        normalized = norm(current, VALID)
        (normalized * currents(1)).sum().backward()
        assert current.grad[~counted[..., 0]].abs().max() == 0
        results.append((normalized, norm.state_dict(), norm.weight.grad, norm.bias.grad, current.grad))
    assert_close(*results)


def test_evaluation_normalizes_every_step_with_running_statistics():
    norm = batch_norm()
    norm(currents(), VALID)
    norm.eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    assert_close(norm(currents(1), VALID), norm(currents(1)))
    assert_close(dict(norm.state_dict()), before)


def test_chunks_take_the_momentum_as_it_is():
    still, mean = BatchNorm(FEATURES, momentum=0.0).double(), BatchNorm(FEATURES, momentum=None).double()
    before = {name: value.clone() for name, value in still.state_dict().items()}
    still.statistics(currents(), VALID, VALID.sum())
    assert_close(dict(still.state_dict()), before)
    with pytest.raises(ValueError, match="chunks of a sequence need a momentum, and momentum=None takes the mean"):
        mean.statistics(currents(), VALID, VALID.sum())


def test_a_single_step_is_normalized_with_running_statistics_in_every_form():
    norm, one = batch_norm(), currents()[:1, :1]
    norm(currents())
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    expected = norm.eval()(one)
    for valid in (None, torch.tensor([1])):
        assert_close(norm.train()(one, valid), expected, rtol=0, atol=0)
    assert_close(dict(norm.state_dict()), before)


def test_gradients_of_evaluation_keep_the_statistics_of_their_forward_pass():
    gradients = []
    for later in (False, True):
        torch.manual_seed(0)
        layer = SpikingLayer(SparseLinear(FEATURES, FEATURES), LIF(), norm=BatchNorm(FEATURES), dropout=0.0).eval()
        spikes = layer(currents().float())
        if later:
            layer.train()(3 * currents(1).float() + 1)
        gradients.append(torch.autograd.grad(spikes.sum(), layer.norm.parameters()))
    assert_close(*gradients, rtol=0, atol=0)


@pytest.mark.parametrize(("steps", "valid"), [(1, None), (1, torch.tensor([1])), (0, None)])
def test_fewer_than_two_steps_are_normalized_with_running_statistics(steps, valid):
    norm = batch_norm()
    norm.running_mean.fill_(0.3)
    current = currents()[:steps, :1]
    assert_close(norm.train()(current, valid), norm.eval()(current))
    assert norm.num_batches_tracked == 0


def test_one_step_of_a_layer_is_that_of_every_neuron_model():
    layers = [SpikingLayer(SparseLinear(3, 3), neuron, norm=batch_norm(), dropout=0.0) for neuron in (LIF(), Plain())]
    layers[1].synapse.load_state_dict(layers[0].synapse.state_dict())
    frames = currents()[:1, :1] + 1
    fused, plain = (layer.double()(frames) for layer in layers)
    assert_close(plain, fused)


class Plain(LIF):
    """LIF neurons without a compiled kernel."""

    def supports_fused(self, current):  # noqa: ARG002
        return False
