"""Training with augmentations from a config: resumed, shared and prefetched runs end alike, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import torch

from helpers import two_processes
from snnsim import cli, experiment, presets
from snnsim.config import Config
from snnsim.data.augment import Blend, ChannelShift, CutMix
from snnsim.data.augmented_batches import AugmentedBatches
from snnsim.data.batches import Batches
from snnsim.experiment import datasets, train_run
from snnsim.training import distributed, trainer
from snnsim.training.run_folder import RunFolder
from snnsim.training.signals import Stopped

pytestmark = pytest.mark.usefixtures("without_pictures")

AUGMENT = """
[[data.augment]]
kind = "cutmix"
probability = 0.5

[[data.augment]]
kind = "blend"

[[data.augment]]
kind = "channel_shift"
least = -20
most = 20
"""


@pytest.fixture(scope="module")
def file(tiny, tmp_path_factory):
    """Return a config file with three augmentations."""
    config = presets.named("shd").with_values(tiny)
    path = tmp_path_factory.mktemp("config") / "augmented.toml"
    path.write_text(config.to_toml().replace("\n[network]", f"{AUGMENT}\n[network]"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def uninterrupted(file, train_once):
    return train_once({"data.augment": Config.load(file).data.augment})


def assert_same(first: RunFolder, second: RunFolder) -> None:
    ours, theirs = (torch.load(folder.last, weights_only=True)["network"] for folder in (first, second))
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name
    rows = [[{**row, "seconds": 0, "peak_bytes": 0} for row in folder.read_metrics()] for folder in (first, second)]
    assert rows[0] == rows[1]


def prepared(config, tmp_path):
    run, _ = train_run.prepare(config, RunFolder(tmp_path), distributed.SINGLE, torch.device("cpu"))
    return run


def test_only_training_batches_are_augmented(file, tmp_path):
    config = Config.load(file)
    assert config.data.augment == (CutMix(probability=0.5), Blend(), ChannelShift(least=-20, most=20))
    plan = prepared(config, tmp_path).plan
    assert isinstance(plan.train, AugmentedBatches)
    assert type(plan.valid) is Batches
    parts = datasets.load_splits(config, "train", "valid", "test")
    np.testing.assert_array_equal(plan.train.pool.members, parts["train"].indices)
    assert not set(plan.train.pool.members) & set(parts["valid"].indices)
    for name in ("train", "valid", "test"):
        assert type(parts[name].batches(8)) is Batches
    plain = config.with_values({"data.augment": []})
    assert type(prepared(plain, tmp_path).plan.train) is Batches


def test_the_run_keeps_its_augmentations_and_says_them(file, uninterrupted, tmp_path, capsys):
    assert Config.load(uninterrupted.config).data.augment == Config.load(file).data.augment
    folder = experiment.train(str(file), {"training.epochs": 1}, output=tmp_path / "run", device="cpu")
    assert "augmentation cutmix, blend, channel_shift" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"as it was configured; to change data\.augment, start a new run"):
        experiment.train(str(folder.path), {"data.augment": []}, resume="auto", device="cpu")


def test_augmentations_change_the_training(tiny, uninterrupted, tmp_path):
    plain = experiment.train("shd", tiny | {"training.epochs": 1}, output=tmp_path / "plain", device="cpu")
    assert plain.read_metrics()[0]["train_loss"] != uninterrupted.read_metrics()[0]["train_loss"]


def test_with_and_without_a_thread(file, uninterrupted, tmp_path):
    folder = experiment.train(str(file), {"data.workers": 0}, output=tmp_path / "alone", device="cpu")
    assert_same(uninterrupted, folder)


def test_killed_by_the_system_within_an_epoch_and_resumed(file, uninterrupted, tmp_path):
    folder = tmp_path / "killed"
    # a checkpoint after every batch; the process dies behind the sixth batch, the second of the second epoch
    code = textwrap.dedent("""
        import os, signal
        from snnsim import cli
        from snnsim.training import trainer
        trainer.CHECKPOINT_SECONDS = -1.0
        step, calls = trainer.Trainer._step, []
        def killed_step(self, *arguments):
            if len(calls) == 6:
                os.kill(os.getpid(), signal.SIGKILL)
            calls.append(1)
            step(self, *arguments)
        trainer.Trainer._step = killed_step
        cli.main()
    """)
    words = ["train", str(file), "--output-dir", str(folder), "--device", "cpu"]
    killed = subprocess.run([sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    standing = torch.load(folder / "last.pt", weights_only=True)["standing"]
    assert (standing["epoch"], standing["step"]) == (1, 2)
    cli.main(["train", str(folder), "--resume"])
    assert_same(uninterrupted, RunFolder(folder))


def test_stopped_by_ctrl_c_and_resumed(file, uninterrupted, tmp_path, monkeypatch):
    step, done = trainer.Trainer._step, []

    def stopping_step(self, *arguments):
        step(self, *arguments)
        done.append(1)
        if len(done) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(trainer.Trainer, "_step", stopping_step)
    with pytest.raises(Stopped):
        experiment.train(str(file), {}, output=tmp_path / "stopped", device="cpu")
    monkeypatch.setattr(trainer.Trainer, "_step", step)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]
    assert_same(uninterrupted, experiment.train(str(tmp_path / "stopped"), {}, resume="auto", device="cpu"))


def test_an_error_of_the_thread_ends_the_training(file, tmp_path, monkeypatch):
    batch, done = AugmentedBatches._batch, []

    def failing_batch(self, share):
        done.append(1)
        if len(done) == 4:
            raise MemoryError("no memory for batch 4")
        return batch(self, share)

    monkeypatch.setattr(AugmentedBatches, "_batch", failing_batch)
    with pytest.raises(MemoryError, match="no memory for batch 4"):
        experiment.train(str(file), {}, output=tmp_path / "failed", device="cpu")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_two_processes_do_what_one_does(file, tmp_path):
    # without batch normalization and dropout, the gradient of a batch is the mean of those of its shares
    values = {
        "network.batch_norm": False,
        "network.dropout": 0.0,
        "network.neuron.threshold": 0.1,
        "training.epochs": 2,
    }
    alone = experiment.train(str(file), values, output=tmp_path / "alone", device="cpu")
    options = [f"--set={name}={json.dumps(value)}" for name, value in values.items()]
    finished = two_processes.train(str(file), "--device=cpu", f"--output-dir={tmp_path / 'two'}", *options)
    assert finished.returncode == 0, finished.stderr
    ours, theirs = (torch.load(tmp_path / name / "last.pt", weights_only=True)["network"] for name in ("alone", "two"))
    for name, value in ours.items():
        torch.testing.assert_close(theirs[name], value, rtol=1e-3, atol=1e-4)
    for one, two in zip(alone.read_metrics(), RunFolder(tmp_path / "two").read_metrics(), strict=True):
        assert one["train_accuracy"] == two["train_accuracy"]
        assert one["train_loss"] == pytest.approx(two["train_loss"], rel=1e-3)


def test_augmentations_on_the_command_line(tiny, tmp_path, capsys):
    words = [f"--set={name}={json.dumps(value)}" for name, value in (tiny | {"training.epochs": 1}).items()]
    augment = '--set=data.augment=[{kind="event_drop", share=0.2}, {kind="time_mask"}]'
    cli.main(["train", "shd", "--output-dir", str(tmp_path / "run"), "--device", "cpu", augment, *words])
    assert "augmentation event_drop, time_mask" in capsys.readouterr().out


def test_mixed_precision(file, tmp_path):
    values = {"training.precision": "bfloat16", "training.epochs": 1}
    (row,) = experiment.train(str(file), values, output=tmp_path / "run", device="cpu").read_metrics()
    assert np.isfinite(row["train_loss"])


def test_memory_is_estimated_for_longer_recordings(file):
    config = Config.load(file)
    part = datasets.load_splits(config, "train")["train"]
    steps = int(part.binned.length[part.indices].max())
    assert datasets.longest_steps(config.with_values({"data.augment": []}), part) == steps
    stretched = config.with_values({"data.augment": [{"kind": "time_stretch", "most": 3}]})
    assert datasets.longest_steps(stretched, part) == 3 * steps + 1
    limited = stretched.with_values({"data.max_time_ms": 100.0})
    assert datasets.longest_steps(limited, part) <= 11


def test_settings_that_do_not_fit_the_recordings_are_refused_before_training(tiny, tmp_path):
    values = tiny | {"data.augment": [{"kind": "channel_mask", "group": 9}]}
    with pytest.raises(ValueError, match=r"augment\.channel_mask\.group must be a divisor of the 700 channels"):
        experiment.train("shd", values, output=tmp_path / "run", device="cpu")
