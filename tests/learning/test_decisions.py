import math

import pytest
import torch
from torch.testing import assert_close

from snnsim.learning import decisions

OUTPUT = torch.tensor([[[0.0, 0.0]], [[math.log(3), 0.0]], [[-2.0, 4.0]], [[9.0, 9.0]]])
BY_HAND = {
    "summed_softmax": [0.5 + 0.75, 0.5 + 0.25],
    "mean_membrane": [math.log(3) / 2, 0.0],
    "max_membrane": [math.log(3), 0.0],
    "last_membrane": [math.log(3), 0.0],
}


@pytest.mark.parametrize("name", decisions.DECISIONS)
def test_scores_by_hand(name):
    assert_close(decisions.get_decision(name)(OUTPUT, torch.tensor([2])), torch.tensor([BY_HAND[name]]))


def test_mean_and_last_differ_from_max():
    names, lengths = ("max_membrane", "last_membrane"), torch.tensor([3])
    scores = [decisions.get_decision(name)(OUTPUT[:3], lengths)[0] for name in names]
    assert_close(scores[0], torch.tensor([math.log(3), 4.0]))
    assert_close(scores[1], torch.tensor([-2.0, 4.0]))


def test_padding_does_not_lift_the_highest_of_negative_voltages():
    output = torch.tensor([-3.0, -1.0, 0.0]).view(3, 1, 1)
    assert decisions.max_membrane(output, torch.tensor([2])).item() == -1


def test_summed_softmax_sums_to_the_valid_steps():
    output = torch.randn(9, 3, 5, generator=torch.Generator().manual_seed(0))
    valid = torch.tensor([9, 4, 1])
    assert_close(decisions.summed_softmax(output, valid).sum(1), valid.float())


def test_unknown_name():
    with pytest.raises(
        ValueError, match="decision 'vote' is unknown; the known ones are summed_softmax, mean_membrane"
    ):
        decisions.get_decision("vote")
