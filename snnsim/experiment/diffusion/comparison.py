"""Variants of spiking diffusion side by side: each a run of its own, its measures, and a curve of guidance.

    spiking-4, spiking-8   4 and 8 steps of the neurons
    scaled-4               spiking-4, with a tenth of its epochs more, in which the step scales are learned
    sltt-4                 4 steps, without gradient paths from step to step
    conditional-4          spiking-4 with the class as an input, whose pictures teach a classifier
    silu                   the same network without spikes (ANN)
    converted              trained with 4 levels, converted into neurons of 4 steps

The tables hold every variant and seed; guidance changes the thresholds of spiking-4 of seed 0.
"""

import csv
import functools
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from snnsim.experiment import cells as cell_files
from snnsim.experiment.diffusion import evaluation, features, training
from snnsim.experiment.diffusion.sampling import Sampler
from snnsim.experiment.diffusion.settings import PICTURES, Settings
from snnsim.files import written_whole
from snnsim.training.run_folder import RunFolder
from snnsim.validation import require

VARIANTS: dict[str, dict[str, Any]] = {
    "spiking-4": {},
    "spiking-8": {"steps": 8},
    "scaled-4": {"scaled": True},
    "sltt-4": {"temporal": False},
    "conditional-4": {"conditional": True},
    "silu": {"activation": "silu"},
    "converted": {"activation": "qcfs"},
}
GUIDED = "spiking-4"
COLUMNS = (
    "variant", "seed", "train_loss", "valid_loss", "distance", "floor", "noise", "nearest", "confidence",
    "entropy", "learned", "learned_from_real", "spikes_per_neuron", "operations", "multiplications",
    "energy_nj", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """Sizes of the comparison."""

    epochs: int = 80
    width: int = 32
    pictures: int = 360
    """Drawn pictures of each measure."""
    sampling_steps: int = 50
    thresholds: tuple[float, ...] = (0.95, 0.99, 0.997, 1.0, 1.003, 1.01, 1.05)
    seeds: int = 1
    variants: tuple[str, ...] = tuple(VARIANTS)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.variants) - set(VARIANTS))
        require(not unknown, f"reproduce: variants must be among {', '.join(VARIANTS)}, not {', '.join(unknown)}")


class Cell(NamedTuple):
    """A variant and a seed."""

    variant: str
    seed: int

    def name(self) -> str:
        """Return the name of its run and of its file."""
        return f"{self.variant}-{self.seed}"


BUDGETS = {"digits": Budget(), "pictures": Budget(epochs=20, pictures=2000)}


def reproduce(budget: Budget, output: Path, data: Path | None = None) -> Path:
    """Train all variants that are missing, measure them, write tables and figures, and return the folder.

    Args:
        budget: Sizes of the comparison.
        output: Folder of the comparison.
        data: Folder of IDX files; None takes the digits of scikit-learn.
    """
    folder = RunFolder(output)
    # other variants and more seeds only add runs
    values = asdict(budget) | {"data": "digits" if data is None else str(data)}
    settings = cell_files.Settings(values, free=("seeds", "variants"))
    cells = [Cell(variant, seed) for seed in range(budget.seeds) for variant in budget.variants]
    # before the settings are written, as the folder belongs to them from then on
    loaded = training.load_pictures(_settings(budget, data, cells[0]))
    # trained when it is needed first
    classifier = functools.cache(lambda: features.reference(loaded))

    def result(cell: Cell) -> cell_files.Row:
        run = output / "runs" / cell.name()
        _train(run, _settings(budget, data, cell))
        history = RunFolder(run).read_metrics()
        losses = {name: history[-1][name] for name in ("train_loss", "valid_loss")}
        sampler = Sampler(steps=budget.sampling_steps)
        measured = evaluation.evaluate(run, budget.pictures, sampler, classifier=classifier())
        return {**cell._asdict(), **losses, "seconds": sum(row["seconds"] for row in history), **measured}

    rows = cell_files.run_all(folder, cells, result, settings)
    _guide(folder, budget, classifier)
    _write(folder, rows)
    return output


def _settings(budget: Budget, data: Path | None, cell: Cell) -> Settings:
    base = Settings() if data is None else PICTURES.with_values({"path": str(data)})
    values = dict(VARIANTS[cell.variant])
    if values.pop("scaled", False):
        values["scaled_epochs"] = max(1, budget.epochs // 10)
    return base.with_values({"epochs": budget.epochs, "width": budget.width, "seed": cell.seed, **values})


def _train(run: Path, settings: Settings) -> None:
    if (run / "config.toml").is_file():
        training.train(str(run), {}, resume=True)
        return
    default = Settings()
    values = {name: value for name, value in asdict(settings).items() if value != getattr(default, name)}
    base = {name: getattr(settings, name) for name in ("epochs", "valid", "multipliers", "batch_size")}
    training.train("diffusion", base | values, output=run)


def _guide(folder: RunFolder, budget: Budget, classifier: Callable[[], features.Classifier]) -> None:
    """Measure the guided variant with other thresholds."""
    path, run = folder.path / "guidance.json", folder.path / "runs" / f"{GUIDED}-0"
    if GUIDED not in budget.variants or path.is_file():
        return
    sampler = Sampler(steps=budget.sampling_steps)
    rows = [
        evaluation.evaluate(run, budget.pictures, sampler, threshold=threshold, classifier=classifier())
        for threshold in tqdm(budget.thresholds, unit="threshold", disable=None)
    ]
    folder.write_json(path, {"variant": GUIDED, "rows": rows})


def _write(folder: RunFolder, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    with written_whole(folder.path / "results.csv") as partial:
        partial.write_text(text.getvalue(), encoding="utf-8")
    lines = [
        "| variant | seed | feature distance | valid loss | nearest | spikes a neuron | energy, nJ |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['variant']} | {row['seed']} | {row['distance']:.3g} | {row['valid_loss']:.4f} | {row['nearest']:.2f} "
        f"| {row['spikes_per_neuron']:.2f} | {row['energy_nj']:,.0f} |"
        for row in rows
    ]
    if rows:
        first = rows[0]
        lines.append(
            f"\nReal pictures against real ones: {first['floor']:.3g}; noise: {first['noise']:.3g}. "
            f"{first['pictures']} pictures each. Energy of one evaluation of the network."
        )
    lines += [
        f"\nA classifier of pictures drawn by {row['variant']} (seed {row['seed']}) knows {row['learned']:.1%} of "
        f"other real pictures, one of real pictures {row['learned_from_real']:.1%}."
        for row in rows
        if "learned" in row
    ]
    guidance = folder.path / "guidance.json"
    if guidance.is_file():
        curve = json.loads(guidance.read_text(encoding="utf-8"))["rows"]
        points = ", ".join(f"{row['threshold']:g}: {row['distance']:.3g}" for row in curve)
        lines.append(f"\nGuidance by the threshold, feature distance of {GUIDED}: {points}.")
    with written_whole(folder.path / "table.md") as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
