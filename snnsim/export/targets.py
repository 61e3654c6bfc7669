"""What a Program can be written as: a table of targets, each a writer, design rules, and a reader if there is one."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snnsim.export import arrays, c, checks, loihi, loihi2, nir, pynn, sonata, sonata_reading, xylo
from snnsim.export.checks import Violation
from snnsim.export.repairs import Repair, Repaired, repaired
from snnsim.program import Program
from snnsim.validation import known


@dataclass(frozen=True)
class Target:
    """A format, or a chip."""

    title: str
    """What it is, in a line."""
    suffix: str
    """Of its files; empty if it is a folder."""
    write: Callable[..., None]
    """write(program, path, **options)."""
    check: Callable[[Program], Iterable[Violation]]
    """Every violation of its design rules."""
    read: Callable[..., Program] | None = None
    """read(path, **options): the Program of a file that `write` made, or of others in this format."""
    claims: Callable[[Path], bool] = lambda folder: False  # noqa: ARG005
    """Whether a folder is of this target."""
    repairs: Mapping[str, Repair] = field(default_factory=dict)
    """What `--fix` may do, by name, in order."""
    variant: Callable[[Path], str | None] = lambda path: None  # noqa: ARG005
    """Which of several ways to write it a file has, if not all of its consumers read all of them."""
    executed: Callable[[Program], Mapping[str, str]] = lambda program: {}  # noqa: ARG005
    """The text of each file of a folder that its consumers run as code, as it is written for a Program."""


TARGETS: dict[str, Target] = {
    "npz": Target("plain arrays in NumPy's format", ".npz", arrays.write_npz, arrays.check, arrays.read_npz),
    "hdf5": Target("plain arrays in HDF5", ".h5", arrays.write_hdf5, arrays.check, arrays.read_hdf5),
    "spinnaker": Target(
        "connection files and a script for PyNN, a folder",
        "",
        pynn.write,
        pynn.check,
        pynn.read,
        pynn.claims,
        pynn.REPAIRS,
        executed=pynn.executed,
    ),
    "sonata": Target("SONATA, a folder", "", sonata.write, sonata.check, sonata_reading.read, sonata_reading.claims),
    "nir": Target(
        "a graph of NIR, with a delay per synapse", ".nir", nir.write, nir.check, nir.read, variant=nir.encoding
    ),
    "c": Target(
        "C99 for microcontrollers, a folder", "", c.write, c.check, c.read, c.claims, c.REPAIRS, executed=c.executed
    ),
    "loihi1": Target(
        "Loihi 1, a file of mantissas", ".loihi1", loihi.write, loihi.check, loihi.read, repairs=loihi.REPAIRS
    ),
    "loihi2": Target(
        "Loihi 2, a file for lava-dl's netx", ".net", loihi2.write, loihi2.check, loihi2.read, repairs=loihi2.REPAIRS
    ),
    "xylo": Target("Xylo Audio 2, matrices", ".xylo", xylo.write, xylo.check, xylo.read, repairs=xylo.REPAIRS),
}


def write(program: Program, target: str, path: Path, **options: Any) -> None:
    """Write a Program for a target; raises ValueError with every rule that it breaks."""
    chosen = named(target)
    _known(target, "written", chosen.write, options)
    checks.refuse(target, chosen.check(program))
    chosen.write(program, Path(path), **options)


def fixed(program: Program, target: str) -> tuple[Program, list[Repaired]]:
    """Return a Program that keeps a target's rules as far as its repairs go, and what they changed."""
    chosen = named(target)
    return repaired(program, chosen.check, chosen.repairs)


def read(target: str, path: Path, **options: Any) -> Program:
    """Return the Program of a file in a target's format; raises ValueError where there is none to read."""
    chosen = named(target)
    if chosen.read is None:
        readable = ", ".join(name for name, each in TARGETS.items() if each.read is not None)
        raise ValueError(f"import: {target} cannot be read back; the targets that can are {readable}")
    _known(target, "read", chosen.read, options)
    return chosen.read(Path(path), **options)


def of(path: Path) -> str:
    """Return the target that a file or folder is of, by its name; raises ValueError where no target has such files."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}; `snnsim export PROGRAM --to TARGET` writes one")
    for name, target in TARGETS.items():
        if (target.suffix and path.name.endswith(target.suffix)) or (path.is_dir() and target.claims(path)):
            return name
    known = ", ".join(f"{each.suffix or 'a folder'} ({name})" for name, each in TARGETS.items())
    raise ValueError(f"{path} is of no known target; known are {known}")


def named(name: str) -> Target:
    """Return a target by its name."""
    known(name, TARGETS, "export: target")
    return TARGETS[name]


def _known(target: str, how: str, function: Callable[..., Any], options: dict[str, Any]) -> None:
    known = [name for name, each in inspect.signature(function).parameters.items() if each.kind is each.KEYWORD_ONLY]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ValueError(
            f"export: {target} is {how} without the option {', '.join(unknown)}; it takes {', '.join(known) or 'none'}"
        )
