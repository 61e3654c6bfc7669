"""The definitions of building.py and steps.py: loops over synapses and neurons, in Python's numbers.

Tests compare the compiled forms with them; nothing else imports them.
"""

import math

import numpy as np

from snnsim.kernels.circuit.building import WEIGHTS, Rules
from snnsim.kernels.circuit.steps import LEAST
from snnsim.kernels.circuit.types import Drive, Neurons
from snnsim.kernels.common.counter_rng import GAMMA, mix, row


def draw(bits: int, tables: np.ndarray, table: int) -> int:
    """Return a value of a distribution.

    Args:
        bits: Random integer of 32 bits.
        tables: The tables, uint64 (table, 64).
        table: Number of the distribution.
    """
    column, rest = divmod(bits, 2**26)
    cut, other = divmod(int(tables[table, column]), 64)
    return column if rest < cut else other


def bits_of(key: int, recording: int, step: int, number: int) -> int:
    """Return 64 random bits of a counter.

    Args:
        key: Hash of the seed.
        recording: First counter.
        step: Second counter.
        number: Third counter.
    """
    start = int(row(np.uint64(key), recording, step))
    return int(mix(np.uint64((start + int(GAMMA) * (number + 1)) % 2**64)))


def build(rules: Rules) -> list[tuple[int, int, float, int]]:
    """Return source, target, weight and delay of all synapses, in the order of sources, delays and targets.

    Args:
        rules: The distributions.
    """
    key, synapses = int(rules.key), []
    for source in range(rules.counts.shape[1]):
        population, pairs = int(rules.owner[source]), []
        for target, count in enumerate(rules.counts[:, source].tolist()):
            begin, size = int(rules.bounds[target]), int(rules.bounds[target + 1] - rules.bounds[target])
            for index in range(count):
                upper, lower = divmod(bits_of(key, target, source, index), 2**32)
                pairs.append((draw(lower, rules.delays, population) + 1, begin + upper * size // 2**32))
        for k, (delay, post) in enumerate(sorted(pairs)):
            uniforms = [_uniform(key, source, k // 2 * 2 + number) for number in range(2)]
            radius, angle = math.sqrt(-2 * math.log(uniforms[0])), 2 * math.pi * uniforms[1]
            normal = radius * (math.sin(angle) if k % 2 else math.cos(angle))
            mean, deviation = (float(part[rules.owner[post], population]) for part in (rules.mean, rules.deviation))
            weight = mean + deviation * normal
            synapses.append((source, post, weight if weight * mean > 0 else 0.0, delay))
    return synapses


def _uniform(key: int, source: int, number: int) -> float:
    return (bits_of(key, WEIGHTS, source, number) // 2**12 + 0.5) / 2**52


def run(
    synapses: list[tuple[int, int, float, int]], neurons: Neurons, drive: Drive, voltage: np.ndarray, steps: int
) -> list[tuple[int, int]]:
    """Return step and neuron of all spikes.

    Args:
        synapses: Source, target, weight and delay of each.
        neurons: The equation.
        drive: The Poisson spikes.
        voltage: Voltages at the beginning (neuron,).
        steps: Number of steps.
    """
    size = len(voltage)
    u, i, waiting = voltage.tolist(), [0.0] * size, [0] * size
    arriving, spikes = np.zeros((steps + 64, size)), []
    targets: list[list[tuple[int, float, int]]] = [[] for _ in range(size)]
    for source, target, weight, delay in synapses:
        targets[source].append((target, weight, delay))
    for step in range(steps):
        fired = []
        for n in range(size):
            if waiting[n] > 0:
                waiting[n] -= 1
            else:
                u[n] = neurons.p22 * u[n] + neurons.p21 * i[n] + float(neurons.constant[n])
            outside = _outside(n, step, drive) if drive.present else 0.0
            decayed = neurons.p11 * i[n] if abs(i[n]) > LEAST else 0.0
            i[n] = decayed + (float(arriving[step, n]) + outside)
            if u[n] >= neurons.threshold:
                u[n], waiting[n] = neurons.reset, neurons.refractory
                fired.append(n)
        spikes += [(step, n) for n in fired]
        for source in fired:
            for target, weight, delay in targets[source]:
                arriving[step + delay, target] += weight
    return spikes


def _outside(n: int, step: int, drive: Drive) -> float:
    """Return the weight of the Poisson spikes of a neuron in a step."""
    population = int(np.searchsorted(drive.bounds, n, side="right")) - 1
    upper, lower = divmod(bits_of(int(drive.key), 0, step, n // 2), 2**32)
    return float(drive.weight[population]) * draw(lower if n % 2 else upper, drive.counts, population)
