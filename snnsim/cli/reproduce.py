"""The command that repeats published experiments: reproduce, with a subcommand for each."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg, subcommand

from snnsim.cli.chaotic import Chaotic
from snnsim.cli.delta import Delta
from snnsim.cli.diffusion import DiffusionVariants
from snnsim.cli.microcircuit import Microcircuit
from snnsim.cli.motion import MotifDetection, Motion
from snnsim.cli.one_step import OneStep
from snnsim.cli.options import COUNT, Folder
from snnsim.cli.timescales import Timescales

Repetitions = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: as the budget has them)"), COUNT]


@dataclass(frozen=True)
class Meta:
    """Repeat an experiment: networks with learned neuron parameters against networks with fixed ones, both tuned alike.

    All combinations are trained, over seeds: sources (Bernoulli, Markov, Poisson; with the full budget also handwritten digits), neurons (LIF, meta, Levy-Baxter), rules (backpropagation, STDP, Tempotron) and decisions (rate, Lempel-Ziv complexity). The results are results.csv, table.md and gains.png in the folder. A command that was stopped computes the missing results when it is started again.

    - snnsim reproduce meta -- a few minutes
    - snnsim reproduce meta --budget full -- ten seeds, eight trials and five sources: many hours
    """

    budget: Literal["small", "full"] = "small"
    """Size of the experiment."""
    sources: Annotated[
        tuple[Literal["bernoulli", "markov", "poisson", "digits-rate", "digits-latency"], ...],
        arg(metavar="NAME ...", help_behavior_hint="(default: as the budget has them)"),
    ] = ()
    """Sources of spike trains: bernoulli, markov, poisson, or handwritten digits as digits-rate and digits-latency."""
    seeds: Repetitions = None
    """Number of repetitions of every comparison; a later command with more of them adds the missing ones to the folder."""
    trials: Repetitions = None
    """Number of random choices of learning rate, weights and neuron parameters; the best by validation counts, for both kinds of network."""
    output_dir: Folder = None
    """Folder of the results (default: runs/meta-BUDGET)."""

    def __call__(self) -> None:
        """Compute the missing results, and print the table."""
        from snnsim.experiment import meta

        changes = {
            name: getattr(self, name)
            for name in ("sources", "seeds", "trials")
            if getattr(self, name) not in (None, ())
        }
        folder = meta.reproduce(
            replace(meta.BUDGETS[self.budget], **changes), self.output_dir or Path(f"runs/meta-{self.budget}")
        )
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: results.csv, table.md, gains.png, and a file for each comparison")


Experiment = (
    Annotated[Meta, subcommand("meta")]
    | Annotated[OneStep, subcommand("one-step")]
    | Annotated[Delta, subcommand("delta")]
    | Annotated[Motion, subcommand("motion")]
    | Annotated[MotifDetection, subcommand("motif-detection")]
    | Annotated[Timescales, subcommand("timescales")]
    | Annotated[Chaotic, subcommand("chaotic")]
    | Annotated[Microcircuit, subcommand("microcircuit")]
    | Annotated[DiffusionVariants, subcommand("diffusion")]
)


@dataclass(frozen=True)
class Reproduce:
    """Repeat a published experiment; a command that was stopped goes on when it is started again."""

    experiment: Experiment

    def __call__(self) -> None:
        """Run the chosen experiment."""
        self.experiment()
