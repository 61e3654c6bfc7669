"""Folders of runs: which are refused, which are new, and which files in them are removed."""

import os
import subprocess

import pytest

from snnsim import experiment, identity
from snnsim.config import Config
from snnsim.experiment import train_run
from snnsim.training import lock

pytestmark = pytest.mark.usefixtures("without_pictures")


def test_a_finished_run_is_not_resumed(undisturbed):
    with pytest.raises(ValueError, match=r"is finished \(3 epochs\); there is nothing to resume"):
        experiment.train(str(undisturbed.path), {}, resume="auto", device="cpu")


def test_a_run_is_not_overwritten(undisturbed, tiny):
    with pytest.raises(FileExistsError, match="holds a run already; go on with it by --resume"):
        experiment.train("shd", tiny, output=str(undisturbed.path), device="cpu")


def test_a_resumed_run_keeps_its_config(undisturbed):
    with pytest.raises(ValueError, match=r"as it was configured; to change training\.epochs, start a new run"):
        experiment.train(str(undisturbed.path), {"training.epochs": 9}, resume="auto", device="cpu")


def test_a_missing_run_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"'shd' is no folder of a run, and no preset with a run in runs; name one"
    ):
        experiment.train("shd", {}, resume="auto", device="cpu")
    for target in (str(tmp_path / "shd"), "shd*", "[0-9]"):
        (tmp_path / "runs" / "shd-20260131-120000").mkdir(parents=True, exist_ok=True)
        Config().save(tmp_path / "runs" / "shd-20260131-120000" / "config.toml")
        with pytest.raises(FileNotFoundError, match="is no folder of a run, and no preset with a run in runs"):
            experiment.train(target, {}, resume="auto", device="cpu")
    with pytest.raises(FileNotFoundError, match="is not the folder of a run"):
        experiment.train("shd", {}, resume=str(tmp_path), device="cpu")


def test_a_run_in_training_is_not_resumed(undisturbed, tiny):
    named = f"is held by process {os.getpid()} on "
    with lock.held(undisturbed.path, say=print):
        with pytest.raises(lock.Held, match=named):
            experiment.train(str(undisturbed.path), {}, resume="auto", device="cpu")
        with pytest.raises(lock.Held, match=named):
            experiment.train("shd", tiny, output=undisturbed.path, device="cpu")
    assert not (undisturbed.path / lock.NAME).exists()


def test_runs_of_the_same_second_have_different_folders(tiny, tmp_path, monkeypatch):
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
    # a folder without a run is not the newest, and run 10 of a second comes after run 2
    (tmp_path / "runs" / "shd-20260131-120001").mkdir()
    folders[1].path.rename(tmp_path / "runs" / "shd-20260131-120000-10")
    assert train_run._to_resume("shd", None, "auto").path.name == "shd-20260131-120000-10"


def test_the_folder_of_a_run_that_does_not_start_is_removed(tiny, tmp_path):
    with pytest.raises(FileNotFoundError):
        experiment.train("shd", tiny | {"training.start": "nowhere"}, output=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_temporary_files_of_killed_writers_are_removed(copied):
    ended = subprocess.Popen(["true"])
    ended.wait()
    own = identity.tag()
    stays = {
        f".last.pt.{own.partition('-')[0]}-{ended.pid}.abc.partial.pt": (False, False),
        f".evaluation-valid.json.{own}.abc.partial.json": (True, True),
        # of another machine, and of an older snnsim: files of the last day stay
        ".last.pt.00000000-1.abc.partial.pt": (True, False),
        ".last.pt.tmpabc.partial.pt": (True, False),
    }
    for name in stays:
        (copied.path / name).touch()
        (copied.path / f".old{name}").touch()
        os.utime(copied.path / f".old{name}", (0, 0))
    with pytest.raises(ValueError, match="nothing to resume"):
        experiment.train(str(copied.path), {}, resume="auto", device="cpu")
    exists = {name: tuple((copied.path / f"{age}{name}").exists() for age in ("", ".old")) for name in stays}
    assert exists == stays


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "name, data.name, data.channels, .* are not in it"),
        ('name = "digits"\n', "must hold the whole config of the run; data.name"),
        ("cut", "training.precision are not in it"),
    ],
)
def test_an_incomplete_config_is_refused(copied, text, words):
    copied.config.write_text(copied.config.read_text().partition("precision")[0] if text == "cut" else text)
    for call in (
        lambda: experiment.train(str(copied.path), {}, resume="auto", device="cpu"),
        lambda: experiment.train(str(copied.path), {}, device="cpu"),
        lambda: experiment.evaluate(copied.path, progress=False),
    ):
        with pytest.raises(ValueError, match=words):
            call()
