"""The subcommand of reproduce for time constants under curricula: timescales."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from snnsim.cli.options import COUNT, Folder, without

_AS_BUDGET = "(default: as the budget has them)"
Repetitions = Annotated[int | None, arg(metavar="N", help_behavior_hint=_AS_BUDGET), COUNT]


@dataclass(frozen=True)
class Timescales:
    """Repeat an experiment: where the memory of the last N bits lives, in time constants, recurrent weights or delays.

    Networks learn N-parity or N-DMS along curricula in which N grows. The results are epochs.csv, networks.csv, table.md and figures in the folder: largest N over epochs, time constants against N, lesions, perturbations, and training at larger N. A command that was stopped goes on from the last epoch when it is started again, and so does one with more epochs.

    - snnsim reproduce timescales -- rate networks of 64 units
    - snnsim reproduce timescales --neuron lif --delays axonal -- spiking networks with recurrent delays, parts learned or fixed
    - snnsim reproduce timescales --budget full --seeds 1 --epochs 16 -- 500 units, as published: an hour
    """

    budget: Literal["small", "full"] = "small"
    """Size of the experiment."""
    neuron: Literal["rate", "lif", "lstm", "gru"] = "rate"
    """Units: leaky rate units, spiking neurons, or torch's LSTM or GRU for comparison."""
    delays: Literal["none", "axonal", "synaptic"] = "none"
    """Recurrent delays of spiking networks: none, one for each neuron, or one for each connection."""
    task: Literal["parity", "dms"] = "parity"
    """Parity of the last N bits, or whether the last bit equals that of N - 1 steps before."""
    curricula: Annotated[
        tuple[Literal["single", "multi", "sliding", "none"], ...],
        arg(metavar="NAME ...", help_behavior_hint=_AS_BUDGET),
    ] = ()
    """Curricula: single, one N at a time; multi, all N up to the newest; sliding, a window of ten; none, one N from the beginning, that of --target."""
    learned: Annotated[tuple[str, ...], arg(metavar="PARTS ...", help_behavior_hint=_AS_BUDGET)] = ()
    """Sets of trained parameters, each of tau, weights and delays, joined by +, such as tau+weights or weights+delays; the other parameters keep their initial values."""
    seeds: Repetitions = None
    """Number of networks of each kind; a later command with more of them adds the missing ones to the folder."""
    epochs: Repetitions = None
    """Largest number of epochs of a network; a later command with more of them trains on."""
    target: Repetitions = None
    """N of the curriculum none."""
    units: Repetitions = None
    """Number of recurrent units."""
    output_dir: Folder = None
    """Folder of the results (default: runs/timescales-BUDGET-NEURON-DELAYS-TASK)."""

    def __call__(self) -> None:
        """Compute the missing results, and print the table."""
        if "none" not in self.curricula:
            without(self, ("target",), "curricula other than none")
        from snnsim.experiment import timescales

        changes = {
            name: getattr(self, name)
            for name in ("curricula", "learned", "seeds", "epochs", "target", "units")
            if getattr(self, name) not in (None, ())
        }
        budget = replace(timescales.budget(self.budget, self.neuron, self.delays), task=self.task, **changes)
        name = "-".join(("timescales", self.budget, self.neuron, self.delays, self.task))
        folder = timescales.reproduce(budget, self.output_dir or Path("runs") / name)
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: epochs.csv, networks.csv, table.md, figures, and a file for each network")
