"""Do other simulators reproduce our spikes? One table of networks and backends.

python scripts/parity.py --python ENV/bin/python [--program runs/NAME.snn ...] [--data FOLDER] [--recordings 20]

    --network   toy, recurrent, taps: integers, and random recordings (snnsim.verification.networks)
    --program   trained networks, on recordings of their data, drawn over the whole split
    a cell      spikes equal / spikes of either side, over all layers and recordings; or the reason why there is none
    a mismatch  the number of recordings that differ, and the distance of our membrane from the threshold at the first
                cell that differs

If a network breaks design rules of a target, the target's repairs are applied first, and named in the table. With
--backend or --network, only these cells are run, and the file keeps its others.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from snnsim import export
from snnsim.experiment import exports
from snnsim.files import write_json
from snnsim.program import Program
from snnsim.simulation import Events
from snnsim.training.run_folder import environment
from snnsim.verification import BACKENDS, verify
from snnsim.verification.networks import NETWORKS, recordings

COUNTS = ("version", "spikes_equal", "spikes_total", "cells_equal", "cells_total", "membranes_apart", "differences")
DECISIONS = ("accuracy", "our_accuracy", "choices_equal", "recordings")


def load_networks(options: argparse.Namespace) -> dict[str, tuple[Program, Events, Any]]:
    """Return the Program, the recordings, and the classes or None of each network, by name.

    Args:
        options: Options of the command line.
    """
    networks: dict[str, tuple[Program, Events, Any]] = {}
    for name in options.network:
        program = NETWORKS[name]()
        networks[name] = program, recordings(program, options.recordings), None
    for path in options.program:
        program = Program.load(path)
        data = exports.Data(options.data and str(options.data), options.split)
        networks[path.stem] = program, *exports.recordings(program, data, options.recordings)
    return networks


def cell(backend: str, network: tuple[Program, Events, Any], python: str) -> dict[str, Any]:
    """Return the counts of a backend and a network, or the reason why there are none.

    Args:
        backend: Name of the backend in BACKENDS.
        network: Program, recordings, and the class of each recording or None.
        python: Interpreter in which the backend is installed.
    """
    program, events, label = network
    target = BACKENDS[backend].target
    check = export.TARGETS[target].check
    result: dict[str, Any] = {"target": target, **write_options(backend)}
    violations = list(check(program))
    if violations:
        program, repairs = export.targets.fixed(program, target)
        result["repairs"] = [repair.name for repair in repairs]
        violations = list(check(program))
    if violations:
        return result | {"refused": sorted({violation.rule for violation in violations})}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{export.TARGETS[target].suffix}"
        try:
            export.write(program, target, path, **write_options(backend))
            report = verify(path, export.read(target, path), events, backend=backend, python=python)
        except ImportError as error:
            return result | {"missing": str(error).partition("; ")[2]}
        except (RuntimeError, ValueError) as error:
            return result | {"failed": str(error).splitlines()[0].removeprefix(f"verify: {backend} failed: ")}
    facts = exports.facts(report, label)
    return result | {name: facts[name] for name in (*COUNTS, *DECISIONS) if name in facts}


def table(cells: dict[str, dict[str, dict[str, Any]]], networks: list[str]) -> str:
    """Return the cells as a table in Markdown, with notes below it.

    Args:
        cells: Result of `cell` by network, by backend.
        networks: Names of the networks, in the order of the columns.
    """
    notes: dict[str, int] = {}
    rows = [f"| backend | reads | {' | '.join(networks)} |", "|---|---|" + "---:|" * len(networks)]
    for backend, row in cells.items():
        version = next((each["version"] for each in row.values() if "version" in each), "")
        texts = " | ".join(cell_text(row.get(network), notes) for network in networks)
        rows.append(f"| {backend} {version} | {input_text(backend)} | {texts} |")
    return "\n".join([*rows, "", *(f"{number}. {note}" for note, number in notes.items())])


def write_options(backend: str) -> dict[str, str]:
    """Return the options with which a backend's files are written: of NIR, the first encoding that it runs.

    Args:
        backend: Name of the backend in BACKENDS.
    """
    variants = BACKENDS[backend].variants
    return {"encoding": variants[0]} if variants else {}


def input_text(backend: str) -> str:
    """Return the target and encoding that a backend runs.

    Args:
        backend: Name of the backend in BACKENDS.
    """
    return " ".join([BACKENDS[backend].target, *write_options(backend).values()])


def cell_text(result: dict[str, Any] | None, notes: dict[str, int]) -> str:
    """Return the text of a cell of the table, with a mark where it has a note.

    Args:
        result: Result of `cell`; None for an empty cell.
        notes: Numbers of the notes so far; a new note is added.
    """
    if result is None:
        return ""
    remarks = []
    if "repairs" in result:
        remarks.append(f"after {', '.join(result['repairs']) or 'no repair'}")
    for key, words in (("refused", "breaks"), ("missing", "not installed:"), ("failed", "fails:")):
        if key in result:
            reason = ", ".join(result[key]) if isinstance(result[key], list) else result[key]
            return "–" + mark([f"{words} {reason}"], notes)
    if result["differences"]:
        margins = [each["margin"] for each in result["differences"]]
        remarks.append(
            f"{len(margins)} recordings differ, first with a membrane {min(margins):.0e} to {max(margins):.0e} of a "
            "threshold away from it"
        )
    if "accuracy" in result:
        remarks.append(
            f"{result['accuracy']:.1%} correct there, {result['our_accuracy']:.1%} here, the same choice in "
            f"{result['choices_equal']} of {result['recordings']}"
        )
    elif "choices_equal" in result:
        remarks.append(f"the same choice in {result['choices_equal']} of {result['recordings']}")
    return f"{result['spikes_equal']:,} / {result['spikes_total']:,}" + mark(remarks, notes)


def mark(remarks: list[str], notes: dict[str, int]) -> str:
    """Return the mark of a note in Markdown; empty without remarks.

    Args:
        remarks: Sentences of the note.
        notes: Numbers of the notes so far. A note that is not among them is added.
    """
    if not remarks:
        return ""
    number = notes.setdefault("; ".join(remarks), len(notes) + 1)
    return f" <sup>{number}</sup>"


def portable_command(options: argparse.Namespace) -> list[str]:
    """Return the command line without this machine's folders.

    Args:
        options: Options of the command line, with the paths to replace.
    """
    replacements = {
        str(options.python): "ENV/bin/python",
        str(options.data): "FOLDER",
        str(options.json): options.json.name,
    }
    replacements |= {str(path): f"runs/{path.name}" for path in options.program}
    return ["scripts/parity.py", *(replacements.get(word, word) for word in sys.argv[1:])]


def parse_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--backend", nargs="+", choices=list(BACKENDS), default=list(BACKENDS))
    parser.add_argument("--network", nargs="*", choices=list(NETWORKS), default=["toy", "recurrent", "taps"])
    parser.add_argument("--program", type=Path, nargs="*", default=[])
    parser.add_argument("--data", type=Path, help="folder of the data of the trained programs; default: as in training")
    parser.add_argument("--split", choices=["train", "valid", "test"], default="valid")
    parser.add_argument("--recordings", type=int, default=20)
    parser.add_argument("--json", type=Path, default=Path("figures/parity-export.json"))
    return parser.parse_args()


def main() -> None:
    """Run every cell, write it at once, and print the table."""
    options = parse_options()
    before = json.loads(options.json.read_text(encoding="utf-8")) if options.json.is_file() else {}
    cells: dict[str, dict[str, Any]] = {name: before.get("cells", {}).get(name, {}) for name in BACKENDS}
    networks = load_networks(options)
    header = environment(0) | {"command": portable_command(options)}
    for backend in options.backend:
        for name, network in networks.items():
            origin = {key: header[key] for key in ("command", "git")}
            cells[backend][name] = cell(backend, network, str(options.python)) | origin
            print(backend, name, cell_text(cells[backend][name], {}), flush=True)
            names = list(dict.fromkeys(each for row in cells.values() for each in row))
            write_json(options.json, {**header, "networks": names, "cells": cells})
    print(table({name: row for name, row in cells.items() if row}, names))


if __name__ == "__main__":
    main()
