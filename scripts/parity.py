"""Does everyone who reads what we export fire the very spikes that we do? Networks times consumers, as one table.

python scripts/parity.py --python ENV/bin/python [--program runs/NAME.snn ...] [--data FOLDER] [--recordings 20]

    made networks   toy, recurrent, taps: integers, and random recordings (snnsim.verification.networks)
    --program       trained ones, on recordings of their data, drawn over the whole split
    a cell          spikes equal / spikes of either side, over all layers and recordings; or why there is none
    a mismatch      how many recordings differ, and how near ours was to the threshold at the first cell that does

Where a target has design rules that a network breaks, its named repairs are made first, and named in the table. With
--consumer or --made, only these cells are run, and the file's others are kept.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from snnsim import export
from snnsim.experiment import exports
from snnsim.program import Program
from snnsim.simulation import Events
from snnsim.training.run_folder import RunFolder, environment
from snnsim.verification import CONSUMERS, verify
from snnsim.verification.networks import MADE, recordings

PARTS = ("version", "spikes_equal", "spikes_total", "cells_equal", "cells_total", "membranes_apart", "differences")
JUDGED = ("accuracy", "our_accuracy", "choices_equal", "recordings")


def given(options: argparse.Namespace) -> dict[str, tuple[Program, Events, Any]]:
    """Return each network's Program, recordings, and their classes if they have any."""
    found: dict[str, tuple[Program, Events, Any]] = {}
    for name in options.made:
        program = MADE[name]()
        found[name] = program, recordings(program, options.recordings), None
    for path in options.program:
        program = Program.load(path)
        data = exports.Data(options.data and str(options.data), options.split)
        found[path.stem] = program, *exports.recordings(program, data, options.recordings)
    return found


def cell(consumer: str, network: tuple[Program, Events, Any], python: str) -> dict[str, Any]:
    """Return what came of a consumer and a network: counts, or why there are none."""
    program, events, label = network
    target = CONSUMERS[consumer].target
    found: dict[str, Any] = {"target": target, **written_as(consumer)}
    broken = list(export.targets.named(target).check(program))
    if broken:
        program, repairs = export.targets.fixed(program, target)
        found["repairs"] = [each.name for each in repairs]
        broken = list(export.targets.named(target).check(program))
    if broken:
        return found | {"refused": sorted({violation.rule for violation in broken})}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{export.TARGETS[target].suffix}"
        try:
            export.write(program, target, path, **written_as(consumer))
            report = verify(path, export.read(target, path), events, consumer=consumer, python=python)
        except ImportError as error:
            return found | {"missing": str(error).partition("; ")[2]}
        except (RuntimeError, ValueError) as error:
            return found | {"failed": str(error).splitlines()[0].removeprefix(f"verify: {consumer} failed: ")}
    facts = exports.facts(report, label)
    return found | {part: facts[part] for part in (*PARTS, *JUDGED) if part in facts}


def table(cells: dict[str, dict[str, dict[str, Any]]], networks: list[str]) -> str:
    """Return the cells as a table in Markdown, with what is behind a number or a gap below it."""
    notes: dict[str, int] = {}
    rows = [f"| consumer | reads | {' | '.join(networks)} |", "|---|---|" + "---:|" * len(networks)]
    for consumer, row in cells.items():
        version = next((each["version"] for each in row.values() if "version" in each), "")
        told = " | ".join(said(row.get(network), notes) for network in networks)
        rows.append(f"| {consumer} {version} | {read_as(consumer)} | {told} |")
    return "\n".join([*rows, "", *(f"{number}. {note}" for note, number in notes.items())])


def written_as(consumer: str) -> dict[str, str]:
    """Return how a consumer's files are written, where there are several ways: NIR's encoding, the first it reads."""
    variants = CONSUMERS[consumer].variants
    return {"encoding": variants[0]} if variants else {}


def read_as(consumer: str) -> str:
    """Return what a consumer reads, with how it is written."""
    return " ".join([CONSUMERS[consumer].target, *written_as(consumer).values()])


def said(found: dict[str, Any] | None, notes: dict[str, int]) -> str:
    """Return a cell's text; what it needs to say beyond it becomes a note."""
    if found is None:
        return ""
    told = []
    if "repairs" in found:
        told.append(f"after {', '.join(found['repairs']) or 'no repair'}")
    for part, words in (("refused", "breaks"), ("missing", "not installed:"), ("failed", "fails:")):
        if part in found:
            reason = ", ".join(found[part]) if isinstance(found[part], list) else found[part]
            return "–" + mark([f"{words} {reason}"], notes)
    if found["differences"]:
        margins = [each["margin"] for each in found["differences"]]
        told.append(
            f"{len(margins)} recordings differ, first with a membrane {min(margins):.0e} to {max(margins):.0e} of a "
            "threshold away from it"
        )
    if "accuracy" in found:
        told.append(
            f"{found['accuracy']:.1%} correct there, {found['our_accuracy']:.1%} here, the same choice in "
            f"{found['choices_equal']} of {found['recordings']}"
        )
    elif "choices_equal" in found:
        told.append(f"the same choice in {found['choices_equal']} of {found['recordings']}")
    return f"{found['spikes_equal']:,} / {found['spikes_total']:,}" + mark(told, notes)


def mark(told: list[str], notes: dict[str, int]) -> str:
    """Return the number of a note, which is a new one if it has not been told."""
    if not told:
        return ""
    number = notes.setdefault("; ".join(told), len(notes) + 1)
    return f" <sup>{number}</sup>"


def neutral(options: argparse.Namespace) -> list[str]:
    """Return the command line without this machine's folders."""
    known = {str(options.python): "ENV/bin/python", str(options.data): "FOLDER", str(options.json): options.json.name}
    known |= {str(path): f"runs/{path.name}" for path in options.program}
    return ["scripts/parity.py", *(known.get(word, word) for word in sys.argv[1:])]


def asked() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--consumer", nargs="+", choices=list(CONSUMERS), default=list(CONSUMERS))
    parser.add_argument("--made", nargs="*", choices=list(MADE), default=["toy", "recurrent", "taps"])
    parser.add_argument("--program", type=Path, nargs="*", default=[])
    parser.add_argument("--data", type=Path, help="where the data of the trained programs lie, if not as in training")
    parser.add_argument("--split", choices=["train", "valid", "test"], default="valid")
    parser.add_argument("--recordings", type=int, default=20)
    parser.add_argument("--json", type=Path, default=Path("figures/parity-export.json"))
    return parser.parse_args()


def main() -> None:
    """Run every cell, write it at once, and print the table."""
    options = asked()
    before = json.loads(options.json.read_text(encoding="utf-8")) if options.json.is_file() else {}
    cells: dict[str, dict[str, Any]] = {name: before.get("cells", {}).get(name, {}) for name in CONSUMERS}
    networks = given(options)
    about = environment(0) | {"command": neutral(options)}
    for consumer in options.consumer:
        for name, network in networks.items():
            ran = {part: about[part] for part in ("command", "git")}
            cells[consumer][name] = cell(consumer, network, str(options.python)) | ran
            print(consumer, name, said(cells[consumer][name], {}), flush=True)
            names = list(dict.fromkeys(each for row in cells.values() for each in row))
            RunFolder(options.json.parent).write_json(options.json, {**about, "networks": names, "cells": cells})
    print(table({name: row for name, row in cells.items() if row}, names))


if __name__ == "__main__":
    main()
