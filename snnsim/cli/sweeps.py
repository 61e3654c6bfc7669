"""The command that trains many configurations: sweep."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from snnsim.allocator import keep_memory
from snnsim.cli.options import Device, Jobs, without


@dataclass(frozen=True)
class Sweep:
    """Train the configurations of a spec, each with all its seeds and folds, and compare them by validation data.

    The spec is a TOML file: a preset or config file, and parameters as lists or bounds. Optuna holds the trials in one file, so that any number of processes and machines on a shared disk work on one sweep by the same command. A trial is one ordinary training for each seed and fold, in folders of its own. After a stop, a kill or a crash, the same command goes on with all trainings, to the same results. The test recordings are never read.

    - snnsim sweep spec.toml --jobs 2 -- two trainings at a time
    - snnsim sweep spec.toml --show -- the table of the trials
    - snnsim sweep spec.toml --slurm --jobs 8 > sweep.sh -- a script for a cluster, of eight jobs
    - snnsim evaluate runs/NAME -- mean, spread and interval of each configuration
    """

    spec: Annotated[Positional[Path], arg(metavar="SPEC.toml")]
    """The spec."""
    jobs: Jobs = 1
    """Trainings at a time, each with its share of the processors; of a SLURM script, its number of jobs."""
    device: Device = "auto"
    """Device of the trainings."""
    show: bool = False
    """Print the table of the trials, and train nothing."""
    slurm: bool = False
    """Print the script of a SLURM array job, whose jobs work on the sweep together, and train nothing."""
    retry: bool = False
    """Try trials that ended with an error again."""

    def __call__(self) -> None:
        """Carry out the sweep.

        Raises:
            ValueError: If trials have failed, or options exclude each other.
        """
        if self.slurm and self.show:
            raise ValueError("--slurm and --show each print something else; take one of them")
        if self.show:
            without(self, ("jobs", "device", "retry"), "--show, which trains nothing")
        if self.slurm:
            without(self, ("retry",), "--slurm; add it to the command of the script")
        keep_memory()
        from snnsim.experiment.sweeps import slurm, spec, sweep

        if self.slurm:
            print(slurm.script(spec.load(self.spec), self._command(), jobs=self.jobs), end="")
            return
        if self.show:
            print("\n".join(sweep.show(self.spec)))
            return
        lines, troubles = sweep.run(self.spec, jobs=self.jobs, device=self.device, retry=self.retry)
        print("\n".join(lines))
        if troubles:
            raise ValueError(
                f"trainings without a result: {len(troubles)} ({'; '.join(troubles)}). The same command goes on with "
                "those that were killed; --retry tries those again that failed"
            )
        print(f"done; next: snnsim evaluate {spec.load(self.spec).folder}")

    def _command(self) -> str:
        words = [sys.executable, "-m", "snnsim", "sweep", str(self.spec.resolve()), "--device", self.device]
        return shlex.join(words)
