"""Forward and gradient are those of the parameters on the grid; the parameters behind it move, and come back."""

import numpy as np
import pytest
import torch

from helpers import learning_contracts
from helpers.networks import MAX_DELAY, generator, small_network
from snnsim.learning.decisions import summed_softmax
from snnsim.learning.qat import Grid
from snnsim.nn.freezing import freeze
from snnsim.quantization import Scheme, quantize

GRIDS = [Grid("int8"), Grid("int4", "2bit:2"), Grid("ternary", "3bit"), Grid(delays="2bit"), Grid()]


@pytest.mark.parametrize("rule", learning_contracts.RULES)
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_gradients_are_taken_on_the_grid_and_parameters_restored(grid, rule):
    network, on_grid = small_network(), small_network()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    grid.apply(on_grid)
    with grid.on(network):
        for one, other in zip(network.parameters(), on_grid.parameters(), strict=True):
            assert torch.equal(one, other)
        learning_contracts.RULES[rule](network, learning_contracts.a_batch(), summed_softmax, generator())
    learning_contracts.RULES[rule](on_grid, learning_contracts.a_batch(), summed_softmax, generator())
    for parameter, expected, other in zip(network.parameters(), before, on_grid.parameters(), strict=True):
        assert torch.equal(parameter, expected)
        assert torch.equal(parameter.grad, other.grad)


def test_parameters_are_restored_after_an_error():
    network = small_network()
    before = network.layers[0].synapse.weight.detach().clone()

    def interrupted():
        with Grid("int4").on(network):
            assert not torch.equal(network.layers[0].synapse.weight, before)
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert torch.equal(network.layers[0].synapse.weight, before)


@pytest.mark.parametrize(("kind", "values"), [("int8", 255), ("int4", 15), ("ternary", 3)])
def test_ternary_and_int_weights_have_few_values(kind, values):
    network = small_network()
    Grid(kind).apply(network)
    for synapse in network.synapses():
        for row in synapse.weight.detach().flatten(1):
            assert len(row.unique()) <= values
            scale = row.abs().max() / ((values - 1) // 2)
            np.testing.assert_allclose(row / scale, (row / scale).round(), atol=1e-5)


def test_delays_are_rounded_to_the_grid_and_learned_unrounded():
    network = small_network()
    Grid(delays="2bit:2").apply(network)
    for synapse in network.synapses():
        assert set(synapse.delay.unique().tolist()) <= {0.0, 2.0, 4.0, 6.0}
    assert MAX_DELAY == 6


@pytest.mark.parametrize("kind", ["int8", "int4", "ternary"])
def test_quantization_recovers_the_grid(kind):
    network = small_network()
    for _ in range(2):
        network(learning_contracts.a_batch().frames)
    Grid(kind).apply(network)
    quantized = quantize(freeze(network, time_step_ms=1.0), Scheme(kind))
    for change in quantized.provenance["quantization"]["edges"]:
        assert change["relative_error"] < 1e-6
        assert change["weights_clipped"] == 0


def test_absent_connections_stay_absent():
    network = small_network(sparsity=0.5)
    absent = [synapse.weight == 0 for synapse in network.synapses()]
    Grid("int8").apply(network)
    assert all((synapse.weight[gone] == 0).all() for synapse, gone in zip(network.synapses(), absent, strict=True))


def test_invalid_grids_are_refused():
    with pytest.raises(ValueError, match="weights 'int1' are unknown"):
        Grid("int1")
    with pytest.raises(ValueError, match="delays '5 bits' are unknown"):
        Grid(delays="5 bits")


def test_delays_on_the_grid_are_at_most_max_delay():
    network = small_network(max_delay=5)
    with torch.no_grad():
        network.layers[0].synapse.delay.fill_(5.0)
    Grid(delays="4bit:2").apply(network)
    # 5 is as far from 4 as from 6, and 6 is too long
    assert network.layers[0].synapse.delay.unique().tolist() == [4.0]
    Grid(delays="4bit:3").apply(network)
    assert network.layers[0].synapse.delay.unique().tolist() == [3.0]
