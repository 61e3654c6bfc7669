"""Memory of a simulation in bytes, by part, before anything is allocated."""

import numpy as np

from snnsim.program import Program
from snnsim.simulation import lowering_convolutions
from snnsim.simulation.lowering import Network


def of_program(program: Program) -> dict[str, int]:
    """Return the bytes of the arrays of a Network, and of sorting the synapses of several edges.

    Args:
        program: The Program that a Network is lowered from.
    """
    single, shared = lowering_convolutions.separated(program)
    each = 24 if len(single) == 1 and not shared else 96
    return {
        "channels": 40 * program.channels,
        "neurons": 100 * program.size,
        "synapses": each * sum(edge.synapses for edge in single),
        "kernels": sum(map(lowering_convolutions.needed_bytes, shared)),
    }


def of_state(network: Network, streams: int) -> dict[str, int]:
    """Return the bytes of the state of streams.

    Args:
        network: The network.
        streams: Number of streams.
    """
    pending = streams * network.longest * network.neurons * np.dtype(network.numbers.current).itemsize
    return {f"currents of {network.longest} steps": pending, "voltages": streams * network.variables * 8}


def of_run(program: Program, length: np.ndarray, traced: int, *, spikes: bool) -> dict[str, int]:
    """Return the bytes of the result of a run.

    Args:
        program: The Program.
        length: Steps of each recording (recording,).
        traced: Number of neurons whose membranes are recorded.
        spikes: Whether the run is repeated to record spikes.
    """
    steps, each = int(length.sum()), 8 * len(length)
    return {
        f"membranes of {traced} neurons in {steps} steps": 8 * traced * steps,
        "counts of neurons": (2 if spikes else 1) * each * program.size,
        "counts of channels": 4 * each * program.channels,
    }
