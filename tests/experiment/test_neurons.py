"""Runs with neurons other than LIF, from the config to the report."""

import json
import re

import pytest
import torch

from snnsim import presets, schema
from snnsim.cli import main
from snnsim.config import Config
from snnsim.experiment import build
from snnsim.nn import LIF, LevyBaxter, MetaNeuron, SecondOrder, dropout
from snnsim.training.run_folder import RunFolder

KINDS = {"lif": LIF, "meta": MetaNeuron, "levy_baxter": LevyBaxter, "second_order": SecondOrder}


def built(preset="motifs", *, neuron, **values):
    settings = {f"network.neuron.{name}": value for name, value in values.items()}
    config = presets.named(preset).with_values({"network.neuron": neuron} | settings)
    return build.build_network(config, classes=10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("preset", ["motifs", "digits", "images", "patterns-delays"])
@pytest.mark.parametrize("learn", ["fixed", "layer", "neuron"])
def test_the_config_names_the_neurons(kind, preset, learn):
    network = built(preset, neuron=kind, **({} if kind == "lif" else {"learn": learn}))
    assert network.layers
    assert all(type(layer.neuron) is KINDS[kind] for layer in network.layers)
    assert dropout.is_stochastic(network) == (kind in ("meta", "levy_baxter"))
    channels = presets.named(preset).data.channels
    output = network(torch.ones(4, 2, channels), generator=torch.Generator().manual_seed(0))
    output.sum().backward()
    assert all(part.grad.isfinite().all() for part in network.parameters() if part.grad is not None)


def test_the_architecture_names_the_kind_and_its_settings():
    config = presets.named("motifs")
    assert build.architecture(config, classes=10)["neuron"] == schema.plain(config.network.neuron)
    other = build.architecture(config.with_values({"network.neuron": "meta"}), classes=10)
    assert other["neuron"]["kind"] == "meta"


@torch.no_grad()
def test_settings_reach_the_neurons():
    network = built(neuron="meta", noise=0.5, recovery=True, learn="neuron", reset="soft")
    neuron = network.layers[0].neuron
    assert neuron.width().shape == (128,)
    assert float(neuron.width().mean()) == pytest.approx(0.5)
    assert neuron.recovery is not None
    assert not neuron.reset.hard
    assert float(built(neuron="levy_baxter", success=0.5).layers[0].neuron.success()) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"network.neuron": "meta", "network.neuron.noise": -0.1}, "network.neuron.noise must be at least 0, not -0.1"),
        (
            {"network.neuron": "meta", "network.neuron.noise": 0.0},
            "network.neuron.noise must be positive, or 0 where learn is fixed, not 0.0",
        ),
        (
            {"network.neuron": "levy_baxter", "network.neuron.success": 0.0},
            "network.neuron.success must be above 0 and at most 1, not 0.0",
        ),
    ],
)
def test_settings_are_checked(values, message):
    with pytest.raises(ValueError, match=message):
        Config().with_values(values)


@pytest.mark.parametrize("kind", ["meta", "levy_baxter", "second_order"])
def test_a_run_is_trained_plotted_and_evaluated(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ["network.hidden=[12]", f"network.neuron={kind}", "training.batch_size=512"]
    main(["train", "motifs", "--epochs", "1", "--output-dir", "run", *(f"--set={value}" for value in small)])
    folder = RunFolder(tmp_path / "run")
    (row,) = folder.read_metrics()
    assert [name for name in row if name.startswith("neuron ")]
    assert folder.figure("curves.png").is_file()
    assert folder.figure("raster.png").is_file()
    capsys.readouterr()
    main(["evaluate", "run", "--seeds", "3"])
    shown = capsys.readouterr().out
    result = json.loads(folder.evaluation("valid").read_text(encoding="utf-8"))
    assert ("chance" in result) == (kind != "second_order")
    if kind != "second_order":
        assert len(result["chance"]["accuracies"]) == 3
        assert result["chance"]["accuracies"][0] == result["accuracy"]
        assert re.search(r"over 3 seeds: .*; without randomness: ", shown)
        # the epoch was chosen by the draws of the run's seed, which is 0 as well
        assert result["accuracy"] == row["valid_accuracy"]


def test_a_program_has_the_random_numbers_of_its_network(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ["network.hidden=[12]", "network.neuron=meta", "training.batch_size=512"]
    main(["train", "motifs", "--epochs", "1", "--output-dir", "run", *(f"--set={value}" for value in small)])
    main(["evaluate", "run"])
    main(["evaluate", "run", "--engine", "simulator"])
    folder = RunFolder(tmp_path / "run")
    result, by_events = (
        json.loads(folder.evaluation(name).read_text(encoding="utf-8")) for name in ("valid", "valid-event")
    )
    # the network counts in float32, the program in float64
    assert by_events["correct"] == pytest.approx(result["correct"], abs=2)
    main(["freeze", "run", "-o", "run.snn"])
    capsys.readouterr()
    seeds = []
    for seed in ("0", "7", "None"):
        main(["simulate", "run.snn", "--split", "valid", "--json", "--seed", seed])
        seeds.append(json.loads(capsys.readouterr().out))
    assert [one["seed"] for one in seeds] == [0, 7, None]
    assert seeds[0]["correct"] == by_events["correct"]
    assert seeds[2]["accuracy"] == pytest.approx(result["chance"]["without"], abs=0.004)
    assert len({one["synaptic_events"] for one in seeds}) == 3
