"""The results: a line per run and population (CSV), a table (Markdown), and a raster by layer.

The distance of two runs is that of the distributions of rates, CVs or correlations over the neurons or pairs of a
population. Distances between NEST's seeds are the scale for those between snnsim and NEST.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from snnsim.analysis.populations import distance
from snnsim.experiment.cells import Row
from snnsim.plots import layers
from snnsim.plots.style import save
from snnsim.training.run_folder import RunFolder

DISTRIBUTIONS = ("rate", "cv", "correlation")
MEASURES = (*DISTRIBUTIONS, "synchrony")
COLUMNS = (
    "simulator", "seed", "population", *MEASURES, "threads", "build_seconds", "real_time_factor", "bytes_per_synapse",
)  # fmt: skip
_DIGITS = {"rate": 2, "cv": 2, "correlation": 4, "synchrony": 2}
Arrays = Mapping[str, np.ndarray]


def arrays_file(folder: RunFolder, name: str) -> Path:
    """Return the path of the distributions of a cell.

    Args:
        folder: Folder of the experiment.
        name: Name of the cell.
    """
    return folder.path / "cells" / f"{name}.npz"


def write(folder: RunFolder, rows: Sequence[Row]) -> None:
    """Write results.csv, table.md and raster.png into a folder.

    Args:
        folder: Folder of the experiment; existing files are replaced.
        rows: Results, one mapping per cell.
    """
    arrays = [_read(arrays_file(folder, f"{row['simulator']}-{row['seed']}")) for row in rows]
    folder.write_texts({"results.csv": as_csv(rows), "table.md": table(rows, arrays)})
    first, spikes = rows[0], arrays[0]
    names = list(first["populations"])
    raster = layers.Raster(spikes["raster/step"] * first["step_ms"], spikes["raster/neuron"])
    save(layers.draw(raster, names, first["sizes"]), folder.path / "raster.png")


def as_csv(rows: Sequence[Row]) -> str:
    """Return a line of CSV for every run and population; a missing value is empty.

    Args:
        rows: Results, one mapping per cell.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        for name, measures in row["populations"].items():
            line = row | {"population": name} | measures
            writer.writerow({key: f"{each:.6g}" if isinstance(each, float) else each for key, each in line.items()})
    return text.getvalue()


def table(rows: Sequence[Row], arrays: Sequence[Arrays]) -> str:
    """Return the tables: times, measures of each population, and distances where NEST ran, too.

    Args:
        rows: Results, one mapping per cell.
        arrays: Distributions of the cells.
    """
    simulators = list(dict.fromkeys(row["simulator"] for row in rows))
    names = list(rows[0]["populations"])
    lines = [*_times(rows, simulators), "", _line("population", *MEASURES), _line("---", *["---:"] * len(MEASURES))]
    for name in names:
        cells = []
        for measure in MEASURES:
            means = [_mean([row for row in rows if row["simulator"] == each], name, measure) for each in simulators]
            cells.append(" / ".join(means))
        lines.append(_line(name, *cells))
    if len(simulators) > 1:
        lines += ["", *_distances(rows, arrays, names)]
    return "\n".join(lines) + "\n"


def _times(rows: Sequence[Row], simulators: Sequence[str]) -> list[str]:
    lines = [
        _line(
            "simulator", "seeds", "neurons", "synapses", "threads", "build (s)", "real-time factor", "bytes a synapse"
        ),
        _line("---", *["---:"] * 7),
    ]
    for simulator in simulators:
        mine = [row for row in rows if row["simulator"] == simulator]
        threads = ", ".join(map(str, sorted({row["threads"] for row in mine})))
        memory = mine[0]["bytes_per_synapse"]
        lines.append(
            _line(
                simulator, str(len(mine)), f"{mine[0]['neurons']:,}", f"{mine[0]['synapses']:,}", threads,
                f"{median(row['build_seconds'] for row in mine):.1f}",
                f"{median(row['real_time_factor'] for row in mine):.2f}", f"{memory:.1f}" if memory else "-",
            )
        )  # fmt: skip
    return lines


def _distances(rows: Sequence[Row], arrays: Sequence[Arrays], names: Sequence[str]) -> list[str]:
    """Return the table of distances: median of snnsim and NEST, and median and largest one of two seeds of NEST."""
    ours, theirs = (
        [each for row, each in zip(rows, arrays, strict=True) if row["simulator"] == simulator]
        for simulator in ("snnsim", "nest")
    )
    head = [f"{part}: snnsim to NEST / NEST to NEST, largest" for part in DISTRIBUTIONS]
    lines = [_line("KS distance", *head), _line("---", *["---:"] * len(head))]
    for name in names:
        cells = []
        for part in DISTRIBUTIONS:
            key = f"{name}/{part}"
            across = [distance(one[key], other[key]) for one, other in product(ours, theirs)]
            within = [distance(one[key], other[key]) for one, other in combinations(theirs, 2)]
            ends = f"{median(within):.3f}, {max(within):.3f}" if within else "-"
            cells.append(f"{median(across):.3f} / {ends}")
        lines.append(_line(name, *cells))
    return lines


def _mean(rows: Sequence[Row], name: str, measure: str) -> str:
    values: list[Any] = [row["populations"][name][measure] for row in rows]
    numbers = [value for value in values if value is not None]
    return f"{fmean(numbers):.{_DIGITS[measure]}f}" if numbers else "-"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return dict(arrays)
