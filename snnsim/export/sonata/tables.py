"""Checked access to the files of a folder in SONATA: configurations, tables of types, and rows of HDF5."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import hdf5, untrusted
from snnsim.validation import require, shown

CONFIGS = ("circuit_config.json", "simulation_config.json", "config.json")
_MOST_ROUNDS, _LONGEST_PATH = 100, 4096

Types = dict[int, dict[str, str]]
"""The rows of a table of types, by the number of the type."""


def read_configs(path: Path) -> dict[str, Any]:
    """Return the configurations of a folder as one table, with full paths.

    Args:
        path: The folder. A file of CONFIGS that it lacks is skipped.

    Raises:
        ValueError: If one is damaged, or a name of its manifest stands for itself.
    """
    config: dict[str, Any] = {}
    for name in CONFIGS:
        if (path / name).is_file():
            content = untrusted.read_json(path / name)
            manifest = {"${configdir}": str(path)} | table(content, "manifest", {})
            for key in manifest:
                text(manifest, key)
            config |= _expanded(content, {key: value for key, value in manifest.items() if key}, path)
    return config


def _expanded(value: Any, manifest: dict[str, str], path: Path) -> Any:
    """Return a value of a configuration with the names of the manifest replaced."""
    if isinstance(value, dict):
        return {name: _expanded(each, manifest, path) for name, each in value.items()}
    if isinstance(value, list):
        return [_expanded(each, manifest, path) for each in value]
    if not isinstance(value, str):
        return value
    rounds, original = 0, value
    while any(name in value for name in manifest):
        for name, replacement in manifest.items():
            value = value.replace(name, replacement)
        rounds += 1
        require(
            rounds < _MOST_ROUNDS and len(value) < _LONGEST_PATH,
            f"manifest: the names in {shown(original)} must stand for others, and for themselves they do not",
        )
    if "/" in value:
        return str(path / value)
    return str(path / value) if value and "\0" not in value and len(value) < 256 and (path / value).exists() else value


def read_types(entry: dict[str, Any], kind: str) -> Types:
    """Return the rows of the table of types that an entry of `networks` names.

    Args:
        entry: The entry.
        kind: `node` or `edge`.

    Raises:
        ValueError: If the table is damaged.
    """
    path, key = Path(text(entry, f"{kind}_types_file")), f"{kind}_type_id"
    types = {}
    try:
        for row in csv.DictReader(io.StringIO(untrusted.read_text(path)), delimiter=" ", quotechar='"'):
            number = row.get(key) or ""
            require(
                number.isdecimal() and len(number) < 19, f"{path.name}: {key} must be a whole number, not {number!r}"
            )
            types[int(number)] = {name: value for name, value in row.items() if isinstance(value, str)}
    except csv.Error as error:
        raise ValueError(f"{path.name}: it must be a table separated by spaces: {error}") from error
    return types


def type_row(types: Types, number: int, who: str) -> dict[str, str]:
    """Return the row of a type.

    Args:
        types: Rows by the number of the type.
        number: Number of the type.
        who: Part of the file that has the type, for the error where the table lacks the type.
    """
    require(number in types, f"{who} are of the type {number}, which the table of types does not have")
    return types[number]


def open_hdf5(path: Path) -> hdf5.Tree:
    """Return the contents of an HDF5 file.

    Args:
        path: HDF5 file, such as network/edges.h5.

    Raises:
        ValueError: If it is damaged; the message names the file.
    """
    try:
        return hdf5.opened(path)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def node_numbers(group: hdf5.Tree, name: str) -> np.ndarray:
    """Return numbers of nodes or of types, int64 (row,).

    Args:
        group: Group of the file.
        name: Name of the data set in the group; its integers are from 0 to 2^31 - 1.
    """
    values = group.numbers(name, axes=1)
    require(
        values.dtype.kind in "iu" and (not values.size or (values.min() >= 0 and values.max() < 2**31)),
        f"{group.name}/{name} must be whole numbers from 0 to {2**31 - 1}, not {values.dtype}",
    )
    return values.astype(np.int64)


def finite(group: hdf5.Tree, name: str) -> np.ndarray:
    """Return finite numbers, float64 (row,).

    Args:
        group: Group of the file.
        name: Name of the data set in the group.
    """
    values = group.numbers(name, axes=1).astype(np.float64)
    require(bool(np.isfinite(values).all()), f"{group.name}/{name} must be finite numbers")
    return values


def table(config: dict[str, Any], name: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a table of a configuration.

    Args:
        config: Contents of one or more configuration files.
        name: Name of the table.
        default: The table where the configuration has none; None if it must have one.
    """
    value: Any = config.get(name, default)
    require(isinstance(value, dict), f"the configuration: {name} must be a table, not {shown(value)}")
    return dict(value)


def entries(networks: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the entries of a kind in the table `networks` of a configuration.

    Args:
        networks: Contents of that table, with a list of entries for each kind.
        name: The kind, `nodes` or `edges`.
    """
    value: Any = networks.get(name)
    require(
        isinstance(value, list) and all(isinstance(each, dict) for each in value),
        f"the configuration: networks.{name} must be a list of tables, not {shown(value)}",
    )
    return list(value)


def text(config: dict[str, Any], name: str) -> str:
    """Return a text of a configuration.

    Args:
        config: Contents of a configuration, or a table in it.
        name: Name of the text, which must be there.
    """
    value: Any = config.get(name)
    require(
        isinstance(value, str) and "\0" not in value, f"the configuration: {name} must be a text, not {shown(value)}"
    )
    return str(value)


def number(value: Any, who: str) -> float:
    """Return a number of a file, checked to be finite.

    Args:
        value: The number, or a text of it; True and False are no numbers.
        who: Name of the number, for the error.
    """
    try:
        result = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = float("nan")
    require(bool(np.isfinite(result)), f"import: {who} must be a finite number, not {shown(value)}")
    return result
