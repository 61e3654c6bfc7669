"""Every neuron, in every form, at exact ties; the forms for a GPU are interpreted in tests/kernels/test_triton.py."""

import pytest
import torch

from helpers import tie_contracts as contracts

each_neuron = pytest.mark.parametrize("neuron", contracts.NEURON)
each_reset = pytest.mark.parametrize("reset", ["hard", "soft"])
each_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
each_unit = pytest.mark.parametrize("unit", contracts.UNITS)


@each_neuron
@each_reset
@each_type
@each_unit
def test_neurons_fire_at_the_threshold_in_every_form(neuron, reset, dtype, unit):
    contracts.neurons_fire_at_the_threshold_in_every_form(contracts.NEURON[neuron], reset, dtype, unit)


@each_neuron
@each_reset
@each_type
@each_unit
@pytest.mark.parametrize("norm", [None, "exact", "rounded"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_layers_fire_at_the_threshold_in_every_form(neuron, reset, dtype, unit, norm, dropout):
    make = contracts.NEURON[neuron]
    contracts.layers_fire_at_the_threshold_in_every_form(make, reset, dtype, unit, norm=norm, dropout=dropout)
