"""How folds and seeds go on after a stop, and from which configs they begin."""

import os
import re
import signal
import threading

import pytest

from helpers.command_line import fails
from snnsim import cli
from snnsim.experiment import train_run
from snnsim.experiment.sweeps import folds, process, workers
from snnsim.experiment.sweeps.folds import Plan
from snnsim.experiment.sweeps.process import Outcome


def test_messages_name_the_folder_with_which_the_command_goes_on(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(process, "_trained", lambda *_: Outcome("failed", "the loss is nan"))
    error = fails(capsys, "train", "motifs", "--seeds", "2", "--device", "cpu")
    assert re.search(r"the same command with --output-dir runs/motifs-\d+-\d+ goes on", error)

    def trained(_run, watch):
        os.kill(os.getpid(), signal.SIGINT)
        while not watch.stop():
            threading.Event().wait(0.01)
        return Outcome("stopped")

    monkeypatch.setattr(process, "_trained", trained)
    monkeypatch.setattr(workers, "SHOW_S", 0.02)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", "motifs", "--seeds", "2", "--device", "cpu"])
    assert stopped.value.code == 130
    assert re.search(r"the same command with --output-dir runs/motifs-\d+-\d+(-2)? goes on", capsys.readouterr().err)


@pytest.mark.parametrize(("validate", "epochs"), [(True, 2), (False, None)])
def test_seeds_of_a_config_stop_where_it_says_and_those_of_a_refit_do_not(tmp_path, monkeypatch, validate, epochs):
    values = {"training.stop_after": 2, "training.patience": 0, "data.validate": validate}
    train_run.config_of("motifs").with_values(values).save(tmp_path / "own.toml")
    groups = []
    monkeypatch.setattr(folds, "_carried_out", lambda group, *_: groups.append(group))
    folds.train(str(tmp_path / "own.toml"), {}, Plan(None, 2), output=tmp_path / "out", jobs=1, device="cpu")
    (group,) = groups
    assert [run.config.training.stop_after for run in group.runs] == [epochs] * 2
    assert all(run.config.data.validate for run in group.runs)
