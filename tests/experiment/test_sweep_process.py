"""Trainings of a sweep as processes: killed and resumed, left behind by a killed worker, stopped, pruned."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch

from helpers.sweeps import inline, train_in_process, write_spec
from snnsim import experiment
from snnsim.experiment.sweeps import measured, opening, process, spec, sweep
from snnsim.experiment.sweeps.planned import Group
from snnsim.experiment.sweeps.process import Outcome, Watch
from snnsim.training import lock
from snnsim.training.run_folder import RunFolder

pytest.importorskip("optuna")
IDLE = Watch(lambda: False, lambda _: False)


@pytest.fixture
def planned(tiny, tmp_path):
    """Return a run of three epochs that has not begun."""
    config = experiment.train_run.config_of("shd").with_values(tiny)
    group = Group.of(tmp_path / "group", "", config, seeds=(0,), folds=None)
    group.write({})
    return group.runs[0]


def parameters(folder):
    return torch.load(folder.last, weights_only=True)["network"]


def until(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "a process does not get on"
        time.sleep(0.02)


def ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def states(path):
    return [trial.state.name for trial in opening.opened(spec.load(path), create=False).trials()]


@pytest.mark.usefixtures("without_pictures")
def test_a_sweep_and_its_training_are_killed_and_go_on_to_the_same_result(tiny, tmp_path, monkeypatch):
    values = tiny | {"training.epochs": 20}
    path = write_spec(tmp_path, target='"shd"', set=inline(values))
    words = [sys.executable, "-m", "snnsim", "sweep", str(path), "--device", "cpu"]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    folder = RunFolder(tmp_path / "sweep" / "trial-0000" / "seed-0")
    until(folder.metrics.is_file)
    running.kill()
    running.wait()
    # the training goes on without the sweep, and holds its folder
    training = json.loads((folder.path / lock.NAME).read_text())["pid"]
    assert not ended(training)
    os.kill(training, signal.SIGKILL)
    until(lambda: ended(training))
    assert 0 < len(folder.read_metrics()) < 20
    assert states(path) == ["RUNNING"]
    runs = train_in_process(monkeypatch)
    sweep.run(path, jobs=1, device="cpu", retry=False)
    assert states(path) == ["COMPLETE"]
    assert [run.folder.path for run in runs] == [folder.path]
    assert sorted(one.name for one in folder.path.parent.iterdir()) == [
        "group.json", "seed-0", "seed-0.log", "seed-0.result.json", "seed-0.toml"
    ]  # fmt: skip
    undisturbed = experiment.train("shd", values, output=tmp_path / "undisturbed", device="cpu")
    assert len(folder.read_metrics()) == 20
    for name, value in parameters(undisturbed).items():
        assert torch.equal(value, parameters(folder)[name]), name


WORKER = """
import os, sys, time
from pathlib import Path
from snnsim.experiment.sweeps import measured, process, sweep
from snnsim.files import write_json

def trained(run, watch):
    with open(sys.argv[2], "a") as log:
        print(os.getpid(), run.group.name, run.name, file=log)
    end = time.monotonic() + 60
    while len({line.split()[0] for line in open(sys.argv[2])}) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    return process.Outcome("finished")

def measure(run, wanted):
    write_json(run.beside(".result.json"), {"seed": run.seed, "fold": None, "valid_accuracy": 0.5})

process._trained, measured.measure = trained, measure
sweep.run(Path(sys.argv[1]), jobs=1, device="cpu", retry=False)
"""


def test_two_processes_with_one_journal_train_every_run_once(tmp_path):
    path = write_spec(tmp_path, target='"motifs"', seeds=2, parameters=inline({"network.taps": [1, 2, 3]}))
    log = tmp_path / "log"
    # no process goes on before both have begun a run
    words = [sys.executable, "-c", WORKER, str(path), str(log)]
    both = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [each.communicate()[1] for each in both]
    assert [each.returncode for each in both] == [0, 0], "\n".join(errors)
    lines = [line.split() for line in log.read_text().splitlines()]
    assert sorted((trial, run) for _, trial, run in lines) == [
        (f"trial-{number:04d}", f"seed-{seed}") for number in range(3) for seed in range(2)
    ]
    assert {int(pid) for pid, *_ in lines} == {each.pid for each in both}
    assert states(path) == ["COMPLETE"] * 3


def test_a_training_that_a_killed_worker_has_left_is_waited_for(planned, monkeypatch):
    monkeypatch.setattr(process, "POLL_S", 0.01)
    order = []
    begun, release = threading.Event(), threading.Event()

    def hold():
        with lock.held(planned.folder.path, say=order.append):
            begun.set()
            release.wait(60)
            order.append("released")

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait(60)
    monkeypatch.setattr(process, "_trained", lambda *_: order.append("trained") or Outcome("stopped"))
    threading.Timer(0.2, release.set).start()
    assert process.carry_out(planned, IDLE).state == "stopped"
    holder.join()
    assert order == ["released", "trained"]


def test_a_run_that_another_worker_has_claimed_is_left_alone(planned, monkeypatch):
    monkeypatch.setattr(process, "_trained", lambda *_: pytest.fail("a run was begun twice"))
    with lock.held(planned.beside(".claim"), say=print):
        outcome = process.carry_out(planned, IDLE)
    assert outcome.state == "elsewhere"
    assert "is held by process" in outcome.message


def command(monkeypatch, text):
    """Let the trainings of sweeps be a program in place of `snnsim train`, which gets the folder of the run."""
    monkeypatch.setattr(process, "_words", lambda run, _: [str(run.folder.path)])
    monkeypatch.setattr(process, "_command", lambda: [sys.executable, "-c", "import sys, pathlib, time\n" + text])


WRITES = """
folder = pathlib.Path(sys.argv[-1])
folder.mkdir()
(folder / "metrics.jsonl").write_text('{"epoch": 1, "valid_accuracy": 0.5}\\n')
"""


@pytest.mark.parametrize("reason", ["stopped", "pruned"])
def test_a_training_gets_one_signal_to_stop(planned, monkeypatch, reason):
    monkeypatch.setattr(process, "POLL_S", 0.01)
    command(
        monkeypatch,
        WRITES
        + """
import signal
signals = []
signal.signal(signal.SIGTERM, lambda *_: signals.append(1))
import os
(folder / "group").write_text(str(os.getpgrp()))
(folder / "ready").touch()
while not signals:
    time.sleep(0.01)
time.sleep(0.1)
(folder / "signals").write_text(str(len(signals)))
sys.exit(130)
""",
    )
    ready = planned.folder.path / "ready"
    rows = []
    watch = {
        "stopped": Watch(ready.is_file, lambda _: False),
        "pruned": Watch(lambda: False, lambda new: until(ready.is_file) or rows.append(new) or True),
    }[reason]
    assert process.carry_out(planned, watch) == Outcome(reason)
    assert (planned.folder.path / "signals").read_text() == "1"
    # Ctrl-C of a terminal goes to a group of processes, and would be a second signal
    assert int((planned.folder.path / "group").read_text()) != os.getpgrp()
    assert rows == ([[{"epoch": 1, "valid_accuracy": 0.5}]] if reason == "pruned" else [])


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("print('much'); sys.exit('snnsim: the loss is nan')", Outcome("failed", "snnsim: the loss is nan")),
        ("sys.exit(2)", Outcome("failed", "the training printed nothing")),
        ("import os; os.kill(os.getpid(), 9)", Outcome("killed", "the training ended by signal 9")),
    ],
)
def test_the_end_of_a_training_says_why(planned, monkeypatch, program, outcome):
    command(monkeypatch, program)
    assert process.carry_out(planned, IDLE) == outcome
    assert planned.result is None
    assert not planned.beside(".claim").exists()


def test_an_error_of_the_worker_stops_its_training(planned, monkeypatch):
    monkeypatch.setattr(process, "POLL_S", 0.01)
    command(monkeypatch, WRITES + "import os; (folder / 'pid').write_text(str(os.getpid())); time.sleep(60)")

    def broken(_):
        until((planned.folder.path / "pid").is_file)
        raise KeyError("valid_mae")

    with pytest.raises(KeyError):
        process.carry_out(planned, Watch(lambda: False, broken))
    assert ended(int((planned.folder.path / "pid").read_text()))


def test_the_threads_of_the_machine_are_shared(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert process._environment(Watch(IDLE.stop, IDLE.prune, threads=3))["OMP_NUM_THREADS"] == "3"
    assert "OMP_NUM_THREADS" not in process._environment(IDLE)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert process._environment(Watch(IDLE.stop, IDLE.prune, threads=3))["OMP_NUM_THREADS"] == "2"


@pytest.mark.usefixtures("without_pictures")
def test_a_finished_run_is_measured(planned, monkeypatch):
    train_in_process(monkeypatch)
    wanted = ("parameters", "synaptic_operations")
    watch = Watch(IDLE.stop, IDLE.prune, wanted)
    assert process.carry_out(planned, watch) == Outcome("finished")
    result = planned.result
    history = planned.folder.read_metrics()
    best = max(history, key=lambda row: (row["valid_accuracy"], -row["valid_loss"]))
    assert (result["best_epoch"], result["valid_accuracy"]) == (best["epoch"], best["valid_accuracy"])
    assert result["epochs"] == len(history) == 3
    # every connection has a weight and a delay; batch norm has two parameters a neuron
    connections = 140 * 12 + 12 * 10 + 10 * 3
    assert result["parameters"] == 2 * connections + 2 * (12 + 10)
    program = experiment.programs.freeze(planned.folder.path)
    valid = experiment.programs.recordings(program, None, "valid")
    operations = experiment.programs.Machine().simulator(program).run(valid.events, seed=0).synaptic_operations()
    assert result["synaptic_operations"] == pytest.approx(operations.sum() / len(valid.events.length))
    # a run without results that nobody asked for
    planned.beside(".result.json").unlink()
    assert "parameters" not in measured.measure(planned, ())
