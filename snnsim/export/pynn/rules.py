"""Design rules of SpiNNaker, and their repair.

    slots of a core  =  2^(14 − bits of neurons − bits of synapse types)      longest delay = slots (1 + 8 stages)

Source   sPyNNaker 7.4.1: a ring of 2^14 places, eight further stages of delay; weights of 16 bits; numbers of 32 bits,
         15 of them after the point
"""

from collections.abc import Iterator
from functools import partial

from snnsim.export import checks, repairs
from snnsim.export.checks import Violation
from snnsim.program import Program

NEURONS_PER_CORE, SYNAPSE_TYPES, RING_BITS, STAGES = 256, 2, 14, 8
LONGEST_DELAY = 2**RING_BITS // NEURONS_PER_CORE // SYNAPSE_TYPES * (1 + STAGES)
LARGEST = 2**16
REPAIRS = {"clamp_delays": partial(repairs.clamp_hardware_delays, latency=0, shortest=1, most=LONGEST_DELAY)}


def check(program: Program) -> Iterator[Violation]:
    """Yield what SpiNNaker cannot run; a Program that only takes more of its cores breaks no rule.

    Args:
        program: Program in floats or integers.
    """
    yield from checks.reset(program)
    yield from checks.one_readout(program)
    yield from checks.hardware_delays(program, latency=0, shortest=1, most=LONGEST_DELAY)
    yield from checks.thresholds(program, most=LARGEST * weight_unit(program))


def weight_unit(program: Program) -> int:
    """Return the units of a membrane that a unit of the folder's voltages stands for.

    Args:
        program: The Program. The unit is 2^weight_shift in integers, and 1 in floats.
    """
    return 1 if program.fixed is None else 2**program.fixed.weight_shift
