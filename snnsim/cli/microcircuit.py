"""The subcommand of reproduce for the cortical microcircuit: microcircuit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from snnsim.cli.options import COUNT, SECONDS, THREADS, Folder
from snnsim.schema import Range


@dataclass(frozen=True)
class Microcircuit:
    """Repeat a published network: the cortical microcircuit of Potjans and Diesmann, 77,169 neurons with 0.3 billion synapses.

    Networks are built and run from several seeds; with --nest NEST runs the same description. The results are results.csv, table.md and raster.png in the folder: rates, irregularity, correlations and synchrony of each population, distances between distributions, build times and real-time factors. A command that was stopped computes the missing results when it is started again; one with more seeds or with --nest adds theirs.

    - snnsim reproduce microcircuit -- 7,717 neurons, a minute
    - snnsim reproduce microcircuit --nest -- beside NEST
    - snnsim reproduce microcircuit --scale 1 --seconds 1 --seeds 1 -- all neurons, 2 GB of memory
    """

    scale: Annotated[float, arg(metavar="SHARE"), Range(at_least=1e-3, at_most=1.0)] = 0.1
    """Share of the neurons, and of the synapses into each (the in-degree); larger weights and a constant current preserve the mean and variance of the input."""
    seconds: Annotated[float, arg(metavar="SECONDS"), SECONDS] = 5.0
    """Simulated seconds that are measured, after half a second that is not."""
    seeds: Annotated[int, arg(metavar="N"), COUNT] = 3
    """Number of networks; a later command with more of them adds the missing ones to the folder."""
    drive: Literal["poisson", "dc"] = "poisson"
    """Input from outside: Poisson spikes, or their mean as a constant current."""
    nest: bool = False
    """Run NEST with the same description, too; it must be installed."""
    threads: Annotated[int, arg(metavar="N"), THREADS] = 1
    """Number of threads of both simulators; the spikes of snnsim are the same for any. Several need OMP_WAIT_POLICY=active in the environment."""
    output_dir: Folder = None
    """Folder of the results (default: runs/microcircuit-SCALE-DRIVE)."""

    def __call__(self) -> None:
        """Compute the missing results, and print the tables."""
        from snnsim.experiment import microcircuit

        budget = microcircuit.Budget(
            scale=self.scale, seconds=self.seconds, seeds=self.seeds, drive=self.drive, nest=self.nest,
            threads=self.threads,
        )  # fmt: skip
        folder = self.output_dir or Path("runs") / f"microcircuit-{self.scale:g}-{self.drive}"
        folder = microcircuit.reproduce(budget, folder)
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: results.csv, table.md, raster.png, and files for each run")
