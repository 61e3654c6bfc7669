"""The spec of a sweep: a TOML file, read and checked before anything starts."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from snnsim.config import Config
from snnsim.experiment import train_run
from snnsim.experiment.sweeps import folds, space
from snnsim.experiment.sweeps.measured import MEASURED
from snnsim.experiment.sweeps.space import VARIANT, Choices, Parameter
from snnsim.files import at_home
from snnsim.validation import shown

SAMPLERS = ("grid", "random", "tpe", "nsga2")
_KEYS = (
    "name", "target", "folder", "sampler", "trials", "seeds", "folds", "objectives", "pruning", "seed", "set",
    "parameters", "variants",
)  # fmt: skip
_MOST_TRIALS, _MOST_SEEDS = 100_000, 1000
_SMALLER = ("loss", "mse", "smape", *MEASURED)
"""Metrics that are better where they are smaller; a head's name may stand before them."""


@dataclass(frozen=True)
class Objective:
    """A result of the trials, and whether more of it is better."""

    name: str
    direction: Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Pruning:
    """When a run is not worth its time: below the median of the other trials in the same run and epoch."""

    startup_trials: int = 4
    """Number of finished trials before the first trial is pruned."""
    warmup_epochs: int = 0
    """Epochs of each run in which no trial is pruned."""


@dataclass(frozen=True)
class Spec:
    """A sweep: which configurations are trained, how often, and what is compared."""

    name: str
    folder: Path
    bases: Mapping[str, Config]
    """Configs by the names of the variants; that of a spec without variants has the name ""."""
    parameters: Mapping[str, Parameter]
    """Parameters by their dotted names, the variant included."""
    sampler: str
    trials: int
    seeds: tuple[int, ...]
    folds: folds.Folds | None
    objectives: tuple[Objective, ...]
    pruning: Pruning | None
    seed: int
    """Seed of the sampler."""

    def config(self, values: Mapping[str, Any]) -> Config:
        """Return the config of a trial.

        Args:
            values: Values of the parameters by their names.
        """
        own = {name: value for name, value in values.items() if name != VARIANT}
        return self.bases[values.get(VARIANT, "")].with_values(own)

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield the values of every trial of a grid."""
        choices = {name: one.values for name, one in self.parameters.items() if isinstance(one, Choices)}
        for values in itertools.product(*choices.values()):
            yield dict(zip(choices, values, strict=True))


def load(path: Path) -> Spec:
    """Return the spec of a TOML file.

    Args:
        path: The file; a config file that it names lies relative to it.

    Raises:
        ValueError: If a key is unknown, or a value is wrong.
    """
    table = Config.table(path)
    try:
        return _read(table, path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read(table: Mapping[str, Any], path: Path) -> Spec:
    _known(table, _KEYS, "")
    name = table.get("name", path.stem)
    if not isinstance(name, str) or not re.fullmatch(r"[\w][\w .-]{0,99}", name):
        raise ValueError(f"name must have letters, digits, dots and dashes alone, 100 at most, not {shown(name)}")
    parameters = space.parameters_of(_section(table, "parameters"))
    bases = _bases(table, path, parameters)
    if "" not in bases:
        parameters = {VARIANT: Choices(tuple(bases)), **parameters}
    sampler = table.get("sampler", "grid")
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, not {shown(sampler)}")
    spec = Spec(
        name=name,
        folder=at_home(_text(table, "folder", str(train_run.RUNS / name))),
        bases=bases,
        parameters=parameters,
        sampler=sampler,
        trials=_trials(table, sampler, parameters),
        seeds=_seeds(table),
        folds=_folds(table),
        objectives=_objectives(table),
        pruning=_pruning(table),
        seed=_count(table, "seed", 0, at_least=0, at_most=2**32 - 1),
    )
    if spec.pruning is not None and (len(spec.objectives) > 1 or spec.objectives[0].name in MEASURED):
        raise ValueError("pruning needs one objective that is a metric of every epoch, such as valid_accuracy")
    _check_configs(spec)
    return spec


def _bases(table: Mapping[str, Any], path: Path, parameters: Mapping[str, Parameter]) -> dict[str, Config]:
    """Return the configs of the variants, with the values that all trials have.

    Raises:
        ValueError: If a variant is no table, or its values fit no config.
    """
    common = _values(_section(table, "set"), "set", parameters)
    variants = _section(table, "variants")
    if not variants:
        return {"": _base(_text(table, "target", None), path).with_values(common)}
    bases = {}
    for name, values in variants.items():
        if not isinstance(values, Mapping):
            raise ValueError(f"variants.{name} must be a table of values, not {shown(values)}")
        own = dict(values)
        target = own.pop("target", table.get("target"))
        changed = common | _values(own, f"variants.{name}", parameters)
        bases[str(name)] = _base(_text({"target": target}, "target", None), path).with_values(changed)
    return bases


def _values(table: Mapping[str, Any], where: str, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    values = space.flat(table)
    for name in values:
        space.declared(name)
        if name in parameters:
            raise ValueError(f"{where}.{name} is a parameter, too; remove one of the two")
    return values


def _base(target: str, path: Path) -> Config:
    beside = path.parent / target
    return folds.unsplit(train_run.config_of(str(beside) if beside.suffix == ".toml" and beside.is_file() else target))


def _trials(table: Mapping[str, Any], sampler: str, parameters: Mapping[str, Parameter]) -> int:
    """Return the number of trials: the product of a grid, or that of the spec.

    Raises:
        ValueError: If the spec names no number for another sampler, or parameters that do not fit the sampler.
    """
    if sampler != "grid":
        if "trials" not in table:
            raise ValueError(f"trials must be a number for the sampler {sampler}; a grid alone needs none")
        if not parameters:
            raise ValueError(f"parameters must name what the sampler {sampler} draws, and there are none")
        return _count(table, "trials", 1, at_least=1, at_most=_MOST_TRIALS)
    if "trials" in table:
        raise ValueError("trials must be left out for the sampler grid, which has one trial for each combination")
    product = 1
    for name, one in parameters.items():
        if not isinstance(one, Choices):
            raise ValueError(f"parameters.{name} must be a list for the sampler grid; bounds need random, tpe or nsga2")
        product *= len(one.values)
    if product > _MOST_TRIALS:
        raise ValueError(f"the grid must have at most {_MOST_TRIALS:,} combinations, not {product:,}")
    return product


def _seeds(table: Mapping[str, Any]) -> tuple[int, ...]:
    seeds = table.get("seeds", 1)
    if isinstance(seeds, list):
        fit = all(type(seed) is int and 0 <= seed < 2**63 for seed in seeds) and 0 < len(set(seeds)) == len(seeds)
        if not fit or len(seeds) > _MOST_SEEDS:
            raise ValueError(f"seeds must be different whole numbers of at least 0, not {shown(seeds)}")
        return tuple(seeds)
    return tuple(range(_count(table, "seeds", 1, at_least=1, at_most=_MOST_SEEDS)))


def _folds(table: Mapping[str, Any]) -> folds.Folds | None:
    value = table.get("folds")
    if value is None or value == "speakers":
        return "speakers" if value else None
    if type(value) is not int or value < 2:
        raise ValueError(f'folds must be "speakers", or a number of at least 2, not {shown(value)}')
    return value


def _objectives(table: Mapping[str, Any]) -> tuple[Objective, ...]:
    listed = table.get("objectives", ["valid_accuracy"])
    if not isinstance(listed, list) or not listed:
        raise ValueError(f'objectives must be a list of names, such as ["valid_accuracy"], not {shown(listed)}')
    objectives = tuple(_objective(one) for one in listed)
    names = [one.name for one in objectives]
    if len(set(names)) < len(names):
        raise ValueError(f"objectives must differ, not be {', '.join(names)}")
    return objectives


def _objective(value: Any) -> Objective:
    settings = dict(value) if isinstance(value, Mapping) else {"name": value}
    _known(settings, ("name", "direction"), "objectives.")
    name = settings.get("name")
    if not isinstance(name, str) or not (name in MEASURED or re.fullmatch(r"valid_\S.*", name)):
        known = f"a metric of the validation recordings such as valid_accuracy or valid_loss, {' or '.join(MEASURED)}"
        raise ValueError(f"an objective must be {known}, not {shown(name)}")
    smaller = name.removeprefix("valid_").rpartition(" ")[2] in _SMALLER
    direction = settings.get("direction", "minimize" if smaller else "maximize")
    if direction not in ("maximize", "minimize"):
        raise ValueError(f"objectives: direction must be maximize or minimize, not {shown(direction)}")
    return Objective(name, direction)


def _pruning(table: Mapping[str, Any]) -> Pruning | None:
    settings = table.get("pruning", False)
    if isinstance(settings, bool):
        return Pruning() if settings else None
    if not isinstance(settings, Mapping):
        raise ValueError(f"pruning must be true, false, or a table of settings, not {shown(settings)}")
    _known(settings, ("startup_trials", "warmup_epochs"), "pruning.")
    return Pruning(
        _count(settings, "startup_trials", Pruning.startup_trials, at_least=1, at_most=_MOST_TRIALS),
        _count(settings, "warmup_epochs", Pruning.warmup_epochs, at_least=0, at_most=2**31 - 1),
    )


def _check_configs(spec: Spec) -> None:
    """Build the configs that the trials can have: all of a grid; else every bound and choice with the first others.

    Raises:
        ValueError: If one of them is no valid config; the message names its values.
    """
    first = {name: one.extremes[0] for name, one in spec.parameters.items()}
    single = [first | {name: value} for name, one in spec.parameters.items() for value in one.extremes]
    for values in spec.points() if spec.sampler == "grid" else single:
        try:
            spec.config(values)
        except ValueError as error:
            raise ValueError(f"the trial {labeled(values) or 'without parameters'} cannot be: {error}") from error


def labeled(values: Mapping[str, Any]) -> str:
    """Return values of parameters as a text.

    Args:
        values: Values by the names of the parameters.
    """
    return ", ".join(f"{value}" if name == VARIANT else f"{name}={_short(value)}" for name, value in values.items())


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    unknown = [key for key in table if key not in keys]
    if unknown:
        raise ValueError(f"{where}{shown(unknown[0])[1:-1]} is unknown; the known keys there are {', '.join(keys)}")


def _section(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = table.get(name, {})
    if not isinstance(section, Mapping):
        raise ValueError(f"{name} must be a table, not {shown(section)}")
    return section


def _text(table: Mapping[str, Any], name: str, default: str | None) -> str:
    value = table.get(name, default)
    if not isinstance(value, str) or not value:
        must = "a preset, a config file, or the folder of a run" if name == "target" else "a text"
        raise ValueError(f"{name} must be {must}, not {shown(value)}")
    return value


def _count(table: Mapping[str, Any], name: str, default: int, *, at_least: int, at_most: int) -> int:
    value = table.get(name, default)
    if type(value) is not int or not at_least <= value <= at_most:
        raise ValueError(f"{name} must be a whole number from {at_least:,} to {at_most:,}, not {shown(value)}")
    return value
