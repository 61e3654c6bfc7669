"""Loggers: every kind keeps the contract, writes every epoch once, and names a package that is missing."""

import csv
import sys

import pytest

from snnsim import testing
from snnsim.config import Config
from snnsim.testing.loggers import ROWS
from snnsim.training import loggers


def test_a_table_has_a_row_for_each_epoch(tmp_path):
    testing.check_logger("csv", tmp_path)
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["activity/2"] for row in rows] == ["0.2", "0.3", "0.3"]
    assert [row["valid_loss"] for row in rows] == ["1.5", "0.75", ""]
    assert [row["peak_bytes"] for row in rows] == ["", "1024.0", "1024.0"]


def log_records(data):
    """Yield the records of a file in LevelDB's log format, with a header of 7 bytes in front of its blocks."""
    position, record_bytes = 7, b""
    while position + 7 <= len(data):
        size, kind = int.from_bytes(data[position + 4 : position + 6], "little"), data[position + 6]
        if kind == 0 or 2**15 - position % 2**15 < 7:
            # the rest of a block is filled with zeros
            position += 2**15 - position % 2**15
            continue
        record_bytes += data[position + 7 : position + 7 + size]
        position += 7 + size
        if kind in (1, 4):
            yield record_bytes
            record_bytes = b""


def test_files_of_weights_and_biases_hold_every_epoch_offline(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    testing.check_logger("wandb", tmp_path, mode="offline", project="delays")
    # its process writes the last rows after the run has finished, and at the latest when the process ends
    wandb.teardown()
    folders = sorted((tmp_path / "run" / "wandb").glob("offline-run-*"))
    # the run that is resumed has the identity of the first one
    identity = (tmp_path / "run" / "wandb-id.txt").read_text()
    assert [folder.name.rpartition("-")[2] for folder in folders] == [identity] * 2
    losses = {}
    for folder in folders:
        for data in log_records(next(folder.glob("*.wandb")).read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.WhichOneof("record_type") == "history":
                items = {item.key or item.nested_key[0]: item.value_json for item in record.history.item}
                losses[record.history.step.num] = float(items["train_loss"])
    assert losses == {1: 2.0, 2: 1.0, 3: 0.5}


def test_a_file_store_of_mlflow_has_the_metrics_and_the_config(tmp_path):
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    testing.check_logger("mlflow", tmp_path, experiment="delays")
    client = MlflowClient(tracking_uri=(tmp_path / "run" / "mlruns").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("delays").experiment_id])
    history = client.get_metric_history(run.info.run_id, "train_loss")
    # the last epoch before the stop is logged again, with the same value
    assert sorted((metric.step, metric.value) for metric in history) == [(1, 2.0), (2, 1.0), (2, 1.0), (3, 0.5)]
    assert run.info.status == "FINISHED"
    assert run.data.params["training.epochs"] == str(Config().training.epochs)


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    config = Config().with_values({"training.loggers": [name]})
    with pytest.raises(ImportError, match=rf"{name} must be installed; it is not; run `pip install snnsim\[{name}\]`"):
        loggers.build(config.training.loggers)


def test_loggers_are_closed_after_an_error(tmp_path):
    closed = []

    class Failing:
        def start(self, run):
            self.run = run

        def add(self, row):
            raise RuntimeError(f"the disk is full in epoch {row['epoch']}")

        def close(self):
            closed.append(self.run.name)

    run = loggers.LoggedRun(tmp_path, {"name": "digits"}, ())
    with pytest.raises(RuntimeError, match="the disk is full"), loggers.opened([Failing()], run) as opened:
        opened[0].add(ROWS[0])
    assert closed == ["digits"]
