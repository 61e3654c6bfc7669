"""Options and names that would have no effect, or the effect on a wrong file, are refused."""

from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import fails, run
from helpers.small_programs import chain
from snnsim.experiment import programs
from snnsim.program import Program


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["train", "digits", "--fold-seeds", "3"],
            "--fold-seeds is the number of seeds of each fold",
        ),
        (["train", "digits", "--jobs", "2"], "--jobs has no meaning for a single training; --folds and --seeds start"),
        (["sweep", "missing", "--show", "--retry"], "--retry has no meaning for --show, which trains nothing"),
        (["sweep", "missing", "--slurm", "--retry"], "--retry has no meaning for --slurm; add it to the command"),
        (["reproduce", "chaotic", "--epochs", "3", "--copies", "2"], "--epochs, --copies have no meaning for least"),
        (["reproduce", "timescales", "--target", "5"], "--target has no meaning for curricula other than none"),
        (
            ["reproduce", "timescales", "--neuron", "lstm", "--learned", "tau"],
            "all parts of lstm are learned; learned must be left out",
        ),
        (
            ["convert", "missing", "-o", "a.snn", "--percent", "99.9"],
            "--percent has no meaning for thresholds by",
        ),
    ],
)
def test_an_option_without_effect_is_refused(capsys, words, message):
    assert message in fails(capsys, *words)


def test_an_export_has_the_whole_name_of_a_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(programs, "freeze", lambda _: chain())
    Path("runs/lr-0.05").mkdir(parents=True)
    run(capsys, "export", "runs/lr-0.05", "--to", "npz")
    assert Path("lr-0.05.npz").is_file()


def test_an_export_does_not_replace_its_source(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chain().save(Path("a.npz"))
    assert "export: a.npz is the source; name another file with -o" in fails(capsys, "export", "a.npz", "--to", "npz")
    np.testing.assert_array_equal(Program.load(Path("a.npz")).edges[0].weight, chain().edges[0].weight)
