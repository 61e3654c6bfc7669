"""Design rules of NIR: neurons are reset to a voltage."""

from collections.abc import Iterator

from snnsim.export import checks
from snnsim.export.checks import Violation
from snnsim.program import Program


def check(program: Program) -> Iterator[Violation]:
    """Yield what NIR has no primitive for: neurons without a hard reset or with an adaptation, and stochastic neurons.

    Args:
        program: Program in floats or integers.
    """
    yield from checks.reset(program, models=("lif_hard", "cuba_lif_hard"))
    yield from checks.one_readout(program)
