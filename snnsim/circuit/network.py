"""A large network from its description: built once, and run from state to state.

Shapes   voltage (neuron,) · spikes (spike,)
Units    voltages mV · times steps
"""

import math
from typing import NamedTuple

import numpy as np

from snnsim.circuit import distributions
from snnsim.circuit.layout import Lists, empty, from_lists, layout, set_longest
from snnsim.circuit.spec import Neuron, Spec
from snnsim.circuit.threads import threads_of
from snnsim.kernels.circuit import building, steps
from snnsim.kernels.circuit.types import DELAYS, Drive, Layout, Network, Neurons, Recorder, State, Synapses
from snnsim.kernels.common.counter_rng import Draws
from snnsim.validation import integer, numbers, require

_CONNECTIONS, _SPIKES, _VOLTAGES = 0, 1, 2
"""Numbers of the random numbers of a seed."""
CHUNK = 100
"""Steps of a call of the compiled loop."""


class Spikes(NamedTuple):
    """Spikes in the order of steps, and of neurons within a step."""

    step: np.ndarray
    """int64 (spike,)."""
    neuron: np.ndarray
    """int32 (spike,)."""


class Circuit(NamedTuple):
    """A network that can run."""

    spec: Spec
    seed: int
    network: Network

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return len(self.network.synapses.target)

    @property
    def bytes_per_synapse(self) -> float:
        """Memory of all synapses and their index, over their number."""
        parts = self.network.synapses
        return sum(part.nbytes for part in parts) / max(1, self.synapses)


def build(spec: Spec, *, seed: int, threads: int = 1, blocks: int | None = None) -> Circuit:
    """Return a network with random synapses; it is the same for any number of threads.

    Args:
        spec: The description.
        seed: Seed of the synapses, initial voltages and Poisson spikes, from 0 to below 2⁶³.
        threads: Number of threads.
        blocks: Number of blocks of neurons that threads share; None chooses it.

    Raises:
        TypeError: If the seed is no integer.
        ValueError: If a delay or the number of threads is out of range.
    """
    parts, key = layout(spec.neurons, blocks, threads), Draws.of(seed).layer(_CONNECTIONS).key
    rules = _rules(spec, np.uint64(key), np.random.default_rng([seed, _CONNECTIONS]))
    begin = np.concatenate([[0], np.cumsum(rules.counts.sum(0))])
    synapses = empty(begin, parts)
    with threads_of(threads):
        building.build(parts, rules, synapses)
    return Circuit(spec, seed, _network(spec, seed, parts, synapses))


def connected(spec: Spec, lists: Lists, *, seed: int = 0, blocks: int | None = None) -> Circuit:
    """Return a network with given synapses in place of random ones.

    Args:
        spec: The description; its numbers of synapses, weights and delays do not count.
        lists: Sources, targets, weights in pA and delays in steps (synapse,).
        seed: Seed of the initial voltages and Poisson spikes.
        blocks: Number of blocks of neurons that threads share; None chooses it.

    Raises:
        TypeError: If a list holds values of another type.
        ValueError: If a value is out of range.
    """
    parts = layout(spec.neurons, blocks)
    return Circuit(spec, seed, _network(spec, seed, parts, from_lists(lists, parts)))


def at_start(circuit: Circuit, voltage: np.ndarray | None = None) -> State:
    """Return the state before the first step.

    Args:
        circuit: The network.
        voltage: Voltages in mV (neuron,); None draws them from the normal distributions of the description.

    Raises:
        TypeError: If the voltages are no numbers.
        ValueError: If their number differs from that of the neurons, or one is not finite.
    """
    spec, blocks = circuit.spec, circuit.network.layout
    if voltage is None:
        generator = np.random.default_rng([circuit.seed, _VOLTAGES])
        mean, deviation = (np.repeat(values, spec.sizes) for values in (spec.start_mv, spec.start_sd_mv))
        voltage = generator.normal(mean, deviation)
    start = numbers(voltage, who="at_start", name="voltage", axes=1)
    require(len(start) == spec.neurons, f"at_start: voltage must have {spec.neurons} numbers, not {len(start)}")
    neurons, room = spec.neurons, _room(circuit)
    return State(
        start - spec.neuron.rest_mv,
        np.zeros(neurons),
        np.zeros(neurons, np.int32),
        np.zeros(neurons),
        np.zeros((neurons + 1) >> 1, np.uint64),
        np.zeros(neurons, np.int32),
        np.zeros(blocks.blocks, np.int64),
        np.zeros(room, np.int32),
        np.zeros(room, np.int64),
        np.zeros(1, np.int64),
        np.full(1, -1),
    )


def run(circuit: Circuit, state: State, *, first: int, count: int, threads: int = 1) -> Spikes:
    """Run steps, and return the spikes; the state is that after the last step.

    Args:
        circuit: The network.
        state: State before the first step, which changes.
        first: Number of the first step, from 0; the number at which the state stands.
        count: Number of steps.
        threads: Number of threads; the spikes are the same for any.

    Raises:
        TypeError: If a number is no integer.
        ValueError: If a number is out of range.
    """
    first = integer(first, who="run", name="first", at_least=0)
    count = integer(count, who="run", name="count", at_least=0)
    threads = integer(threads, who="run", name="threads", at_least=1)
    _check_state(circuit, state, first)
    network, parts = circuit.network, []
    order = np.concatenate([np.arange(k, network.layout.blocks, threads) for k in range(threads)])
    room = network.layout.neurons * -(-CHUNK // (network.neurons.refractory + 1))
    recorder = Recorder(np.empty(room, np.int32), np.empty(CHUNK, np.int64))
    with threads_of(threads):
        for begin in range(first, first + count, CHUNK):
            chunk = recorder._replace(until=recorder.until[: min(CHUNK, first + count - begin)])
            steps.run(begin, order, network, state, chunk)
            times = np.repeat(begin + np.arange(len(chunk.until)), np.diff(chunk.until, prepend=0))
            parts.append((times, chunk.neuron[: len(times)].copy()))
            state.step[0] = begin + len(chunk.until)
    empty_part = (np.zeros(0, np.int64), np.zeros(0, np.int32))
    return Spikes(*(np.concatenate(each) for each in zip(empty_part, *parts, strict=True)))


def _check_state(circuit: Circuit, state: State, first: int) -> None:
    """Refuse the state of another network or step, for which the compiled loop would leave its memory."""
    expected = [part.shape for part in at_start(circuit, np.zeros(circuit.spec.neurons))]
    shapes = [part.shape for part in state]
    require(shapes == expected, f"run: the state must be that of this network, {expected}, not {shapes}; see at_start")
    stands = int(state.step[0])
    require(
        stands in (-1, first), f"run: first must be the step at which the state stands, which is {stands}, not {first}"
    )
    total = int(state.total[0])
    recent, when = state.recent[:total], state.when[:total]
    ends = (int(when.min(initial=first - 1)), int(when.max(initial=first - 1)))
    require(
        first - DELAYS <= ends[0] and ends[1] < first,
        f"run: spikes of the state must be of the {DELAYS} steps before {first}, not of {ends[0]} to {ends[1]}",
    )
    require(
        0 <= total <= len(state.recent) and bool((recent >= 0).all() and (recent < circuit.spec.neurons).all()),
        "run: the spikes of the state must be those of its neurons; a state changes by run alone",
    )


def _room(circuit: Circuit) -> int:
    """Return the largest number of spikes on their way."""
    neurons = circuit.network.neurons
    return circuit.spec.neurons * -(-(DELAYS + 1) // (neurons.refractory + 1))


def _network(spec: Spec, seed: int, blocks: Layout, synapses: Synapses) -> Network:
    set_longest(synapses, blocks)
    mean = np.array(spec.drive_hz) * spec.time_step_ms / 1000
    key = np.uint64(Draws.of(seed).layer(_SPIKES).key)
    weight = np.array(spec.drive_weight_pa, np.float64)
    drive = Drive(bool(mean.any()), key, _bounds(spec), weight, distributions.spikes(mean))
    constant = np.repeat(np.array(spec.constant_pa, np.float64), spec.sizes)
    return Network(blocks, equation(spec.neuron, spec.time_step_ms, constant), drive, synapses)


def equation(neuron: Neuron, step_ms: float, constant_pa: np.ndarray) -> Neurons:
    """Return the exact integration of a step.

    Args:
        neuron: Constants of the neurons.
        step_ms: Length of a step.
        constant_pa: Constant currents, float64 (neuron,).
    """
    tau, tau_syn, capacitance = neuron.tau_m_ms, neuron.tau_syn_ms, neuron.capacitance_pf
    p11, p22 = math.exp(-step_ms / tau_syn), math.exp(-step_ms / tau)
    # e^(−h/τ_syn) − e^(−h/τ), without the difference of two numbers near 1
    apart = p11 * -math.expm1(step_ms / tau_syn - step_ms / tau)
    p21 = tau * tau_syn / (capacitance * (tau_syn - tau)) * apart
    steady = -math.expm1(-step_ms / tau) * tau / capacitance
    return Neurons(
        p11,
        p21,
        p22,
        neuron.threshold_mv - neuron.rest_mv,
        neuron.reset_mv - neuron.rest_mv,
        round(neuron.refractory_ms / step_ms),
        constant_pa * steady,
    )


def _rules(spec: Spec, key: np.uint64, generator: np.random.Generator) -> building.Rules:
    counts = [
        np.concatenate(
            [generator.multinomial(count, np.full(size, 1 / size)) for count, size in zip(row, spec.sizes, strict=True)]
        )
        for row in spec.synapses
    ]
    step, owner = spec.time_step_ms, np.repeat(np.arange(len(spec.sizes), dtype=np.uint8), spec.sizes)
    tables = distributions.delays(np.array(spec.delay_ms) / step, np.array(spec.delay_sd_ms) / step)
    mean, deviation = (np.array(values, np.float64) for values in (spec.weight_pa, spec.weight_sd_pa))
    return building.Rules(key, _bounds(spec), owner, np.array(counts, np.int64), mean, deviation, tables)


def _bounds(spec: Spec) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(spec.sizes)]).astype(np.int64)
