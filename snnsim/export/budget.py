"""Cores, memory, delay slots, work and energy that an inference of a Program takes on a chip; with the sources.

    energy = operations · energy of one (+ neuron updates · energy of one, where a figure for them is published)

Names    an operation is a spike that reaches a synapse · slots: places of a ring in which arrivals wait
Units    bytes, nanojoules
Differs  an estimate from published numbers, none of them measured here; populations do not share cores
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.export import core_checks
from snnsim.export.c import layout
from snnsim.export.loihi.rules import LATENCY, LOIHI1_CORE, LONGEST_DELAY
from snnsim.export.retiming import retime
from snnsim.export.targets import single_synapses
from snnsim.export.xylo.chains import hidden_neurons, relay_chains
from snnsim.program import Program
from snnsim.program.summary import stored_bytes
from snnsim.simulation import CHIPS
from snnsim.validation import known

Budget = dict[str, Any]
SPINNAKER_CORE = 256
SPINNAKER_RING_BITS = 14
XYLO = {"inputs": 16, "hidden": 1000, "outputs": 8}


def budget(program: Program, chip: str, inference: dict[str, Any]) -> Budget:
    """Return the resources that a Program takes on a chip.

    Args:
        program: The Program.
        chip: A name of BUDGETS.
        inference: The counts of `snnsim.program.summary.inference`.

    Raises:
        ValueError: If the chip is unknown, is `c` and the Program is in floats, or is `xylo` and a loop of the Program
            is too short; or if convolutions have too many synapses.
    """
    known(chip, BUDGETS, "budget: chip")
    work = {name: inference[name] for name in ("synaptic_operations", "neuron_updates", "steps", "extra_steps")}
    return {"chip": chip, **BUDGETS[chip](single_synapses(program, chip)), **work, **_energy(program, chip, inference)}


def _energy(program: Program, chip: str, inference: dict[str, Any]) -> Budget:
    operations, updates = inference["synaptic_operations"], inference["neuron_updates"]
    if chip == "loihi1":
        loihi = CHIPS["loihi"]
        return {
            "nanojoules": (operations * loihi.picojoules + updates * 81.0) / 1e3,
            "energy_assumes": f"{loihi.picojoules} pJ an operation, and every update active, 81 pJ; {loihi.assumes}",
            "energy_source": loihi.source,
        }
    if chip == "spinnaker":
        milliseconds = program.size * (inference["steps"] + inference["extra_steps"]) * program.time_step_ms
        return {
            "nanojoules": operations * 43.0 + milliseconds * 100.0,
            "energy_assumes": "43 nJ an operation and 100 nJ per neuron and millisecond, in real time, 4 chips",
            "energy_source": "Sharp et al. 2012, J. Neurosci. Methods 210:110, abstract",
        }
    return {
        "nanojoules": None,
        "energy_assumes": "no published figure per operation is known to us",
        "energy_source": None,
    }


def _loihi1(program: Program) -> Budget:
    populations = program.populations
    cores = {each.name: core_checks.cores_of(program, each, LOIHI1_CORE) for each in populations}
    bits = sum(core_checks.synapse_bits(program, each, LOIHI1_CORE) for each in populations)
    return {
        "cores": sum(cores.values()),
        "cores_of": LOIHI1_CORE.cores,
        "cores_by_population": cores,
        "memory_bytes": -(-bits // 8),
        "memory_is": "synapses: 8 bits of weight, 6 of delay, and the number of the target",
        "delay_slots": LONGEST_DELAY + 1,
        "delays_used": _longest_delay(program, latency=LATENCY, shortest=0),
        "sources": "1,024 compartments, 4,096 axons, 128 KiB of synapses a core; 128 cores: nengo-loihi 1.1.0",
    }


def _loihi2(program: Program) -> Budget:
    loihi1 = _loihi1(program)
    return {
        "cores": None,
        "cores_of": 128,
        "memory_bytes": loihi1["memory_bytes"],
        "memory_is": loihi1["memory_is"] + "; how a core divides its memory is not published, so no fit is promised",
        "synapses": f"{program.synapses:,} of 120 million a chip",
        "neurons": f"{program.size:,} of 1 million a chip",
        "delay_slots": LONGEST_DELAY + 1,
        "delays_used": loihi1["delays_used"],
        "sources": "Intel's technology brief on Loihi 2, as open-neuromorphic.org prints it; delays of lava-dl 0.6.0",
    }


def _spinnaker(program: Program) -> Budget:
    cores, longest = {}, _longest_delay(program, latency=0, shortest=1)
    for population in program.populations:
        per_core = SPINNAKER_CORE
        # a ring has 2^14 places for neurons, two types of synapses, and slots
        while per_core > 1 and _slots(per_core) <= longest:
            per_core //= 2
        cores[population.name] = -(-population.size // per_core)
    return {
        "cores": sum(cores.values()),
        "cores_by_population": cores,
        "memory_bytes": 4 * program.synapses,
        "memory_is": "synapses: words of 32 bits in the shared memory of a chip",
        "delay_slots": {str(neurons): _slots(neurons) for neurons in (256, 128, 64, 32)},
        "delays_used": longest,
        "sources": "16 bits of weight, and slots = 2^(14 - bits of a neuron's number - 1 for two types of synapses) of "
        "sPyNNaker 7.4.1; fewer neurons a core where delays need it; delays are those after retiming",
    }


def _longest_delay(program: Program, *, latency: int, shortest: int) -> int:
    """Return the longest delay after retiming, or that of the Program where a loop is too short for the chip."""
    try:
        edges = retime(program, latency=latency, shortest=shortest).edges
    except ValueError:
        return program.longest_delay()
    return max((int(edge.delay.max(initial=0)) for edge in edges), default=0)


def _slots(neurons: int) -> int:
    return int(2 ** (SPINNAKER_RING_BITS - np.ceil(np.log2(neurons)) - 1))


def _xylo(program: Program) -> Budget:
    hidden = sum(population.size for population in program.populations if population.fires)
    outputs = sum(population.size for population in program.populations if not population.fires)
    relays = hidden_neurons(program, relay_chains(program)) - hidden
    return {
        "inputs": f"{program.channels} of {XYLO['inputs']}",
        "hidden_neurons": f"{hidden} and {relays} relays of {XYLO['hidden']}",
        "outputs": f"{outputs} of {XYLO['outputs']}",
        "fits": program.channels <= XYLO["inputs"] and hidden + relays <= XYLO["hidden"] and outputs <= XYLO["outputs"],
        "memory_bytes": 2 * (program.synapses + relays),
        "memory_is": "weights of 8 bits, two a synapse and two a relay; a delay is a chain of relays, a neuron for "
        "each step of a source",
        "delay_slots": 1,
        "delays_used": program.longest_delay(),
        "sources": "Xylo Audio 2: 16 inputs, 1,000 hidden neurons, 8 outputs, as rockpool 3.1.0 has it",
    }


def _c(program: Program) -> Budget:
    if program.fixed is None:
        raise ValueError("budget: the C runtime runs integers; quantize the program")
    slots = {population.name: layout.ring_slots(program, population.name) for population in program.populations}
    ring = sum(4 * count * program.population(name).size for name, count in slots.items())
    # a voltage, a second state variable, and whether the neuron fired
    neuron = 9 if layout.second_models(program) else 5
    return {
        "flash_bytes": layout.stored_bytes(program),
        "state_bytes": ring + neuron * program.size,
        "memory_bytes": layout.stored_bytes(program) + ring + neuron * program.size,
        "memory_is": f"flash: weights, delays, targets, and {4 * len(layout.parameters(program))} bytes a neuron, "
        f"besides 1.4 kB of code; state: rings of sums of 32 bits, and {neuron} bytes a neuron",
        "delay_slots": slots,
        "delays_used": program.longest_delay(),
        "weights_and_delays_bytes": stored_bytes(program),
        "sources": "the layout of `snnsim export --to c`; `make size` and `make bench` in the folder measure it",
    }


BUDGETS: dict[str, Callable[[Program], Budget]] = {
    "loihi1": _loihi1,
    "loihi2": _loihi2,
    "spinnaker": _spinnaker,
    "xylo": _xylo,
    "c": _c,
}
"""The chips by name, with the function that computes their resources."""
