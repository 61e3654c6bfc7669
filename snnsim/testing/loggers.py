"""The properties of loggers: they go on after a history, take an epoch twice, and close."""

from pathlib import Path
from typing import Any

from snnsim import schema
from snnsim.config import Config
from snnsim.training import loggers

ROWS: tuple[dict[str, Any], ...] = (
    {"epoch": 1, "train_loss": 2.0, "valid_loss": 1.5, "activity": [0.1, 0.2], "peak_bytes": None},
    {"epoch": 2, "train_loss": 1.0, "valid_loss": 0.75, "activity": [0.1, 0.3], "peak_bytes": 1024},
    {"epoch": 3, "train_loss": 0.5, "activity": [0.1, 0.3], "peak_bytes": 1024},
)
"""Metrics of three epochs, the last of them without a validation."""


def check_logger(kind: str, folder: Path, **settings: Any) -> None:
    """Check a logger with a run that is stopped after two epochs and resumed, in the folder `run`.

    Args:
        kind: Kind of the logger in `training.loggers`.
        folder: An empty folder.
        **settings: Settings of its section.

    Raises:
        AssertionError: If a property does not hold.
    """
    config = Config().with_values({"training.loggers": [{"kind": kind, **settings}]})
    assert Config.from_toml(config.to_toml()) == config, f"{kind}: a config is read back from its file"
    (section,) = config.training.loggers
    values, run = schema.plain(config), Path(folder) / "run"
    run.mkdir(parents=True, exist_ok=True)
    for history, rows in (((), ROWS[:2]), (ROWS[:2], ROWS[1:])):
        logger = loggers.LOGGERS[kind](section)
        with loggers.opened([logger], loggers.LoggedRun(run, values, history)) as opened:
            for row in rows:
                before = dict(row)
                opened[0].add(row)
                assert row == before, f"{kind}: a row is not changed"
