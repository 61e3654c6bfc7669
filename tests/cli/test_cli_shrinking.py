import json
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import fails, flags, run
from snnsim.experiment import evaluate_run, plot_run
from snnsim.program import Program

pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture
def trained(capsys, tmp_path, tiny):
    lively = tiny | {"network.neuron.threshold": 0.3, "training.lr": 0.02, "training.epochs": 4}
    run(capsys, "train", "shd", "--output-dir", str(tmp_path / "run"), "--device", "cpu", *flags(lively))
    return tmp_path / "run"


def test_quantize_and_prune(capsys, trained, tmp_path):
    file, small = str(tmp_path / "net.snn"), str(tmp_path / "small.snn")
    run(capsys, "freeze", str(trained), "-o", file)
    words = ("--weights", "int8", "--delays", "2bit", "-o", small)
    report = json.loads(run(capsys, "quantize", file, *words, "--json"))
    program, before = Program.load(small), Program.load(file)
    assert program.fixed.weight_bits == 8
    assert program.fixed.delay_bits == 2
    assert program.longest_delay() == 3
    assert report["quantization"] == program.provenance["quantization"]
    assert report["quantization"]["edges"][0]["delays_clipped"] == (before.edges[0].delay > 3).sum() > 0
    assert report["before"]["stored_bytes"] == 6 * before.synapses
    assert report["after"]["stored_bytes"] == sum(-(-10 * len(edge.weight) // 8) for edge in before.edges)
    assert 0 <= report["agreement"] <= 1
    ran = json.loads(run(capsys, "simulate", small, "--split", "valid", "--json"))
    assert ran["precision"] == "integer"
    assert ran["accuracy"] == report["after"]["accuracy"]
    text = run(capsys, "quantize", file, *words)
    assert "delays clipped" in text
    assert "the same decision in" in text
    assert "kB before" in text
    pruned = json.loads(
        run(capsys, "prune", small, "--share", "0.5", "--shortest-delay", "1", "-o", file, "--split", "none", "--json")
    )
    assert "agreement" not in pruned
    assert Program.load(file).synapses == sum(change["kept"] for change in pruned["pruning"]["edges"])
    assert min(edge.delay.min() for edge in Program.load(file).edges) == 1
    assert "weight_bits 8" in run(capsys, "info", file)
    assert "weights 'float' are unknown" in fails(capsys, "quantize", small, "--weights", "float", "-o", file)


def test_a_failed_comparison_writes_no_file(capsys, trained, tmp_path):
    file, other = str(tmp_path / "net.snn"), tmp_path / "other.snn"
    run(capsys, "freeze", str(trained), "-o", file)
    error = fails(capsys, "prune", file, "--share", "0.5", "--data", "nowhere.h5", "-o", str(other))
    assert "nowhere.h5: there is no such file" in error
    assert not other.exists()
    error = fails(capsys, "quantize", file, "--weights", "none", "-o", str(other))
    assert "there must be weights or delays to quantize" in error


def test_quantization_aware_training_ends_on_the_grid(capsys, trained, tmp_path):
    aware, file, small = str(tmp_path / "aware"), str(tmp_path / "net.snn"), str(tmp_path / "small.snn")
    values = ["training.weights=int4", "training.delays=2bit:2", f"training.start={trained}", "training.epochs=2"]
    chosen = [f"--set={value}" for value in values]
    run(capsys, "train", str(trained), "--output-dir", aware, "--device", "cpu", *chosen)
    run(capsys, "freeze", aware, "-o", file)
    report = json.loads(run(capsys, "quantize", file, "--weights", "int4", "--delays", "2bit:2", "-o", small, "--json"))
    for change in report["quantization"]["edges"]:
        assert change["delays_clipped"] == change["delays_rounded"] == change["weights_clipped"] == 0
        assert change["relative_error"] < 1e-6
    assert report["agreement"] > 0.9
    expected = json.loads(run(capsys, "evaluate", aware, "--json"))
    assert expected["accuracy"] == pytest.approx(report["before"]["accuracy"], abs=0.03)
    network = Program.load(file)
    assert np.isin(network.edges[0].delay, [0, 2, 4, 6]).all()
    # the delays before the training are those of the run that it starts from
    started, ended = (plot_run.layer_delays(evaluate_run.load(Path(path), "train")) for path in (aware, trained))
    for layer, first in zip(started, ended, strict=True):
        np.testing.assert_array_equal(layer.before, first.after)
    trained.rename(tmp_path / "moved")
    assert "the run that it starts from is gone" in run(capsys, "plot", aware, "delays")


def test_a_start_of_another_network_is_named(capsys, trained, tmp_path):
    words = ["train", str(trained), "--output-dir", str(tmp_path / "other"), "--device", "cpu"]
    error = fails(capsys, *words, f"--set=training.start={trained}", "--set=network.hidden=[5]")
    assert f"training.start: {trained} is of another network" in error
    assert "nowhere is not the folder of a run" in fails(capsys, *words, "--set=training.start=nowhere")
    assert "training.delays must be such as 5bit" in fails(capsys, *words, "--set=training.delays=five")
