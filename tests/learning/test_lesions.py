"""Lesions and noise change what they say, restore it, and are measured relative to chance."""

import pytest
import torch

from snnsim.learning.lesions import lesioned, lesions, perturbed, relative_accuracy


def test_a_lesion_cuts_all_weights_from_a_unit_and_restores_them():
    recurrent, readout = torch.ones(3, 3, 2), torch.nn.Parameter(torch.ones(2, 4, 3))
    with lesioned([(recurrent, 1), (readout, 2)], 2):
        assert recurrent.sum((0, 2)).tolist() == [6, 6, 0]
        assert readout.sum((0, 1)).tolist() == [8, 8, 0]
    assert recurrent.sum() == 18
    assert readout.sum() == 24


def test_lesions_are_restored_after_an_error():
    weight = torch.ones(2, 2)
    with pytest.raises(RuntimeError), lesioned([(weight, 1)], 0):
        raise RuntimeError
    assert weight.sum() == 4


def test_each_unit_is_removed_alone():
    weight = torch.tensor([[1.0, 2.0, 4.0]])
    assert lesions(lambda: float(weight.sum()), [(weight, 1)], [0, 2]) == {0: 6.0, 2: 3.0}
    with pytest.raises(ValueError, match="lesioned: unit must be from -3 to 2, not 3"):
        lesions(lambda: 0.0, [(weight, 1)], [3])


def test_noise_has_the_size_that_it_says():
    parameter = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    before, generator = parameter.clone(), torch.Generator().manual_seed(1)
    for positive in (False, True):
        with perturbed(parameter, 0.3, generator, positive=positive):
            change = parameter - before
            assert float(change.norm() / before.norm()) == pytest.approx(0.3, rel=1e-5)
            assert bool((change >= 0).all()) == positive
        assert torch.equal(parameter, before)
    with (
        pytest.raises(ValueError, match="size must be a finite number of at least 0"),
        perturbed(parameter, -1.0, generator),
    ):
        pass


def test_accuracy_is_relative_to_chance():
    assert relative_accuracy(0.75, 1.0) == 0.5
    assert relative_accuracy(0.1, 0.2, chance=0.1) == 0
    with pytest.raises(ValueError, match=r"above the chance level 0.5, not at 0.5"):
        relative_accuracy(0.5, 0.5)
