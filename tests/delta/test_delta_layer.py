"""A coded layer computed densely, by differences and by events: one result."""

import pytest
import torch
from torch import nn

from snnsim.delta import DeltaActivation, DeltaLayer, SigmaDelta


def _eighths(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_((parameter * 8).round() / 8)
    return module


@pytest.mark.parametrize("coding", [DeltaActivation, SigmaDelta])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["linear", "convolution"])
def test_the_three_forms_are_equal_at_every_step_ties_included(coding, bias, kind):
    torch.manual_seed(0)
    layer = nn.Linear(6, 4, bias=bias) if kind == "linear" else nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=bias)
    axes = (6,) if kind == "linear" else (2, 5, 4)
    values = (torch.randn(5, 2, *axes) * 4).round() / 8
    coded = DeltaLayer(_eighths(layer), coding(nn.ReLU(), step=0.25))
    dense = coded(values)
    # halves of the step are ties of rounding
    assert ((values.relu() / 0.25 % 1) == 0.5).any()
    assert torch.equal(coded.by_differences(values), dense)
    assert torch.equal(coded.by_events(values), dense)


def test_another_layer_is_refused():
    with pytest.raises(ValueError, match="must be one of Linear, Conv1d, Conv2d, Conv3d, not GRU"):
        DeltaLayer(nn.GRU(2, 3))
