"""The commands on a run with convolutions, from nothing."""

import json
from dataclasses import replace

import pytest

from helpers.command_line import fails, run
from snnsim.data.synthetic import moving_dots
from snnsim.program import Program

SMALL = ["--set=network.convolutions=[4,5]", "--set=training.batch_size=50", "--device", "cpu"]


@pytest.fixture
def small_patterns(monkeypatch):
    recipe = moving_dots.Recipe(recordings=(("train", 100), ("valid", 40), ("test", 24)))
    monkeypatch.setattr(moving_dots, "PATTERNS", replace(moving_dots.PATTERNS, recipe=recipe))


def check_commands(capsys, tmp_path, preset, *words, pictures):
    folder, file = str(tmp_path / "run"), str(tmp_path / "net.snn")
    run(capsys, "train", preset, "--epochs", "1", "--output-dir", folder, *SMALL, *words)
    result = json.loads(run(capsys, "evaluate", folder, "--json"))
    assert len(result["activity"]) == 2
    assert min(result["activity"]) > 0
    event = json.loads(run(capsys, "evaluate", folder, "--engine", "simulator", "--json"))
    assert event["activity"] == pytest.approx(result["activity"], rel=1e-3)
    for kind in pictures:
        assert run(capsys, "plot", folder, kind).strip().endswith(f"{kind}.png")
    run(capsys, "freeze", folder, "-o", file)
    assert "readout" in run(capsys, "quantize", file, "--weights", "int8", "-o", str(tmp_path / "small.snn"))
    return result, Program.load(file)


@pytest.mark.usefixtures("without_pictures")
def test_train_to_simulate_on_images(capsys, tmp_path):
    result, program = check_commands(capsys, tmp_path, "images", "--lr", "0.02", pictures=["raster", "curves"])
    assert result["total"] == 300
    # a tenth is chance
    assert result["accuracy"] > 0.2
    assert [population.size for population in program.populations] == [256, 80, 10]
    assert run(capsys, "plot", str(tmp_path / "run"), "delays").startswith(f"{tmp_path / 'run'} has no delays")


@pytest.mark.usefixtures("without_pictures", "small_patterns")
def test_train_to_simulate_on_moving_dots_with_delays(capsys, tmp_path):
    # two batches do not move the statistics of a batch norm far enough for spikes
    lively = ["--set=network.batch_norm=false", "--set=network.neuron.threshold=0.1"]
    pictures = ["raster", "delays", "curves"]
    result, program = check_commands(capsys, tmp_path, "patterns-delays", *lively, pictures=pictures)
    assert result["total"] == 40
    assert [population.size for population in program.populations] == [1024, 320, 8]
    assert program.longest_delay() == 4
    assert program.classes == tuple(moving_dots.DIRECTIONS)


def test_a_field_that_does_not_fit_is_named(capsys):
    error = fails(capsys, "train", "images", "--set", "data.channels=32")
    assert "whose product divides data.channels; got 8, 8 and 32" in error
    error = fails(capsys, "train", "shd", "--set", "network.convolutions=[8]")
    assert "network.convolutions need data.height and data.width" in error
