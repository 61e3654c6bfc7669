"""A network that fits Xylo: motifs of 16 channels and 8 lags, 32 hidden neurons that forget, delays up to 10 steps.

python scripts/chips/xylo.py FOLDER [--python ENV/bin/python]

Trains it (FOLDER/run), quantises to 7 bits, mends what breaks Xylo's rules, has XyloSim run recordings of the test
split, and writes accuracy after each of these into figures/xylo.json.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import export, presets, verification
from snnsim.config import Config
from snnsim.data import heidelberg, motifs
from snnsim.experiment import exports, programs, runs
from snnsim.simulation import Simulator
from snnsim.training.folder import Folder, environment

RECIPE = motifs.Recipe(lags=tuple(range(3, 11)), pairs=8)


def data(folder: Path) -> Path:
    """Return the folder of the recordings, under the names of the data set that comes in three files."""
    for split, recordings in motifs.make(0, RECIPE).items():
        heidelberg.write(folder / f"ssc_{split}.h5", recordings)
    return folder


def config(folder: Path, epochs: int) -> Config:
    """Return what is trained: 16 channels, no batch norm, and delays as the only memory."""
    base = presets.named("motifs")
    network = replace(
        base.network, hidden=(32,), max_delay_ms=100.0, tau_ms=10.0, tau_readout_ms=10.0, batch_norm=False,
        sparsity=0.5, dropout=0.0,
    )  # fmt: skip
    training = replace(base.training, decision="mean_membrane", epochs=epochs, lr=0.005)
    return replace(
        base,
        name="motifs-xylo",
        data=replace(base.data, name="ssc", path=str(folder), channels=16),
        network=network,
        training=training,
    )


def accuracy(program: Any, given: Any) -> float:
    """Return the share of recordings whose class is right."""
    return float((Simulator(program).run(given.events).predictions() == given.label).mean())


def main() -> None:
    """Train, mend, verify and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default="python")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--json", type=Path, default=Path("figures/xylo.json"))
    options = parser.parse_args()
    run, stored = options.folder / "run", options.folder / "config.toml"
    if not run.exists():
        config(data(options.folder / "data"), options.epochs).save(stored)
        runs.train(str(stored), {}, output=run)
    program = programs.freeze(run)
    given = programs.recordings(program, None, "test")
    found: dict[str, Any] = {"trained": accuracy(program, given)}
    changed, made = export.targets.fixed(program, "xylo")
    for each in made:
        found[each.name] = {"accuracy": accuracy(each.program, given), **each.counts}
    found["left"] = [str(violation) for violation in export.TARGETS["xylo"].check(changed)]
    print(found)
    if not found["left"]:
        export.write(changed, "xylo", options.folder / "motifs.xylo")
        events, label = exports.recordings(changed, exports.Data(None, "test"), options.recordings)
        report = verification.verify(
            options.folder / "motifs.xylo", changed, events, consumer="xylo", python=options.python
        )
        found["XyloSim"] = exports.facts(report, label)
        found["hidden_neurons"] = int(np.load(options.folder / "motifs.xylo")["threshold"].size)
        changed.save(options.folder / "motifs.snn")
    print(found)
    Folder(options.json.parent).write_json(options.json, {**environment(0), "results": found})


if __name__ == "__main__":
    main()
