"""C99 for microcontrollers: a folder with the network, a runtime without malloc, a self-test and a benchmark.

    network.h    sizes, and the Program's header as JSON in a comment       network.c    weights, delays, neurons
    golden.h     a recording, with the spikes, membranes and class that the runtime must compute
    snn.h snn.c  the runtime: the integer rule of `snnsim.program.model`     Makefile     test, sanitize, size, bench
    run.c        recordings from standard input, spikes, membranes and classes to standard output

Shapes   weight, delay, target: as `layout` has them · parameters (neuron,) of all populations
Units    delays in steps, 0 the same step; a step is SNN_STEP_US microseconds
Exact    spikes and membranes, as order and saturation are those of the simulator; nothing is retimed
Differs  the decision summed_softmax is computed in integers (snn_choice), which have no exp: shares differ by 1 part in
         50 000, so a class may differ where two scores are that near
"""

from snnsim.export.c.read import claims, read
from snnsim.export.c.rules import REPAIRS, check
from snnsim.export.c.write import FORMER_RUNTIME, executed, write

__all__ = ["FORMER_RUNTIME", "REPAIRS", "check", "claims", "executed", "read", "write"]
