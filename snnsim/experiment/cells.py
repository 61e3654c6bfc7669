"""Experiments of many cells: every finished cell is a file, so that a killed experiment can be continued.

settings.json        the settings, versions, command and machine
cells/NAME.json      the result of a cell
"""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from tqdm import tqdm

from snnsim.training.lock import held
from snnsim.training.run_folder import RunFolder, environment

Row = dict[str, Any]


class Named(Protocol):
    """A cell."""

    def name(self) -> str:
        """Return the name of its file."""


C = TypeVar("C", bound=Named)


class Settings(NamedTuple):
    """Settings of an experiment, which are written into its folder."""

    values: Mapping[str, Any]
    """Plain values by name."""
    free: Collection[str]
    """Names of those that may change in a folder, as they add cells or go on with them."""


def run_all(
    folder: RunFolder,
    cells: Sequence[C],
    run: Callable[[C], Row],
    settings: Settings,
    *,
    is_complete: Callable[[Row], bool] = lambda _: True,
    progress: bool = True,
) -> list[Row]:
    """Run the cells without a complete result, and return the results of all.

    Args:
        folder: Folder of the experiment, which no other process may hold.
        cells: The cells.
        run: Function from a cell to its result, plain values by name.
        settings: Settings of the experiment.
        is_complete: Function from a result to whether it needs no further run.
        progress: Whether a progress bar and a line for each finished cell are shown.

    Raises:
        ValueError: If the folder has other settings already, or one of its files is damaged.
        Held: If another process holds the folder.
    """
    # a name that a command has twice is one cell, as statistics would count it twice
    cells = list(dict.fromkeys(cells))
    with held(folder.path, say=tqdm.write):
        _check_same(folder, settings)
        missing = [cell for cell in cells if not _is_done(result_file(folder, cell.name()), is_complete)]
        done = len(cells) - len(missing)
        bar = tqdm(missing, initial=done, total=len(cells), unit="cell", disable=None if progress else True)
        for number, cell in enumerate(bar, done + 1):
            bar.set_postfix_str(cell.name())
            began = time.monotonic()
            folder.write_json(result_file(folder, cell.name()), run(cell))
            if progress:
                tqdm.write(f"cell {number}/{len(cells)}  {cell.name()}  {time.monotonic() - began:.1f} s")
    return [_read(result_file(folder, cell.name())) for cell in cells]


def result_file(folder: RunFolder, name: str) -> Path:
    """Return the path of the result of a cell.

    Args:
        folder: Folder of the experiment.
        name: Name of the cell.
    """
    return folder.path / "cells" / f"{name}.json"


def _check_same(folder: RunFolder, settings: Settings) -> None:
    """Check that a folder has the same settings, and write them.

    Raises:
        ValueError: If it has others, or its settings.json is of something else.
    """
    path, plain = folder.path / "settings.json", json.loads(json.dumps(settings.values))
    saved = _read(path) if path.is_file() else {"budget": plain, **environment(0)}
    if not isinstance(saved, dict) or not isinstance(saved.get("budget"), dict):
        raise ValueError(f"reproduce: {path} is of no experiment; choose another --output-dir")
    other = [name for name in plain if name not in settings.free and saved["budget"].get(name) != plain[name]]
    if other:
        raise ValueError(
            f"reproduce: {folder.path} holds an experiment with other {', '.join(other)}; take these again, or choose "
            "another --output-dir"
        )
    folder.write_json(path, {**saved, "budget": plain})


def _is_done(path: Path, is_complete: Callable[[Row], bool]) -> bool:
    return path.is_file() and is_complete(_read(path))


def _read(path: Path) -> Row:
    try:
        row: Row = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"reproduce: {path} must be a JSON file, and is damaged ({error}); remove it") from error
    return row
