"""The command that repeats a published experiment: reproduce."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import COUNT, Folder
from snnsim.validation import known

Repetitions = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: as the budget has them)"), COUNT]


@dataclass(frozen=True)
class Reproduce:
    """Repeat an experiment: meta, motion or motif-detection.

    meta: networks with learned neuron parameters against networks with fixed ones, both tuned alike. All combinations are trained, over seeds: sources (Bernoulli, Markov, Poisson; with the full budget also handwritten digits), neurons (LIF, meta, Levy-Baxter), rules (backpropagation, STDP, Tempotron) and decisions (rate, Lempel-Ziv complexity). The results are results.csv, table.md and gains.png in the folder. A command that was stopped computes the missing results when it is started again.

    motion: a layer with delays that sees the motion of photographs in the events of a camera (HD-SNN), beside learned sparse delays, random delays, and controls without time. The results are results.csv, curves.csv, table.md, and figures of accuracy, pruning and tuning.

    motif-detection: spiking motifs in a raster, detected with their exact times by known kernels and by learned ones.

    - snnsim reproduce meta -- a few minutes
    - snnsim reproduce meta --budget full -- ten seeds, eight trials and five sources: many hours
    - snnsim reproduce motion -- 40 x 40 pixels, some minutes
    - snnsim reproduce motion --budget published -- the published sizes of movies, kernel and training: days on a CPU
    - snnsim reproduce motif-detection -- the published size, some minutes
    """

    experiment: Positional[Literal["meta", "motion", "motif-detection"]]
    """Name of the experiment."""
    budget: Literal["small", "full", "published"] = "small"
    """Size of the experiment; published is for motion alone."""
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
        """Compute the missing results, and print the table.

        Raises:
            ValueError: If an option is for another experiment.
        """
        module, files = _experiment(self.experiment)
        settings = {name: getattr(self, name) for name in ("sources", "seeds", "trials")}
        changes = {name: value for name, value in settings.items() if value not in (None, ())}
        known(self.budget, module.BUDGETS, f"reproduce: budget of {self.experiment}")
        budget = module.BUDGETS[self.budget]
        foreign = [name for name in changes if not hasattr(budget, name)]
        if foreign:
            raise ValueError(f"reproduce: {self.experiment} has no --{', --'.join(foreign)}; leave it out")
        output = self.output_dir or Path(f"runs/{self.experiment}-{self.budget}")
        folder = module.reproduce(replace(budget, **changes), output)
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: {files}")


def _experiment(name: str) -> tuple[Any, str]:
    """Return the module of an experiment, and the files that it writes."""
    from snnsim.experiment import meta, motif_detection, motion

    return {
        "meta": (meta, "results.csv, table.md, gains.png, and a file for each comparison"),
        "motion": (motion, "results.csv, curves.csv, table.md, accuracy.png, pruning.png, tuning.png, and the layers"),
        "motif-detection": (motif_detection, "results.csv, table.md, and a file for each cell"),
    }[name]
