"""Sizes, delays, sparsity, memory and work of a Program.

sparsity     share of the possible (source, target) pairs without a synapse
bytes        of all arrays: weights, delays and targets of synapses, parameters of neurons
inference    updates = neurons (T + T⁺)      operations = a Σ_edges synapses · (T from the input, T + T⁺ from neurons)

Names        T steps of the recording · T⁺ extra steps, in which the input is silent · a activity, spikes per source and
             step, the same for all; at a = 1 every source fires in every step, the most operations of an inference
"""

from typing import Any

import numpy as np

from snnsim.program.conv_edge import ConvEdge
from snnsim.program.edge import Edge
from snnsim.program.model import Program
from snnsim.program.parts import INPUT
from snnsim.validation import integer, shown


def facts(program: Program) -> dict[str, Any]:
    """Return the sizes, ranges and bytes of a Program, in the types of JSON.

    Args:
        program: Program in floats or integers.
    """
    one = 1 if program.fixed is None else 2**program.fixed.decay_bits
    return {
        "channels": program.channels,
        "populations": [
            {
                "name": population.name,
                "neurons": population.size,
                "model": population.model,
                "decay": _range(population.decay / one),
            }
            for population in program.populations
        ],
        "edges": [_edge(program, edge) for edge in program.edges],
        "neurons": program.size,
        "synapses": program.synapses,
        "longest_delay": program.longest_delay(),
        "time_step_ms": program.time_step_ms,
        "extra_steps": program.extra_steps,
        "decision": program.decision,
        "classes": len(program.classes),
        "task": program.task,
        "readouts": [readout.table() for readout in program.readouts],
        "arithmetic": "float64" if program.fixed is None else vars(program.fixed),
        "bytes": sum(array.nbytes for _, array in program.arrays()),
        "stored_bytes": stored_bytes(program),
        "digest": program.digest(),
    }


def inference(program: Program, *, steps: int, activity: float) -> dict[str, Any]:
    """Return the neuron updates and synaptic operations of one recording.

    Args:
        program: The Program.
        steps: Steps of the recording, at least 1.
        activity: Spikes per source and step, from 0 to 1.

    Raises:
        TypeError: If `steps` is no integer.
        ValueError: If a number is out of its range.
    """
    steps = integer(steps, who="inference", name="steps")
    if steps < 1:
        raise ValueError(f"inference: steps must be 1 or more, not {steps}; they are the length of the recording")
    if not (isinstance(activity, int | float | np.number) and 0 <= activity <= 1):
        raise ValueError(f"inference: activity must be from 0 to 1 spikes per source and step, not {shown(activity)}")
    running = steps + program.extra_steps
    most = sum(edge.synapses * (steps if edge.source == INPUT else running) for edge in program.edges)
    return {
        "steps": steps,
        "extra_steps": program.extra_steps,
        "activity": activity,
        "neuron_updates": program.size * running,
        "synaptic_operations": round(activity * most),
        "most_synaptic_operations": most,
    }


def stored_bytes(program: Program) -> int:
    """Return the bytes that a chip needs for weights and delays: in integers at their bits, in floats at 4 and 2 bytes.

    An edge takes the smaller of a table of all pairs and a list of synapses with their targets. A convolution takes a
    list of entries with their rows, columns and channels.

    Args:
        program: The Program. Its arithmetic `fixed` has the bits of a weight and of a delay.
    """
    fixed = program.fixed
    bits = 8 * (4 + 2) if fixed is None else fixed.weight_bits + fixed.delay_bits
    return sum(-(-_bits(program, edge, bits) // 8) for edge in program.edges)


def _bits(program: Program, edge: Edge | ConvEdge, bits: int) -> int:
    if isinstance(edge, ConvEdge):
        # a row and a column of the kernel, and a channel of the target
        position = (int(edge.row.max(initial=0)), int(edge.column.max(initial=0)), edge.geometry.target.channels - 1)
        return len(edge.weight) * (bits + sum(each.bit_length() for each in position))
    sources, targets = program.sources(edge.source), program.population(edge.target).size
    _, taps = np.unique(edge.pre() * targets + edge.post, return_counts=True)
    table = int(taps.max(initial=0)) * sources * targets * bits
    return min(table, len(edge.weight) * (bits + (targets - 1).bit_length()))


def _edge(program: Program, edge: Edge | ConvEdge) -> dict[str, Any]:
    sources, targets = program.sources(edge.source), program.population(edge.target).size
    if isinstance(edge, ConvEdge):
        # a pair of neurons has one row and one column of the kernel: entries of other delays count once
        kernel = np.stack([edge.source_channel(), edge.channel, edge.row, edge.column])
        first = np.zeros(len(edge.weight), bool)
        first[np.unique(kernel, axis=1, return_index=True)[1]] = True
        pairs, kernel_weights = edge.selected(first).synapses, {"kernel_weights": len(edge.weight)}
    else:
        pairs, kernel_weights = len(np.unique(edge.pre() * targets + edge.post)), {}
    return {
        "source": edge.source,
        "target": edge.target,
        "synapses": edge.synapses,
        **kernel_weights,
        "sparsity": 1 - pairs / (sources * targets),
        "delays": _range(edge.delay),
        "weights": _range(edge.weight),
        "fan_out": edge.synapses / sources,
    }


def _range(values: np.ndarray) -> list[float]:
    return [values.min().item(), values.max().item()] if len(values) else []
