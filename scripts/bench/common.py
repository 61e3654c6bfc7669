"""Options of the benchmarks, and the JSON file of their results."""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from snnsim import allocator
from snnsim.bench import baselines, compare, isolated, train_step
from snnsim.files import write_json
from snnsim.training.run_folder import environment


def measurement_parser(description: str, *, json: str) -> argparse.ArgumentParser:
    """Return a parser with the options of all measurements of time.

    Args:
        description: Docstring of the script, printed as it stands by --help.
        json: Path of the file for the figures where the option --json names none.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="turns of each candidate")
    parser.add_argument("--loops", type=int, default=1, help="calls in a turn")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch and numba")
    parser.add_argument("--json", type=Path, default=Path(json), help="file for the figures")
    return parser


def add_allocator(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses an allocator.

    Args:
        parser: Parser that gets the option.
    """
    parser.add_argument(
        "--allocator", choices=allocator.CHOICES, default="tuned", help="tuned: the setting of `snnsim train`"
    )


def add_allocators(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses one or both allocators.

    Args:
        parser: Parser that gets the option.
    """
    both = ["tuned", "system"]
    parser.add_argument("--allocator", nargs="+", choices=both, default=both, help="one or both")


def plan(options: argparse.Namespace, allocator: str) -> compare.Plan:
    """Return the number of measurements and the settings of their processes, under an allocator.

    Args:
        options: Options of `measurement_parser`. Processes for the measurement of memory are 1 unless an option names
            them.
        allocator: The allocator of the processes, one of allocator.CHOICES.
    """
    processes = getattr(options, "processes", 1)
    surroundings = isolated.Surroundings(options.threads, allocator)
    return compare.Plan(surroundings, repeats=options.repeats, loops=options.loops, processes=processes)


def write(path: Path, results: dict[str, Any], *, names: list[str], seed: int = train_step.SEED) -> None:
    """Write results as JSON, with command, commit, machine and versions.

    Args:
        path: JSON file; an existing one is replaced.
        results: Figures, in the types of JSON.
        names: Names of the baselines, whose versions the file holds, too.
        seed: Seed of the measurement.
    """
    write_json(path, {**environment(seed), "peers": baselines.versions(names), **results})


def run_sizes(
    description: str,
    sizes: Iterable[str],
    measured: Callable[[str, int, int], dict[str, Any]],
    shown: Callable[[list[dict[str, Any]]], str],
    *,
    json: str,
    names: list[str],
) -> None:
    """Measure several sizes as the command line asks for, print a table, and write all samples.

    Args:
        description: Docstring of the script.
        sizes: Names of the sizes.
        measured: Function from a size, the number of turns and the calls of a turn to a result.
        shown: Function from the results to the table.
        json: Path of the file for the figures where the command line names none.
        names: Names of the baselines.
    """
    parser, results = measurement_parser(description, json=json), []
    parser.add_argument("--size", nargs="+", choices=list(sizes), default=list(sizes), help="which sizes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.size:
        results.append(measured(name, options.repeats, options.loops))
        write(options.json, {"results": results}, names=names)
    print(shown(results))
