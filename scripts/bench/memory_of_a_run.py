"""Memory of a run, epoch by epoch: whether it stays constant or grows.

A preset is trained as by `snnsim train`, in a process of its own. With --baseline, another library's network of the
same layers is trained on the same batches in a second process, without validation and checkpoints.

After each epoch three numbers are taken, in MiB: the peak of its training above the memory before the run (the number
that `snnsim train` prints), the resident size at its end, and the highest resident size of the epoch with its
validation. Recordings have different lengths, so every batch has another size. The last line of a table compares the
last epoch with the second one, because the first one also compiles.
"""

import argparse
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import torch
from common import add_allocator, write

from snnsim import peak_memory, presets
from snnsim.bench import baselines, compare, isolated, tables, train_step
from snnsim.config import Config, parse_assignment
from snnsim.experiment import train_run
from snnsim.training import distributed, trainer
from snnsim.training.run_folder import RunFolder

MIB = 2**20


class Watched(trainer.Trainer):
    """A training that records its memory after every epoch.

    Args:
        *parts: Arguments of Trainer.
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.records: list[dict[str, int]] = []

    def _close_epoch(self, *arguments: Any, **options: Any) -> None:
        super()._close_epoch(*arguments, **options)
        peak = self.state.history[-1]["peak_bytes"] or 0
        self.records.append({"peak": peak, "resident": peak_memory.resident(), "highest": peak_memory.highest()})
        compare.say(
            f"epoch {len(self.records)}: peak {peak / MIB:.0f} MiB, resident {peak_memory.resident() / MIB:.0f} MiB"
        )


def measured(config: Config) -> list[dict[str, int]]:
    """Return the bytes of every epoch of a training.

    Args:
        config: Config of the training. Its run is deleted afterwards.
    """
    with tempfile.TemporaryDirectory() as scratch:
        run, _ = train_run.prepare(config, RunFolder(Path(scratch) / "run"), distributed.SINGLE, torch.device("cpu"))
        watched = Watched(run.network, run.optimizers, run.plan, run.folder)
        watched.fit(progress=False)
    return watched.records


def of_baseline(config: Config, name: str) -> list[dict[str, int]]:
    """Return the bytes of every epoch of a baseline's training.

    Args:
        config: Config of the training.
        name: Name of the baseline.
    """
    with tempfile.TemporaryDirectory() as scratch:
        run, _ = train_run.prepare(config, RunFolder(Path(scratch) / "run"), distributed.SINGLE, torch.device("cpu"))
    batches, records = run.plan.train, []
    del run
    training = train_step.Training(name, train_step.Case(config))
    before = peak_memory.settled()
    for epoch in range(config.training.epochs):
        peak_memory.start_anew()
        with closing(batches.of_epoch(config.training.seed, epoch).starting_at(0)) as ahead:
            for arrays in ahead:
                training.step(trainer.to_tensors(arrays, torch.device("cpu")))
        highest, resident = peak_memory.highest(), peak_memory.resident()
        records.append({"peak": highest - before, "resident": resident, "highest": highest})
        compare.say(
            f"{name}, epoch {epoch + 1}: peak {(highest - before) / MIB:.0f} MiB, resident {resident / MIB:.0f} MiB"
        )
    return records


def shown(records: list[dict[str, int]]) -> str:
    """Return a table of the first epochs and of every tenth, and the growth since the second epoch.

    Args:
        records: Bytes of every epoch, as `measured` returns them.
    """
    chosen = [
        number for number in range(1, len(records) + 1) if number <= 3 or number % 10 == 0 or number == len(records)
    ]
    rows = [(number, *(f"{value / MIB:.0f}" for value in records[number - 1].values())) for number in chosen]
    table = tables.table(("epoch", "peak MiB", "resident MiB", "highest MiB"), rows)
    if len(records) < 2:
        return table
    more = ", ".join(f"{name} {(records[-1][name] - records[1][name]) / MIB:+.0f} MiB" for name in records[0])
    return f"{table}\nthe last epoch against the second: {more}"


def _most(records: list[dict[str, int]], name: str) -> int:
    return max(record[name] for record in records)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line.

    Args:
        words: Words of the command line; None takes those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="shd")
    parser.add_argument("--data-path", help="folder with the files of SHD")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="any value of the config"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch and numba")
    parser.add_argument("--json", type=Path, default=Path("figures/bench-memory.json"), help="file for the figures")
    parser.add_argument("--baseline", choices=list(baselines.BASELINES), help="library to compare with")
    add_allocator(parser)
    return parser.parse_args(words)


def main() -> None:
    """Train, print a table, and write all samples."""
    options = arguments()
    call = partial(isolated.call, surroundings=isolated.Surroundings(options.threads, options.allocator))
    values: dict[str, object] = {"training.epochs": options.epochs}
    if options.data_path is not None:
        values["data.path"] = options.data_path
    config = presets.named(options.preset).with_values(values | dict(map(parse_assignment, options.set)))
    records = call(measured, config)
    print(shown(records))
    content = {"config": config.to_toml(), "allocator": options.allocator, "epochs": records}
    if options.baseline is not None:
        theirs = content["baseline"] = call(of_baseline, config, options.baseline)
        print(f"\n{baselines.title(options.baseline)}\n{shown(theirs)}")
        highest, peak = (max(r[name] for r in theirs) / max(r[name] for r in records) for name in ("highest", "peak"))
        print(
            f"highest of the run, / snnsim: {tables.times(highest)}; above the memory before it: {tables.times(peak)}"
        )
    names = [] if options.baseline is None else [options.baseline]
    write(options.json, content, names=names, seed=config.training.seed)


if __name__ == "__main__":
    main()
