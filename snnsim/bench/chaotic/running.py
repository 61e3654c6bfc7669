"""The experiment, cell by cell: training on the first ten Lyapunov times, a forecast of the next ten, and its costs.

A network is a readout that is solved (least_squares.py), or that of the preset `chaotic`, trained for a fixed number of
epochs. Nothing is chosen by the test part.
Every finished cell is a file with its Program beside it, so that a stopped experiment can be continued.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snnsim.bench import neurobench_report
from snnsim.bench.chaotic import least_squares, reporting
from snnsim.bench.chaotic.forecasting import Forecast, forecast, smape
from snnsim.bench.chaotic.settings import Budget, Cell, cells
from snnsim.config import Config
from snnsim.data.synthetic import mackey_glass
from snnsim.data.synthetic.mackey_glass import TESTED, TRAINED, Recipe
from snnsim.experiment import build, tasks
from snnsim.experiment.cells import Settings, run_all
from snnsim.learning import rules
from snnsim.nn.freezing import freeze
from snnsim.program import INPUT, Program
from snnsim.recipes import CHAOTIC
from snnsim.training.fit import fit
from snnsim.training.run_folder import RunFolder

TOLERANCE = 0.2
"""Error of a point at which a forecast has left the series; series have standard deviations of 0.22 to 0.29."""


def reproduce(budget: Budget, output: Path, *, progress: bool = True) -> Path:
    """Run all cells without a file, write the table and CSV, and return the folder.

    Args:
        budget: Cells and their costs.
        output: Folder of the experiment.
        progress: Whether a progress bar is shown.
    """
    folder = RunFolder(output)
    # other delays and more seeds only add cells
    settings = Settings(asdict(budget), free=("taus", "seeds"))
    rows = run_all(folder, cells(budget), lambda cell: run(cell, budget, folder), settings, progress=progress)
    reporting.write(folder, rows)
    return folder.path


def run(cell: Cell, budget: Budget, folder: RunFolder) -> dict[str, Any]:
    """Return the result of a cell: errors of the forecast, and the metrics of its network in a step.

    Args:
        cell: The cell.
        budget: Cells and their costs.
        folder: Folder of the experiment, which gets the Program.
    """
    began, gradient = time.process_time(), budget.fitting == "gradient"
    recipe = Recipe(tau=cell.tau, copies=budget.copies) if gradient else least_squares.recipe(cell.tau)
    series = mackey_glass.points(cell.tau, TRAINED + TESTED + 1, first=cell.first)
    known = series[: TRAINED + 1]
    program = trained(known, recipe, cell.seed, budget) if gradient else least_squares.fitted(known, recipe)
    path = folder.path / "networks" / f"{cell.name()}.snn"
    path.parent.mkdir(parents=True, exist_ok=True)
    program.save(path)
    predicted = forecast(program, known, TESTED, recipe)
    errors = measured(predicted.values, series[TRAINED + 1 :], float(series[:TRAINED].mean()))
    seconds = round(time.process_time() - began, 1)
    return {**cell._asdict(), **errors, **costs(program, predicted, recipe), "cpu_seconds": seconds}


def trained(series: np.ndarray, recipe: Recipe, seed: int, budget: Budget) -> Program:
    """Return the Program of a network after training.

    Args:
        series: The training points and the one after them (point,).
        recipe: Windows and code.
        seed: Seed of the noise, the parameters and the order of the recordings.
        budget: Width of the hidden layer and epochs.
    """
    config = CHAOTIC.with_values({"network.hidden": (budget.hidden,), "training.seed": seed})
    generator = np.random.default_rng(seed)
    raster, change = mackey_glass.windows(series, recipe, generator)
    frames = torch.from_numpy(raster).float().transpose(0, 1)
    target = torch.from_numpy(change).float().transpose(0, 1)
    order, size = generator.permutation(frames.shape[1]), config.training.batch_size
    parts = [order[first : first + size] for first in range(0, len(order), size)]
    batches = [(frames[:, part], target[:, part]) for part in parts]
    network, training = build.build_network(config, classes=1), config.training
    fit(
        network, batches, epochs=budget.epochs, task=tasks.build(config), rule=_rule(config), lr=training.lr,
        lr_delay=training.lr_delay, weight_decay=training.weight_decay, seed=seed, progress=False,
    )  # fmt: skip
    names = (mackey_glass.TARGET,)
    return freeze(network, time_step_ms=recipe.time_step_ms, classes=names, task="step-regression")


def _rule(config: Config) -> rules.Rule:
    """Return the rule of a config, in which delays are rounded as `snnsim train` rounds them."""
    rule, grid = build.rule(config), build.grid(config)

    def rounded(network: Any, batch: Any, task: Any, generator: Any) -> Any:
        with grid.on(network):
            return rule(network, batch, task, generator)

    return rounded


def measured(predicted: np.ndarray, target: np.ndarray, mean: float) -> dict[str, float]:
    """Return the errors of a forecast, and that of the mean of the training points.

    Args:
        predicted: Predicted points (point,).
        target: True points (point,).
        mean: Mean of the training points.
    """
    away = np.abs(predicted - target) > TOLERANCE
    followed = int(np.argmax(away)) if away.any() else len(away)
    return {
        "smape": smape(predicted, target),
        "smape_mean": smape(np.full_like(target, mean), target),
        "mse": float(np.mean((predicted - target) ** 2)),
        "followed": followed / mackey_glass.POINTS_PER_LYAPUNOV_TIME,
    }


def costs(program: Program, predicted: Forecast, recipe: Recipe) -> dict[str, float]:
    """Return the metrics of NeuroBench by our counts, operations for each step of the forecast.

    An input of several spikes counts as a multiplication at each synapse, as the harness has it.

    Args:
        program: The Program.
        predicted: Its forecast.
        recipe: The code.
    """
    counts, steps = neurobench_report.counts(program, predicted.result, None), len(predicted.values)
    per_step = {name: counts[name] / steps for name in ("synaptic_operations", "synaptic_operations_dense")}
    # the inputs of the forecast, but for the last point before it and the last prediction
    several = (mackey_glass.raster(predicted.values, recipe).astype(np.int64) > 1).sum(axis=0)
    synapses = sum(
        np.bincount(each.pre(), minlength=program.channels) for each in program.single_edges if each.source == INPUT
    )
    per_step["macs"] = float(several @ synapses) / steps
    return {name: counts[name] for name in ("footprint", "connection_sparsity", "activation_sparsity")} | per_step
