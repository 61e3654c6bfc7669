"""The folder of a run: config, environment, checkpoints, metrics and figures, by name.

config.toml          the resolved config
environment.json     versions, machine, git revision, command, seed
last.pt, best.pt     the checkpoint to resume from, and the parameters of the best validation epoch
metrics.jsonl        one line of JSON per epoch
tensorboard/         the same for TensorBoard
evaluation-*.json    results of `snnsim evaluate`
figures/             figures
lock.json            the process that trains in the folder, during training
"""

import glob
import importlib.metadata
import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import torch

import snnsim
from snnsim.files import write_json, written_whole
from snnsim.kernels.common.dispatch import only_plain
from snnsim.training.distributed import Distributed
from snnsim.validation import shown


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.path / "config.toml"

    @property
    def last(self) -> Path:
        """The checkpoint to resume from."""
        return self.path / "last.pt"

    @property
    def best(self) -> Path:
        """The checkpoint of the best validation epoch."""
        return self.path / "best.pt"

    @property
    def metrics(self) -> Path:
        """One line of JSON per epoch."""
        return self.path / "metrics.jsonl"

    @property
    def tensorboard(self) -> Path:
        """Logs for TensorBoard."""
        return self.path / "tensorboard"

    def figure(self, name: str) -> Path:
        """Return the path of a figure.

        Args:
            name: Name of the figure's file, with its suffix.
        """
        return self.path / "figures" / name

    def evaluation(self, split: str) -> Path:
        """Return the path of the evaluation of a split.

        Args:
            split: Name of the split, such as "test".
        """
        return self.path / f"evaluation-{split}.json"

    def write_json(self, path: Path, values: dict[str, Any]) -> None:
        """Write values as JSON, atomically.

        Args:
            path: Path of the file, which is replaced.
            values: Values by name, as JSON has them: texts, numbers, lists and tables.
        """
        write_json(path, values)

    def write_texts(self, texts: Mapping[str, str]) -> None:
        """Write text files into the folder, each whole or not at all.

        Args:
            texts: Texts by the names of their files, which are replaced.
        """
        for name, text in texts.items():
            with written_whole(self.path / name) as partial:
                partial.write_text(text, encoding="utf-8")

    def write_metrics(self, history: list[dict[str, Any]]) -> None:
        """Write the metrics of all epochs anew, so that an epoch that was begun twice has one line.

        Args:
            history: Metrics of each epoch by name, in the order of the epochs.
        """
        with written_whole(self.metrics) as partial:
            partial.write_text("".join(json.dumps(row) + "\n" for row in history), encoding="utf-8")

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the metrics of all epochs.

        Raises:
            FileNotFoundError: If no epoch of the run is done.
            ValueError: If a line is damaged.
        """
        if not self.metrics.is_file():
            raise FileNotFoundError(f"{self.path} has no metrics.jsonl; no epoch of that run has been finished")
        lines = self.metrics.read_text(encoding="utf-8", errors="replace").splitlines()
        return [self._row(number, line) for number, line in enumerate(lines, start=1)]

    def _row(self, number: int, line: str) -> dict[str, Any]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or row.get("epoch") != number:
            raise ValueError(
                f"{self.metrics}, line {number}: must be the metrics of epoch {number} as JSON, not {shown(line)}; "
                "--resume writes the file again"
            )
        return row


def newest(parent: Path, name: str) -> RunFolder | None:
    """Return the newest run NAME-DATE-TIME in a folder, or None if it has no such run.

    Args:
        parent: The folder.
        name: Name that the run began with, such as that of a preset; a path has no runs.
    """
    if Path(name).name != name:
        return None
    runs = [path for path in parent.glob(f"{glob.escape(name)}-[0-9]*-[0-9]*") if RunFolder(path).config.is_file()]
    # by numbers, as the tenth run of a second is named DATE-TIME-10
    return max(
        map(RunFolder, runs),
        key=lambda run: [int(part) for part in run.path.name.split("-") if part.isdecimal()],
        default=None,
    )


def environment(seed: int) -> dict[str, Any]:
    """Return versions, machine, command and seed of a run, which a repetition needs.

    Args:
        seed: Seed of the run.
    """
    packages = ("torch", "numpy", "numba", "scipy", "h5py")
    return {
        "command": sys.argv,
        "seed": seed,
        "snnsim": snnsim.__version__,
        "git": _git_revision(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "machine": f"{platform.system()} {platform.machine()}, {processor()}",
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def conditions(processes: Distributed, device: torch.device) -> dict[str, Any]:
    """Return the conditions that the numbers of a training depend on besides its config, to the last bit.

    Args:
        processes: Rank of this process among all; their number counts.
        device: Device of the training; its type counts.
    """
    return {
        "torch": str(torch.__version__),
        "numba": numba.__version__,
        "threads": torch.get_num_threads(),
        "threads of kernels": min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS),  # type: ignore[attr-defined]
        "processes": processes.world,
        "device": device.type,
        "processor": processor(),
        "kernels": "plain" if only_plain() else "fast",
    }


def version(package: str) -> str | None:
    """Return the version of a package; None where it is not installed, or another process is installing it.

    Args:
        package: Name of the package, such as "torch".
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def processor() -> str:
    """Return the name of the processor."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _git_revision() -> str | None:
    """Return the commit of this code, or None outside of a checkout."""
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except OSError:
        return None
    return result.stdout.strip() or None
