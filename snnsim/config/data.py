"""The section `data` of a config: recordings, and how they become frames."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from snnsim import schema
from snnsim.config.ranges import Count, Milliseconds, Seed, check
from snnsim.data import registry
from snnsim.data.augment.kinds import AnyAugmentation
from snnsim.schema import Range

if TYPE_CHECKING:
    DatasetName = str
else:
    # the registry's names are values, of which type checkers make no type
    DatasetName = Literal[registry.NAMES]

MOST_FOLDS = 10_000
"""Parts that a training file may be split into."""


@dataclass(frozen=True)
class Data:
    """The recordings of a run, and how they become frames."""

    name: DatasetName = "digits"
    path: str | None = None
    """Folder of the files of a data set that is downloaded (shd, ssc); None is ./datasets or the cache folder."""
    size: Literal["small", "default", "full"] = "default"
    """Size of `digits`."""
    seed: Seed = 0
    """Seed of a data set that is generated: `digits`, `motifs`, `images`, `patterns`."""
    time_step_ms: Annotated[float, Range(above=0, at_least=1e-6, at_most=1e9)] = 10.0
    channels: Count = 140
    """Channels of the frames; neighboring channels of the recordings are summed."""
    height: Count | None = None
    """Rows of the field of convolutions; channels are its rows, columns, and colors or polarities."""
    width: Count | None = None
    """Columns of that field."""
    max_time_ms: Milliseconds | None = None
    """Events at or after this time are left out; None keeps all."""
    augment: tuple[AnyAugmentation, ...] = ()
    """Augmentations of the training recordings in their order: tables with a `kind` and its settings."""
    workers: Annotated[int, Range(at_least=0, at_most=1)] = 1
    """Threads that prepare the next augmented batch during a training step; 0 prepares it between the steps."""

    folds: Annotated[int, Range(at_least=2, at_most=MOST_FOLDS)] | None = None
    """Number of parts of the training file, each with all recordings of its speakers; None for the standard split."""
    fold: Annotated[int, Range(at_least=0, at_most=MOST_FOLDS - 1)] = 0
    """Number of the part to validate with; the other parts are trained on."""
    validate: bool = True
    """Whether recordings of the training file are held out; without them, the last epoch is the result."""

    def __post_init__(self) -> None:
        schema.settle(self, "data.")
        self._check_folds()
        enough = self.max_time_ms is None or self.max_time_ms >= self.time_step_ms
        check(enough, "data.max_time_ms", "at least one time step", self.max_time_ms)

    def _check_folds(self) -> None:
        check(self.fold < (self.folds or 1), "data.fold", f"below the number of folds, {self.folds}", self.fold)
        check(self.validate or self.folds is None, "data.folds", "none without data.validate", self.folds)
