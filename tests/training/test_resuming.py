"""A killed run that is resumed ends with the same bits as an undisturbed run."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from snnsim import cli, experiment, kernels
from snnsim.config import Config
from snnsim.experiment import plot_run, train_run
from snnsim.training import distributed, trainer
from snnsim.training.loggers.tensorboard_files import TensorBoardLogger
from snnsim.training.run_folder import RunFolder
from snnsim.training.signals import Stopped
from snnsim.training.train_state import TrainState

pytestmark = pytest.mark.usefixtures("without_pictures")


class Killed(Exception):
    pass


@contextmanager
def killed_in_step(monkeypatch, condition: Callable[[TrainState], bool]) -> Iterator[None]:
    """Let the trainings of the block be killed at the first step at which the condition holds."""
    step = trainer.Trainer._step

    def dying_step(self, *arguments):
        if condition(self.state):
            raise Killed
        step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "_step", dying_step)
        yield


def parameters(folder: RunFolder) -> dict[str, torch.Tensor]:
    return torch.load(folder.last, weights_only=True)["network"]


def assert_same(first: RunFolder, second: RunFolder) -> None:
    ours, theirs = parameters(first), parameters(second)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name
    rows = [[{**row, "seconds": 0, "peak_bytes": 0} for row in folder.read_metrics()] for folder in (first, second)]
    assert rows[0] == rows[1]


def test_the_same_seed_gives_the_same_run(tiny, tmp_path, undisturbed):
    assert_same(undisturbed, experiment.train("shd", tiny, output=tmp_path / "again", device="cpu"))


def test_another_seed_gives_another_run(tiny, tmp_path, undisturbed):
    other = experiment.train("shd", tiny | {"training.seed": 1}, output=tmp_path / "other", device="cpu")
    name = "layers.0.synapse.weight"
    assert not torch.equal(parameters(undisturbed)[name], parameters(other)[name])


def test_chunked_sltt_k_resumes_to_the_same_result(tiny, tmp_path, monkeypatch):
    values = tiny | {"training.rule": "sltt-k", "training.k": 6, "training.window_ms": 40.0, "training.epochs": 2}
    folder = experiment.train("shd", values, output=tmp_path / "undisturbed", device="cpu")
    assert all(row["peak_bytes"] >= 0 for row in folder.read_metrics())
    with killed_in_step(monkeypatch, lambda state: (state.epoch, state.step) == (1, 1)), pytest.raises(Killed):
        experiment.train("shd", values, output=tmp_path / "killed", device="cpu")
    assert_same(folder, experiment.train("shd", {}, resume=str(tmp_path / "killed"), device="cpu"))
    with pytest.raises(ValueError, match="window_ms works in one process"):
        train_run.prepare(Config.load(folder.config), folder, distributed.Distributed(0, 2), torch.device("cpu"))


@pytest.mark.parametrize("kill_at", [1, 5, 12])
def test_a_run_killed_at_a_batch_resumes_to_the_same_result(tiny, tmp_path, undisturbed, monkeypatch, kill_at):
    # four batches an epoch
    with (
        killed_in_step(monkeypatch, lambda state: 4 * state.epoch + state.step + 1 == kill_at),
        pytest.raises(Killed),
    ):
        experiment.train("shd", tiny, output=tmp_path / "killed", device="cpu")
    resumed = experiment.train(str(tmp_path / "killed"), {}, resume="auto", device="cpu")
    assert_same(undisturbed, resumed)


@pytest.mark.parametrize("name", ["checkpoint.save", "folder.write_metrics"])
def test_a_run_killed_while_an_epoch_is_written_resumes(tiny, tmp_path, undisturbed, monkeypatch, name):
    calls = 0
    owner, attribute = {
        "checkpoint.save": (trainer.checkpoint, "save"),
        "folder.write_metrics": (RunFolder, "write_metrics"),
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
    assert_same(undisturbed, experiment.train("shd", {}, resume=str(tmp_path / "killed"), device="cpu"))


def test_a_clean_stop_within_an_epoch_resumes(tiny, tmp_path, undisturbed, monkeypatch):
    done = 0
    step = trainer.Trainer._step

    def stopping_step(self, *arguments):
        nonlocal done
        step(self, *arguments)
        done += 1
        if done == 6:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(trainer.Trainer, "_step", stopping_step)
    with pytest.raises(Stopped, match="stopped in epoch 2 after batch 2 of 4"):
        experiment.train("shd", tiny, output=tmp_path / "stopped", device="cpu")
    monkeypatch.undo()
    standing = torch.load(tmp_path / "stopped" / "last.pt", weights_only=True)["standing"]
    assert (standing["epoch"], standing["step"]) == (1, 2)
    assert_same(undisturbed, experiment.train(str(tmp_path / "stopped"), {}, resume="auto", device="cpu"))


def test_a_run_killed_by_the_system_resumes_from_the_command_line(tiny, tmp_path, undisturbed):
    folder = tmp_path / "killed"
    # its own signal ends the process in the middle of the third checkpoint that it writes, in its second epoch or later
    code = textwrap.dedent("""
        import os, signal
        from snnsim import cli
        from snnsim.training import checkpoint
        save, calls = checkpoint.torch.save, []
        def dying_save(content, file):
            save(content, file)
            calls.append(file)
            if len(calls) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        checkpoint.torch.save = dying_save
        cli.main()
    """)
    flags = [f"--set={name}={json.dumps(value)}" for name, value in tiny.items()]
    words = ["train", "shd", "--output-dir", str(folder), "--device", "cpu", *flags]
    killed = subprocess.run([sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not torch.load(folder / "last.pt", weights_only=True)["standing"]["finished"]
    assert list(folder.rglob("*.partial*"))
    cli.main(["train", str(folder), "--resume"])
    assert_same(undisturbed, RunFolder(folder))
    assert not list(folder.rglob("*.partial*"))


def test_a_run_killed_before_the_first_checkpoint_resumes(tiny, tmp_path, undisturbed, monkeypatch):
    def dying_fit(_):
        raise Killed

    monkeypatch.setattr(trainer.Trainer, "fit", dying_fit)
    with pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "killed", device="cpu")
    monkeypatch.undo()
    assert not (tmp_path / "killed" / "last.pt").exists()
    assert_same(undisturbed, experiment.train(str(tmp_path / "killed"), {}, resume="auto", device="cpu"))


def test_missing_figures_are_drawn_at_resuming(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(plot_run, "AFTER_TRAINING", ("curves", "delays"))
    plot, drawn = plot_run.plot, []

    def dying_plot(path, kind):
        if kind == "delays":
            raise Killed
        drawn.append(kind)
        return plot(path, kind)

    monkeypatch.setattr(plot_run, "plot", dying_plot)
    with pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "run", device="cpu")
    monkeypatch.setattr(plot_run, "plot", plot)
    assert train_run.is_finished(tmp_path / "run")
    before = (tmp_path / "run" / "last.pt").read_bytes()
    curves = (tmp_path / "run" / "figures" / "curves.png").stat().st_mtime_ns
    folder = experiment.train(str(tmp_path / "run"), {}, resume="auto", device="cpu")
    assert folder.figure("delays.png").exists()
    # existing files are not written again
    assert folder.last.read_bytes() == before
    assert folder.figure("curves.png").stat().st_mtime_ns == curves
    with pytest.raises(ValueError, match="there is nothing to resume"):
        experiment.train(str(folder.path), {}, resume="auto", device="cpu")


@pytest.mark.parametrize("epoch", [1, 3])
def test_missing_tensorboard_rows_are_written_at_resuming(tiny, tmp_path, monkeypatch, epoch):
    add = TensorBoardLogger.add
    monkeypatch.setattr(plot_run, "AFTER_TRAINING", ("curves",))

    def dying_add(logger, row):
        if row["epoch"] == epoch:
            raise Killed
        add(logger, row)

    monkeypatch.setattr(TensorBoardLogger, "add", dying_add)
    with pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "run", device="cpu")
    monkeypatch.setattr(TensorBoardLogger, "add", add)
    folder = experiment.train(str(tmp_path / "run"), {}, resume="auto", device="cpu")
    events = EventAccumulator(str(folder.tensorboard))
    events.Reload()
    logged = [(event.step, event.value) for event in events.Scalars("valid_loss")]
    assert logged == [(row["epoch"], pytest.approx(row["valid_loss"])) for row in folder.read_metrics()]
    assert [step for step, _ in logged] == [1, 2, 3]


def test_changed_conditions_are_named(tiny, tmp_path, monkeypatch, capsys):
    with killed_in_step(monkeypatch, lambda state: state.epoch == 1):
        with pytest.raises(Killed):
            experiment.train("shd", tiny, output=tmp_path / "run", device="cpu")
        for _ in range(2):
            # every resumed part is compared with the beginning of the run
            with kernels.plain(), pytest.raises(Killed):
                experiment.train(str(tmp_path / "run"), {}, resume="auto", device="cpu")
            printed = capsys.readouterr().out
            assert "goes on under other conditions than it began under: kernels fast then, plain now. Its" in printed
    experiment.train(str(tmp_path / "run"), {}, resume="auto", device="cpu")
    assert "goes on under" not in capsys.readouterr().out


def test_a_checkpoint_without_conditions_resumes(tiny, tmp_path, monkeypatch, capsys, undisturbed):
    with killed_in_step(monkeypatch, lambda state: state.epoch == 1), pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "run", device="cpu")
    content = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    # as older versions wrote it
    del content["conditions"]
    torch.save(content, tmp_path / "run" / "last.pt")
    assert_same(undisturbed, experiment.train(str(tmp_path / "run"), {}, resume="auto", device="cpu"))
    assert "goes on under" not in capsys.readouterr().out
