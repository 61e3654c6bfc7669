"""A folder is one process's: started together, killed, in another container, on another machine."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from snnsim import identity
from snnsim.training import lock

NEW_FOLDER = """
import sys, time
from pathlib import Path
from snnsim.training import lock
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    print(lock.new_folder(Path(sys.argv[1]), "run-20260131-120000").name, flush=True)
"""
HOLDING = """
import sys, time
from pathlib import Path
from snnsim.training import lock
sys.stdin.readline()
try:
    with lock.held(Path(sys.argv[1]), say=lambda _: print("taken away", flush=True)):
        print("held", flush=True)
        sys.stdin.readline()
except lock.Held as error:
    print(error, flush=True)
"""


def started(program, *words):
    """Start a process that waits for a line."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def said(process):
    return process.stdout.readline().strip()


@pytest.fixture
def holder(tmp_path):
    """Return a process that holds the folder `run`."""
    process = started(HOLDING, tmp_path / "run")
    go(process)
    assert said(process) == "held"
    yield process
    process.kill()
    process.communicate()


def silent(_):
    raise AssertionError("nothing was to be said")


def edited(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_new_folders_of_parallel_processes_differ(tmp_path):
    processes = [started(NEW_FOLDER, tmp_path / "runs", 10) for _ in range(10)]
    for process in processes:
        go(process)
    names = [name for process in processes for name in process.communicate()[0].split()]
    assert len(names) == len(set(names)) == len(os.listdir(tmp_path / "runs")) == 100
    assert "run-20260131-120000" in names


def test_one_of_many_processes_holds_a_folder(tmp_path):
    processes = [started(HOLDING, tmp_path / "run") for _ in range(20)]
    for process in processes:
        go(process)
    answers = [said(process) for process in processes]
    assert answers.count("held") == 1
    first = processes[answers.index("held")]
    others = [answer for answer in answers if answer != "held"]
    assert all(f"is held by process {first.pid} on " in answer for answer in others), others
    for process in processes:
        process.communicate("\n")
    # what nobody has written into is not left behind
    assert not (tmp_path / "run").exists()


def test_the_holder_is_named(tmp_path, holder):
    with (
        pytest.raises(
            lock.Held, match=rf"run is held by process {holder.pid} on .* since 2.* \(-c .*; wait until it has"
        ),
        lock.held(tmp_path / "run", say=silent),
    ):
        pass


def test_the_lock_of_an_ended_process_is_removed(tmp_path, holder):
    (tmp_path / "run" / "config.toml").touch()
    holder.communicate("\n")
    with lock.held(tmp_path / "run", say=silent):
        assert json.loads((tmp_path / "run" / lock.NAME).read_text())["pid"] == os.getpid()
    assert os.listdir(tmp_path / "run") == ["config.toml"]


def test_a_process_cannot_hold_a_folder_twice(tmp_path):
    with lock.held(tmp_path, say=silent):
        with pytest.raises(lock.Held, match=f"process {os.getpid()} on"), lock.held(tmp_path, say=silent):
            pass
        assert (tmp_path / lock.NAME).exists()


def test_one_of_many_processes_takes_the_lock_of_a_killed_one(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    # not waited for: it is a zombie, which is in the list of processes
    processes = [started(HOLDING, tmp_path / "run") for _ in range(12)]
    for process in processes:
        go(process)
    answers = [said(process) for process in processes]
    assert answers.count("taken away") <= 1
    took = [
        said(process) if answer == "taken away" else answer for process, answer in zip(processes, answers, strict=True)
    ]
    assert took.count("held") == 1, took
    for process in processes:
        process.communicate("\n")


def test_a_reused_process_number_holds_no_lock(tmp_path, holder):
    path = tmp_path / "run" / lock.NAME
    holder.kill()
    holder.wait()
    # the kernel gives numbers again
    edited(path, pid=os.getpid())
    messages = []
    with lock.held(tmp_path / "run", say=messages.append):
        pass
    assert len(messages) == 1
    assert "was killed; its lock is removed" in messages[0]


@pytest.mark.parametrize("killed", [False, True])
def test_flock_decides_for_another_container(tmp_path, holder, killed):
    edited(tmp_path / "run" / lock.NAME, namespace="pid:[1]", pid=1)
    if killed:
        holder.kill()
        holder.wait()
        messages = []
        with lock.held(tmp_path / "run", say=messages.append):
            assert len(messages) == 1
        return
    with pytest.raises(lock.Held, match="process 1 on"), lock.held(tmp_path / "run", say=silent):
        pass


def test_the_lock_of_another_machine_is_respected(tmp_path, holder):
    path = tmp_path / "run" / lock.NAME
    edited(path, host="elsewhere", machine="other", boot="other")
    holder.kill()
    holder.wait()
    words = rf"on elsewhere since .*If you know that it has ended, remove the file {path}"
    with pytest.raises(lock.Held, match=words), lock.held(tmp_path / "run", say=silent):
        pass
    assert path.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x"}', "null", '{"pid": 1e400}'])
def test_a_damaged_lock_is_named(tmp_path, monkeypatch, content):
    monkeypatch.setattr(lock, "_PAUSE_S", 0.0)
    (tmp_path / lock.NAME).write_text(content)
    words = r"held by an unknown process \(its lock is damaged\); .* remove the file"
    with pytest.raises(lock.Held, match=words), lock.held(tmp_path, say=silent):
        pass


@pytest.mark.parametrize("call", ["link", "flock"])
def test_locks_without_hard_links_or_flock(tmp_path, monkeypatch, call):
    def missing(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(lock.os if call == "link" else lock.fcntl, call, missing)
    with lock.held(tmp_path, say=silent):
        with pytest.raises(lock.Held, match=f"process {os.getpid()} on"), lock.held(tmp_path, say=silent):
            pass
        assert os.listdir(tmp_path) == [lock.NAME]
    assert not tmp_path.exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    words = r"the folder of a run must be writable; .*file/run is not"
    with pytest.raises(OSError, match=words), lock.held(tmp_path / "file" / "run", say=silent):
        pass


def test_a_restart_of_the_machine_ends_all_processes():
    mine = identity.mine()
    if not mine.machine or not mine.boot:
        pytest.skip("the system does not say which machine it is")
    assert identity.has_ended(replace(mine, boot="before")) is True
    assert identity.has_ended(replace(mine, boot="before", machine="other")) is None
    assert identity.has_ended(replace(mine, started="0")) is True
    assert identity.has_ended(mine) is False
