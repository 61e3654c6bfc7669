"""The command that repeats a published experiment: reproduce."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import COUNT, Folder

Repetitions = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: as the budget has them)"), COUNT]


@dataclass(frozen=True)
class Reproduce:
    """Repeat an experiment: learned parameters of neurons against fixed ones, with the same tuning for both.

    Sources (Bernoulli, Markov, Poisson; handwritten digits with the full budget) x neurons (LIF, meta, Levy-Baxter) x rules (backpropagation, STDP, Tempotron) x decisions (rate, Lempel-Ziv complexity), over seeds. The folder then holds results.csv, table.md and gains.png. A run that was stopped goes on with what is missing when it is started again.

    - snnsim reproduce meta -- a few minutes
    - snnsim reproduce meta --budget full -- ten seeds, eight trials and five sources: many hours
    """

    experiment: Positional[Literal["meta"]]
    """Which experiment."""
    budget: Literal["small", "full"] = "small"
    """How much of everything."""
    sources: Annotated[
        tuple[Literal["bernoulli", "markov", "poisson", "digits-rate", "digits-latency"], ...],
        arg(metavar="NAME ...", help_behavior_hint="(default: as the budget has them)"),
    ] = ()
    """Where spikes come from: bernoulli, markov, poisson, or handwritten digits as digits-rate and digits-latency."""
    seeds: Repetitions = None
    """Repetitions of every comparison; more of them can be asked of a folder later."""
    trials: Repetitions = None
    """Choices of learning rate, weights and neurons' parameters, of which the best by validation counts; the same for both sides."""
    output_dir: Folder = None
    """Folder of the results (default: runs/meta-BUDGET)."""

    def __call__(self) -> None:
        """Run what is missing, and print the table."""
        from snnsim.experiment import meta

        given = {
            name: getattr(self, name)
            for name in ("sources", "seeds", "trials")
            if getattr(self, name) not in (None, ())
        }
        folder = meta.reproduce(
            replace(meta.BUDGETS[self.budget], **given), self.output_dir or Path(f"runs/meta-{self.budget}")
        )
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: results.csv, table.md, gains.png, and a file for each of the cells")
