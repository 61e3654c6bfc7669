"""Print rows of docs/results.md from finished runs: scripts/results.py RUN... (evaluated with --split test)."""

import argparse
import json
from pathlib import Path

from snnsim.config import Config
from snnsim.config.neurons import LIF
from snnsim.experiment import build, datasets
from snnsim.training.optimizers import trained_parameters
from snnsim.training.run_folder import RunFolder


def row(path: Path) -> str:
    """Return a run as one line of a table.

    Args:
        path: Folder of a finished run that was evaluated on the test split.
    """
    folder = RunFolder(path)
    config, history = Config.load(folder.config), folder.read_metrics()
    network = build.build_network(config, classes=len(datasets.load_splits(config, "train")["train"].binned.classes))
    best = max(history, key=lambda epoch: (epoch["valid_accuracy"], -epoch["valid_loss"]))
    result = json.loads(folder.evaluation("test").read_text(encoding="utf-8"))
    low, high = result["ci95"]
    net = config.network
    membrane = f", {net.neuron.tau_ms:g} ms" if isinstance(net.neuron, LIF) else f", {net.neuron.kind}"
    cells = (
        f"`{config.name}`",
        f"{' - '.join(map(str, net.hidden))}, {net.delays} delays{membrane}",
        f"{trained_parameters(network):,}",
        f"{len(history)}",
        f"{sum(epoch['seconds'] for epoch in history) / 60:.0f}",
        f"{best['valid_accuracy']:.1%}",
        f"{result['accuracy']:.1%} ({low:.1%} to {high:.1%})",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    print("| preset | hidden layers, delays, membrane | parameters | epochs | minutes | valid | test (95 % interval) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for path in parser.parse_args().runs:
        print(row(path))


if __name__ == "__main__":
    main()
