"""The results: a line per network (CSV), and two tables (Markdown), beside the networks that NeuroBench published.

sMAPE is that of a forecast of ten Lyapunov times, the mean over seeds of each τ, and the mean over all τ. A forecast
follows its series until a point is wrong by more than 0.2.

Source   published networks: the leaderboard of NeuroBench, chaotic function prediction, submitted on 2024-01-17
"""

import csv
import io
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from snnsim.training.run_folder import RunFolder

Rows = Sequence[Mapping[str, Any]]
COLUMNS = (
    "tau", "seed", "smape", "smape_mean", "mse", "followed", "footprint", "connection_sparsity",
    "activation_sparsity", "synaptic_operations", "synaptic_operations_dense", "macs", "cpu_seconds",
)  # fmt: skip
_COSTS = COLUMNS[6:12]
PUBLISHED: dict[str, dict[str, float]] = {
    "LSTM, published": {
        "smape": 13.37, "footprint": 4.90e5, "connection_sparsity": 0.0, "activation_sparsity": 0.530,
        "synaptic_operations_dense": 6.03e4, "macs": 6.03e4, "acs": 0.0,
    },
    "ESN, published": {
        "smape": 14.79, "footprint": 2.81e5, "connection_sparsity": 0.876, "activation_sparsity": 0.0,
        "synaptic_operations_dense": 3.52e4, "macs": 4.37e3, "acs": 0.0,
    },
}  # fmt: skip
"""Networks of the leaderboard, on the downloaded series."""
_HEAD = (
    "network", "sMAPE", "footprint (bytes)", "connection sparsity", "activation sparsity", "dense operations",
    "MACs", "ACs",
)  # fmt: skip


def write(folder: RunFolder, rows: Rows) -> None:
    """Write results.csv and table.md into a folder.

    Args:
        folder: Folder of the experiment; existing files are replaced.
        rows: Results, one mapping per cell.
    """
    folder.write_texts({"results.csv": as_csv(rows), "table.md": table(rows)})


def as_csv(rows: Rows) -> str:
    """Return the results as CSV.

    Args:
        rows: Results, one mapping per cell.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: row[name] for name in COLUMNS})
    return text.getvalue()


def table(rows: Rows) -> str:
    """Return the tables: errors of each τ, and the mean network beside the published ones.

    Args:
        rows: Results, one mapping per cell.
    """
    taus = list(dict.fromkeys(row["tau"] for row in rows))
    lines = [_line("τ", "sMAPE", "sMAPE of the mean", "Lyapunov times followed", "operations in a step", "seeds")]
    lines.append(_line(*["---:"] * 6))
    for tau in taus:
        lines.append(_of_delay(str(tau), [row for row in rows if row["tau"] == tau]))
    lines += [_of_delay("all", rows), "", _line(*_HEAD), _line("---", *["---:"] * 7)]
    own = {name: fmean(row[name] for row in rows) for name in ("smape", *_COSTS)}
    own |= {"acs": own["synaptic_operations"] - own["macs"]}
    lines += [_of_network(name, values) for name, values in ({"snnsim": own} | PUBLISHED).items()]
    return "\n".join(lines) + "\n"


def _of_delay(name: str, rows: Rows) -> str:
    means = [fmean(row[column] for row in rows) for column in ("smape", "smape_mean", "followed")]
    operations = fmean(row["synaptic_operations"] for row in rows)
    seeds = len({row["seed"] for row in rows})
    return _line(name, *(f"{mean:.1f}" for mean in means), f"{operations:,.0f}", str(seeds))


def _of_network(name: str, values: Mapping[str, float]) -> str:
    sizes = (f"{values[column]:,.0f}" for column in ("synaptic_operations_dense", "macs", "acs"))
    sparsities = (f"{values[column]:.3f}" for column in ("connection_sparsity", "activation_sparsity"))
    return _line(name, f"{values['smape']:.2f}", f"{values['footprint']:,.0f}", *sparsities, *sizes)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
