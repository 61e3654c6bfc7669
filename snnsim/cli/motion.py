"""The subcommands of reproduce for kernels over space and delays: motion and motif-detection."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from snnsim.cli.options import COUNT, Folder

Repetitions = Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: as the budget has them)"), COUNT]


@dataclass(frozen=True)
class Motion:
    """Repeat an experiment: a layer with heterogeneous delays (HD-SNN) detects the motion of photographs in the events of a simulated event camera.

    The published dense layer is trained beside learned sparse delays, random delays, and two controls without temporal order. The results are results.csv, curves.csv, table.md, and figures of accuracy, pruning and tuning in the folder. A command that was stopped goes on from its last epoch when it is started again. The photographs need scikit-image.

    - snnsim reproduce motion -- 56 x 56 pixels, one seed
    - snnsim reproduce motion --budget full -- three seeds, more movies
    - snnsim reproduce motion --budget published -- the published sizes of movies, kernel and training: six days on two cores, and 4 GB of memory
    """

    budget: Literal["small", "full", "published"] = "small"
    """Size of the experiment."""
    models: Annotated[
        tuple[Literal["dense", "learned-delays", "fixed-delays", "collapsed", "shuffled"], ...],
        arg(metavar="NAME ...", help_behavior_hint="(default: as the budget has them)"),
    ] = ()
    """Models: dense; learned-delays and fixed-delays, with a fiftieth of its weights; collapsed and shuffled, without time."""
    seeds: Repetitions = None
    """Number of repetitions; a later command with more of them adds the missing ones to the folder."""
    output_dir: Folder = None
    """Folder of the results (default: runs/motion-BUDGET)."""

    def __call__(self) -> None:
        """Compute the missing results, and print the table."""
        from snnsim.experiment import motion

        changes = {name: getattr(self, name) for name in ("models", "seeds") if getattr(self, name) not in (None, ())}
        budget = replace(motion.BUDGETS[self.budget], **changes)
        folder = motion.reproduce(budget, self.output_dir or Path(f"runs/motion-{self.budget}"))
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: results.csv, curves.csv, table.md, figures, and the trained layers")


@dataclass(frozen=True)
class MotifDetection:
    """Repeat an experiment: spiking motifs in a raster, detected with their exact times by known kernels and by learned ones.

    The results are results.csv and table.md in the folder. A command that was stopped computes the missing results when it is started again.

    - snnsim reproduce motif-detection -- the published size, three seeds
    """

    budget: Literal["small", "full"] = "small"
    """Size of the experiment."""
    seeds: Repetitions = None
    """Number of repetitions; a later command with more of them adds the missing ones to the folder."""
    output_dir: Folder = None
    """Folder of the results (default: runs/motif-detection-BUDGET)."""

    def __call__(self) -> None:
        """Compute the missing results, and print the table."""
        from snnsim.experiment import motif_detection

        budget = motif_detection.BUDGETS[self.budget]
        budget = budget if self.seeds is None else replace(budget, seeds=self.seeds)
        folder = motif_detection.reproduce(budget, self.output_dir or Path(f"runs/motif-detection-{self.budget}"))
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: results.csv, table.md, and a file for each cell")
