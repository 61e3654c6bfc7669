"""The scripts that make our own figures: small forms of each, and what they write."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from snnsim import DelayedLinear, presets
from snnsim.config import Config, Network, Training
from snnsim.data import binning
from snnsim.data.synthetic import motifs
from snnsim.experiment import build, datasets
from snnsim.training.run_folder import RunFolder

pytest.importorskip("spikingjelly")
pytest.importorskip("DCLS")

SCRIPTS = Path(__file__).parents[2] / "scripts" / "bench"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))


def script(name):
    return importlib.import_module(name)


def small_config(**training):
    # without batch normalization, of which the two differ where a recording is shorter than its batch
    network = Network(hidden=(8,), max_delay_ms=40.0, extra_ms=0.0, dropout=0.2, batch_norm=False)
    config = Config(network=network, training=Training(batch_size=16, **training))
    return config.with_values({"data.name": "motifs", "data.channels": 4})


@pytest.fixture
def _small_motifs(monkeypatch):
    counts = ("train", 40), ("valid", 20), ("test", 20)
    made = motifs.make(0, motifs.Recipe(lags=(1, 3), pairs=2, steps=20, recordings=counts))
    binned = {
        split: binning.bin_events(recordings, time_step_ms=10.0, channels=4) for split, recordings in made.items()
    }
    splits = {split: datasets.Part(part, np.arange(len(part))) for split, part in binned.items()}
    monkeypatch.setattr(datasets, "load_splits", lambda _, *names: {name: splits[name] for name in names})


@pytest.mark.usefixtures("_small_motifs")
def test_both_are_trained_alike(tmp_path):
    accuracy, config = script("accuracy"), small_config(epochs=2)
    results = [accuracy.trained(part, config, RunFolder(tmp_path / part)) for part in accuracy.PARTS]
    losses = [[epoch["train_loss"] for epoch in result["epochs"]] for result in results]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] != losses[1]
    assert all(result["test_ci95"][0] <= result["test"] <= result["test_ci95"][1] for result in results)
    again = accuracy.trained("spikingjelly", config, RunFolder(tmp_path / "spikingjelly"))
    assert again == results[1]
    other = replace(config, training=replace(config.training, lr=0.1))
    with pytest.raises(ValueError, match="a run of another config"):
        accuracy.trained("snnsim", other, RunFolder(tmp_path / "snnsim"))


def test_accuracies_are_set_side_by_side():
    rows = [("snnsim", 0, 0.9), ("spikingjelly", 0, 0.8), ("snnsim", 1, 0.8), ("spikingjelly", 1, 0.9)]
    results = [
        {"part": part, "seed": seed, "epoch": 3, "valid": share, "test": share - 0.1 * (part == "spikingjelly")}
        | {"test_ci95": [0.7, 0.95], "seconds_per_step": 0.5}
        for part, seed, share in rows
    ]
    lines = script("accuracy").shown(results).splitlines()
    assert len(lines) == 7
    assert lines[5] == "valid: snnsim less spikingjelly +0.00 points, standard deviation over seeds 14.14"
    assert lines[6].startswith("test: snnsim less spikingjelly +10.00 points")


def test_figures_come_with_what_they_were_taken_on(tmp_path):
    script("common").write(tmp_path / "made" / "here.json", {"results": [1]}, names=["spikingjelly"], seed=4)
    written = json.loads((tmp_path / "made" / "here.json").read_text())
    assert written["results"] == [1]
    assert written["seed"] == 4
    assert {"command", "git", "machine", "packages", "threads"} <= written.keys()
    assert set(written["peers"]) == {"spikingjelly", "dcls"}


@pytest.mark.usefixtures("here")
def test_steps_are_compared_in_all_that_was_asked_for(monkeypatch, capsys, tmp_path):
    step = script("step")
    words = "--preset motifs --batch 2 --sigma 3 0.5 --steps 8 --repeats 1 --peer spikingjelly recipe --threads 1"
    monkeypatch.setattr("sys.argv", ["step.py", *words.split(), "--json", str(tmp_path / "found.json")])
    step.main()
    results = json.loads((tmp_path / "found.json").read_text())["results"]
    assert [(found["allocator"], found["sigma"]) for found in results] == [
        ("tuned", 3.0), ("tuned", 0.5), ("system", 3.0), ("system", 0.5),
    ]  # fmt: skip
    for found in results:
        assert found["time_ratio"].keys() == found["memory_ratio"].keys() == {"spikingjelly", "recipe"}
        assert {name: len(taken) for name, taken in found["samples"].items()} == dict.fromkeys(found["seconds"], 1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 4 * 3
    assert lines[0].split()[:5] == ["preset", "batch", "sigma", "allocator", "part"]


def test_a_first_look_is_short():
    options = script("step").arguments(["--quick"])
    assert (options.preset, options.batch, options.sigma, options.repeats) == (["shd"], [128], [0.5], 3)


SMALL_PARTS = {
    "lif": {"steps": 4, "batch": 2, "neurons": 3},
    "delays": {"steps": 4, "batch": 2, "neurons": 3, "taps": 5, "sigma": 0.5},
    "evaluation": {"steps": 6, "batch": 2, "preset": "motifs"},
}


@pytest.mark.usefixtures("here")
def test_parts_are_compared_with_their_counterparts(monkeypatch, capsys, tmp_path):
    made = script("parts")
    monkeypatch.setattr(made, "SIZES", {part: [size] for part, size in SMALL_PARTS.items()})
    words = ["--allocator", "system", "--repeats", "1", "--threads", "1", "--json", str(tmp_path / "found.json")]
    monkeypatch.setattr("sys.argv", ["build.py", *words])
    made.main()
    results = json.loads((tmp_path / "found.json").read_text())["results"]
    assert [(found["part"], list(found["seconds"])) for found in results] == [
        ("lif", ["snnsim", "spikingjelly", "snntorch"]),
        ("delays", ["snnsim", "conv1d"]),
        ("evaluation", ["snnsim", "conv1d", "spikingjelly"]),
    ]
    assert all(found["allocator"] == "system" for found in results)
    assert len(capsys.readouterr().out.splitlines()) == 1 + 3 + 2 + 3


def test_all_evaluate_the_same_network():
    works = script("parts").evaluation(SMALL_PARTS["evaluation"])
    wanted, *others = (work() for work in works.values())
    assert wanted.abs().max() > 0
    for came in others:
        torch.testing.assert_close(came, wanted, rtol=1e-4, atol=1e-4)


def test_gradients_of_a_part_reach_input_and_parameters():
    made = script("parts")
    for work in (*made.delays(SMALL_PARTS["delays"]).values(), *made.lif(SMALL_PARTS["lif"]).values()):
        module, given, grad = work.args
        seen = []
        hook = module.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        work()
        hook.remove()
        assert seen[0].grad.abs().max() > 0
        assert given.grad is None
        assert grad.shape == given.shape
        assert all(parameter.grad.abs().max() > 0 for parameter in module.parameters())


def test_a_ready_kernel_is_read_as_delays_are():
    ours = DelayedLinear(3, 4, 6, taps=2).eval()
    spikes = (torch.rand(12, 2, 3, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    torch.testing.assert_close(script("parts").Convolved(ours)(spikes), ours(spikes))


@pytest.mark.usefixtures("here")
def test_growth_is_measured_drawn_and_drawn_anew(monkeypatch, capsys, tmp_path):
    growth, made = script("growth"), tmp_path / "found.json"
    monkeypatch.setattr(growth, "BASE", {"steps": 6, "delays": 5, "width": 4, "batch": 2})
    monkeypatch.setattr(growth, "SIZES", {"steps": [4, 8], "width": [2, 3]})
    monkeypatch.setattr("sys.argv", ["growth.py", "--repeats", "1", "--threads", "1", "--json", str(made)])
    growth.main()
    results = json.loads(made.read_text())["results"]
    assert [(found["grows"], found["sizes"]) for found in results] == [
        ("steps", {"steps": 4, "delays": 5, "width": 4, "batch": 2}),
        ("steps", {"steps": 8, "delays": 5, "width": 4, "batch": 2}),
        ("width", {"steps": 6, "delays": 5, "width": 2, "batch": 2}),
        ("width", {"steps": 6, "delays": 5, "width": 3, "batch": 2}),
    ]
    pictures = [tmp_path / f"found-{name}.png" for name in ("steps", "width")]
    first = [picture.read_bytes() for picture in pictures]
    assert first[0] != first[1]
    printed = capsys.readouterr().out
    for picture in pictures:
        picture.unlink()
    monkeypatch.setattr("sys.argv", ["growth.py", "--draw", "--json", str(made)])
    growth.main()
    assert [picture.read_bytes() for picture in pictures] == first
    assert capsys.readouterr().out == printed


def test_each_size_grows_alone():
    growth = script("growth")
    case = growth.case({"steps": 50, "delays": 13, "width": 64, "batch": 16}, None)
    assert case.steps == 50
    assert build.max_delay(case.config) == 12
    assert case.config.network.hidden == (64, 64)
    assert case.batch().frames.shape == (50, 16, 140)
    assert build.build_network(case.config, classes=20).extra_steps == 0


def test_an_epoch_of_real_recordings(monkeypatch, capsys, tmp_path, tiny):
    values = [f"--set={name}={json.dumps(value)}" for name, value in tiny.items() if name != "data.path"]
    words = [
        f"--data-path={tiny['data.path']}",
        "--sigma",
        "3",
        "0.5",
        f"--json={tmp_path / 'found.json'}",
        "--threads=1",
    ]
    monkeypatch.setattr("sys.argv", ["epoch.py", *words, *values])
    script("epoch").main()
    found = json.loads((tmp_path / "found.json").read_text())
    assert [(result["sigma"], len(result["seconds"])) for result in found["results"]] == [(3.0, 2), (0.5, 2)]
    assert {result["recordings"] for result in found["results"]} == {51}
    assert found["all_epochs_s"] > 0
    assert found["proportion"] == pytest.approx(8156 / 51)
    last = capsys.readouterr().out.splitlines()[-1]
    minutes = float(last.split()[-1])
    assert last.startswith("3 epochs as scheduled: ")
    assert minutes == pytest.approx(found["all_epochs_s"] / 60 * 8156 / 51, abs=0.06)


def test_all_epochs_take_what_their_widths_take():
    epoch, config = script("epoch"), presets.named("shd")
    results = [
        {"sigma": sigma, "epoch_s": seconds, "between_s": 1.0} for sigma, seconds in ((0.5, 10.0), (12.27, 30.0))
    ]
    # 113 of 150 epochs are at the narrow end, the others in between
    assert 113 * 10 + 37 * 10 + 150 < epoch.whole(config, results) < 113 * 10 + 37 * 30 + 150
    same = [result | {"epoch_s": 10.0} for result in results]
    assert epoch.whole(config, same) == pytest.approx(150 * 11)
    with pytest.raises(ValueError, match="shd-no-delays has no windows that narrow"):
        epoch.whole(presets.named("shd-no-delays"), results)


@pytest.mark.usefixtures("here")
def test_memory_and_time_of_learning_rules(monkeypatch, capsys, tmp_path):
    streaming, path = script("streaming"), tmp_path / "found.json"
    monkeypatch.setattr(streaming, "LENGTHS", [10])
    words = ["--batch=2", "--lengths", "10", "20", "--repeats=1", "--allocator=tuned", "--threads=1", f"--json={path}"]
    monkeypatch.setattr("sys.argv", ["streaming.py", *words])
    streaming.main()
    found = json.loads(path.read_text())
    assert {(row["rule"], row["steps"]) for row in found["memory"]} == {
        (rule, length) for rule in streaming.GROWING for length in (10, 20)
    }
    (time,) = found["time"]
    assert list(time["seconds"]) == list(streaming.RULES)
    assert time["ratio"]["bptt"] == 1
    assert path.with_suffix(".png").stat().st_size > 5_000
    printed = capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["streaming.py", "--draw", f"--json={path}"])
    streaming.main()
    assert capsys.readouterr().out == printed


@pytest.mark.usefixtures("_small_motifs")
def test_rules_are_trained_alike(monkeypatch, capsys, tmp_path):
    compared = script("rules")
    monkeypatch.setattr(presets, "named", lambda _: small_config(epochs=2))
    words = ["motifs", "--k=3", "--seeds", "0", "1", f"--output={tmp_path}", f"--json={tmp_path / 'found.json'}"]
    monkeypatch.setattr("sys.argv", ["rules.py", *words])
    compared.main()
    results = json.loads((tmp_path / "found.json").read_text())["results"]
    assert len({(row["seed"], row["leak"], row["rule"]) for row in results}) == len(results) == 12
    printed = capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["rules.py", *words, "--rules", "sltt", "--leaks", "strong"])
    compared.main()
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] == "-"
    monkeypatch.setattr("sys.argv", ["rules.py", *words])
    strong = Config.load(tmp_path / "strong-sltt-k-seed1" / "config.toml")
    assert strong.network.tau_ms == pytest.approx(100)
    assert (strong.training.rule, strong.training.k, strong.training.seed) == ("sltt-k", 3, 1)
    compared.main()
    assert capsys.readouterr().out == printed


def test_memory_of_a_run(monkeypatch, capsys, tmp_path, tiny):
    values = [f"--set={name}={json.dumps(value)}" for name, value in tiny.items() if name != "data.path"]
    words = [f"--data-path={tiny['data.path']}", "--epochs=3", f"--json={tmp_path / 'found.json'}", "--threads=1"]
    monkeypatch.setattr("sys.argv", ["memory_of_a_run.py", *words, *values])
    script("memory_of_a_run").main()
    found = json.loads((tmp_path / "found.json").read_text())
    assert [set(row) for row in found["epochs"]] == [{"peak", "resident", "highest"}] * 3
    assert all(0 < row["resident"] <= row["highest"] for row in found["epochs"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("the last epoch against the second: peak ")
