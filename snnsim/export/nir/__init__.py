"""NIR, the neuromorphic intermediate representation: graphs of neurons and connections in continuous time.

Written are Programs, with a delay per synapse in one of three encodings; read are those again, number for number, and
the graphs of others.
"""

from collections.abc import Iterator
from pathlib import Path

from snnsim.export import checks
from snnsim.export.checks import Violation
from snnsim.export.nir import foreign, reading
from snnsim.export.nir.files import load, metadata
from snnsim.export.nir.writing import write
from snnsim.program import Program

_DAMAGE = (
    KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError, RecursionError, MemoryError,
)  # fmt: skip

__all__ = ["check", "encoding", "read", "write"]


def check(program: Program) -> Iterator[Violation]:
    """Yield what NIR cannot say: neurons that are not reset to 0."""
    yield from checks.reset(program, models=("lif_hard",))


def encoding(path: Path) -> str | None:
    """Return the encoding of delays in a file of ours; None of others."""
    known = metadata(path)
    found = known.get("encoding") if reading.is_ours(known) else None
    return found if isinstance(found, str) else None


def read(path: Path, *, dt: float | str | None = None, reset: str = "value") -> Program:
    """Return the Program of a file.

    Args:
        path: The file.
        dt: Seconds per step, of a file that was not written by snnsim; by default what its metadata say, or 1e-4.
        reset: What a spike does to neurons in such a file: `value` sets the membrane to v_reset, as NIR defines it;
            `subtract` takes the threshold away from it, as some importers do.

    Raises:
        FileNotFoundError: If there is no file.
        ValueError: If it is damaged, no graph of NIR, or has what no Program has.
    """
    graph = load(path)
    ours = reading.is_ours(graph.metadata)
    try:
        return reading.program(graph) if ours else foreign.program(graph, dt=dt, reset=reset)
    except _DAMAGE as error:
        if isinstance(error, ValueError) and not ours:
            raise ValueError(f"{path}: {error}") from error
        how = "as snnsim wrote it" if ours else "as NIR has it"
        said = {KeyError: f"there is no {error}", RecursionError: "a chain of its nodes is too long"}
        raise ValueError(f"{path} is damaged, or not {how}: {said.get(type(error), str(error))}") from error
