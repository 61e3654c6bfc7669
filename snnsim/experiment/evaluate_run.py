"""Evaluating a run: its best checkpoint on a split, with whole delays."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

from tqdm import tqdm

from snnsim.config import Config
from snnsim.experiment import build, datasets
from snnsim.learning import decisions
from snnsim.nn import dropout
from snnsim.nn.network import SpikingNetwork
from snnsim.training import checkpoint, distributed, evaluation
from snnsim.training.run_folder import RunFolder
from snnsim.validation import integer

SEEDS = 5
"""How many draws of the same recordings say how much they differ."""
# a run has always written them; the last of each section among them, which a file that was cut off does not have
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
    """A trained network and the split it is looked at with."""

    config: Config
    network: SpikingNetwork
    part: datasets.Part
    epoch: int


def config_of(folder: RunFolder) -> Config:
    """Return the config of a run, all of whose values are in its file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, or lacks what every run has: a default in its place would make another run of it.
    """
    if not folder.config.is_file():
        raise FileNotFoundError(f"{folder.path} is not the folder of a run; it has no config.toml")
    given = Config.table(folder.config)
    lacking = [name for name in _ALWAYS if not _has(given, name)]
    if lacking:
        raise ValueError(
            f"{folder.config} must hold the whole config of the run; {', '.join(lacking)} are not in it. The file is "
            "damaged, or no run wrote it; write what lacks into it, or train again"
        )
    return Config.load(folder.config)


def _has(given: dict[str, Any], dotted: str) -> bool:
    section, _, name = dotted.partition(".")
    part = given.get(section)
    return part is not None if not name else isinstance(part, dict) and name in part


def load(run: Path, split: Split, *, data_path: str | None = None) -> Loaded:
    """Return the network of a run's best checkpoint and a split of its data."""
    folder = RunFolder(Path(run))
    config = config_of(folder)
    if data_path is not None:
        config = config.with_values({"data.path": data_path})
    part = datasets.load_splits(config, split)[split]
    classes = len(part.binned.classes)
    content = checkpoint.load(folder.best, build.architecture(config, classes=classes))
    network = build.build_network(config, classes=classes)
    checkpoint.into(folder.best, network, content)
    build.grid(config).apply(network)
    metrics = content.get("metrics")
    epoch = integer(
        metrics.get("epoch") if isinstance(metrics, dict) else None,
        who=f"checkpoint {folder.best}", name="metrics.epoch", at_least=1,
    )  # fmt: skip
    return Loaded(config, network.eval(), part, epoch)


def parameters(run: Path) -> dict[str, Any]:
    """Return the best checkpoint of a run, whatever its network."""
    folder = RunFolder(run)
    config_of(folder)
    return checkpoint.load(folder.best, None)


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

    What a network leaves to chance is drawn from the seeds 0, 1, ... `seeds` − 1: the result is that of seed 0, and
    "chance" says what all of them gave, and what is right without chance.
    """
    loaded, chosen = load(run, split, data_path=data_path), distributed.choose_device(device)
    of_seed = partial(
        evaluation.evaluate,
        loaded.network.to(chosen),
        loaded.part.batches(build.EVALUATION_BATCH),
        decisions.get_decision(loaded.config.training.decision),
        device=chosen,
        progress=progress,
    )
    found = of_seed(seed=0)
    result = {
        "run": str(run),
        "split": split,
        "epoch": loaded.epoch,
        "accuracy": found.accuracy,
        "correct": found.correct,
        "total": found.total,
        "ci95": list(found.interval),
        "loss": found.loss,
        "activity": found.activity,
    }
    if dropout.is_noisy(loaded.network):
        every = [found.accuracy, *(of_seed(seed=seed).accuracy for seed in range(1, seeds))]
        result["chance"] = {
            "accuracies": every,
            "mean": mean(every),
            "sd": stdev(every) if len(every) > 1 else None,
            "without": of_seed().accuracy,
        }
    keep(run, split, result)
    return result


def keep(run: Path, name: str, result: dict[str, Any]) -> None:
    """Write the result of an evaluation into a run's folder; where that cannot be done, say so and go on."""
    folder = RunFolder(Path(run))
    try:
        folder.write_json(folder.evaluation(name), result)
    except OSError as error:
        tqdm.write(f"snnsim: the result could not be stored in {run} ({error.strerror or error})", file=sys.stderr)
