"""The section `data` of a config: recordings, and how they become frames."""

from dataclasses import dataclass
from typing import Annotated, Literal

from snnsim import schema
from snnsim.config.ranges import Count, Milliseconds, Seed, check
from snnsim.data import registry
from snnsim.data.augment.kinds import AnyAugmentation
from snnsim.data.coding.kinds import AnyCoding
from snnsim.schema import Range
from snnsim.validation import shown

MOST_FOLDS = 10_000
"""Parts that a training file may be split into."""


@dataclass(frozen=True)
class Data:
    """The recordings of a run, and how they become frames."""

    name: str = "digits"
    """A data set of data/registry.py, or a kind of data of users: events, frames, pictures, audio, tonic:NAME."""
    path: str | None = None
    """Folder of the files of a data set, where None is the cache folder, or ./datasets of one that is downloaded (shd,
    ssc); file or folder of data of users."""
    size: Literal["small", "default", "full"] = "default"
    """Size of `digits`."""
    seed: Seed = 0
    """Seed of a data set that is generated: `digits`, `motifs`, `images`, `patterns`; of splits and random codings of
    data of users."""
    time_step_ms: Annotated[float, Range(above=0, at_least=1e-6, at_most=1e9)] = 10.0
    channels: Annotated[int, Range(at_least=0, at_most=2**31 - 1)] = 140
    """Channels of the frames; neighboring channels of the recordings are summed. 0 is the number of channels of data of
    users, which a run replaces by it."""
    height: Count | None = None
    """Rows of the input of convolutions; `channels` is rows x columns x the number of colors or polarities."""
    width: Count | None = None
    """Columns of the input of convolutions."""
    max_time_ms: Milliseconds | None = None
    """Events at or after this time are left out, and steps of coded pictures, frames and audio that begin there; None
    keeps all."""
    coding: AnyCoding | None = None
    """How pictures, frames and audio become input, a section of data/coding/kinds.py; None is the first kind of
    data/registry.py."""
    valid_share: Annotated[float, Range(at_least=1e-6, at_most=0.9)] = 0.2
    """Share of the training recordings to validate with, for data of users without a validation split."""
    test_share: Annotated[float, Range(at_least=0, at_most=0.9)] = 0.0
    """Share of the recordings to test with, for data of users without a test split; 0 for no test split."""
    split_by: Literal["group", "class"] = "group"
    """Whether these shares are complete groups (speakers, subjects, source images), or a share of each class; data with
    fewer than three groups, or with a recording of an unknown group, are split by class."""
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
        if not registry.known_name(self.name):
            more = [each for each in registry.DATASETS if each not in registry.NAMES]
            names = ", ".join((*registry.NAMES, *more, *registry.SOURCES))
            raise ValueError(f"config: data.name must be one of {names}, not {shown(self.name)}")
        self._check_kind()
        self._check_folds()
        enough = self.max_time_ms is None or self.max_time_ms >= self.time_step_ms
        check(enough, "data.max_time_ms", "at least one time step", self.max_time_ms)

    def _check_kind(self) -> None:
        """Check the settings that only data of users have."""
        kind = registry.source_kind(self.name)
        codings = () if kind is None else kind.codings
        named = None if self.coding is None else self.coding.kind
        must = f"one of {', '.join(codings)} for {self.name}" if codings else f"absent, as {self.name} have no codings"
        check(named is None or named in codings, "data.coding", must, named)
        check(self.channels > 0 or kind is not None, "data.channels", f"at least 1 for {self.name}", self.channels)

    def _check_folds(self) -> None:
        check(self.fold < (self.folds or 1), "data.fold", f"below the number of folds, {self.folds}", self.fold)
        check(self.validate or self.folds is None, "data.folds", "none without data.validate", self.folds)
