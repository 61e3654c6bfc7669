"""What the benchmarks share: options, and the file that figures go to."""

import argparse
from pathlib import Path
from typing import Any

import torch

from snnsim import allocator
from snnsim.bench import baselines, compare, isolated, train_step
from snnsim.training.run_folder import RunFolder, environment


def parser(description: str, *, json: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all measurements of time have."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--repeats", type=int, default=5, help="turns of each")
    made.add_argument("--loops", type=int, default=1, help="calls in a turn")
    made.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch and numba")
    made.add_argument("--json", type=Path, default=Path(json), help="file for the figures")
    return made


def add_allocator(made: argparse.ArgumentParser) -> None:
    """Let one allocator be chosen."""
    made.add_argument("--allocator", choices=allocator.CHOICES, default="tuned", help="that of `snnsim train`, or not")


def add_allocators(made: argparse.ArgumentParser) -> None:
    """Let measurements be taken under both allocators."""
    both = ["tuned", "system"]
    made.add_argument("--allocator", nargs="+", choices=both, default=both, help="one or both")


def plan(options: argparse.Namespace, allocator: str) -> compare.Plan:
    """Return how to measure under an allocator."""
    processes = getattr(options, "processes", 1)
    around = isolated.Surroundings(options.threads, allocator)
    return compare.Plan(around, repeats=options.repeats, loops=options.loops, processes=processes)


def write(path: Path, results: dict[str, Any], *, names: list[str], seed: int = train_step.SEED) -> None:
    """Write results as JSON, beside what a reader needs to know to repeat them."""
    RunFolder(path.parent).write_json(path, {**environment(seed), "peers": baselines.versions(names), **results})
