"""Design rules of Loihi 1 and 2, and their repairs.

Source   weights 8 bits; delays 0 to 62; decays 12 bits; vth 17 bits; v 24 bits (brian2-loihi 0.5.2, lava-nc 0.10.0). A
         core of Loihi 1 has 1,024 compartments, 4,096 axons in and out, and 16,384 words of 64 bits for synapses; the
         chip has 128 cores (nengo-loihi 1.1.0). The capacity of a core of Loihi 2 is not published
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from snnsim.export import checks, core_checks, current_repairs, integer_checks, repairs
from snnsim.export.checks import Violation
from snnsim.export.core_checks import Core
from snnsim.export.loihi import messages
from snnsim.export.repairs import Repair
from snnsim.program import Program
from snnsim.quantization import Scheme

LONGEST_DELAY = 62
LATENCY = 1
MOST_THRESHOLD = 2**17 - 1
UNIT = 6
"""Weights and thresholds count in 2^6 of a membrane's units."""
LOIHI1_CORE = Core(1024, 16384 * 64, 8 + 6, axons_in=4096, axons_out=4096, cores=128)
SCHEME = Scheme("int8", None, "layer", word_bits=24, decay_bits=12, weight_shift=UNIT)


def check_loihi1(program: Program) -> Iterator[Violation]:
    """Yield what Loihi 1 cannot compute or hold.

    Args:
        program: Program in floats or integers; one in floats breaks a rule.
    """
    yield from _arithmetic(program, bias="bias_to_channels")
    yield from core_checks.all_rules(program, LOIHI1_CORE)


def check_loihi2(program: Program) -> Iterator[Violation]:
    """Yield what Loihi 2 cannot compute, or a netx file cannot hold.

    Args:
        program: Program in floats or integers; one in floats breaks a rule.
    """
    if program.graded:
        yield from messages.check(program, latency=LATENCY, longest=LONGEST_DELAY)
        return
    branches = list(checks.chain(program))
    yield from branches
    yield from checks.one_synapse(program)
    # relays pass a bias on along a chain; in other graphs no repair moves it
    yield from _arithmetic(program, bias=None if branches else "bias_to_relays")


def _arithmetic(program: Program, *, bias: str | None) -> Iterator[Violation]:
    """Yield what neither chip can compute; `bias` names the repair of biases, if there is one."""
    yield from integer_checks.integers(program)
    yield from checks.one_readout(program)
    yield from checks.reset(program, models=("lif_hard", "cuba_lif_hard"))
    yield from checks.unit_gains(program)
    yield from checks.hardware_delays(program, latency=LATENCY, shortest=0, most=LONGEST_DELAY)
    yield from checks.one_decay(program)
    if program.fixed is None:
        return
    yield from integer_checks.arithmetic(program, word_bits=24, decay_bits=12, least_shift=UNIT)
    unit = 2 ** max(program.fixed.weight_shift - UNIT, 0)
    yield from integer_checks.weight_range(program, least=-256 // unit, most=254 // unit)
    yield from integer_checks.weight_parity(program, unit=UNIT, all_of=128)
    yield from checks.one_threshold(program)
    yield from integer_checks.threshold_grid(program, unit=UNIT, most=MOST_THRESHOLD)
    yield from integer_checks.decay_range(program, least=1)
    yield from checks.no_bias(program, repair=bias)
    yield from integer_checks.currents(program, bits=24)


def _repairs(bias: Callable[..., Any]) -> dict[str, Repair]:
    """Return the repairs of both chips, in order; `bias` is that of biases."""
    return {
        "gains_to_weights": current_repairs.gains_to_weights,
        "quantize": partial(repairs.requantize, scheme=SCHEME),
        "join_taps": repairs.join_taps,
        "requantize": partial(repairs.requantize, scheme=SCHEME),
        "average_decays": current_repairs.average_decays,
        "raise_decays": partial(repairs.raise_decays, least=1),
        "thresholds_to_grid": partial(repairs.thresholds_to_grid, unit=UNIT, most=MOST_THRESHOLD),
        bias.__name__: partial(bias, most=127),
        "clamp_delays": partial(repairs.clamp_hardware_delays, latency=LATENCY, shortest=0, most=LONGEST_DELAY),
    }


LOIHI1_REPAIRS: Mapping[str, Repair] = _repairs(repairs.bias_to_channels) | {
    "split_populations": partial(repairs.split_populations, core=LOIHI1_CORE)
}
LOIHI2_REPAIRS: Mapping[str, Repair] = _repairs(repairs.bias_to_relays) | messages.REPAIRS
