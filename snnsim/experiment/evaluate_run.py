"""Evaluation of a run: its best checkpoint on a split, with integer delays."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

from tqdm import tqdm

from snnsim.config import Config
from snnsim.experiment import build, datasets, tasks
from snnsim.files import at_home
from snnsim.learning.tasks import Task
from snnsim.nn import dropout
from snnsim.nn.network import SpikingNetwork
from snnsim.training import checkpoint, distributed, evaluation
from snnsim.training.evaluation import EvaluationResult
from snnsim.training.run_folder import RunFolder
from snnsim.validation import integer

SEEDS = 5
"""Number of random seeds with which stochastic networks are evaluated."""
# keys in the configs of all runs, of any version; a file that was cut off lacks the last key of a section
_ALWAYS = (
    "name",
    "data.name",
    "data.channels",
    "network.hidden",
    "network.extra_ms",
    "training.seed",
    "training.precision",
)
Split = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Loaded:
    """A trained network and a split of its data."""

    config: Config
    network: SpikingNetwork
    part: datasets.Part
    epoch: int
    task: Task
    names: tasks.Names
    """Names of the classes or targets."""


def config_of(folder: RunFolder) -> Config:
    """Return the config of a run.

    Args:
        folder: Folder of the run.

    Raises:
        FileNotFoundError: If there is no config.
        ValueError: If it is damaged, or lacks a key that all runs write: a default value would be that of another run.
    """
    if not folder.config.is_file():
        raise FileNotFoundError(f"{folder.path} is not the folder of a run; it has no config.toml")
    values = Config.table(folder.config)
    missing = [name for name in _ALWAYS if not _has(values, name)]
    if missing:
        raise ValueError(
            f"{folder.config} must hold the whole config of the run; {', '.join(missing)} are not in it. The file is "
            "damaged, or no run wrote it; add the missing keys, or train again"
        )
    return Config.load(folder.config)


def _has(values: dict[str, Any], dotted: str) -> bool:
    section, _, name = dotted.partition(".")
    value = values.get(section)
    return value is not None if not name else isinstance(value, dict) and name in value


def load(run: Path, split: Split, *, data_path: str | None = None) -> Loaded:
    """Return the network of a run's best checkpoint and a split of its data.

    Args:
        run: Folder of the run.
        split: Split of the data set.
        data_path: Folder of the data, if it has moved since training.
    """
    folder = RunFolder(Path(run))
    config = config_of(folder)
    if data_path is not None:
        config = config.with_values({"data.path": data_path})
    part = datasets.load_splits(config, split)[split]
    names = tasks.names(config, part.binned)
    classes = tasks.sizes(names)
    content = checkpoint.load(folder.best, build.architecture(config, classes=classes))
    network = build.build_network(config, classes=classes)
    checkpoint.into(folder.best, network, content)
    build.grid(config).apply(network)
    metrics = content.get("metrics")
    epoch = integer(
        metrics.get("epoch") if isinstance(metrics, dict) else None,
        who=f"checkpoint {folder.best}", name="metrics.epoch", at_least=1,
    )  # fmt: skip
    return Loaded(config, network.eval(), part, epoch, tasks.build(config), names)


def parameters(run: Path) -> dict[str, Any]:
    """Return the content of the best checkpoint of a run, of any network.

    Args:
        run: Path of the run's folder.
    """
    folder = RunFolder(run)
    config_of(folder)
    return checkpoint.load(folder.best, None)


def start(network: SpikingNetwork, config: Config) -> None:
    """Load the parameters of the run that a config starts from, if it names one.

    Args:
        network: New network of the config.
        config: The config.

    Raises:
        FileNotFoundError: If there is no such run.
        ValueError: If the run is of another network.
    """
    if config.training.start is None:
        return
    content = parameters(at_home(config.training.start))
    try:
        network.load_state_dict(content["network"])
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"training.start: {config.training.start} is of another network: {reason}") from error


def evaluate(
    run: Path,
    split: Split = "valid",
    *,
    data_path: str | None = None,
    device: str = "auto",
    progress: bool = True,
    seeds: int = SEEDS,
) -> dict[str, Any]:
    """Return the result of the best checkpoint on a split, and write it into the run's folder if possible.

    A stochastic network is evaluated with the seeds 0, 1, ... `seeds` − 1: the result is that of seed 0, and the entry
    "chance" has the main metric of all seeds, and that without random numbers.

    Args:
        run: Folder of the run.
        split: Split of the data set.
        data_path: Folder of the data, if it has moved since training.
        device: Device of the network, or "auto".
        progress: Whether a progress bar is shown.
        seeds: Number of seeds of a stochastic network.
    """
    loaded, torch_device = load(run, split, data_path=data_path), distributed.choose_device(device)
    evaluate_seed = partial(
        evaluation.evaluate,
        loaded.network.to(torch_device),
        loaded.part.batches(build.EVALUATION_BATCH),
        loaded.task,
        device=torch_device,
        progress=progress,
        names=loaded.names,
    )
    first = evaluate_seed(seed=0)
    result = {
        "run": str(run),
        "split": split,
        "epoch": loaded.epoch,
        "task": loaded.task.kind,
        "summary": first.report.text(),
        **first.report.facts(),
        "loss": first.loss,
        "activity": first.activity,
    }
    if dropout.is_stochastic(loaded.network):
        result["chance"] = _chance(
            loaded.task, [first, *(evaluate_seed(seed=seed) for seed in range(1, seeds))], evaluate_seed()
        )
    keep(run, split, result)
    return result


def _chance(task: Task, drawn: list[EvaluationResult], without: EvaluationResult) -> dict[str, Any]:
    """Return the main metric of evaluations with several seeds, and of one without random numbers."""
    name, _ = task.best
    *values, likeliest = (result.report.scalars().get(name, result.loss) for result in (*drawn, without))
    return {
        "metric": name,
        "accuracies" if name == "accuracy" else "values": values,
        "mean": mean(values),
        "sd": stdev(values) if len(values) > 1 else None,
        "without": likeliest,
    }


def keep(run: Path, name: str, result: dict[str, Any]) -> None:
    """Write the result of an evaluation into a run's folder, or print a warning if that fails.

    Args:
        run: Folder of the run.
        name: Name of the evaluation, with which its file begins.
        result: The result.
    """
    folder = RunFolder(Path(run))
    try:
        folder.write_json(folder.evaluation(name), result)
    except OSError as error:
        tqdm.write(f"snnsim: the result could not be stored in {run} ({error.strerror or error})", file=sys.stderr)
