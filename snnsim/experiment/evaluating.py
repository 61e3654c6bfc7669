"""Evaluating a run: its best checkpoint on a split, with whole delays."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

from snnsim import chance
from snnsim.config import Config
from snnsim.experiment import parts
from snnsim.learning import decisions
from snnsim.network import SpikingNetwork
from snnsim.training import checkpoint, evaluation, parallel
from snnsim.training.folder import Folder

SEEDS = 5
"""How many draws of the same recordings say how much they differ."""
Split = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Loaded:
    """A trained network and the split it is looked at with."""

    config: Config
    network: SpikingNetwork
    part: parts.Part
    epoch: int


def load(run: Path, split: Split, *, data_path: str | None = None) -> Loaded:
    """Return the network of a run's best checkpoint and a split of its data."""
    folder = Folder(Path(run))
    if not folder.config.is_file():
        raise FileNotFoundError(f"{run} is not the folder of a run; it has no config.toml")
    config = Config.load(folder.config)
    if data_path is not None:
        config = config.with_values({"data.path": data_path})
    part = parts.load_splits(config, split)[split]
    classes = len(part.binned.classes)
    content = checkpoint.load(folder.best, parts.architecture(config, classes=classes))
    network = parts.build_network(config, classes=classes)
    network.load_state_dict(content["network"])
    parts.grid(config).apply(network)
    return Loaded(config, network.eval(), part, content["metrics"]["epoch"])


def parameters(run: Path) -> dict[str, Any]:
    """Return the best checkpoint of a run, whatever its network."""
    folder = Folder(run)
    if not folder.config.is_file():
        raise FileNotFoundError(f"{run} is not the folder of a run; it has no config.toml")
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
    """Return the result of the best checkpoint on a split, and write it into the run's folder.

    What a network leaves to chance is drawn from the seeds 0, 1, ... `seeds` − 1: the result is that of seed 0, and
    "chance" says what all of them gave, and what is right without chance.
    """
    loaded, chosen = load(run, split, data_path=data_path), parallel.choose_device(device)
    of_seed = partial(
        evaluation.evaluate,
        loaded.network.to(chosen),
        loaded.part.batches(parts.EVALUATION_BATCH),
        decisions.named(loaded.config.training.decision),
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
    if chance.is_noisy(loaded.network):
        every = [found.accuracy, *(of_seed(seed=seed).accuracy for seed in range(1, seeds))]
        result["chance"] = {
            "accuracies": every,
            "mean": mean(every),
            "sd": stdev(every) if len(every) > 1 else None,
            "without": of_seed().accuracy,
        }
    folder = Folder(Path(run))
    folder.write_json(folder.evaluation(split), result)
    return result
