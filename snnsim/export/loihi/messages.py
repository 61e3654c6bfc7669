"""Sigma-delta populations on Loihi 2, as netx of lava-dl has them: rules, repairs, and the layers of a file.

    σ ← σ + Σ W m                      W weight of the file, m message
    e = max(σ + b, 0) − z              z what was sent so far
    sends ⌊e / 2^6⌋ where |e| ≥ vth, and z ← z + e

A Program keeps the remainder of the division, and netx does not. They are equal where e is a multiple of 2^6, so
weights are W = w 2^6 and biases multiples of 2^6. netx clips W to −256 … 254, so w is from −4 to 3: weights of 3 bits.

A population of the chip begins with the first step, and one of a Program `lateness` steps later. With a bias of at most
0 it has nothing to send until then. A readout adds up messages alone; its bias is in the header, and the reader of its
sums adds it.

netx gives messages 16 bits, and has no key for others. Its models on a CPU do not clip; a chip may, beyond ± 2^15.

Units    vThMant and bias of a file in 2^6 of a membrane, read with `netx.hdf5.Network(..., spike_exp=0)`; θ of a
         Program is 1 above a multiple of 2^6, and vThMant = (θ − 1) / 2^6 + 1
Source   lava-nc 0.10.0, lava/proc/sdn; lava-dl 0.6.0, lava/lib/dl/netx
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from snnsim.export import checks, integer_checks, repairs
from snnsim.export.checks import Violation
from snnsim.export.repairs import Repair
from snnsim.program import Population, Program
from snnsim.quantization import Scheme

MODEL = "sigma_delta"
UNIT = 6
LEAST_WEIGHT, MOST_WEIGHT = -4, 3
MOST_THRESHOLD = 2**17 - 1
SCHEME = Scheme("int3", None, "layer", word_bits=24, decay_bits=12, weight_shift=UNIT)
QUANTIZE = "quantize_messages"
REPAIRS: dict[str, Repair] = {
    QUANTIZE: partial(repairs.requantize, scheme=SCHEME),
    "biases_to_grid": repairs.biases_to_grid,
}
"""The repairs that no Program with spikes needs."""


def check(program: Program, *, latency: int, longest: int) -> Iterator[Violation]:
    """Yield what sigma-delta neurons of Loihi 2 cannot compute, or a netx file cannot hold.

    Args:
        program: Program with graded messages, in floats or integers.
        latency: Steps that a synapse takes besides its delay.
        longest: The longest delay.
    """
    for violation in checks.chain(program):
        yield replace(violation, remedy="use npz or hdf5, which hold any graph of graded messages")
    yield from checks.one_synapse(program)
    yield from checks.one_readout(program)
    yield from checks.hardware_delays(program, latency=latency, shortest=0, most=longest)
    for population in program.populations:
        if population.fires and population.model != MODEL:
            yield Violation(
                "sigma_delta", checks.population_text(population),
                f"the model must be {MODEL!r}, not {population.model!r}, whose messages are numbers of levels",
                "sparsify the network with coding=SigmaDelta",
            )  # fmt: skip
    for violation in _of_integers(program):
        lossy = violation.repair in ("quantize", "requantize")
        yield replace(violation, repair=QUANTIZE) if lossy else violation


def _of_integers(program: Program) -> Iterator[Violation]:
    yield from integer_checks.integers(program)
    if program.fixed is None:
        return
    yield from integer_checks.arithmetic(program, word_bits=24, decay_bits=12, least_shift=UNIT)
    if program.fixed.weight_shift > UNIT:
        yield Violation(
            "message_unit", "program", f"messages must count in 2^{UNIT} of a membrane, not in "
            f"2^{program.fixed.weight_shift}", f"requantize: snnsim quantize --weight-shift {UNIT}", "requantize",
        )  # fmt: skip
    yield from integer_checks.weight_range(program, least=LEAST_WEIGHT, most=MOST_WEIGHT)
    yield from checks.one_threshold(program)
    yield from integer_checks.threshold_grid(program, unit=UNIT, most=MOST_THRESHOLD)
    for population in program.populations:
        if population.fires:
            yield from _biases(population)


def _biases(population: Population) -> Iterator[Violation]:
    if (population.bias % 2**UNIT).any():
        yield Violation(
            "bias_grid", checks.population_text(population),
            f"biases must be multiples of {2**UNIT}; {np.count_nonzero(population.bias % 2**UNIT)} of "
            f"{population.size} are not", "move them to the grid", "biases_to_grid",
        )  # fmt: skip
    if (population.bias > 0).any():
        yield Violation(
            "no_positive_bias", checks.population_text(population),
            f"biases must be at most 0, as neurons would send them during the population's retiming lag; "
            f"{np.count_nonzero(population.bias > 0)} of {population.size} are positive",
            "train with layers without biases, such as nn.Linear(..., bias=False)",
        )  # fmt: skip


def neuron(population: Population) -> dict[str, Any]:
    """Return the entries of a layer's group `neuron`.

    Args:
        population: The population.
    """
    entries: dict[str, Any] = {"type": np.array([b"SDNN"])}
    if not population.fires:
        return entries | {"sigma_output": True}
    return entries | {"vThMant": (int(population.threshold[0]) - 1 >> UNIT) + 1}


def biases(population: Population) -> np.ndarray | None:
    """Return the biases of a layer in the units of a file, or None where a file has none.

    Args:
        population: The population.
    """
    return population.bias >> UNIT if population.fires and population.bias.any() else None


def population(
    name: str, model: str, scale: np.ndarray, neurons: Mapping[str, np.ndarray], *, decay_bits: int
) -> Population:
    """Return a population of a file.

    Args:
        name: Its name.
        model: Its model.
        scale: Scales of its membranes (neuron,).
        neurons: Of a readout, threshold and bias (neuron,) of the header; of others, vThMant and bias (neuron,) of the
            layer.
        decay_bits: Bits of a decay.
    """
    size = len(scale)
    if model == MODEL:
        threshold, bias = np.full(size, (int(neurons["vThMant"]) - 1 << UNIT) + 1), neurons["bias"] << UNIT
    else:
        threshold, bias = neurons["threshold"], neurons["bias"]
    return Population(name, model, np.full(size, 1 << decay_bits), threshold, bias, scale)
