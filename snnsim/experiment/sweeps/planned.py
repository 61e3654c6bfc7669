"""Runs that belong together: a configuration with its seeds and folds, as a folder of ordinary run folders.

GROUP/group.json        the configuration, and its runs
GROUP/NAME.toml         the config that a run is started with
GROUP/NAME/             the folder of the run
GROUP/NAME.log          what the training printed
GROUP/NAME.result.json  the result of the finished run
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnsim.config import Config
from snnsim.files import write_json
from snnsim.training.run_folder import RunFolder
from snnsim.untrusted import read_json

_RECORD = "group.json"


@dataclass(frozen=True)
class PlannedRun:
    """A run of a group."""

    group: Path
    """Folder of the group."""
    name: str
    seed: int
    fold: int | None
    """Number of the fold that the run validates with; None for the standard split."""
    config: Config

    @property
    def folder(self) -> RunFolder:
        """The folder of the run."""
        return RunFolder(self.group / self.name)

    def beside(self, suffix: str) -> Path:
        """Return the path of a file beside the folder of the run.

        Args:
            suffix: End of the name of the file, behind the name of the run.
        """
        return self.group / f"{self.name}{suffix}"

    @property
    def result(self) -> dict[str, Any] | None:
        """The result of the finished run; None while it is not finished."""
        file = self.beside(".result.json")
        return read_json(file) if file.is_file() else None


@dataclass(frozen=True)
class Group:
    """A configuration with its runs."""

    path: Path
    label: str
    """The values in which the configuration differs from others, as a text."""
    runs: tuple[PlannedRun, ...]

    @classmethod
    def of(cls, path: Path, label: str, config: Config, *, seeds: tuple[int, ...], folds: int | None) -> "Group":
        """Return the group of a configuration.

        Args:
            path: Folder of the group.
            label: The values in which the configuration differs from others.
            config: The configuration; seed and fold are replaced.
            seeds: Seeds of the runs.
            folds: Number of folds; None for the standard split.
        """
        numbers = (None,) if folds is None else tuple(range(folds))
        runs = [_planned(path, config, seed=seed, fold=fold, folds=folds) for fold in numbers for seed in seeds]
        return cls(path, label, tuple(runs))

    def write(self, values: Mapping[str, Any]) -> None:
        """Write the record of the group, and the configs of its runs.

        Args:
            values: Further values of the record, such as the parameters of a trial.
        """
        for run in self.runs:
            run.config.save(run.beside(".toml"))
        runs = [{"name": run.name, "seed": run.seed, "fold": run.fold} for run in self.runs]
        write_json(self.path / _RECORD, {"label": self.label, "runs": runs, **values})

    @property
    def is_written(self) -> bool:
        """Whether the record of the group has been written."""
        return (self.path / _RECORD).is_file()

    @property
    def results(self) -> list[dict[str, Any]]:
        """The results of the finished runs."""
        return [result for run in self.runs if (result := run.result) is not None]


def _planned(path: Path, config: Config, *, seed: int, fold: int | None, folds: int | None) -> PlannedRun:
    values: dict[str, object] = {"training.seed": seed}
    name = f"seed-{seed}"
    if fold is not None:
        values |= {"data.folds": folds, "data.fold": fold}
        name += f"-fold-{fold}"
    return PlannedRun(path, name, seed, fold, config.with_values(values))


def groups_in(folder: Path) -> list[Group]:
    """Return the groups in a folder, in the order of their names; none for a folder that has no groups.

    Args:
        folder: The folder.
    """
    return [_read(record.parent, read_json(record)) for record in sorted(folder.glob(f"*/{_RECORD}"))]


def record_of(group: Group) -> dict[str, Any]:
    """Return the record of a group.

    Args:
        group: The group.
    """
    return read_json(group.path / _RECORD)


def _read(path: Path, record: dict[str, Any]) -> Group:
    runs = [
        PlannedRun(path, run["name"], run["seed"], run["fold"], Config.load(path / f"{run['name']}.toml"))
        for run in record["runs"]
    ]
    return Group(path, record["label"], tuple(runs))
