"""Design rules of the C runtime: integers, delays of a byte, and sums of 32 bits."""

from collections.abc import Iterator, Mapping
from functools import partial

from snnsim.export import checks, integer_checks, repairs
from snnsim.export.checks import Violation, population_text
from snnsim.export.repairs import Repair
from snnsim.program import MODELS, Program
from snnsim.quantization import Scheme

LONGEST_DELAY = 255
WORD_BITS = 31
"""Bits of membranes of which a difference fits into 32 bits."""
MODELS_IN_INTEGERS = tuple(name for name, model in MODELS.items() if model.reset and model.fixed_point)
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
    yield from checks.reset(program, models=MODELS_IN_INTEGERS)
    if program.fixed is not None:
        yield from integer_checks.sums(program)
        yield from voltages(program)


def voltages(program: Program) -> Iterator[Violation]:
    """Voltages of 32 bits hold a soft reset by a threshold below 0, to which a jump below 0 may lower it.

    Args:
        program: Program in floats or integers.
    """
    for population in program.populations:
        lowered = population.model == "alif_soft" and population.jump is not None and population.jump.min() < 0
        if lowered and program.fixed is not None and program.fixed.word_bits > WORD_BITS:
            yield Violation(
                "voltages", population_text(population),
                f"membranes must have {WORD_BITS} bits or fewer where a spike lowers the threshold of a neuron with a "
                f"soft reset, not {program.fixed.word_bits}", "requantize with fewer bits", "requantize",
            )  # fmt: skip
