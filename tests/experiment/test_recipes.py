"""Presets of published recipes, and of other kinds of delays: one step of training each, of narrow networks."""

import pytest
import torch

from snnsim import freeze, presets
from snnsim.experiment import build, updates
from snnsim.learning import decisions
from snnsim.learning.losses import Batch
from snnsim.recipes import RECIPES
from snnsim.training import optimizers

NAMES = [recipe.name for recipe in RECIPES] + ["shd-axonal", "shd-dendritic", "ssc-axonal", "ssc-dendritic"]


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_takes_a_step_of_training(name):
    config = presets.named(name)
    narrow = {"network.hidden": (8,) * len(config.network.hidden), "network.dropout": 0.1}
    config = config.with_values(narrow)
    network = build.build_network(config, classes=5).train()
    with torch.no_grad():
        for synapse in network.synapses():
            synapse.weight.mul_(12)  # so that all layers of so few neurons fire
    members = optimizers.build(network, settings=updates.settings(config), steps=4, epochs=2)
    draw = torch.Generator().manual_seed(0)
    frames = torch.rand(30, 6, 140, generator=draw) * 3
    batch = Batch(frames, torch.tensor([30, 30, 20, 25, 28, 30]), torch.arange(6) % 5, 6.0)
    before = {key: value.detach().clone() for key, value in network.named_parameters() if value.requires_grad}
    result = build.rule(config)(network, batch, decisions.get_decision(config.training.decision), draw)
    members.step()
    network.constrain()
    assert torch.isfinite(result.loss)
    still = [key for key, value in network.named_parameters() if key in before and torch.equal(value, before[key])]
    assert not still
    program = freeze(network.eval(), time_step_ms=config.data.time_step_ms, decision=config.training.decision)
    assert len(program.populations) == len(config.network.hidden) + 1


def test_biases_are_a_setting_without_batch_normalization():
    config = presets.named("shd-se-adlif").with_values({"network.hidden": (8,)})
    assert build.build_network(config, classes=5).layers[0].norm.bias.shape == (8,)
    without = config.with_values({"network.bias": False})
    assert build.build_network(without, classes=5).layers[0].norm is None
    # checkpoints of older versions have none
    assert build.architecture(without, classes=5)["bias"] is None
    with pytest.raises(ValueError, match=r"network\.bias must be false with network\.batch_norm"):
        config.with_values({"network.batch_norm": True})


def test_delays_start_between_their_bounds():
    config = presets.named("digits-recurrent").with_values({"network.recurrent.start_ms": [50.0, 120.0]})
    delay = build.build_network(config, classes=5).layers[-1].recurrent.synapse.delay
    # steps of 10 ms, of which the loop adds one
    assert 4 <= delay.min().item() < 5
    assert 10 < delay.max().item() <= 11
    everywhere = presets.named("digits-recurrent")
    assert build.architecture(config, classes=5) == build.architecture(everywhere, classes=5)
    for wrong in ([50.0], [120.0, 50.0], [50.0, 500.0]):
        with pytest.raises(ValueError, match=r"network\.recurrent\.start_ms must be an empty list, or two times"):
            everywhere.with_values({"network.recurrent.start_ms": wrong})
