"""Trainings of diffusion that were stopped go on, from an epoch or from a batch within it."""

import os
import signal

import pytest
import torch

from helpers.small_diffusion import SMALL, trained
from snnsim.cli import main
from snnsim.experiment.diffusion import sampling, training
from snnsim.experiment.one_step.pictures import Part
from snnsim.training.run_folder import RunFolder
from snnsim.training.signals import Stopped


@pytest.fixture(scope="module", autouse=True)
def few_pictures_to_validate():
    """Validation takes most of the time otherwise."""
    load = training.load_pictures

    def load_few(settings):
        data = load(settings)
        return data._replace(valid=Part(data.valid.image[:49], data.valid.label[:49]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "load_pictures", load_few)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("diffusion") / "run")


def test_a_stopped_training_goes_on_to_the_same_parameters(run, tmp_path):
    first = training.train("diffusion", {**SMALL, "epochs": 1}, output=str(tmp_path / "run"))
    main(["train", str(first.path), "--resume", "--epochs", "2", "--set", "scaled_epochs=1"])
    one, other = (torch.load(folder / "last.pt", weights_only=True) for folder in (run, tmp_path / "run"))
    assert one["network"].keys() == other["network"].keys()
    assert all(torch.equal(value, other["network"][name]) for name, value in one["network"].items())
    assert all(torch.equal(value, other["average"]["values"][name]) for name, value in one["average"]["values"].items())
    # the scales were learned in the last epoch alone
    moved = [value for name, value in one["network"].items() if name.endswith(".scale")]
    assert moved
    assert all((value != 1).any() for value in moved if len(value) > 1)
    rows = first.read_metrics()
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["valid_loss"] < rows[0]["valid_loss"]


def test_a_training_that_was_stopped_within_an_epoch_goes_on_to_the_same_parameters(run, tmp_path, monkeypatch):
    folder, steps = tmp_path / "run", []

    def step(epoch, *words):
        original(epoch, *words)
        steps.append((epoch.number, epoch.state.step))
        if epoch.number == 2 and epoch.state.step == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    original = training._Epoch._step
    monkeypatch.setattr(training._Epoch, "_step", step)
    with pytest.raises(Stopped, match=r"stopped in epoch 2, after batch 1 of 3"):
        training.train("diffusion", {**SMALL, "scaled_epochs": 1}, output=folder)
    # a network can be looked at while it is trained
    assert sampling.draw(sampling.load(folder), 1, sampling.Sampler(steps=1)).shape == (1, 1, 8, 8)
    monkeypatch.setattr(training._Epoch, "_step", lambda epoch, *words: original(epoch, *words))
    resumed = training.train(str(folder), {}, resume=True)
    assert steps == [(1, 1), (1, 2), (1, 3), (2, 1)]
    one, other = (torch.load(path / "last.pt", weights_only=True) for path in (run, folder))
    assert one["network"].keys() == other["network"].keys()
    assert all(torch.equal(value, other["network"][name]) for name, value in one["network"].items())
    for ours, theirs in zip(RunFolder(run).read_metrics(), resumed.read_metrics(), strict=True):
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


def test_a_checkpoint_is_written_within_an_epoch(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(training.State, "save", lambda state, *_: saved.append((len(state.history), state.step)))
    training.train("diffusion", {**SMALL, "epochs": 1}, output=tmp_path / "run")
    assert saved == [(0, 1), (0, 2), (0, 3), (1, 0)]


def test_the_newest_training_is_resumed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {**SMALL, "epochs": 1}
    for name in ("diffusion-20260131-120000-10", "diffusion-20260131-120000-9", "other"):
        training.train("diffusion", values, output=tmp_path / "runs" / name)
    for words, name in (
        (["diffusion", "--resume"], "diffusion-20260131-120000-10"),
        (["diffusion", "--resume", "--output-dir", "runs/other"], "other"),
        (["diffusion", "--resume", "runs/diffusion-20260131-120000-9"], "diffusion-20260131-120000-9"),
    ):
        main(["train", *words, "--epochs", "2"])
        lines = (tmp_path / "runs" / name / "metrics.jsonl").read_text().splitlines()
        assert len(lines) == 2
