"""A run that is killed and goes on ends where one that was never stopped ends, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from snnsim import experiment
from snnsim.config import Config
from snnsim.experiment import runs
from snnsim.training import loop, parallel
from snnsim.training.folder import Folder
from snnsim.training.interrupt import Stopped

pytestmark = pytest.mark.usefixtures("without_pictures")


class Killed(Exception):
    pass


def parameters(folder: Folder) -> dict[str, torch.Tensor]:
    return torch.load(folder.last, weights_only=True)["network"]


def assert_same(first: Folder, second: Folder) -> None:
    ours, theirs = parameters(first), parameters(second)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name
    rows = [[{**row, "seconds": 0, "peak_bytes": 0} for row in folder.read_metrics()] for folder in (first, second)]
    assert rows[0] == rows[1]


@pytest.fixture
def whole(tiny, tmp_path):
    return experiment.train("shd", tiny, output=tmp_path / "whole", device="cpu")


def test_the_same_seed_gives_the_same_run(tiny, tmp_path, whole):
    assert_same(whole, experiment.train("shd", tiny, output=tmp_path / "again", device="cpu"))


def test_another_seed_gives_another_run(tiny, tmp_path, whole):
    other = experiment.train("shd", tiny | {"training.seed": 1}, output=tmp_path / "other", device="cpu")
    name = "layers.0.synapse.weight"
    assert not torch.equal(parameters(whole)[name], parameters(other)[name])


def test_steps_that_are_drawn_and_windows_go_on_too(tiny, tmp_path, monkeypatch):
    values = tiny | {"training.rule": "sltt-k", "training.k": 6, "training.window_ms": 40.0, "training.epochs": 2}
    folder = experiment.train("shd", values, output=tmp_path / "whole", device="cpu")
    assert all(row["peak_bytes"] >= 0 for row in folder.read_metrics())
    step = loop.Run._step

    def dying_step(self, *arguments):
        if self.standing.epoch == 1 and self.standing.step == 1:
            raise Killed
        step(self, *arguments)

    monkeypatch.setattr(loop.Run, "_step", dying_step)
    with pytest.raises(Killed):
        experiment.train("shd", values, output=tmp_path / "killed", device="cpu")
    monkeypatch.setattr(loop.Run, "_step", step)
    assert_same(folder, experiment.train("shd", {}, resume=str(tmp_path / "killed"), device="cpu"))
    with pytest.raises(ValueError, match="window_ms works in one process"):
        runs.prepare(Config.load(folder.config), folder, parallel.Processes(0, 2), torch.device("cpu"))


@pytest.mark.parametrize("kill_at", [1, 5, 12])
def test_killed_at_any_batch(tiny, tmp_path, whole, monkeypatch, kill_at):
    done = 0
    step = loop.Run._step

    def dying_step(self, *arguments):
        nonlocal done
        done += 1
        if done == kill_at:
            raise Killed
        step(self, *arguments)

    monkeypatch.setattr(loop.Run, "_step", dying_step)
    with pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "killed", device="cpu")
    monkeypatch.undo()
    resumed = experiment.train(str(tmp_path / "killed"), {}, resume="auto", device="cpu")
    assert_same(whole, resumed)


@pytest.mark.parametrize("name", ["checkpoint.save", "folder.write_metrics"])
def test_killed_while_an_epoch_is_written(tiny, tmp_path, whole, monkeypatch, name):
    calls = 0
    owner, attribute = {
        "checkpoint.save": (loop.checkpoint, "save"),
        "folder.write_metrics": (Folder, "write_metrics"),
    }[name]
    write = getattr(owner, attribute)

    def dying_write(*arguments):
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Killed
        write(*arguments)

    monkeypatch.setattr(owner, attribute, dying_write)
    with pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "killed", device="cpu")
    monkeypatch.setattr(owner, attribute, write)
    assert_same(whole, experiment.train("shd", {}, resume=str(tmp_path / "killed"), device="cpu"))


def test_a_clean_stop_in_the_middle_of_an_epoch(tiny, tmp_path, whole, monkeypatch):
    done = 0
    step = loop.Run._step

    def stopping_step(self, *arguments):
        nonlocal done
        step(self, *arguments)
        done += 1
        if done == 6:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop.Run, "_step", stopping_step)
    with pytest.raises(Stopped, match="stopped in epoch 2 after batch 2 of 4"):
        experiment.train("shd", tiny, output=tmp_path / "stopped", device="cpu")
    monkeypatch.undo()
    standing = torch.load(tmp_path / "stopped" / "last.pt", weights_only=True)["standing"]
    assert (standing["epoch"], standing["step"]) == (1, 2)
    assert_same(whole, experiment.train(str(tmp_path / "stopped"), {}, resume="auto", device="cpu"))


def test_killed_by_the_system_and_resumed_from_the_command_line(tiny, tmp_path, whole):
    folder = tmp_path / "killed"
    options = [f"--set={name}={json.dumps(value)}" for name, value in tiny.items()]
    command = [sys.executable, "-m", "snnsim", "train"]
    running = subprocess.Popen(
        [*command, "shd", "--output-dir", str(folder), "--device", "cpu", *options], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (folder / "metrics.jsonl").exists() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.wait()
    finished = torch.load(folder / "last.pt", weights_only=True)["standing"]["finished"]
    if not finished:
        subprocess.run([*command, str(folder), "--resume"], check=True, stdout=subprocess.DEVNULL)
    assert_same(whole, Folder(folder))
    assert not list(folder.rglob("*.partial*")) or not finished


def test_killed_before_the_first_checkpoint(tiny, tmp_path, whole, monkeypatch):
    def dying_fit(_):
        raise Killed

    monkeypatch.setattr(loop.Run, "fit", dying_fit)
    with pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "killed", device="cpu")
    monkeypatch.undo()
    assert not (tmp_path / "killed" / "last.pt").exists()
    assert_same(whole, experiment.train(str(tmp_path / "killed"), {}, resume="auto", device="cpu"))


def test_a_finished_run_is_not_resumed(whole):
    with pytest.raises(ValueError, match=r"is finished \(3 epochs\); there is nothing to resume"):
        experiment.train(str(whole.path), {}, resume="auto", device="cpu")


def test_a_run_is_not_overwritten(whole, tiny):
    with pytest.raises(FileExistsError, match="holds a run already; go on with it by --resume"):
        experiment.train("shd", tiny, output=whole.path, device="cpu")


def test_a_resumed_run_keeps_its_config(whole):
    with pytest.raises(ValueError, match=r"as it was configured; to change training\.epochs, start a new run"):
        experiment.train(str(whole.path), {"training.epochs": 9}, resume="auto", device="cpu")


def test_nothing_to_resume_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no run runs/shd-\.\.\. to go on with"):
        experiment.train("shd", {}, resume="auto", device="cpu")
    with pytest.raises(FileNotFoundError, match="is not the folder of a run"):
        experiment.train("shd", {}, resume=str(tmp_path), device="cpu")
