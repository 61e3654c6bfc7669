"""Learning rules trained alike: accuracy and its spread over seeds, with the recipe's leak and with a strong one.

    bptt      surrogate gradients through time
    sltt      without gradient paths through the membrane
    sltt-k    sltt from k steps of a batch alone

For every seed all runs start from the same parameters and see the same recordings in the same order for the same number
of epochs. The result is the validation accuracy after the last epoch, with integer delays. The runs are in the folder
of --output; a second call with the same options resumes where the first was stopped.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from common import write

from snnsim import allocator, experiment, presets
from snnsim.bench.tables import table
from snnsim.config import Config, parse_assignment
from snnsim.experiment import train_run
from snnsim.training import distributed
from snnsim.training.run_folder import RunFolder

LEAKS = {"recipe": None, "strong": 0.9}
"""Decay of the membrane; None is that of the preset."""


def with_leak(config: Config, beta: float | None) -> Config:
    """Return a config whose neurons and readout have another decay.

    Args:
        config: Config of the recipe, with its time step.
        beta: Share of the voltage that a step keeps, below 1; None leaves the decay of the config.
    """
    if beta is None:
        return config
    tau_ms = config.data.time_step_ms / (1 - beta)
    return config.with_values({"network.neuron.tau_ms": tau_ms, "network.readout.tau_ms": tau_ms})


def with_rule(config: Config, rule: str, k: int) -> Config:
    """Return a config with a learning rule.

    Args:
        config: Config whose learning rule is replaced.
        rule: Name of the learning rule.
        k: Number of steps that sltt-k samples; other rules do not use it.
    """
    return config.with_values({"training.rule": rule, "training.k": k if rule == "sltt-k" else None})


def trained(config: Config, folder: RunFolder) -> dict[str, Any]:
    """Train one network, or resume its training, and return its accuracies.

    Args:
        config: Config of the training, with its seed.
        folder: Folder of the run, which may hold an unfinished or a finished training.

    Raises:
        ValueError: If the folder holds a run of another config.
    """
    if folder.config.is_file() and Config.load(folder.config) != config:
        raise ValueError(f"{folder.path} holds a run of another config; choose another --output")
    if not experiment.is_finished(folder.path):
        run, _ = train_run.prepare(config, folder, distributed.SINGLE, distributed.choose_device("cpu"))
        config.save(folder.config)
        if folder.last.is_file():
            run.resume()
        run.fit(progress=False)
    epochs = folder.read_metrics()
    last = epochs[-1]
    return {
        "valid": last["valid_accuracy"],
        "train": last["train_accuracy"],
        "activity": last["activity"],
        "valid_by_epoch": [row["valid_accuracy"] for row in epochs],
    }


def shown(results: list[dict[str, Any]]) -> str:
    """Return the results as a table with a line for every rule and leak.

    Args:
        results: Accuracies of every rule, leak and seed, as `trained` returns them.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault((result["leak"], result["rule"]), []).append(result)
    rows = []
    for (leak, rule), members in groups.items():
        values = [100 * result["valid"] for result in members]
        base = {result["seed"]: 100 * result["valid"] for result in groups.get((leak, "bptt"), [])}
        differences = [100 * result["valid"] - base[result["seed"]] for result in members if result["seed"] in base]
        rows.append((leak, rule, len(values), _spread(values), _spread(differences, sign="+")))
    return table(("leak", "rule", "seeds", "valid %", "less bptt, same seed"), rows)


def _spread(values: list[float], sign: str = "") -> str:
    if not values:
        return "-"
    return f"{mean(values):{sign}.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", choices=list(presets.PRESETS), metavar="preset", help="such as shd, digits")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="any value of the config"
    )
    parser.add_argument("--rules", nargs="+", default=["bptt", "sltt", "sltt-k"], choices=["bptt", "sltt", "sltt-k"])
    parser.add_argument("--leaks", nargs="+", default=list(LEAKS), choices=list(LEAKS))
    parser.add_argument("--k", type=int, default=25, help="steps of sltt-k")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="training.seed of each run")
    parser.add_argument("--output", type=Path, help="folder of the runs; runs/rules-PRESET by default")
    parser.add_argument("--json", type=Path, help="file for the figures; figures/rules-PRESET.json by default")
    return parser.parse_args()


def main() -> None:
    """Train all networks, write the result of each at once, and print a table."""
    options = arguments()
    allocator.keep_memory()
    base = presets.named(options.preset).with_values(dict(map(parse_assignment, options.set)))
    folder = options.output or Path(f"runs/rules-{options.preset}")
    results: list[dict[str, Any]] = []
    for seed in options.seeds:
        for leak in options.leaks:
            for rule in options.rules:
                config = with_rule(with_leak(base, LEAKS[leak]), rule, options.k)
                config = replace(config, training=replace(config.training, seed=seed))
                result = trained(config, RunFolder(folder / f"{leak}-{rule}-seed{seed}"))
                results.append({"seed": seed, "leak": leak, "rule": rule, **result})
                print(f"{leak} leak, {rule}, seed {seed}: {result['valid']:.2%}", flush=True)
                content = {"config": base.to_toml(), "k": options.k, "seeds": options.seeds, "results": results}
                write(
                    options.json or Path(f"figures/rules-{options.preset}.json"),
                    content,
                    names=[],
                    seed=options.seeds[0],
                )
    print(shown(results))


if __name__ == "__main__":
    main()
