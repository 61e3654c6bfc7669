"""Workers: threads that each carry out one planned run after the other, until there is none left or a signal comes."""

import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from snnsim.experiment.sweeps.live import Live
from snnsim.experiment.sweeps.planned import PlannedRun
from snnsim.experiment.sweeps.process import Outcome, Rows, Watch, carry_out
from snnsim.training.signals import Stopped, watched

MOST_FAILURES = 3
"""Trainings that may fail before the first one is finished."""
SHOW_S = 0.5
"""Seconds between two looks at the table."""


class Task(ABC):
    """Runs to carry out. Methods other than `prune` are called by one thread at a time."""

    wanted: Sequence[str] = ()
    """Names of the results that are needed."""

    @abstractmethod
    def next(self) -> PlannedRun | None:
        """Return the next run, which no other worker of this process gets; None if there is none to begin."""

    @abstractmethod
    def settle(self, run: PlannedRun, outcome: Outcome) -> None:
        """Note how a run ended.

        Args:
            run: The run.
            outcome: How it ended.
        """

    def prune(self, run: PlannedRun, rows: Rows) -> bool:  # noqa: ARG002
        """Return whether a run is not worth its time, by the metrics of its epochs.

        Args:
            run: The run.
            rows: Metrics of its epochs.
        """
        return False

    @abstractmethod
    def table(self) -> list[str]:
        """Return the state of all runs as lines."""


@dataclass(frozen=True)
class Troubles:
    """Lines about the runs that have no result."""

    own: list[str] = field(default_factory=list)
    """Runs that failed or were killed."""
    elsewhere: list[str] = field(default_factory=list)
    """Runs that other workers have claimed."""


def work(task: Task, *, jobs: int, device: str, stream: Live | None = None) -> Troubles:
    """Carry out the runs of a task, and return which runs have no result.

    Args:
        task: The runs.
        jobs: Number of trainings at a time.
        device: Device of the trainings.
        stream: The live table; by default one on stderr.

    Raises:
        ValueError: If the first trainings all fail, or torchrun has started this process.
        Stopped: If a signal stopped the workers; trainings have written checkpoints.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError("sweeps, folds and seeds start processes of their own; start them without torchrun")
    live, crew = stream or Live(sys.stderr), _Crew(task, _threads(jobs))
    threads = [threading.Thread(target=crew.work, args=(live.say, device), daemon=True) for _ in range(jobs)]
    with watched() as request:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                crew.stopping = crew.stopping or request.received
                live.show(crew.table)
                thread.join(SHOW_S)
        live.close()
        if crew.error is not None:
            raise crew.error
        if request.received:
            raise Stopped("stopped; the trainings have written checkpoints", advice="the same command goes on")
    return crew.troubles


def _threads(jobs: int) -> int | None:
    """Return the threads of each of several trainings; None leaves them all to a single one."""
    return None if jobs == 1 else max(1, (os.cpu_count() or 1) // jobs)


class _Crew:
    """What the workers of a process share."""

    def __init__(self, task: Task, threads: int | None) -> None:
        self.task, self.threads = task, threads
        self.mutex = threading.Lock()
        self.stopping = False
        self.error: BaseException | None = None
        self.troubles, self.finished = Troubles(), False

    def table(self) -> list[str]:
        with self.mutex:
            return self.task.table()

    def work(self, say: Callable[[str], None], device: str) -> None:
        """Carry out runs until there is none left; an error stops all workers."""
        try:
            while not self.stopping and self._one(say, device):
                pass
        except BaseException as error:  # noqa: BLE001
            # raised again in the main thread
            self.error, self.stopping = error, True

    def _one(self, say: Callable[[str], None], device: str) -> bool:
        with self.mutex:
            run = self.task.next()
        if run is None:
            return False
        say(f"{run.group.name}/{run.name}: begins")
        watch = Watch(lambda: self.stopping, lambda rows: self.task.prune(run, rows), self.task.wanted)
        outcome = carry_out(run, replace(watch, threads=self.threads, device=device))
        with self.mutex:
            self.task.settle(run, outcome)
        line = f"{run.group.name}/{run.name}: {outcome.state}{outcome.message and f'; {outcome.message}'}"
        say(line)
        self._count(outcome, line)
        return True

    def _count(self, outcome: Outcome, line: str) -> None:
        """Note runs without a result.

        Raises:
            ValueError: If the first trainings all failed, as all others would probably fail, too.
        """
        if outcome.state in ("failed", "killed"):
            self.troubles.own.append(line)
        elif outcome.state == "elsewhere":
            self.troubles.elsewhere.append(line)
        self.finished = self.finished or outcome.state == "finished"
        if len(self.troubles.own) >= MOST_FAILURES and not self.finished:
            raise ValueError(f"the first {MOST_FAILURES} trainings failed, and no other is begun: {line}")
