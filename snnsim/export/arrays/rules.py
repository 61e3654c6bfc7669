"""Design rules of plain arrays: there are none, as they hold every Program."""

from collections.abc import Iterator

from snnsim.export.checks import Violation
from snnsim.program import Program


def check(program: Program) -> Iterator[Violation]:
    """Yield no violations.

    Args:
        program: Any Program.
    """
    del program
    yield from ()
