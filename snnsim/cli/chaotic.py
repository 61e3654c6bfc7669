"""The subcommand of reproduce for the chaotic series of NeuroBench: chaotic."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from snnsim.cli.options import COUNT, Folder, without

Size = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: as the experiment has it)"), COUNT]


@dataclass(frozen=True)
class Chaotic:
    """Repeat a task of NeuroBench: autoregressive forecasts of Mackey-Glass series by spiking networks with delays.

    A network is fitted to ten Lyapunov times of a Mackey-Glass series, and forecasts the next ten from its own predictions, for each of 14 values of tau, the delay of the Mackey-Glass equation. The network is a linear readout with delayed synapses from graded input, solved by least squares, or that of the preset chaotic, trained by gradient descent. The results are results.csv and table.md in the folder, with the published networks beside ours: errors (sMAPE), footprint, sparsities and operations. The series are computed here; those of the published figures are downloads. A command that was stopped computes the missing results when it is started again; one with more delays or seeds adds theirs.

    - snnsim reproduce chaotic -- 14 delays, one seed
    - snnsim reproduce chaotic --taus 17 --seeds 3 -- three starts of one series
    """

    taus: Annotated[tuple[int, ...], arg(metavar="TAU ...", help_behavior_hint="(default: 17 to 30)")] = ()
    """Delays of the series, from 17 to 30."""
    seeds: Size = None
    """Number of networks of each delay, each on a part of the series half a Lyapunov time later."""
    fitting: Annotated[
        Literal["least_squares", "gradient"] | None,
        arg(metavar="least_squares|gradient", help_behavior_hint="(default: least_squares)"),
    ] = None
    """least_squares solves a linear readout, without hidden neurons; gradient trains the preset chaotic."""
    epochs: Size = None
    """Passes over the training windows, of gradient."""
    hidden: Size = None
    """Neurons of the hidden layer, of gradient."""
    copies: Size = None
    """Number of times that an epoch of gradient has each training window, all but the first with noise."""
    output_dir: Folder = None
    """Folder of the results (default: runs/chaotic)."""

    def __call__(self) -> None:
        """Compute the missing results, and print the tables."""
        if self.fitting != "gradient":
            without(self, ("epochs", "hidden", "copies"), "least_squares, which trains nothing")
        from snnsim.bench import chaotic

        names = ("taus", "seeds", "fitting", "epochs", "hidden", "copies")
        changes = {name: getattr(self, name) for name in names if getattr(self, name) not in (None, ())}
        folder = chaotic.reproduce(chaotic.Budget(**changes), self.output_dir or Path("runs/chaotic"))
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: results.csv, table.md, and a program for each network")
