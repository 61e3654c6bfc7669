"""Design rules of the C runtime: integers, delays of a byte, and sums of 32 bits."""

from collections.abc import Iterator, Mapping
from functools import partial

from snnsim.export import checks, integer_checks, repairs
from snnsim.export.checks import Violation
from snnsim.export.repairs import Repair
from snnsim.program import Program
from snnsim.quantization import Scheme

LONGEST_DELAY = 255
REPAIRS: Mapping[str, Repair] = {
    "quantize": partial(repairs.requantize, scheme=Scheme()),
    "requantize": partial(repairs.requantize, scheme=Scheme()),
    "clamp_delays": partial(repairs.clamp_delays, most=LONGEST_DELAY),
}


def check(program: Program) -> Iterator[Violation]:
    """Yield what the runtime cannot compute.

    Args:
        program: Program in floats or integers; one in floats breaks a rule.
    """
    yield from integer_checks.integers(program)
    yield from checks.one_readout(program)
    yield from checks.delay_range(program, most=LONGEST_DELAY)
    yield from checks.reset(program, models=("lif_hard", "lif_soft"))
    if program.fixed is not None:
        yield from integer_checks.sums(program)
