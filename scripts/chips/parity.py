"""Chips' files run by their emulators and the C runtime by the compiler: are all spikes ours? How small, how fast?

python scripts/chips/parity.py [--trained PROGRAM] [--data FOLDER] [--python ENV/bin/python] [--consumers c lava ...]

    toy         20-16-10, delays 0 to 30       recurrent   20-16 with a loop, delays 1 to 30, and 10 behind it
    two taps    20-16-10, two synapses for each pair
    trained     a Program of integers, on recordings of its test split

All are of int8 weights, repaired for the target where they break its rules; what is still broken is told.
Results already in the file stay, so that consumers can be run one after another.
"""

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import export, verification
from snnsim.experiment import exports
from snnsim.program import INPUT, Edge, FixedPoint, Population, Program
from snnsim.simulation import Events
from snnsim.training.folder import Folder, environment

STEPS, ACTIVITY, DELAY = 200, 0.08, 30
FIXED = FixedPoint(word_bits=24, decay_bits=12, weight_shift=6, weight_bits=8, delay_bits=5)


def population(name: str, size: int) -> Population:
    """Return neurons that keep half of their membrane, with a threshold of 128 weights."""
    return Population(
        name, "hard", *(np.full(size, value) for value in (2048, 64 * 128 + 1, 0)), np.full(size, 1 / 8193)
    )


def edge(
    rng: np.random.Generator, ends: tuple[str, int, str, int], *, least: int = 0, taps: int = 1, most: int = 127
) -> Edge:
    """Return an edge of all pairs, each with so many synapses."""
    source, sources, target, targets = ends
    pre, post = (np.tile(part.ravel(), taps) for part in np.indices((sources, targets)))
    weight = rng.integers((most - 180) // taps, most // taps + 1, len(pre))
    return Edge.of(source, target, (pre, post, rng.integers(least, DELAY + 1, len(pre)), weight), sources=sources)


def networks() -> dict[str, Program]:
    """Return the three networks that are not trained."""
    rng = np.random.default_rng(0)
    first, second = (INPUT, 20, "a", 16), ("a", 16, "b", 10)
    parts = (population("a", 16), population("b", 10))
    made = {
        "toy": [edge(rng, first), edge(rng, second)],
        "recurrent": [edge(rng, first), edge(rng, ("a", 16, "a", 16), least=1, most=60), edge(rng, second)],
        "two taps": [edge(rng, first, taps=2), edge(rng, second, taps=2)],
    }
    return {name: Program(20, parts, tuple(edges), 10.0, fixed=FIXED) for name, edges in made.items()}


def frames(recordings: int) -> Events:
    """Return random spikes."""
    rng = np.random.default_rng(1)
    return Events.from_frames((rng.random((STEPS, recordings, 20)) < ACTIVITY).astype(np.int64))


def compared(
    program: Program, events: Events, label: np.ndarray | None, *, consumer: str, python: str
) -> dict[str, Any]:
    """Return what a consumer makes of a Program, repaired where needed, or the rules that it breaks still."""
    target = verification.CONSUMERS[consumer].target
    changed, made = export.targets.fixed(program, target)
    left = list(export.TARGETS[target].check(changed))
    if left:
        return {"refused": sorted({violation.rule for violation in left})}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"net{export.TARGETS[target].suffix}"
        export.write(changed, target, path)
        report = verification.verify(path, changed, events, consumer=consumer, python=python)
    return {"repairs": [each.name for each in made], **exports.facts(report, label)}


def c_figures(program: Program, recording: Events) -> dict[str, Any]:
    """Return the bytes of the C runtime, how fast it runs a recording, and what its checks say."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net"
        export.TARGETS["c"].write(program, path, recording=recording)
        told = {goal: made(path, goal) for goal in ("test", "sanitize", "size", "bench")}
    rows = [line.split() for line in told["size"].splitlines() if line.endswith(".o")]
    return {
        "self_test": told["test"].strip(),
        "sanitized": told["sanitize"].strip(),
        "code_bytes": int(rows[0][0]),
        "network_bytes": int(rows[1][0]) + int(rows[1][1]),
        "state_bytes": int(re.findall(r"state: (\d+)", told["bench"])[0]),
        "speed": told["bench"].splitlines()[0],
    }


def made(path: Path, goal: str) -> str:
    """Return what `make goal` prints."""
    return subprocess.run(["make", "-s", "-C", str(path), goal], capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", type=Path, nargs="*", default=[])
    parser.add_argument("--data", help="folder of the data they were trained on")
    parser.add_argument("--python", default="python")
    parser.add_argument("--consumers", nargs="+", default=["c", "brian2-loihi", "lava", "netx"])
    parser.add_argument("--recordings", type=int, default=20)
    parser.add_argument("--json", type=Path, default=Path("figures/parity-chips.json"))
    options = parser.parse_args()
    cases: dict[str, tuple[Program, Events, Any]] = {
        name: (program, frames(options.recordings), None) for name, program in networks().items()
    }
    for path in options.trained:
        program = Program.load(path)
        cases[path.stem] = (
            program,
            *exports.recordings(program, exports.Data(options.data, "test"), options.recordings),
        )
    results: dict[str, Any] = json.loads(options.json.read_text())["results"] if options.json.exists() else {}
    for consumer in options.consumers:
        for name, (program, events, label) in cases.items():
            found = compared(program, events, label, consumer=consumer, python=options.python)
            results.setdefault(consumer, {})[f"{name}, {options.recordings} recordings"] = found
            print(consumer, name, {key: value for key, value in found.items() if key != "layers"}, flush=True)
    for path in options.trained if "c" in options.consumers else []:
        program, events, _ = cases[path.stem]
        results["c"][f"{path.stem}, the runtime"] = c_figures(program, events.select(np.arange(1)))
        print(path.stem, results["c"][f"{path.stem}, the runtime"])
    Folder(options.json.parent).write_json(options.json, {**environment(0), "results": results})


if __name__ == "__main__":
    main()
