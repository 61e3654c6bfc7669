"""snnsim and spikingjelly + dcls trained alike, by the same loop on the same recordings: accuracy and time.

For every seed both start from the same parameters and see the same recordings in the same order with the same
dropout. Test accuracy is that of the epoch with the best validation accuracy, with integer delays. The runs are in the
folder of --output; a second call with the same options resumes where the first was stopped.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from common import write

from snnsim import allocator, experiment, presets
from snnsim.bench import baselines
from snnsim.bench.tables import table
from snnsim.config import Config, parse_assignment
from snnsim.experiment import build, datasets, train_run
from snnsim.training import checkpoint, distributed, evaluation
from snnsim.training.run_folder import RunFolder

BASELINE = "spikingjelly"
PARTS = (baselines.OURS, BASELINE)


def trained(part: str, config: Config, folder: RunFolder) -> dict[str, Any]:
    """Train one network, or resume its training, and return its accuracies.

    Args:
        part: "snnsim", or the name of a baseline.
        config: Config of the training, with its seed.
        folder: Folder of the run, which may hold an unfinished or a finished training.

    Raises:
        ValueError: If the folder holds a run of another config.
    """
    if folder.config.is_file() and Config.load(folder.config) != config:
        raise ValueError(f"{folder.path} holds a run of another config; choose another --output")
    device = distributed.choose_device("auto")
    run, _ = train_run.prepare(config, folder, distributed.Distributed(), device, make_network=baselines.builder(part))
    if not experiment.is_finished(folder.path):
        config.save(folder.config)
        if folder.last.is_file():
            run.resume()
        run.fit()
    best = checkpoint.load(folder.best, run.plan.architecture)
    run.network.load_state_dict(best["network"])
    test = datasets.load_splits(config, "test")["test"].batches(build.EVALUATION_BATCH)
    result = evaluation.evaluate(run.network, test, run.plan.task, device=device)
    epochs = folder.read_metrics()
    return {
        "part": part,
        "seed": config.training.seed,
        "epoch": best["metrics"]["epoch"],
        "valid": best["metrics"]["valid_accuracy"],
        "test": result.accuracy,
        "test_ci95": list(result.interval),
        "seconds_per_step": median(row["seconds"] for row in epochs) / len(run.plan.train),
        "epochs": epochs,
    }


def shown(results: list[dict[str, Any]]) -> str:
    """Return the results as a table, and the differences of the two libraries.

    Args:
        results: Accuracy and time of every seed and library, as `trained` returns them.
    """
    rows = [
        (
            result["part"],
            result["seed"],
            result["epoch"],
            f"{result['valid']:.2%}",
            f"{result['test']:.2%}",
            "{:.2%} to {:.2%}".format(*result["test_ci95"]),
            f"{result['seconds_per_step']:.4f}",
        )
        for result in results
    ]
    head = ("parts", "seed", "best epoch", "valid", "test", "95 % interval", "s/step")
    return "\n".join([table(head, rows), *(_difference(results, split) for split in ("valid", "test"))])


def _difference(results: list[dict[str, Any]], split: str) -> str:
    ours, theirs = ([result[split] for result in results if result["part"] == part] for part in PARTS)
    differences = [100 * (one - other) for one, other in zip(ours, theirs, strict=True)]
    spread = f", standard deviation over seeds {stdev(differences):.2f}" if len(differences) > 1 else ""
    return f"{split}: snnsim less {BASELINE} {mean(differences):+.2f} points{spread}"


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", choices=list(presets.PRESETS), metavar="preset", help="such as shd, digits, motifs")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="any value of the config"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="training.seed of each pair of runs")
    parser.add_argument("--output", type=Path, help="folder of the runs; runs/bench-PRESET by default")
    parser.add_argument("--json", type=Path, help="file for the figures; figures/bench-PRESET.json by default")
    return parser.parse_args()


def main() -> None:
    """Train all, print a table, and write the figures."""
    options = arguments()
    allocator.keep_memory()
    config = presets.named(options.preset).with_values(dict(map(parse_assignment, options.set)))
    folder = options.output or Path(f"runs/bench-{options.preset}")
    results = []
    for seed in options.seeds:
        seeded = replace(config, training=replace(config.training, seed=seed))
        for part in PARTS:
            print(f"{part}, seed {seed}", flush=True)
            results.append(trained(part, seeded, RunFolder(folder / f"{part}-seed{seed}")))
    print(shown(results))
    content = {"config": config.to_toml(), "seeds": options.seeds, "results": results}
    write(
        options.json or Path(f"figures/bench-{options.preset}.json"), content, names=[BASELINE], seed=options.seeds[0]
    )


if __name__ == "__main__":
    main()
