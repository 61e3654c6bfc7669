"""The experiment, cell by cell; every finished cell is a file with its network beside it, and goes into the next ones.

A stopped experiment goes on from the last epoch of the cell that was in training.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from snnsim.conversion import Conversion, Settings, convert, count, events, freeze
from snnsim.experiment import cells as cell_files
from snnsim.experiment.one_step import converting, networks, pictures, reporting
from snnsim.experiment.one_step.pictures import Pictures
from snnsim.experiment.one_step.settings import Budget, Cell, cells
from snnsim.experiment.one_step.training import Recipe, batches, train
from snnsim.nn.folded import set_steps
from snnsim.simulation import Simulator
from snnsim.training import checkpoint
from snnsim.training.run_folder import RunFolder

RULES = (("percentile", 90.0), ("percentile", 99.0), ("calibration", 0.0))
"""Thresholds of the converted networks."""
_TIMED = 9
"""Pictures that are timed."""
LADDER_RATE, SGD_RATE = 1e-3, 0.1


def reproduce(budget: Budget, output: Path, data: Path | None = None, *, progress: bool = True) -> Path:
    """Run all cells without a file, write the table, CSV and figure, and return the folder.

    Args:
        budget: Cells and their costs.
        output: Folder of the experiment.
        data: Folder of IDX files of pictures; None for the digits of scikit-learn.
        progress: Whether a progress bar is shown.
    """
    folder = RunFolder(output)
    # other arms and more seeds only add cells
    values = asdict(budget) | {"data": "digits" if data is None else data.name}
    settings = cell_files.Settings(values, free=("seeds", "arms"))
    # before the settings are written, as the folder belongs to them from then on
    loaded = pictures.load(data, budget.valid)

    def result(cell: Cell) -> dict[str, Any]:
        with tqdm(unit="epoch", leave=False, disable=None if progress else True) as bar:
            return _Run(folder, cell, budget, loaded, lambda epoch: bar.update(epoch - bar.n)).result()

    results = cell_files.run_all(folder, cells(budget), result, settings, progress=progress)
    reporting.write(folder, [row for each in results for row in each["rows"]])
    return folder.path


class _Run:
    """The computation of one cell."""

    def __init__(
        self, folder: RunFolder, cell: Cell, budget: Budget, loaded: Pictures, after: Callable[[int], object]
    ) -> None:
        self.folder, self.cell, self.budget, self.pictures, self.after = folder, cell, budget, loaded, after

    def result(self) -> dict[str, Any]:
        """Return the rows of the cell, and write its network."""
        began = time.process_time()
        rows = getattr(self, f"_{self.cell.arm}")()
        return {"rows": [row | self.cell._asdict() | {"steps": row["steps"]} for row in rows],
                "cpu_seconds": round(time.process_time() - began, 1)}  # fmt: skip

    def _ann(self) -> list[dict[str, Any]]:
        return [self._row(self._trained(self._random("ann"), self._sgd(self.budget.ann_epochs)), 0)]

    def _qcfs(self) -> list[dict[str, Any]]:
        network = self._trained(self._random("qcfs"), self._sgd(self.budget.ann_epochs))
        rows = [self._row(network, 0)]
        for steps in self.budget.conversion_steps:
            rows.append(self._row(self._converted_to(network, Settings(steps, "qcfs")).network, steps))
        return rows

    def _converted(self) -> list[dict[str, Any]]:
        ann, rows = self._ann_of_seed(), []
        for rule, percent in RULES:
            for steps in self.budget.conversion_steps:
                settings = Settings(steps, rule, percent or 90.0)
                name = f"{rule} {percent:g}" if percent else rule
                rows.append(self._row(self._converted_to(ann, settings).network, steps, name))
        return rows

    def _ladder(self) -> list[dict[str, Any]]:
        network, steps = self._ladder_start(self.budget.steps), self.cell.steps
        if steps < self.budget.steps:
            before = self._network_file(self.cell._replace(steps=steps + 1))
            set_steps(network, steps)
            checkpoint.into(before, network, checkpoint.load(before, None))
        epochs = self.budget.ladder_epochs[self.budget.steps - steps]
        return [self._row(self._trained(network, self._adam(epochs)), steps)]

    def _binary(self) -> list[dict[str, Any]]:
        ann = self._ann_of_seed()
        network = networks.binary(self._converted_to(ann, Settings(1, initial=0.0)))
        return [self._row(self._trained(network, self._adam(sum(self.budget.ladder_epochs))), 1)]

    def _scratch(self) -> list[dict[str, Any]]:
        epochs = self.budget.ann_epochs + sum(self.budget.ladder_epochs)
        return [self._row(self._trained(self._random("scratch"), self._sgd(epochs)), 1)]

    def _ladder_start(self, steps: int) -> nn.Module:
        settings = Settings(steps, neuron="scaled_lif", initial=0.0)
        return self._converted_to(self._ann_of_seed(), settings).network

    def _converted_to(self, network: nn.Module, settings: Settings) -> Conversion:
        return convert(network, converting.calibration(self.pictures.train, settings.steps), settings)

    def _ann_of_seed(self) -> nn.Module:
        network, path = self._random("ann"), self._network_file(Cell("ann", 0, self.cell.seed))
        checkpoint.into(path, network, checkpoint.load(path, None))
        return network.eval()

    def _random(self, arm: str) -> nn.Module:
        field = tuple(self.pictures.train.image.shape[1:])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.cell.seed)
            return networks.network(arm, self.budget, field, self.pictures.classes)  # type: ignore[arg-type]

    def _trained(self, network: nn.Module, recipe: Recipe) -> nn.Module:
        path = self._network_file(self.cell)
        train(network, self.pictures.train, recipe, seed=self.cell.seed, path=path, after=self.after)
        return network

    def _network_file(self, cell: Cell) -> Path:
        return self.folder.path / "networks" / f"{cell.name()}.pt"

    def _sgd(self, epochs: int) -> Recipe:
        return Recipe(epochs, self.budget.batch, SGD_RATE, False, self.budget.shift, self.budget.flip)

    def _adam(self, epochs: int) -> Recipe:
        return Recipe(epochs, self.budget.batch, LADDER_RATE, True, self.budget.shift, self.budget.flip)

    def _row(self, network: nn.Module, steps: int, rule: str = "") -> dict[str, Any]:
        """Return accuracy and costs on the validation pictures."""
        network.eval()
        right, parts, sizes = 0, [], []
        for image, label in batches(self.pictures.valid, converting.batch_size(steps)):
            output, costs = count(network, image)
            right += int((output.argmax(1) == label).sum())
            parts.append(costs)
            sizes.append(len(label))

        def mean(name: str) -> float:
            return float(np.average([getattr(part, name) for part in parts], weights=sizes))

        latency = self._latency_ms(network, steps) if steps and self.cell.arm != "binary" else None
        return {"rule": rule, "steps": steps, "accuracy": right / sum(sizes), "latency_ms": latency} | {
            name: mean(name) for name in ("spikes_per_neuron", "operations", "multiplications", "energy_nj")
        }

    def _latency_ms(self, network: nn.Module, steps: int) -> float:
        """Return the median time of a picture in the event-driven engine, in one thread."""
        image = self.pictures.valid.image
        program = freeze(network, tuple(image.shape[1:]))  # type: ignore[arg-type]
        simulator, durations = Simulator(program, engine="event_driven", threads=1), []
        for number in range(_TIMED + 1):
            shown = events(image[number : number + 1], steps)
            began = time.process_time()
            simulator.run(shown)
            durations.append(1000 * (time.process_time() - began))
        # the first run compiles
        return median(durations[1:])
