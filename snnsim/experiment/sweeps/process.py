"""A planned run, carried out by a process of `snnsim train`: started, resumed, watched, stopped.

A claim, the lock of the folder NAME.claim beside the run, keeps other workers away. A worker that was killed leaves its
training process behind; the next worker waits for that process, and resumes the run if it ended too early.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from snnsim.experiment import plot_run, train_run
from snnsim.experiment.sweeps import measured
from snnsim.experiment.sweeps.planned import PlannedRun
from snnsim.training import lock

POLL_S = 0.2
"""Seconds between two looks at a training process."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    state: Literal["finished", "stopped", "pruned", "failed", "killed", "elsewhere"]
    message: str = ""


@dataclass(frozen=True)
class Watch:
    """What a worker does during a training."""

    stop: Callable[[], bool]
    """Whether the worker has to stop."""
    prune: Callable[[Rows], bool]
    """Function from the metrics of the epochs to whether the run is not worth its time; called after each epoch."""
    wanted: Collection[str] = ()
    """Names of the results that are needed."""
    threads: int | None = None
    """Threads of the training; None for all processors."""
    device: str = "auto"


def carry_out(run: PlannedRun, watch: Watch) -> Outcome:
    """Train a planned run to its end, resume it, or leave it to the worker that has claimed it.

    Args:
        run: The run.
        watch: What happens meanwhile.
    """
    try:
        with lock.held(run.beside(".claim"), say=lambda _: None):
            if run.result is not None:
                return Outcome("finished")
            outcome = _followed(run, watch) or (Outcome("finished") if _is_done(run) else _trained(run, watch))
            if outcome.state == "finished":
                measured.measure(run, watch.wanted)
            return outcome
    except lock.Held as held:
        return Outcome("elsewhere", str(held))


def _followed(run: PlannedRun, watch: Watch) -> Outcome | None:
    """Wait for a training process that a killed worker has left behind; None when the run is free."""
    metrics = _Metrics(run, watch)
    while run.folder.path.is_dir():
        try:
            with lock.held(run.folder.path, say=lambda _: None):
                return None
        except lock.Held as held:
            if watch.stop():
                return Outcome("stopped", str(held))
            metrics.pruned()
            time.sleep(POLL_S)
    return None


def _is_done(run: PlannedRun) -> bool:
    folder = run.folder
    if not folder.last.is_file() or not train_run.is_finished(folder.path):
        return False
    return not plot_run.missing(folder, run.config)


def _trained(run: PlannedRun, watch: Watch) -> Outcome:
    """Train in a process."""
    log = run.beside(".log")
    with log.open("ab") as output:
        # a session of its own, so that Ctrl-C reaches the worker alone, which then stops the training once
        process = subprocess.Popen(
            [*_command(), *_words(run, watch)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environment(watch), start_new_session=True,
        )  # fmt: skip
        metrics = _Metrics(run, watch)
        try:
            reason = _watched(process, watch, metrics)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode == 0:
        # the last epochs may have ended between two looks
        metrics.pruned()
        return Outcome("finished")
    if reason is not None:
        return Outcome(reason)
    if process.returncode < 0 or process.returncode == 128 + signal.SIGINT:
        return Outcome("killed", f"the training ended by signal {abs(process.returncode)}")
    return Outcome("failed", _last_line(log))


def _watched(
    process: subprocess.Popen[bytes], watch: Watch, metrics: "_Metrics"
) -> Literal["stopped", "pruned"] | None:
    """Wait for the end of a training; return why it was stopped, or None if it ended by itself."""
    reason: Literal["stopped", "pruned"] | None = None
    while process.poll() is None:
        if reason is None:
            reason = "stopped" if watch.stop() else "pruned" if metrics.pruned() else None
            if reason is not None:
                process.terminate()
        time.sleep(POLL_S)
    return reason


def _command() -> list[str]:
    return [sys.executable, "-m", "snnsim", "train"]


def _words(run: PlannedRun, watch: Watch) -> list[str]:
    folder, device = str(run.folder.path), ["--device", watch.device]
    if run.folder.config.is_file():
        return [folder, *device, "--resume"]
    return [str(run.beside(".toml")), *device, "--output-dir", folder]


def _environment(watch: Watch) -> dict[str, str]:
    if watch.threads is None:
        return dict(os.environ)
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {**{name: str(watch.threads) for name in names}, **os.environ}


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "the training printed nothing")


class _Metrics:
    """The metrics of a run, read again when they have changed."""

    def __init__(self, run: PlannedRun, watch: Watch) -> None:
        self.run, self.watch, self.epochs = run, watch, 0

    def pruned(self) -> bool:
        """Show new metrics to the watch, and return whether the run is pruned."""
        rows: Rows = []
        with contextlib.suppress(OSError, ValueError):
            rows = self.run.folder.read_metrics()
        if len(rows) <= self.epochs:
            return False
        self.epochs = len(rows)
        return self.watch.prune(rows)
