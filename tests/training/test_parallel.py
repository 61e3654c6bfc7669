"""Two processes share every batch; together they do what one process does."""

import json

import pytest
import torch

from helpers import two_processes
from snnsim import experiment
from snnsim.training import distributed


def train_by_two(values, output, **choices):
    options = [f"--set={name}={json.dumps(value)}" for name, value in values.items()]
    return two_processes.train("shd", "--device=cpu", f"--output-dir={output}", *options, **choices)


@pytest.mark.usefixtures("without_pictures")
def test_two_processes_train_like_one(tiny, tmp_path):
    # without dropout, the gradient of a batch is the mean of its shares' gradients, weighted by their sizes, 9 and 8 of
    # 17; batch normalization and the bounds of rates go over both processes, and each has the average
    changed = {
        "network.dropout": 0.0,
        "network.neuron.threshold": 0.1,
        "training.batch_size": 17,
        "training.sync_batch_norm": True,
        "training.label_smoothing": 0.1,
        "training.average": "ema",
        "training.rates.kind": "bounds",
        "training.rates.low": 0.4,
    }
    alone = experiment.train("shd", tiny | changed, output=tmp_path / "alone", device="cpu")
    finished = train_by_two(tiny | changed, tmp_path / "two", pictures=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("run folder") == 1
    assert (tmp_path / "two" / "figures" / "curves.png").exists()
    for file in ("last.pt", "best.pt"):
        ours, theirs = (torch.load(tmp_path / run / file, weights_only=True)["network"] for run in ("alone", "two"))
        for name, value in ours.items():
            torch.testing.assert_close(theirs[name], value, rtol=1e-3, atol=1e-4)
    rows = [json.loads(line) for line in (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()]
    for name in ("train_accuracy", "valid_accuracy"):
        assert [row[name] for row in rows] == [row[name] for row in alone.read_metrics()]


def test_a_last_batch_smaller_than_the_processes_is_left_out(tiny, tmp_path):
    # 51 recordings: two batches of 25, and one left over
    changed = {"training.batch_size": 25, "training.epochs": 1}
    finished = train_by_two(tiny | changed, tmp_path / "two")
    assert finished.returncode == 0, finished.stderr
    (row,) = (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()
    assert round(json.loads(row)["train_accuracy"] * 50, 6) % 1 == 0


def test_two_processes_validate_the_average_of_the_first(tiny, tmp_path):
    # without synchronized statistics, each process averages those of its own recordings
    changed = {"training.average": "mean", "training.epochs": 2, "network.neuron.threshold": 0.1}
    run = tmp_path / "two"
    finished = train_by_two(tiny | changed, run)
    assert finished.returncode == 0, finished.stderr
    result = experiment.evaluate(run, device="cpu", progress=False)
    assert min(result["activity"]) > 0
    best = json.loads((run / "metrics.jsonl").read_text().splitlines()[result["epoch"] - 1])
    assert best["valid_loss"] == pytest.approx(result["loss"], rel=1e-5)


def test_one_process_needs_no_group():
    with distributed.init_distributed(torch.device("cpu")) as processes:
        assert processes.first
        assert torch.equal(distributed.all_reduce_sum(torch.ones(2), processes), torch.ones(2))


@pytest.mark.parametrize(
    ("name", "words"), [("tpu!", "device 'tpu!' is unknown; use auto"), ("cuda:7", "is not available")]
)
def test_a_wrong_device_is_named(name, words, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=words):
        distributed.choose_device(name)
