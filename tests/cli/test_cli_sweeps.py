"""The commands of sweeps: train, show, a script for a cluster, evaluation, a stop by a signal, the live table."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import threading

import pytest

from helpers.command_line import fails, run
from helpers.sweeps import inline, pretend, train_in_process, write_spec
from snnsim import cli, plots
from snnsim.experiment.sweeps import live, process, workers
from snnsim.experiment.sweeps.process import Outcome

pytest.importorskip("optuna")


@pytest.fixture
def spec(tmp_path, tiny):
    """Return the path of a spec of two trials with two folds."""
    values = {name: value for name, value in tiny.items() if name != "network.hidden"} | {"training.epochs": 1}
    return write_spec(
        tmp_path, target='"shd"', folds=2, set=inline(values), parameters=inline({"network.hidden": [[4], [5]]})
    )


@pytest.mark.usefixtures("without_pictures")
def test_sweep_show_and_evaluate(capsys, spec, tmp_path, monkeypatch):
    train_in_process(monkeypatch)
    text = run(capsys, "sweep", str(spec))
    assert text.splitlines()[-1] == f"done; next: snnsim evaluate {tmp_path / 'sweep'}"
    table = run(capsys, "sweep", str(spec), "--show")
    assert table in text
    assert [line.split()[0] for line in table.splitlines()[:3]] == ["trial", "0", "1"]
    facts = json.loads(run(capsys, "evaluate", str(tmp_path / "sweep"), "--json"))
    assert [(one["configuration"], one["label"], one["runs"]) for one in facts] == [
        ("trial-0000", "network.hidden=[4]", 2),
        ("trial-0001", "network.hidden=[5]", 2),
    ]
    # both folds together are the training file
    assert facts[0]["recordings"] == 90
    text = run(capsys, "evaluate", str(tmp_path / "sweep"))
    assert text.startswith("trial-0000 (network.hidden=[4]), valid: mean ")
    assert "(90 recordings)" in text
    error = fails(capsys, "evaluate", str(tmp_path / "sweep"), "--engine", "simulator")
    assert "--engine has no meaning for " in error
    assert "has several runs; name the folder of one" in error
    assert "--seeds has no meaning for " in fails(capsys, "evaluate", str(tmp_path / "sweep"), "--seeds", "3")


def test_failures_are_an_error_of_the_command(capsys, spec, monkeypatch):
    def failing(run):
        if run.config.network.hidden == (4,):
            raise ValueError("the loss is nan")
        return [0.5]

    pretend(monkeypatch, failing)
    error = fails(capsys, "sweep", str(spec))
    assert "trainings without a result: 1 (trial-0000/seed-0-fold-0: failed; the loss is nan)" in error
    assert "--retry tries those again that failed" in error


def test_a_script_for_a_cluster(capsys, spec, tmp_path):
    script = run(capsys, "sweep", str(spec), "--slurm", "--jobs", "7", "--device", "cuda")
    assert script.startswith("#!/bin/bash\n")
    assert "#SBATCH --array=1-7\n" in script
    assert f"#SBATCH --output={tmp_path / 'sweep'}/slurm-" in script
    assert re.search(rf"^srun \S*python\S* -m snnsim sweep {spec} --device cuda$", script, re.MULTILINE)
    # the signal comes before the end of the time, so that a checkpoint is written
    assert "#SBATCH --signal=TERM@" in script
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    # the folder of the logs exists, and no study has begun
    assert list((tmp_path / "sweep").iterdir()) == []


def test_a_script_has_folders_with_spaces_and_percent_signs_as_one_word(capsys, spec, tmp_path):
    folder = tmp_path / "50 % of all"
    spec.write_text(spec.read_text().replace(json.dumps(str(tmp_path / "sweep")), json.dumps(str(folder))))
    script = run(capsys, "sweep", str(spec), "--slurm")
    (line,) = (line for line in script.splitlines() if line.startswith("#SBATCH --output="))
    assert shlex.split(line.removeprefix("#SBATCH ")) == [f"--output={tmp_path}/50 %% of all/slurm-%A-%a.log"]


def test_wrong_words_are_named(capsys, tmp_path, spec):
    assert "there is no config file" in fails(capsys, "sweep", str(tmp_path / "none.toml"))
    assert "--slurm and --show each print something else" in fails(capsys, "sweep", str(spec), "--slurm", "--show")
    assert "there is no study in" in fails(capsys, "sweep", str(spec), "--show")
    spec.write_text(spec.read_text() + "\nsampler = 'best'")
    error = fails(capsys, "sweep", str(spec))
    assert "spec.toml: sampler must be one of grid, random, tpe, nsga2, not 'best'" in error
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_trainings_and_the_command(capsys, spec, monkeypatch, number):
    begun = []

    def trained(run, watch):
        begun.append(run.name)
        if len(begun) == 2:
            os.kill(os.getpid(), number)
        while not watch.stop():
            threading.Event().wait(0.01)
        return Outcome("stopped")

    monkeypatch.setattr(process, "_trained", trained)
    monkeypatch.setattr(workers, "SHOW_S", 0.02)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["sweep", str(spec), "--jobs", "2"])
    assert stopped.value.code == 130
    assert "stopped; the trainings have written checkpoints; the same command goes on" in capsys.readouterr().err
    assert len(begun) == 2


def test_sweeps_are_not_started_by_torchrun(capsys, spec, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "start them without torchrun" in fails(capsys, "sweep", str(spec))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_live_table_is_written_again_in_place():
    terminal = Terminal()
    table = live.Live(terminal)
    table.show(lambda: ["head", "first"])
    table.say("something")
    table.show(lambda: ["head", "second"])
    table.show(lambda: ["head", "second"])
    table.close()
    assert terminal.getvalue() == "head\nfirst\n\x1b[2F\x1b[Jsomething\nhead\nsecond\n\x1b[2F\x1b[J"


def test_a_file_gets_lines_and_no_table():
    file = io.StringIO()
    table = live.Live(file)
    table.show(lambda: pytest.fail("a table was made for a file"))
    table.say("something")
    table.show(lambda: pytest.fail("a table was made for a file"))
    table.close()
    assert file.getvalue() == "something\n"


def test_long_tables_and_lines_fit_the_terminal(monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((10, 6)))
    terminal = Terminal()
    live.Live(terminal).show(lambda: [f"{number} {'x' * 20}" for number in range(20)])
    assert terminal.getvalue().splitlines() == [f"{number} xxxxxx" for number in range(16, 20)]


def test_a_pareto_front_is_drawn_through_the_best_configurations():
    points = plots.ParetoPoints(
        names=["valid_accuracy", "parameters", "synaptic_operations"],
        values=[[0.9, 5, 1], [0.8, 3, 2], [0.7, 4, 3]],
        labels=["0", "1", "2"],
        best=[True, True, False],
    )
    figure = plots.pareto(points)
    first, second = figure.axes
    assert first.lines[0].get_xydata().tolist() == [[3, 0.8], [5, 0.9]]
    assert second.lines[0].get_xydata().tolist() == [[1, 0.9], [2, 0.8]]
    assert first.collections[0].get_offsets().tolist() == [[5, 0.9], [3, 0.8], [4, 0.7]]
    assert (first.get_xlabel(), second.get_xlabel(), first.get_ylabel()) == (
        "parameters", "synaptic operations", "valid accuracy"
    )  # fmt: skip
    with pytest.raises(ValueError, match="there must be two objectives and one configuration"):
        plots.ParetoPoints(["one"], [[1]], ["0"], [True])
