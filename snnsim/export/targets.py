"""The one table of targets: for each, a writer, a reader, design rules and repairs.

Options of the command line, the table of the documentation and the tests follow from TARGETS.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snnsim import plugins, renamed
from snnsim.export import arrays, c, checks, loihi, nir, pynn, sonata, xylo
from snnsim.export.checks import Violation
from snnsim.export.repairs import Repair, Repaired, apply_repairs
from snnsim.program import Program
from snnsim.validation import known

MOST_SYNAPSES = 10**8
"""The most synapses that convolutions become in a file of a target."""


def _no_folder(folder: Path) -> bool:
    del folder
    return False


def _no_variant(path: Path) -> None:
    del path


def _no_code(program: Program) -> Mapping[str, str]:
    del program
    return {}


@dataclass(frozen=True)
class Target:
    """A format, or a chip."""

    title: str
    """A line about it, for people."""
    suffix: str
    """Suffix of its files; empty if it is a folder."""
    write: Callable[..., None]
    """write(program, path, **options)."""
    check: Callable[[Program], Iterable[Violation]]
    """Yields every violation of its design rules."""
    read: Callable[..., Program] | None = None
    """read(path, **options): the Program of a file that `write` wrote, or of another tool's file of this format."""
    claims: Callable[[Path], bool] = _no_folder
    """Whether a folder is of this target."""
    repairs: Mapping[str, Repair] = field(default_factory=dict)
    """The repairs of `snnsim export --fix`, by name, in order."""
    variant: Callable[[Path], str | None] = _no_variant
    """The encoding of a file, where backends read only some of several encodings."""
    executed: Callable[[Program], Mapping[str, str]] = _no_code
    """The text of each file of a folder that its backends run as code, as `write` writes it for a Program."""
    former_code: frozenset[str] = frozenset()
    """SHA-256 of such files of earlier versions, which backends run, too."""
    graded: bool = False
    """Whether it holds Programs with graded messages."""

    def violations(self, program: Program) -> Iterable[Violation]:
        """Return every violation of its design rules; a Program of another kind of messages has one.

        Args:
            program: The Program.
        """
        if program.graded and not self.graded:
            return checks.no_graded_messages(program)
        return self.check(program)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options of `write`."""
        return _keywords(self.write)

    @property
    def read_options(self) -> tuple[str, ...]:
        """Names of the options of `read`."""
        return () if self.read is None else _keywords(self.read)


_OWN: dict[str, Target] = {
    "npz": Target(
        "plain arrays in NumPy's format", ".npz", arrays.write_npz, arrays.check, arrays.read_npz, graded=True
    ),
    "hdf5": Target("plain arrays in HDF5", ".h5", arrays.write_hdf5, arrays.check, arrays.read_hdf5, graded=True),
    "spinnaker": Target(
        "connection files and a script for PyNN, a folder", "", pynn.write, pynn.check, pynn.read, pynn.claims,
        pynn.REPAIRS, executed=pynn.executed, former_code=pynn.FORMER_SCRIPTS,
    ),
    "sonata": Target("SONATA, a folder", "", sonata.write, sonata.check, sonata.read, sonata.claims),
    "nir": Target(
        "a graph of NIR, with a delay per synapse", ".nir", nir.write, nir.check, nir.read, variant=nir.encoding
    ),
    "c": Target(
        "C99 for microcontrollers, a folder", "", c.write, c.check, c.read, c.claims, c.REPAIRS, executed=c.executed,
        former_code=c.FORMER_RUNTIME,
    ),
    "loihi1": Target(
        "Loihi 1, a file of mantissas", ".loihi1", loihi.write_loihi1, loihi.check_loihi1, loihi.read_loihi1,
        repairs=loihi.LOIHI1_REPAIRS,
    ),
    "loihi2": Target(
        "Loihi 2, a file for lava-dl's netx", ".net", loihi.write_loihi2, loihi.check_loihi2, loihi.read_loihi2,
        repairs=loihi.LOIHI2_REPAIRS, graded=True,
    ),
    "xylo": Target("Xylo Audio 2, matrices", ".xylo", xylo.write, xylo.check, xylo.read, repairs=xylo.REPAIRS),
}  # fmt: skip
TARGETS = plugins.Table(_OWN, plugins.TARGETS, Target)
"""The targets by name, with those of plug-ins."""


def write(program: Program, target: str, path: Path, **options: Any) -> None:
    """Write a Program for a target.

    Args:
        program: The Program.
        target: A name of TARGETS.
        path: The file or folder.
        **options: Options of the target's writer; `TARGETS[target].options` has their names.

    Raises:
        ValueError: If the target or an option is unknown, a convolution has too many synapses, or the Program breaks
            the target's rules; the message has all of them.
    """
    chosen = get_target(target)
    _check_options(target, "written", chosen.options, options)
    program = single_synapses(program, target)
    checks.refuse(target, chosen.violations(program))
    chosen.write(program, Path(path), **options)


def single_synapses(program: Program, target: str) -> Program:
    """Return a Program with single synapses in place of convolutions, as all targets take them.

    Args:
        program: The Program.
        target: A name of TARGETS, for the message.

    Raises:
        ValueError: If it has convolutions, and more synapses than MOST_SYNAPSES.
    """
    if program.convolutions and program.synapses > MOST_SYNAPSES:
        raise ValueError(
            f"export to {target}: convolutions become single synapses, and must have {MOST_SYNAPSES:,} at most; "
            f"this program has {program.synapses:,}; prune it, or keep it as a file of snnsim, which has the kernels"
        )
    return program.unrolled()


def fixed(program: Program, target: str) -> tuple[Program, list[Repaired]]:
    """Return a Program that keeps a target's rules as far as its repairs go, and the applied repairs.

    Args:
        program: The Program.
        target: A name of TARGETS.

    Raises:
        ValueError: If the target is unknown, or a convolution has too many synapses.
    """
    chosen = get_target(target)
    return apply_repairs(single_synapses(program, target), chosen.violations, chosen.repairs)


def read(target: str, path: Path, **options: Any) -> Program:
    """Return the Program of a file in a target's format.

    Args:
        target: A name of TARGETS.
        path: The file or folder.
        **options: Options of the target's reader; `TARGETS[target].read_options` has their names.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the target or an option is unknown, or the file is damaged.
    """
    chosen = get_target(target)
    if chosen.read is None:
        readable = ", ".join(name for name, each in TARGETS.items() if each.read is not None)
        raise ValueError(f"import: {target} cannot be read back; the targets that can are {readable}")
    _check_options(target, "read", chosen.read_options, options)
    return chosen.read(Path(path), **options)


def target_of(path: Path) -> str:
    """Return the name of the target of a file or folder, by its suffix or contents.

    Args:
        path: A file or folder of any target, by snnsim or another tool.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is of no target.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}; `snnsim export PROGRAM --to TARGET` writes one")
    for name, target in TARGETS.items():
        if (target.suffix and path.name.endswith(target.suffix)) or (path.is_dir() and target.claims(path)):
            return name
    suffixes = ", ".join(f"{each.suffix or 'a folder'} ({name})" for name, each in TARGETS.items())
    raise ValueError(f"{path} is of no known target; known are {suffixes}")


def get_target(name: str) -> Target:
    """Return a target by its name.

    Args:
        name: A name of TARGETS.

    Raises:
        ValueError: If it is unknown; the message has the known names.
    """
    known(name, TARGETS, "export: target")
    return TARGETS[name]


def _keywords(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters
    return tuple(name for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY)


def _check_options(target: str, verb: str, names: tuple[str, ...], options: dict[str, Any]) -> None:
    unknown = [name for name in options if name not in names]
    if unknown:
        raise ValueError(
            f"export: {target} is {verb} without the option {', '.join(unknown)}; it takes {', '.join(names) or 'none'}"
        )


__getattr__ = renamed.attributes(__name__, {"of": "target_of", "named": "get_target"})
