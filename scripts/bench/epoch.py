"""Duration of an epoch of the published recipe on real recordings, and of the complete training.

The network of the `shd` preset is trained as by `snnsim train`, for a few epochs at each of several widths of the delay
windows. The duration of the scheduled epochs is interpolated on a logarithmic axis of widths. Validation and
checkpoints of each epoch are timed, too. The first epoch of a width compiles kernels, and is left out. If the
recordings are not those of the data set, times are also scaled to the size of its training file (8,156 recordings for
SHD).
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from common import add_allocator, write

from snnsim import allocator, presets
from snnsim.bench import compare, tables
from snnsim.config import Config, parse_assignment
from snnsim.data import registry
from snnsim.experiment import build, train_run
from snnsim.training import distributed
from snnsim.training.run_folder import RunFolder


def at_width(config: Config, sigma: float, *, epochs: int) -> Config:
    """Return the config of a short training at one width.

    Args:
        config: Config of the complete training.
        sigma: Width of the delay windows in steps, the same in all epochs.
        epochs: Number of epochs.
    """
    return config.with_values(
        {"network.sigma_start": sigma, "network.sigma_end": sigma, "training.epochs": epochs, "training.patience": 0}
    )


def trained(config: Config) -> dict[str, Any]:
    """Return the seconds of every epoch of a training, and the mean seconds of validation and checkpoints.

    Args:
        config: Config of the short training. Its run is deleted afterwards.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(Path(scratch) / "run")
        run, _ = train_run.prepare(config, folder, distributed.SINGLE, torch.device("cpu"))
        began = time.monotonic()
        run.fit()
        took = time.monotonic() - began
        history = folder.read_metrics()
    seconds = [row["seconds"] for row in history]
    return {
        "sigma": config.network.sigma_start,
        "seconds": seconds,
        "epoch_s": median(seconds[1:] or seconds),
        "between_s": (took - sum(seconds)) / len(seconds),
        "recordings": len(run.plan.train.indices),
        "validated": len(run.plan.valid.indices),
        "losses": [row["train_loss"] for row in history],
    }


def total_seconds(config: Config, results: Sequence[dict[str, Any]]) -> float:
    """Return the seconds of all epochs of a config, with validation and checkpoints.

    Args:
        config: Config of the complete training.
        results: Seconds of an epoch at several widths, as `trained` returns them.

    Raises:
        ValueError: If the windows of the delays do not narrow over the training.
    """
    width = build.width_schedule(config)
    if width is None:
        raise ValueError(f"{config.name} has no windows that narrow over training; choose a preset with learned delays")
    known = sorted((result["sigma"], result["epoch_s"]) for result in results)
    sigma, seconds = (np.array(column) for column in zip(*known, strict=True))
    widths = [width(epoch) for epoch in range(config.training.epochs)]
    training = np.interp(np.log(widths), np.log(sigma), seconds).sum()
    between = median(result["between_s"] for result in results)
    return float(training + config.training.epochs * between)


def proportion(config: Config, results: Sequence[dict[str, Any]]) -> float:
    """Return the number of recordings of the data set's training file by the number of those trained on.

    Args:
        config: Config, whose data set has a known number of recordings.
        results: Results of `trained`, with the number of recordings.
    """
    return registry.DATASETS[config.data.name].recordings["train"] / results[0]["recordings"]


def shown(results: Sequence[dict[str, Any]], config: Config, total_s: float) -> str:
    """Return the results as a table, and the duration of all epochs.

    Args:
        results: Results of `trained`, one for each width.
        config: Config of the complete training.
        total_s: Seconds of all its epochs.
    """
    more = proportion(config, results)
    full = f"for {more * results[0]['recordings']:,.0f}"
    rows = [
        (
            f"{result['sigma']:g}",
            result["recordings"],
            f"{result['epoch_s'] / 60:.2f}",
            f"{result['epoch_s'] / 60 * more:.2f}",
            f"{result['between_s'] / 60:.2f}",
            f"{result['losses'][-1]:.3f}",
        )
        for result in results
    ]
    head = ("sigma", "recordings", "minutes per epoch", full, "to validate and save", "last loss")
    lasts = f"{config.training.epochs} epochs as scheduled: {total_s / 60:.1f} minutes"
    return f"{tables.table(head, rows)}\n{lasts}, {full} {total_s / 60 * more:.1f}"


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line.

    Args:
        words: Words of the command line; None takes those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-path", required=True, help="folder with the files of SHD")
    parser.add_argument("--preset", default="shd")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="any value of the config"
    )
    parser.add_argument("--sigma", type=float, nargs="+", default=[12.27, 3.0, 0.5], help="widths of the windows")
    parser.add_argument("--epochs", type=int, default=2, help="epochs at each width, the first to warm up")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch and numba")
    parser.add_argument("--json", type=Path, default=Path("figures/bench-epoch.json"), help="file for the figures")
    add_allocator(parser)
    return parser.parse_args(words)


def main() -> None:
    """Train, print a table, and write all samples."""
    options = arguments()
    memory_kept = options.allocator == "tuned" and allocator.keep_memory()
    torch.set_num_threads(options.threads)
    config = presets.named(options.preset).with_values({"data.path": options.data_path})
    config = config.with_values(dict(map(parse_assignment, options.set)))
    results = []
    for sigma in options.sigma:
        compare.say(f"{options.epochs} epochs at sigma {sigma:g}")
        results.append(trained(at_width(config, sigma, epochs=options.epochs)))
    total = total_seconds(config, results)
    print(shown(results, config, total))
    content = {
        "config": config.to_toml(),
        "memory_kept": memory_kept,
        "all_epochs_s": total,
        "proportion": proportion(config, results),
        "results": results,
    }
    write(options.json, content, names=[], seed=config.training.seed)


if __name__ == "__main__":
    main()
