"""Accuracy of networks of LIF and of other neurons on recordings with deleted, jittered and added spikes.

    python scripts/robustness.py                           generated digits
    python scripts/robustness.py --preset shd --data-path FOLDER  your own recordings

All kinds of neurons have the same config except network.neuron, the same seeds and the same epochs. The network is that
of the epoch with the best validation accuracy. No network is trained on perturbed recordings. Networks of stochastic
neurons are evaluated with several seeds, of which the mean counts. A second call resumes where the first was stopped.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from snnsim import allocator, experiment, plots, presets
from snnsim.bench.tables import table
from snnsim.config import Config, parse_assignment
from snnsim.data import binning, heidelberg, perturb
from snnsim.data.batches import Batches
from snnsim.experiment import build, datasets, evaluate_run
from snnsim.files import write_json
from snnsim.learning import decisions
from snnsim.nn import dropout
from snnsim.plots.style import BLUE, GREEN, INK, ORANGE, VERMILION, WIDTH_INCH, style
from snnsim.training import evaluation
from snnsim.training.run_folder import environment

SHARES, SPREADS_MS = (0.1, 0.2, 0.3, 0.4, 0.5), (1.0, 2.0, 5.0, 10.0, 20.0)
PERTURBED: dict[str, tuple[Callable, tuple[float, ...], str]] = {
    "deleted": (perturb.deleted, SHARES, "spikes deleted (%)"),
    "jittered": (perturb.jittered, SPREADS_MS, "spikes moved (ms, standard deviation)"),
    "added": (perturb.added, SHARES, "spikes added (%)"),
}
COLORS = {"lif": INK, "meta": BLUE, "levy_baxter": GREEN, "second_order": ORANGE}


def tests(config: Config, seed: int) -> dict[tuple[str, float], Batches]:
    """Return the test recordings, unchanged and perturbed, in batches.

    Args:
        config: Config with the data set and its binning.
        seed: Seed of the perturbations.
    """
    data = config.data
    recordings = heidelberg.read(heidelberg.find(datasets.data_folder(config.data), data.name)["test"])
    grid = {"time_step_ms": data.time_step_ms, "channels": data.channels, "max_time_ms": data.max_time_ms}
    variants = {("as they are", 0.0): recordings}
    for kind, (perturb_spikes, values, _) in PERTURBED.items():
        for number, value in enumerate(values):
            variants[kind, value] = perturb_spikes(recordings, value, np.random.default_rng((seed, number)))
    every = np.arange(len(recordings))
    return {
        name: Batches(binning.bin_events(each, **grid), every, batch_size=build.EVALUATION_BATCH)
        for name, each in variants.items()
    }


def trained(config: Config, folder: Path) -> evaluate_run.Loaded:
    """Return the network of a config, trained now or by an earlier call.

    Args:
        config: Config of the training, with its seed.
        folder: Folder of the run, which may hold an unfinished or a finished training.

    Raises:
        ValueError: If the folder holds a run of another config.
    """
    if (folder / "config.toml").is_file() and Config.load(folder / "config.toml") != config:
        raise ValueError(f"{folder} holds a run of another config; choose another --output")
    if not (folder / "config.toml").is_file() or not experiment.is_finished(folder):
        target = folder.with_suffix(".toml")
        folder.parent.mkdir(parents=True, exist_ok=True)
        config.save(target)
        resume = "auto" if (folder / "config.toml").is_file() else None
        experiment.train(str(target), {}, output=folder, resume=resume, device="cpu")
    return evaluate_run.load(folder, "valid")


def results(
    loaded: evaluate_run.Loaded, variants: dict[tuple[str, float], Batches], draws: int
) -> list[dict[str, Any]]:
    """Return the accuracy and the activity of a network on all test recordings.

    Args:
        loaded: The trained network.
        variants: Test recordings by kind and strength of the perturbation, as `tests` returns them.
        draws: Evaluations of a stochastic network, with seeds from 0; a deterministic network is evaluated once.
    """
    decide = decisions.get_decision(loaded.config.training.decision)
    seeds = range(draws) if dropout.is_stochastic(loaded.network) else [None]
    rows = []
    for (kind, value), batches in variants.items():
        evaluations = [
            evaluation.evaluate(loaded.network, batches, decide, device=torch.device("cpu"), seed=seed)
            for seed in seeds
        ]
        rows.append(
            {
                "neuron": loaded.config.network.neuron.kind,
                "seed": loaded.config.training.seed,
                "kind": kind,
                "value": value,
                "accuracy": mean(one.accuracy for one in evaluations),
                "accuracies": [one.accuracy for one in evaluations],
                "activity": [mean(layer) for layer in zip(*(one.activity for one in evaluations), strict=True)],
                "total": evaluations[0].total,
            }
        )
    return rows


def of(rows: list[dict[str, Any]], neuron: str, kind: str, value: float) -> list[float]:
    """Return the accuracies of a kind of neuron over the seeds.

    Args:
        rows: Results of all networks.
        neuron: Kind of the neurons.
        kind: Kind of the perturbation, or "as they are".
        value: Strength of the perturbation; 0 without one.
    """
    key = (neuron, kind, value)
    return [row["accuracy"] for row in rows if (row["neuron"], row["kind"], row["value"]) == key]


def shown(rows: list[dict[str, Any]], neurons: list[str]) -> str:
    """Return the results as a table.

    Args:
        rows: Results of all networks.
        neurons: Kinds of neurons, in the order of the columns.
    """

    def cell(values: list[float]) -> str:
        return f"{mean(values):.1%}" + (f" ± {stdev(values):.1%}" if len(values) > 1 else "")

    lines = []
    for kind, value in dict.fromkeys((row["kind"], row["value"]) for row in rows):
        unit = "" if kind == "as they are" else f" {value:g} ms" if kind == "jittered" else f" {value:.0%}"
        lines.append((kind + unit, *(cell(of(rows, neuron, kind, value)) for neuron in neurons)))
    plain = [row for row in rows if row["kind"] == "as they are"]
    spikes = [mean(mean(row["activity"]) for row in plain if row["neuron"] == neuron) for neuron in neurons]
    lines.append(("spikes per neuron and step", *(f"{value:.4f}" for value in spikes)))
    return table(("test recordings", *neurons), lines)


def drawn(rows: list[dict[str, Any]], neurons: list[str]) -> Figure:
    """Return the figure: accuracy over the strength of a perturbation, with the spread over seeds.

    Args:
        rows: Results of all networks.
        neurons: Kinds of neurons to draw.
    """
    with style():
        figure = Figure(figsize=(WIDTH_INCH, 1.9), layout="constrained")
        panels = figure.subplots(1, len(PERTURBED), sharey=True)
        for axes, (kind, (_, values, label)) in zip(panels, PERTURBED.items(), strict=True):
            scale = 1 if kind == "jittered" else 100
            for neuron in neurons:
                accuracies = [of(rows, neuron, "as they are", 0.0)]
                accuracies += [of(rows, neuron, kind, value) for value in values]
                middle = 100 * np.array([mean(one) for one in accuracies])
                spread = 100 * np.array([stdev(one) if len(one) > 1 else 0.0 for one in accuracies])
                x, color = scale * np.array([0.0, *values]), COLORS.get(neuron, VERMILION)
                axes.plot(x, middle, "o-", markersize=2.5, color=color, label=neuron)
                axes.fill_between(x, middle - spread, middle + spread, color=color, alpha=0.15, linewidth=0)
            axes.set_xlabel(label)
        panels[0].set_ylabel("test accuracy (%)")
        panels[0].legend()
    return figure


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="digits", choices=list(presets.PRESETS))
    parser.add_argument("--data-path", metavar="FOLDER", help="folder of the files of shd or ssc")
    parser.add_argument("--epochs", type=int, help="number of epochs; by default that of the preset")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--neurons", nargs="+", default=["lif", "meta"], choices=list(COLORS))
    parser.add_argument("--draws", type=int, default=3, help="seeds of networks of stochastic neurons")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="values of the config, for all runs")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="of the runs; runs/robustness-PRESET by default")
    parser.add_argument("--name", help="of the files in figures/; robustness-PRESET by default")
    return parser.parse_args()


def main() -> None:
    """Train and test all networks, print a table, and write the figure and its numbers."""
    options = arguments()
    allocator.keep_memory()
    values: dict[str, object] = dict(map(parse_assignment, options.set))
    values |= {"data.path": options.data_path} if options.data_path else {}
    values |= {"training.epochs": options.epochs} if options.epochs else {}
    config = presets.named(options.preset).with_values(values)
    folder, variants, rows = options.output or Path(f"runs/robustness-{options.preset}"), tests(config, 0), []
    for seed in options.seeds:
        for neuron in options.neurons:
            print(f"{neuron}, seed {seed}", flush=True)
            one = config.with_values({"network.neuron": neuron, "training.seed": seed})
            rows += results(trained(one, folder / f"{neuron}-seed{seed}"), variants, options.draws)
    print(shown(rows, options.neurons))
    figure = Path("figures") / f"{options.name or f'robustness-{options.preset}'}.png"
    plots.save(drawn(rows, options.neurons), figure)
    content = {**environment(options.seeds[0]), "config": config.with_values({"data.path": None}).to_toml()}
    content |= {"seeds": options.seeds, "draws": options.draws, "results": rows}
    write_json(figure.with_suffix(".json"), content)
    print(figure)


if __name__ == "__main__":
    main()
