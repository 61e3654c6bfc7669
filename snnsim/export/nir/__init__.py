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

__all__ = ["check", "encoding", "read", "write"]


def check(program: Program) -> Iterator[Violation]:
    """Yield what NIR cannot say: neurons that are not reset to 0."""
    yield from checks.reset(program, rules=("hard",))


def encoding(path: Path) -> str | None:
    """Return the encoding of delays in a file of ours; None of others."""
    known = metadata(path)
    return known.get("encoding") if reading.is_ours(known) else None


def read(path: Path, *, dt: float | str | None = None) -> Program:
    """Return the Program of a file; one that was not written by snnsim as `foreign` reads it, `dt` seconds per step."""
    graph = load(path)
    if not reading.is_ours(graph.metadata):
        try:
            return foreign.program(graph, dt=dt)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"{path} is damaged, or not as NIR has it: {error}") from error
    try:
        return reading.program(graph)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged, or not as snnsim wrote it: {error}") from error
