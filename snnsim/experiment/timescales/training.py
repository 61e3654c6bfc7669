"""The training of a cell: a checkpoint after each epoch, and the network whenever a level has passed.

last.pt        the checkpoint to go on from
passed-N.pt    the parameters when N had passed
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from snnsim.experiment.timescales import models
from snnsim.experiment.timescales.learner import BitLearner
from snnsim.experiment.timescales.settings import Budget, Cell
from snnsim.learning.curricula import Curriculum
from snnsim.training import checkpoint
from snnsim.training.curriculum import Course, follow

FREE = ("curricula", "learned", "seeds", "epochs", "measured", "stream", "retrained", "lesions", "target")
"""Fields of a budget that the training of one cell does not depend on; that of "none" has the target in its cell."""


def description(cell: Cell, budget: Budget) -> dict[str, Any]:
    """Return the settings of a training, plain values.

    Args:
        cell: The cell.
        budget: Sizes.
    """
    own = {name: value for name, value in cell._asdict().items() if value is not None}
    return {name: value for name, value in asdict(budget).items() if name not in FREE} | own


def train(cell: Cell, budget: Budget, folder: Path) -> Course:
    """Train a cell, from its checkpoint if there is one, and return its course.

    Args:
        cell: The cell.
        budget: Sizes.
        folder: Folder of the cell.
    """
    model, settings = models.build(cell, budget), description(cell, budget)

    def passed(level: int) -> None:
        checkpoint.save(folder / f"passed-{level}.pt", settings, {"network": model.state_dict()})

    return follow(
        BitLearner(model, cell, budget),
        Curriculum(cell.curriculum, first=cell.target or 2, last=budget.last),
        epochs=budget.epochs,
        path=folder / "last.pt",
        description=settings,
        passed=passed,
    )


def network(cell: Cell, budget: Budget, path: Path) -> nn.Module:
    """Return the network of a file of a cell, for evaluation.

    Args:
        cell: The cell.
        budget: Sizes.
        path: The file, such as passed-5.pt.
    """
    model = models.build(cell, budget)
    checkpoint.into(path, model, checkpoint.load(path, description(cell, budget)))
    return model.eval()
