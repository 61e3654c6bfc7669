"""Threads and processes of a backend: their spikes together are those of one process."""

import numpy as np
import pytest

from helpers.interpreters import python_with
from snnsim import export, verification
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.verification import BACKENDS, Parallel, networks
from snnsim.verification import backends as module
from snnsim.verification.parallel import merged

LAUNCHER = """\
number=$1; shift
rank=0
while [ $rank -lt $number ]; do RANK=$rank "$@" || exit 1; rank=$((rank + 1)); done
"""
"""Starts a command as often as mpirun, one after the other."""
SHARE = """\
import os, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
import numpy as np
from exchange import Recordings, main

rank, number = int(os.environ["RANK"]), int(os.environ["SNNSIM_PROCESSES"])
sys.argv[3] = str(Path(sys.argv[3]).with_suffix(f".{{rank}}.npz"))

def run(path, recordings):
    # an input spike is one of the neuron of its channel, which is in one process
    trains = [recordings.spikes(each) for each in range(len(recordings))]
    return {{"a": [(step[neuron % number == rank], neuron[neuron % number == rank]) for step, neuron in trains]}}, {{}}

main(run, "1")
"""


@pytest.fixture
def launcher(tmp_path):
    """Return the command that starts several processes."""
    (tmp_path / "launch").write_text(LAUNCHER)
    return f"sh {tmp_path / 'launch'}"


def repeating():
    """Return a neuron for each channel that repeats its spikes."""
    edge = Edge.of(INPUT, "a", (np.arange(7), np.arange(7), np.zeros(7, int), np.ones(7)), sources=7)
    return Program(channels=7, populations=(Population.of("a", 7, decay=0.0),), edges=(edge,), time_step_ms=1.0)


def exported(program, tmp_path):
    path = tmp_path / "network.npz"
    export.write(program, "npz", path)
    return path, export.read("npz", path)


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_processes_have_their_own_neurons(processes, launcher, tmp_path, monkeypatch):
    (tmp_path / "run_made.py").write_text(SHARE.format(folder=str(module.SCRIPTS)))
    monkeypatch.setitem(BACKENDS, "made", verification.Backend("npz", "made-package", parallel=True))
    monkeypatch.setattr(verification.Backend, "script", lambda _, name: tmp_path / f"run_{name}.py")
    program = repeating()
    path, program = exported(program, tmp_path)
    events = networks.recordings(program, 3, steps=20)
    report = verification.verify(path, program, events, backend="made", parallel=Parallel(1, processes, launcher))
    assert report.equal
    assert report.total("spikes_total") == len(events.step) > 20


def test_results_of_processes_are_put_together():
    one = {
        "version": np.array("3"), "seconds": np.array(1.5), "a b/step": np.array([4, 5]),
        "a b/neuron": np.array([0, 2]), "a b/offset": np.array([0, 2, 2]), "membrane/r": np.array([[1.0, 0.0]]),
    }  # fmt: skip
    other = one | {
        "seconds": np.array(2.5), "a b/step": np.array([3, 7]), "a b/neuron": np.array([1, 1]),
        "a b/offset": np.array([0, 1, 2]), "membrane/r": np.array([[0.0, -2.0]]),
    }  # fmt: skip
    both = merged([one, other])
    assert {name: value.tolist() for name, value in both.items()} == {
        "version": "3", "seconds": 2.5, "a b/step": [4, 5, 3, 7], "a b/neuron": [0, 2, 1, 1],
        "a b/offset": [0, 3, 4], "membrane/r": [[1.0, -2.0]],
    }  # fmt: skip


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_of_nest_change_no_spike(threads, tmp_path):
    python = python_with("nest", install=BACKENDS["nest"].packages)
    path, program = exported(networks.NETWORKS["recurrent"](), tmp_path)
    events = networks.recordings(program, 2, steps=80, rate=0.08)
    parallel = Parallel(threads)
    report = verification.verify(path, program, events, backend="nest", python=python, parallel=parallel)
    assert report.equal
    assert report.total("spikes_total") > 100


def test_nest_without_mpi_refuses_processes(launcher, tmp_path):
    python = python_with("nest", install=BACKENDS["nest"].packages)
    path, program = exported(networks.NETWORKS["recurrent"](), tmp_path)
    events = networks.recordings(program, 1, steps=5)
    parallel = Parallel(1, 2, launcher)
    with pytest.raises(verification.UnsupportedError, match=r"must have MPI for 2 processes, .* or take --processes 1"):
        verification.verify(path, program, events, backend="nest", python=python, parallel=parallel)


def test_a_launcher_that_is_missing_and_other_backends_are_refused(tmp_path):
    path, program = exported(networks.NETWORKS["recurrent"](), tmp_path)
    events = networks.recordings(program, 1, steps=5)
    with pytest.raises(ValueError, match="launcher of 4 processes must be installed, and 'no-such-mpirun -n' is not"):
        verification.verify(
            path, program, events, backend="nest", parallel=Parallel(processes=4, launcher="no-such-mpirun -n")
        )
    with pytest.raises(ValueError, match="threads and processes must be 1 for brian2; nest has several"):
        verification.verify(path, program, events, backend="brian2", parallel=Parallel(2))
    with pytest.raises(ValueError, match="threads must be an integer from 1 to 1048576, not 0"):
        Parallel(0)
