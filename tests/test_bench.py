"""The benchmarks compare like with like: neighbours' parts make the same function of the same numbers."""

import argparse
import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from snnsim.config import Config, Network, Training
from snnsim.data import binning, motifs
from snnsim.experiment import parts
from snnsim.learning import decisions, rules
from snnsim.training import optimisers
from snnsim.training.folder import Folder

pytest.importorskip("spikingjelly")
pytest.importorskip("DCLS")

BENCH = Path(__file__).parents[1] / "scripts" / "bench"
# dcls divides even a window on one step by 1 + 1e-7
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))


def script(name):
    return importlib.import_module(name)


def pair(dtype=torch.float64, **network):
    settings = {"hidden": (12, 10), "max_delay_ms": 80.0, "dropout": 0.0, "extra_ms": 30.0, "tau_ms": 15.0}
    config = Config(network=Network(**settings | network), training=Training(seed=3))
    config = config.with_values({"data.channels": 7})
    ours = parts.build_network(config, classes=4).to(dtype)
    return ours, script("neighbours").network_like(ours).to(dtype)


def batch(dtype=torch.float64, *, steps=20, size=5):
    generator = torch.Generator().manual_seed(1)
    frames = torch.poisson(torch.full((steps, size, 7), 0.4), generator=generator).to(dtype)
    return rules.Batch(frames, torch.full((size,), steps), torch.arange(size) % 4, float(size))


def agree(theirs, ours, dtype=torch.float64):
    torch.testing.assert_close(theirs, ours, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


NETWORKS = [
    {},
    {"taps": 2, "sigma_start": 0.6},
    {"window": "max"},
    {"delays": "fixed"},
    {"delays": "none"},
    {"batch_norm": False, "reset": "soft", "detach_reset": False, "surrogate": "sigmoid"},
    {"surrogate": "triangle", "surrogate_alpha": 1.0, "detach_reset": False},
]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_same_spikes_and_voltages(dtype, network):
    ours, theirs = pair(dtype, **network)
    frames = batch(dtype).frames
    for training in (True, False):
        expected, found = (one.train(training).record(frames) for one in (ours, theirs))
        assert all(spikes.any() for spikes in expected.spikes)
        for wanted, came in zip(expected.spikes, found.spikes, strict=True):
            agree(came, wanted, dtype)
        agree(found.output, expected.output, dtype)


@pytest.mark.parametrize("network", NETWORKS)
def test_same_gradients(network):
    ours, theirs = pair(**network)
    for one in (ours, theirs):
        rules.bptt(one, batch(), decisions.named("summed_softmax"), None)
    for wanted, came in zip(ours.synapses(), theirs.synapses(), strict=True):
        assert wanted.weight.grad.abs().max() > 0
        agree(came.weight.grad, wanted.weight.grad)
    for wanted, came in zip(ours.delayed_synapses(), theirs.delayed_synapses(), strict=True):
        assert came.learns_delay == wanted.learns_delay
        if wanted.learns_delay:
            assert wanted.delay.grad.abs().max() > 0
            agree(came.delay.grad[0], -wanted.delay.grad)


def test_same_training():
    ours, theirs = pair(sparsity=0.5)
    for one in (ours, theirs):
        made = optimisers.build(one, lr=0.01, lr_delay=1.0, weight_decay=1e-3, steps=8)
        for width in (4.0, 2.0, 1.0, 0.5):
            for synapse in one.delayed_synapses():
                synapse.sigma.fill_(width)
            made.zero_grad()
            rules.bptt(one, batch(), decisions.named("summed_softmax"), None)
            made.step()
            one.constrain()
    start = pair(sparsity=0.5)[0]
    for wanted, came, before in zip(ours.synapses(), theirs.synapses(), start.synapses(), strict=True):
        assert (wanted.delay - before.delay).abs().max() > 1
        assert wanted.delay.min() == 0
        agree(came.weight, wanted.weight)
        agree(wanted.max_delay / 2 - came.delay[0], wanted.delay)
    wanted, came = (one.eval()(batch().frames) for one in (ours, theirs))
    agree(came, wanted)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"window": "v1"}, "windows gauss and max, not v1"),
        ({"max_delay_ms": 70.0}, "an odd K, not 7"),
        ({"learn_threshold": True}, "a fixed threshold"),
        ({"learn_decay": "neuron"}, "a fixed decay"),
        ({"surrogate": "boxcar"}, "not boxcar"),
    ],
)
def test_what_neighbours_do_not_have_is_an_error(network, words):
    with pytest.raises(ValueError, match=words):
        pair(**network)


def small_config(**training):
    # without batch normalisation, of which the two differ where a recording is shorter than its batch
    network = Network(hidden=(8,), max_delay_ms=40.0, extra_ms=0.0, dropout=0.2, batch_norm=False)
    config = Config(network=network, training=Training(batch_size=16, **training))
    return config.with_values({"data.name": "motifs", "data.channels": 4})


def test_a_benchmark_batch_is_like_recordings():
    batch = script("step").recordings(small_config(), size=30, steps=40)
    assert batch.lengths.max() == 40
    assert 20 <= batch.lengths.min() < 40
    last = [int(frames.any(1).nonzero().max()) for frames in batch.frames.unbind(1)]
    assert all(step < length for step, length in zip(last, batch.lengths.tolist(), strict=True))
    assert len(set(last)) > 5


def test_both_are_timed_in_turns():
    step, config = script("step"), small_config()
    samples = step.seconds(config, step.recordings(config, size=2, steps=10), steps=2, repeats=3)
    assert list(samples) == ["snnsim", "neighbours"]
    assert all(len(taken) == 3 and min(taken) > 0 for taken in samples.values())


def test_memory_is_what_steps_add(monkeypatch):
    step, config = script("step"), small_config()
    monkeypatch.setattr(step, "_status", {"VmRSS": 100, "VmHWM": 350}.get)
    assert step.peak("neighbours", config, step.recordings(config, size=2, steps=10)) == 250


@pytest.mark.parametrize("allocator", ["as users run it", "memory kept"])
def test_a_fresh_process_is_told_what_to_measure(monkeypatch, allocator):
    step, seen = script("step"), {}

    def run(command, *, env, **_):
        seen.update(command=command, env=env)
        return argparse.Namespace(stdout="7")

    monkeypatch.setattr(step.subprocess, "run", run)
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "5")
    options = argparse.Namespace(steps=4, repeats=6, threads=3)
    assert step.measured("neighbours", allocator, 64, options) == 7
    assert seen["env"].get("MALLOC_MMAP_MAX_") == ("0" if allocator == "memory kept" else None)
    monkeypatch.setattr("sys.argv", seen["command"][1:])
    told = step.arguments()
    assert (told.measure, told.batch, told.steps, told.repeats, told.threads) == ("neighbours", [64], 4, 6, 3)


def test_a_ratio_above_one_means_that_neighbours_need_more(monkeypatch):
    step = script("step")
    found = {"time": {"snnsim": [1.0, 2.0, 1.0], "neighbours": [3.0, 4.0, 9.0]}, "snnsim": 2**20, "neighbours": 2**21}
    monkeypatch.setattr(step, "measured", lambda what, *_: found[what])
    result = step.compared("memory kept", 128, argparse.Namespace(processes=1))
    assert result["time_ratio"] == 3.0
    assert result["memory_ratio"] == 2.0
    assert " ".join(step.shown([result]).splitlines()[1].split()) == "memory kept 128 1.000 4.000 3.00 1 2 2.00"


@pytest.fixture
def _small_motifs(monkeypatch):
    counts = ("train", 40), ("valid", 20), ("test", 20)
    made = motifs.make(0, motifs.Recipe(lags=(1, 3), pairs=2, steps=20, recordings=counts))
    binned = {
        split: binning.bin_events(recordings, time_step_ms=10.0, channels=4) for split, recordings in made.items()
    }
    splits = {split: parts.Part(part, np.arange(len(part))) for split, part in binned.items()}
    monkeypatch.setattr(parts, "load_splits", lambda _, *names: {name: splits[name] for name in names})


@pytest.mark.usefixtures("_small_motifs")
def test_both_are_trained_alike(tmp_path):
    accuracy, config = script("accuracy"), small_config(epochs=2)
    results = [accuracy.trained(part, config, Folder(tmp_path / part)) for part in accuracy.PARTS]
    losses = [[epoch["train_loss"] for epoch in result["epochs"]] for result in results]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] != losses[1]
    assert all(result["test_ci95"][0] <= result["test"] <= result["test_ci95"][1] for result in results)
    again = accuracy.trained("neighbours", config, Folder(tmp_path / "neighbours"))
    assert again == results[1]
    other = replace(config, training=replace(config.training, lr=0.1))
    with pytest.raises(ValueError, match="a run of another config"):
        accuracy.trained("snnsim", other, Folder(tmp_path / "snnsim"))


def test_accuracies_are_set_side_by_side():
    rows = [("snnsim", 0, 0.9), ("neighbours", 0, 0.8), ("snnsim", 1, 0.8), ("neighbours", 1, 0.9)]
    results = [
        {"part": part, "seed": seed, "epoch": 3, "valid": share, "test": share - 0.1 * (part == "neighbours")}
        | {"test_ci95": [0.7, 0.95], "seconds_per_step": 0.5}
        for part, seed, share in rows
    ]
    lines = script("accuracy").shown(results).splitlines()
    assert len(lines) == 7
    assert lines[5] == "valid: snnsim less neighbours +0.00 points, standard deviation over seeds 14.14"
    assert lines[6].startswith("test: snnsim less neighbours +10.00 points")


def test_figures_come_with_what_they_were_taken_on(tmp_path):
    script("common").write(tmp_path / "made" / "here.json", {"results": [1]}, seed=4)
    written = json.loads((tmp_path / "made" / "here.json").read_text())
    assert written["results"] == [1]
    assert written["seed"] == 4
    assert {"command", "git", "machine", "packages", "threads"} <= written.keys()
    assert set(written["neighbours"]) == {"spikingjelly", "dcls"}
