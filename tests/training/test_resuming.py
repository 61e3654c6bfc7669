"""A run that is killed and goes on ends where one that was never stopped ends, bit for bit."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from snnsim import cli, experiment, identity, kernels
from snnsim.config import Config
from snnsim.experiment import plot_run, train_run
from snnsim.training import distributed, lock, reporting, trainer
from snnsim.training.run_folder import RunFolder
from snnsim.training.signals import Stopped

pytestmark = pytest.mark.usefixtures("without_pictures")


class Killed(Exception):
    pass


def parameters(folder: RunFolder) -> dict[str, torch.Tensor]:
    return torch.load(folder.last, weights_only=True)["network"]


def assert_same(first: RunFolder, second: RunFolder) -> None:
    ours, theirs = parameters(first), parameters(second)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name
    rows = [[{**row, "seconds": 0, "peak_bytes": 0} for row in folder.read_metrics()] for folder in (first, second)]
    assert rows[0] == rows[1]


@pytest.fixture(scope="module")
def whole(train_once):
    return train_once({})


@pytest.fixture
def copied(whole, tmp_path):
    """Return a copy of the run, which a test may change."""
    shutil.copytree(whole.path, tmp_path / "copied")
    return RunFolder(tmp_path / "copied")


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
    step = trainer.Trainer._step

    def dying_step(self, *arguments):
        if self.standing.epoch == 1 and self.standing.step == 1:
            raise Killed
        step(self, *arguments)

    monkeypatch.setattr(trainer.Trainer, "_step", dying_step)
    with pytest.raises(Killed):
        experiment.train("shd", values, output=tmp_path / "killed", device="cpu")
    monkeypatch.setattr(trainer.Trainer, "_step", step)
    assert_same(folder, experiment.train("shd", {}, resume=str(tmp_path / "killed"), device="cpu"))
    with pytest.raises(ValueError, match="window_ms works in one process"):
        train_run.prepare(Config.load(folder.config), folder, distributed.Distributed(0, 2), torch.device("cpu"))


@pytest.mark.parametrize("kill_at", [1, 5, 12])
def test_killed_at_any_batch(tiny, tmp_path, whole, monkeypatch, kill_at):
    done = 0
    step = trainer.Trainer._step

    def dying_step(self, *arguments):
        nonlocal done
        done += 1
        if done == kill_at:
            raise Killed
        step(self, *arguments)

    monkeypatch.setattr(trainer.Trainer, "_step", dying_step)
    with pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "killed", device="cpu")
    monkeypatch.undo()
    resumed = experiment.train(str(tmp_path / "killed"), {}, resume="auto", device="cpu")
    assert_same(whole, resumed)


@pytest.mark.parametrize("name", ["checkpoint.save", "folder.write_metrics"])
def test_killed_while_an_epoch_is_written(tiny, tmp_path, whole, monkeypatch, name):
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
    assert_same(whole, experiment.train("shd", {}, resume=str(tmp_path / "killed"), device="cpu"))


def test_a_clean_stop_in_the_middle_of_an_epoch(tiny, tmp_path, whole, monkeypatch):
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
    assert_same(whole, experiment.train(str(tmp_path / "stopped"), {}, resume="auto", device="cpu"))


def test_killed_by_the_system_and_resumed_from_the_command_line(tiny, tmp_path, whole):
    folder = tmp_path / "killed"
    # its own signal ends the process in the middle of the third checkpoint that it writes, in its second epoch or later
    code = textwrap.dedent("""
        import os, signal
        from snnsim import cli
        from snnsim.training import checkpoint
        save, calls = checkpoint.torch.save, []
        def killed_save(content, file):
            save(content, file)
            calls.append(file)
            if len(calls) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        checkpoint.torch.save = killed_save
        cli.main()
    """)
    flags = [f"--set={name}={json.dumps(value)}" for name, value in tiny.items()]
    words = ["train", "shd", "--output-dir", str(folder), "--device", "cpu", *flags]
    killed = subprocess.run([sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not torch.load(folder / "last.pt", weights_only=True)["standing"]["finished"]
    assert list(folder.rglob("*.partial*"))
    cli.main(["train", str(folder), "--resume"])
    assert_same(whole, RunFolder(folder))
    assert not list(folder.rglob("*.partial*"))


def test_killed_before_the_first_checkpoint(tiny, tmp_path, whole, monkeypatch):
    def dying_fit(_):
        raise Killed

    monkeypatch.setattr(trainer.Trainer, "fit", dying_fit)
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


def test_a_run_that_others_train_is_not_resumed(whole, tiny):
    named = f"is held by process {os.getpid()} on "
    with lock.held(whole.path, say=print):
        with pytest.raises(lock.Held, match=named):
            experiment.train(str(whole.path), {}, resume="auto", device="cpu")
        with pytest.raises(lock.Held, match=named):
            experiment.train("shd", tiny, output=whole.path, device="cpu")
    assert not (whole.path / lock.NAME).exists()


def test_runs_that_start_in_one_second_have_folders_of_their_own(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Stopwatch(train_run.datetime):
        @classmethod
        def now(cls):
            return cls(2026, 1, 31, 12)

    monkeypatch.setattr(train_run, "datetime", Stopwatch)
    values = tiny | {"training.epochs": 1}
    folders = [experiment.train("shd", values | {"training.seed": seed}, device="cpu") for seed in range(2)]
    assert [folder.path.name for folder in folders] == ["shd-20260131-120000", "shd-20260131-120000-2"]
    for seed, folder in enumerate(folders):
        assert Config.load(folder.config).training.seed == seed
        assert len(list(folder.tensorboard.iterdir())) == 1
    # what holds no run is not the newest, and the tenth of a second comes behind the second
    (tmp_path / "runs" / "shd-20260131-120001").mkdir()
    folders[1].path.rename(tmp_path / "runs" / "shd-20260131-120000-10")
    assert train_run._to_resume("shd", None, "auto").path.name == "shd-20260131-120000-10"


def test_a_folder_in_which_nothing_was_begun_is_not_left_behind(tiny, tmp_path):
    with pytest.raises(FileNotFoundError):
        experiment.train("shd", tiny | {"training.start": "nowhere"}, output=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_killed_between_the_last_checkpoint_and_the_pictures(tiny, tmp_path, monkeypatch):
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
    # what is there is not made again
    assert folder.last.read_bytes() == before
    assert folder.figure("curves.png").stat().st_mtime_ns == curves
    with pytest.raises(ValueError, match="there is nothing to resume"):
        experiment.train(str(folder.path), {}, resume="auto", device="cpu")


@pytest.mark.parametrize("epoch", [1, 3])
def test_killed_before_an_epoch_is_in_tensorboard(tiny, tmp_path, monkeypatch, epoch):
    add = reporting.add
    monkeypatch.setattr(plot_run, "AFTER_TRAINING", ("curves",))

    def dying_add(writer, row):
        if row["epoch"] == epoch:
            raise Killed
        add(writer, row)

    monkeypatch.setattr(reporting, "add", dying_add)
    with pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "run", device="cpu")
    monkeypatch.setattr(reporting, "add", add)
    folder = experiment.train(str(tmp_path / "run"), {}, resume="auto", device="cpu")
    events = EventAccumulator(str(folder.tensorboard))
    events.Reload()
    logged = [(event.step, event.value) for event in events.Scalars("valid_loss")]
    assert logged == [(row["epoch"], pytest.approx(row["valid_loss"])) for row in folder.read_metrics()]
    assert [step for step, _ in logged] == [1, 2, 3]


def test_what_killed_writers_left_goes_and_what_others_write_stays(copied):
    ended = subprocess.Popen(["true"])
    ended.wait()
    own = identity.tag()
    stays = {
        f".last.pt.{own.partition('-')[0]}-{ended.pid}.abc.partial.pt": (False, False),
        f".evaluation-valid.json.{own}.abc.partial.json": (True, True),
        # of another machine, and of an older snnsim: those of the last day
        ".last.pt.00000000-1.abc.partial.pt": (True, False),
        ".last.pt.tmpabc.partial.pt": (True, False),
    }
    for name in stays:
        (copied.path / name).touch()
        (copied.path / f".old{name}").touch()
        os.utime(copied.path / f".old{name}", (0, 0))
    with pytest.raises(ValueError, match="nothing to resume"):
        experiment.train(str(copied.path), {}, resume="auto", device="cpu")
    found = {name: tuple((copied.path / f"{age}{name}").exists() for age in ("", ".old")) for name in stays}
    assert found == stays


def test_other_conditions_are_named(tiny, tmp_path, monkeypatch, capsys):
    step = trainer.Trainer._step

    def dying_step(self, *arguments):
        if self.standing.epoch == 1:
            raise Killed
        step(self, *arguments)

    monkeypatch.setattr(trainer.Trainer, "_step", dying_step)
    with pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "run", device="cpu")
    for _ in range(2):
        # those that it began under count, in every piece
        with kernels.plain(), pytest.raises(Killed):
            experiment.train(str(tmp_path / "run"), {}, resume="auto", device="cpu")
        said = capsys.readouterr().out
        assert "goes on under other conditions than it began under: kernels fast then, plain now. It will not" in said
    monkeypatch.setattr(trainer.Trainer, "_step", step)
    experiment.train(str(tmp_path / "run"), {}, resume="auto", device="cpu")
    assert "goes on under" not in capsys.readouterr().out


def test_a_checkpoint_without_conditions_goes_on(tiny, tmp_path, monkeypatch, capsys, whole):
    step = trainer.Trainer._step

    def dying_step(self, *arguments):
        if self.standing.epoch == 1:
            raise Killed
        step(self, *arguments)

    monkeypatch.setattr(trainer.Trainer, "_step", dying_step)
    with pytest.raises(Killed):
        experiment.train("shd", tiny, output=tmp_path / "run", device="cpu")
    monkeypatch.setattr(trainer.Trainer, "_step", step)
    content = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    # as it was written before
    del content["conditions"]
    torch.save(content, tmp_path / "run" / "last.pt")
    assert_same(whole, experiment.train(str(tmp_path / "run"), {}, resume="auto", device="cpu"))
    assert "goes on under" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "name, data.name, data.channels, .* are not in it"),
        ('name = "digits"\n', "must hold the whole config of the run; data.name"),
        ("cut", "training.precision are not in it"),
    ],
)
def test_a_config_that_lacks_something_is_refused(copied, text, words):
    copied.config.write_text(copied.config.read_text().partition("precision")[0] if text == "cut" else text)
    for call in (
        lambda: experiment.train(str(copied.path), {}, resume="auto", device="cpu"),
        lambda: experiment.train(str(copied.path), {}, device="cpu"),
        lambda: experiment.evaluate(copied.path, progress=False),
    ):
        with pytest.raises(ValueError, match=words):
            call()
