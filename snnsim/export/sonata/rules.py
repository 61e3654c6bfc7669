"""Design rules of simulators with NEST's point neurons."""

from collections.abc import Iterator

import numpy as np

from snnsim.export import checks
from snnsim.export.checks import Violation
from snnsim.program import Program

CURRENT_LATENCY = 1
"""A current of iaf_psc_exp acts on the membrane a step after its spikes."""


def check(program: Program) -> Iterator[Violation]:
    """Yield what simulators with NEST's point neurons cannot run.

    Args:
        program: Program in floats or integers.
    """
    yield from checks.reset(program, models=("lif_hard", "cuba_lif_hard"))
    yield from checks.one_readout(program)
    yield from checks.hardware_delays(program, latency=0, shortest=1, most=np.inf, current_latency=CURRENT_LATENCY)
