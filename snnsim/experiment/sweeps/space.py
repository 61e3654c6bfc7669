"""Parameters of a sweep: values to choose from, and intervals."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from snnsim import schema
from snnsim.config import Config, changes, renamed_keys
from snnsim.validation import shown

VARIANT = "variant"
"""Name of the parameter whose values are the variants of a spec."""
_KEYS = ("low", "high", "step", "log")
_BY_FOLDS = ("training.seed", "data.folds", "data.fold", "data.validate")


@dataclass(frozen=True)
class Choices:
    """Values of which a trial has one."""

    values: tuple[Any, ...]

    @property
    def encoded(self) -> list[Any]:
        """The values as Optuna stores them: lists and tables are texts of JSON."""
        return [json.dumps(value) if isinstance(value, list | dict) else value for value in self.values]

    def decoded(self, stored: Any) -> Any:
        """Return the value that Optuna stores as `stored`.

        Args:
            stored: The value of Optuna.
        """
        return self.values[self.encoded.index(stored)]

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that a check of the parameter tries."""
        return self.values


@dataclass(frozen=True)
class Interval:
    """Numbers between two bounds, both included."""

    low: float
    high: float
    step: float | None
    log: bool
    integer: bool

    def decoded(self, stored: Any) -> Any:
        """Return the value that Optuna stores as `stored`.

        Args:
            stored: The value of Optuna.
        """
        return int(stored) if self.integer else float(stored)

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that a check of the parameter tries."""
        return (self.low, self.high)


Parameter = Choices | Interval


def parameters_of(table: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return the parameters of a spec by their dotted names.

    Args:
        table: The table `parameters`; keys may be dotted names, or tables in tables.

    Raises:
        ValueError: If a name is no key of a config, or values or bounds are wrong.
    """
    parameters: dict[str, Parameter] = {}
    for name, value in flat(table, leaf=("low", "high")).items():
        kind = declared(name)
        where = f"parameters.{name}"
        if isinstance(value, list):
            if not value:
                raise ValueError(f"{where} must have at least one value, and its list is empty")
            if any(value.index(one) != number for number, one in enumerate(value)):
                raise ValueError(f"{where} must have different values, not {shown(value)}")
            parameters[name] = Choices(tuple(value))
        elif isinstance(value, Mapping):
            parameters[name] = _interval(value, where, integer=_is(kind, int), number=_is(kind, float))
        else:
            raise ValueError(
                f"{where} must be a list of values, or a table such as {{low = 1, high = 8}}, not "
                f"{shown(value)}; a value that all trials have belongs in the table set"
            )
    return parameters


def declared(name: str) -> Any:
    """Return the declared type of a key of a config.

    Args:
        name: The dotted name.

    Raises:
        ValueError: If there is no such key, or it is that of seeds and folds.
    """
    if name in _BY_FOLDS:
        raise ValueError(f"{name} can be no parameter or value of a sweep; name seeds and folds at the top of the spec")
    return changes.declared(Config, renamed_keys.today(name))


def flat(table: Mapping[str, Any], *, leaf: tuple[str, ...] = ("kind",)) -> dict[str, Any]:
    """Return a table of tables by dotted names.

    Args:
        table: Values, and tables of values; a key may be a dotted name itself.
        leaf: Keys of which one makes a table a value.
    """
    values: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping) and not any(key in value for key in leaf):
            values |= {f"{name}.{inner}": one for inner, one in flat(value, leaf=leaf).items()}
        else:
            values[name] = value
    return values


def _interval(table: Mapping[str, Any], where: str, *, integer: bool, number: bool) -> Interval:
    unknown = [key for key in table if key not in _KEYS]
    if unknown:
        raise ValueError(f"{where}.{unknown[0]} is unknown; the known keys there are {', '.join(_KEYS)}")
    if not integer and not number:
        raise ValueError(f"{where} must be a list of values, as its key of the config is no number")
    log = table.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"{where}.log must be true or false, not {shown(log)}")
    low, high = (_bound(table, key, where, integer=integer) for key in ("low", "high"))
    step = _bound(table, "step", where, integer=integer) if "step" in table else None
    if not low < high:
        raise ValueError(f"{where}: low must be below high, not {low} and {high}")
    if log and (low <= 0 or step is not None):
        raise ValueError(f"{where}: log needs a positive low and no step; low is {low}, step {step}")
    if step is not None and not 0 < step <= high - low:
        raise ValueError(f"{where}.step must be positive and at most high - low = {high - low}, not {step}")
    return Interval(low, high, step, log, integer)


def _bound(table: Mapping[str, Any], key: str, where: str, *, integer: bool) -> float:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int if integer else (int, float)) or abs(value) > 1e300:
        raise ValueError(f"{where}.{key} must be {'a whole' if integer else 'a'} number, not {shown(value)}")
    return value


def _is(kind: Any, wanted: type) -> bool:
    """Return whether a declared type is that of numbers, with or without a range, None, or the settings of a kind."""
    if schema.takes_none(kind):
        return any(_is(one, wanted) for one in get_args(kind))
    return _is(get_args(kind)[0], wanted) if get_origin(kind) is not None and get_args(kind) else kind is wanted
