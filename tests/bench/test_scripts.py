"""The scripts of the benchmarks, in small forms, and the files that they write."""

import importlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from snnsim import DelayedLinear, presets
from snnsim.bench import isolated
from snnsim.config import Config, Network, Training
from snnsim.data import binning
from snnsim.data.synthetic import motifs
from snnsim.experiment import build, datasets
from snnsim.kernels.delay import currents
from snnsim.training.run_folder import RunFolder

pytest.importorskip("spikingjelly")
pytest.importorskip("DCLS")


@pytest.fixture(autouse=True)
def _scripts(bench_script):
    """Scripts can be imported."""


def script(name):
    return importlib.import_module(name)


def small_config(**training):
    # without batch normalization, which differs between the libraries where a recording is padded
    network = Network(hidden=(8,), max_delay_ms=40.0, extra_ms=0.0, dropout=0.2, batch_norm=False)
    config = Config(network=network, training=Training(batch_size=16, **training))
    return config.with_values({"data.name": "motifs", "data.channels": 4})


@pytest.fixture
def _small_motifs(monkeypatch):
    counts = ("train", 40), ("valid", 20), ("test", 20)
    splits = motifs.make(0, motifs.Recipe(lags=(1, 3), pairs=2, steps=20, recordings=counts))
    binned = {
        split: binning.bin_events(recordings, time_step_ms=10.0, channels=4) for split, recordings in splits.items()
    }
    parts = {split: datasets.Part(part, np.arange(len(part))) for split, part in binned.items()}
    monkeypatch.setattr(datasets, "load_splits", lambda _, *names: {name: parts[name] for name in names})


@pytest.mark.usefixtures("_small_motifs")
def test_snnsim_and_the_baseline_learn_alike(tmp_path, monkeypatch):
    # windows of the Fourier transform round otherwise than the baseline: equal losses would be those of one network
    monkeypatch.setattr(currents, "are_few", lambda *_, **__: False)
    accuracy, config = script("accuracy"), small_config(epochs=2)
    results = [accuracy.trained(part, config, RunFolder(tmp_path / part)) for part in accuracy.PARTS]
    losses = [[epoch["train_loss"] for epoch in result["epochs"]] for result in results]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] != losses[1]
    assert all(result["test_ci95"][0] <= result["test"] <= result["test_ci95"][1] for result in results)
    repeated = accuracy.trained("spikingjelly", config, RunFolder(tmp_path / "spikingjelly"))
    assert repeated == results[1]
    other = replace(config, training=replace(config.training, lr=0.1))
    with pytest.raises(ValueError, match="a run of another config"):
        accuracy.trained("snnsim", other, RunFolder(tmp_path / "snnsim"))


def test_accuracies_are_compared_by_seed():
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


def test_results_are_written_with_their_conditions(tmp_path):
    script("common").write(tmp_path / "made" / "here.json", {"results": [1]}, names=["spikingjelly"], seed=4)
    written = json.loads((tmp_path / "made" / "here.json").read_text())
    assert written["results"] == [1]
    assert written["seed"] == 4
    assert {"command", "git", "machine", "packages", "threads"} <= written.keys()
    assert set(written["peers"]) == {"spikingjelly", "dcls"}


@pytest.mark.usefixtures("in_this_process")
def test_steps_are_compared_at_every_width_and_allocator(monkeypatch, capsys, tmp_path):
    step = script("step")
    words = "--preset motifs --batch 2 --sigma 3 0.5 --steps 8 --repeats 1 --baseline spikingjelly recipe --threads 1"
    monkeypatch.setattr("sys.argv", ["step.py", *words.split(), "--json", str(tmp_path / "found.json")])
    step.main()
    results = json.loads((tmp_path / "found.json").read_text())["results"]
    assert [(result["allocator"], result["sigma"]) for result in results] == [
        ("tuned", 3.0), ("tuned", 0.5), ("system", 3.0), ("system", 0.5),
    ]  # fmt: skip
    for result in results:
        assert result["time_ratio"].keys() == result["memory_ratio"].keys() == {"spikingjelly", "recipe"}
        assert {name: len(taken) for name, taken in result["samples"].items()} == dict.fromkeys(result["seconds"], 1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 4 * 3
    assert lines[0].split()[:5] == ["preset", "batch", "sigma", "allocator", "part"]


def test_quick_measures_one_case():
    options = script("step").arguments(["--quick"])
    assert (options.preset, options.batch, options.sigma, options.repeats) == (["shd"], [128], [0.5], 3)


SMALL_PARTS = {
    "lif": {"steps": 4, "batch": 2, "neurons": 3},
    "delays": {"steps": 4, "batch": 2, "neurons": 3, "taps": 5, "sigma": 0.5},
    "evaluation": {"steps": 6, "batch": 2, "preset": "motifs"},
}


@pytest.mark.usefixtures("in_this_process")
def test_parts_are_compared_with_counterparts(monkeypatch, capsys, tmp_path):
    parts = script("parts")
    monkeypatch.setattr(parts, "SIZES", {part: [size] for part, size in SMALL_PARTS.items()})
    words = ["--allocator", "system", "--repeats", "1", "--threads", "1", "--json", str(tmp_path / "found.json")]
    monkeypatch.setattr("sys.argv", ["build.py", *words])
    parts.main()
    results = json.loads((tmp_path / "found.json").read_text())["results"]
    assert [(result["part"], list(result["seconds"])) for result in results] == [
        ("lif", ["snnsim", "spikingjelly", "snntorch"]),
        ("delays", ["snnsim", "conv1d"]),
        ("evaluation", ["snnsim", "conv1d", "spikingjelly"]),
    ]
    assert all(result["allocator"] == "system" for result in results)
    assert len(capsys.readouterr().out.splitlines()) == 1 + 3 + 2 + 3


def test_counterparts_evaluate_the_same_network():
    works = script("parts").evaluation(SMALL_PARTS["evaluation"])
    wanted, *others = (work() for work in works.values())
    assert wanted.abs().max() > 0
    for came in others:
        torch.testing.assert_close(came, wanted, rtol=1e-4, atol=1e-4)


def test_gradients_of_a_part_reach_input_and_parameters():
    parts = script("parts")
    for work in (*parts.delays(SMALL_PARTS["delays"]).values(), *parts.lif(SMALL_PARTS["lif"]).values()):
        module, inputs, grad = work.args
        leaves = []
        hook = module.register_forward_pre_hook(lambda _, values, leaves=leaves: leaves.append(values[0]))
        work()
        hook.remove()
        assert leaves[0].grad.abs().max() > 0
        assert inputs.grad is None
        assert grad.shape == inputs.shape
        assert all(parameter.grad.abs().max() > 0 for parameter in module.parameters())


def test_a_dense_kernel_has_the_delays_of_the_synapse():
    ours = DelayedLinear(3, 4, 6, taps=2).eval()
    spikes = (torch.rand(12, 2, 3, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    torch.testing.assert_close(script("parts").Convolved(ours)(spikes), ours(spikes))


@pytest.mark.usefixtures("in_this_process")
def test_growth_is_measured_and_drawn_again(monkeypatch, capsys, tmp_path):
    growth, path = script("growth"), tmp_path / "found.json"
    monkeypatch.setattr(growth, "BASE", {"steps": 6, "delays": 5, "width": 4, "batch": 2})
    monkeypatch.setattr(growth, "SIZES", {"steps": [4, 8], "width": [2, 3]})
    monkeypatch.setattr("sys.argv", ["growth.py", "--repeats", "1", "--threads", "1", "--json", str(path)])
    growth.main()
    results = json.loads(path.read_text())["results"]
    assert [(result["grows"], result["sizes"]) for result in results] == [
        ("steps", {"steps": 4, "delays": 5, "width": 4, "batch": 2}),
        ("steps", {"steps": 8, "delays": 5, "width": 4, "batch": 2}),
        ("width", {"steps": 6, "delays": 5, "width": 2, "batch": 2}),
        ("width", {"steps": 6, "delays": 5, "width": 3, "batch": 2}),
    ]
    figure_paths = [tmp_path / f"found-{name}.png" for name in ("steps", "width")]
    first = [figure_path.read_bytes() for figure_path in figure_paths]
    assert first[0] != first[1]
    printed = capsys.readouterr().out
    for figure_path in figure_paths:
        figure_path.unlink()
    monkeypatch.setattr("sys.argv", ["growth.py", "--draw", "--json", str(path)])
    growth.main()
    assert [figure_path.read_bytes() for figure_path in figure_paths] == first
    assert capsys.readouterr().out == printed


def test_a_case_has_the_chosen_sizes():
    growth = script("growth")
    case = growth.case({"steps": 50, "delays": 13, "width": 64, "batch": 16}, None)
    assert case.steps == 50
    assert build.max_delay(case.config) == 12
    assert case.config.network.hidden == (64, 64)
    assert case.batch().frames.shape == (50, 16, 140)
    assert build.build_network(case.config, classes=20).extra_steps == 0


def test_duration_of_an_epoch_of_recordings(monkeypatch, capsys, tmp_path, tiny):
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
    content = json.loads((tmp_path / "found.json").read_text())
    assert [(result["sigma"], len(result["seconds"])) for result in content["results"]] == [(3.0, 2), (0.5, 2)]
    assert {result["recordings"] for result in content["results"]} == {51}
    assert content["all_epochs_s"] > 0
    assert content["proportion"] == pytest.approx(8156 / 51)
    last = capsys.readouterr().out.splitlines()[-1]
    minutes = float(last.split()[-1])
    assert last.startswith("3 epochs as scheduled: ")
    assert minutes == pytest.approx(content["all_epochs_s"] / 60 * 8156 / 51, abs=0.06)


def test_duration_of_all_epochs_is_interpolated_by_width():
    epoch, config = script("epoch"), presets.named("shd")
    results = [
        {"sigma": sigma, "epoch_s": seconds, "between_s": 1.0} for sigma, seconds in ((0.5, 10.0), (12.27, 30.0))
    ]
    # 113 of 150 epochs are at the narrow end, the others in between
    assert 113 * 10 + 37 * 10 + 150 < epoch.total_seconds(config, results) < 113 * 10 + 37 * 30 + 150
    same = [result | {"epoch_s": 10.0} for result in results]
    assert epoch.total_seconds(config, same) == pytest.approx(150 * 11)
    with pytest.raises(ValueError, match="shd-no-delays has no windows that narrow"):
        epoch.total_seconds(presets.named("shd-no-delays"), results)


@pytest.mark.usefixtures("in_this_process")
def test_memory_and_time_of_learning_rules(monkeypatch, capsys, tmp_path):
    streaming, path = script("streaming"), tmp_path / "found.json"
    monkeypatch.setattr(streaming, "LENGTHS", [10])
    words = ["--batch=2", "--lengths", "10", "20", "--repeats=1", "--allocator=tuned", "--threads=1", f"--json={path}"]
    monkeypatch.setattr("sys.argv", ["streaming.py", *words])
    streaming.main()
    content = json.loads(path.read_text())
    assert {(row["rule"], row["steps"]) for row in content["memory"]} == {
        (rule, length) for rule in streaming.GROWING for length in (10, 20)
    }
    (time,) = content["time"]
    assert list(time["seconds"]) == list(streaming.RULES)
    assert time["ratio"]["bptt"] == 1
    assert path.with_suffix(".png").stat().st_size > 5_000
    printed = capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["streaming.py", "--draw", f"--json={path}"])
    streaming.main()
    assert capsys.readouterr().out == printed


@pytest.mark.usefixtures("_small_motifs")
def test_rules_are_compared_on_the_same_recordings(monkeypatch, capsys, tmp_path):
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
    assert strong.network.neuron.tau_ms == pytest.approx(100)
    assert (strong.training.rule, strong.training.k, strong.training.seed) == ("sltt-k", 3, 1)
    compared.main()
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("baseline", [None, "recipe"])
def test_memory_of_a_run(monkeypatch, capsys, tmp_path, tiny, baseline):
    values = [f"--set={name}={json.dumps(value)}" for name, value in tiny.items() if name != "data.path"]
    words = [f"--data-path={tiny['data.path']}", "--epochs=3", f"--json={tmp_path / 'found.json'}", "--threads=1"]
    words += [] if baseline is None else [f"--baseline={baseline}"]
    monkeypatch.setattr("sys.argv", ["memory_of_a_run.py", *words, *values])
    monkeypatch.setattr(isolated, "call", lambda function, *arguments, **_: function(*arguments))
    script("memory_of_a_run").main()
    content = json.loads((tmp_path / "found.json").read_text())
    for name in ("epochs", "baseline") if baseline else ("epochs",):
        assert [set(row) for row in content[name]] == [{"peak", "resident", "highest"}] * 3
        assert all(0 < row["resident"] <= row["highest"] for row in content[name])
    lines = capsys.readouterr().out.splitlines()
    changes = [line for line in lines if line.startswith("the last epoch against the second: peak ")]
    assert len(changes) == (2 if baseline else 1)
    assert lines[-1].startswith("highest of the run, / snnsim: ") == (baseline is not None)
