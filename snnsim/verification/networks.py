"""Small random networks, mostly in integers, of kinds that simulators with delays get wrong, and recordings for them.

    toy         20-16-10, delays from 0 to 30                                      feed-forward
    recurrent   20-16, and synapses of 1 to 30 steps among the 16                  a loop through one population
    taps        20-16-10, two synapses between each pair, each with its own delay  a sum, not a choice, per pair
    soft        toy with a soft reset
    biased      toy with a bias in each neuron, and a readout of 5
    ties        20-16-10 and a loop; sums of weights often equal the threshold, at which a neuron fires
    eighths     the same in floats: weights in eighths, decays 0, ½ and 1
    cuba_lif    toy and a loop, with an exponential synapse; adlif, silif and alif have an adaptation

Names    weights are int8, decays ½ or, of `biased`, one for each neuron; but for ties and eighths, a threshold is 127
         units of weight and one of the finest units more, so that no sum of weights equals it and > and ≥ are the same
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from snnsim.program import INPUT, MODELS, Edge, FixedPoint, Population, Program
from snnsim.simulation import Events, Probe, Simulator

FIXED = FixedPoint(word_bits=24, decay_bits=12, weight_shift=6, weight_bits=8, delay_bits=5)
THRESHOLD = 127 * 2**FIXED.weight_shift + 1
STEPS, RATE = 200, 0.08
"""Steps of a recording, and the probability that a channel fires in a step, by default."""


def toy(seed: int = 0, *, model: str = "lif_hard", taps: int = 1) -> Program:
    """Return two layers of 16 and 10 neurons, with delays from 0 to 30.

    Args:
        seed: Seed of weights and delays.
        model: Model of the neurons.
        taps: Synapses of each pair of neurons.
    """
    rng = np.random.default_rng(seed)
    sizes = {INPUT: 20, "first": 16, "second": 10}
    edges = [
        random_edge(rng, source, target, (sizes[source], sizes[target]), taps=taps)
        for source, target in ((INPUT, "first"), ("first", "second"))
    ]
    return _program([_neurons(name, sizes[name], model) for name in ("first", "second")], edges)


def recurrent(seed: int = 0) -> Program:
    """Return a layer of 16 neurons that reach each other after 1 to 30 steps.

    Args:
        seed: Seed of weights and delays.
    """
    rng = np.random.default_rng(seed)
    among = random_edge(rng, "first", "first", (16, 16), shortest=1)
    # more of them inhibit than excite, or all would fire for ever
    edges = [random_edge(rng, INPUT, "first", (20, 16)), replace(among, weight=among.weight - 64)]
    return _program([_neurons("first", 16, "lif_hard")], edges)


def biased(seed: int = 0) -> Program:
    """Return the toy network with a decay and a bias for each neuron, and a readout.

    Args:
        seed: Seed of weights, delays, decays and biases.
    """
    rng = np.random.default_rng(seed)
    unbiased = toy(seed)
    populations = []
    for population in unbiased.populations:
        decay, bias = rng.integers(1500, 4000, population.size), rng.integers(-900, 900, population.size)
        populations.append(replace(population, decay=decay, bias=bias))
    decay, threshold, bias = np.full(5, 3000), np.ones(5, int), np.full(5, 7)
    populations.append(Population("readout", "readout", decay, threshold, bias, np.full(5, 1 / THRESHOLD)))
    output = random_edge(rng, "second", "readout", (10, 5))
    # of mean zero at each neuron, so that recordings have different classes
    mean = np.array([output.weight[output.post == neuron].mean() for neuron in range(5)])
    output = replace(output, weight=np.rint(output.weight - mean[output.post]).astype(np.int16))
    return replace(
        _program(populations, [*unbiased.single_edges, output]),
        readout="readout",
        decision="summed_softmax",
        extra_steps=30,
    )


def ties(seed: int = 0, *, floats: bool = False) -> Program:
    """Return two layers, of which the first also reaches itself; a threshold is 8 units of weight.

    Args:
        seed: Seed of weights, delays and decays.
        floats: Whether the numbers are floats, with weights in eighths.
    """
    rng = np.random.default_rng(seed)
    sizes, unit = {INPUT: 20, "first": 16, "second": 10}, 0.125 if floats else 8
    populations, edges = [], []
    for name in ("first", "second"):
        if floats:
            populations.append(Population.of(name, sizes[name], decay=rng.choice([0.0, 0.5, 1.0], sizes[name])))
            continue
        threshold = np.full(sizes[name], 8 * 8 << FIXED.weight_shift)
        populations.append(replace(_neurons(name, sizes[name], "lif_hard"), threshold=threshold))
    for source, target, low, high in ((INPUT, "first", -2, 6), ("first", "first", -4, 3), ("first", "second", -2, 6)):
        pre, post = (index.ravel() for index in np.indices((sizes[source], sizes[target])))
        weight, delay = rng.integers(low, high, len(pre)) * unit, rng.integers(1, 31, len(pre))
        edges.append(Edge.of(source, target, (pre, post, delay, weight), sources=sizes[source]))
    if not floats:
        return _program(populations, edges)
    return Program(channels=20, populations=tuple(populations), edges=tuple(edges), time_step_ms=1.0)


def adaptive(model: str, seed: int = 0) -> Program:
    """Return the toy network, whose first layer also reaches itself, with a model of two state variables.

    The loop takes 2 steps or more, as a synaptic current of NEST acts a step after its spikes.

    Args:
        model: The model of the neurons.
        seed: Seed of weights and delays.
    """
    forward = toy(seed)
    loop = random_edge(np.random.default_rng(seed), "first", "first", (16, 16), shortest=2)
    # more of its synapses inhibit than excite, or all neurons would fire for ever
    loop = replace(loop, weight=loop.weight - 64)
    populations = [with_model(population, model) for population in forward.populations]
    return _program(populations, [*forward.single_edges, loop])


def with_model(population: Population, model: str) -> Population:
    """Return neurons with a model of two state variables, whose parameters are the same for all of them.

    Args:
        population: Neurons of another model, in floats or integers.
        model: The model.
    """
    one = 2**FIXED.decay_bits if population.decay.dtype.kind == "i" else 1
    shares = {"gain": 0.875, "second_decay": 0.5, "coupling": 0.125}
    second: dict[str, Any] = {name: np.full(population.size, share * one) for name, share in shares.items()}
    # a spike raises the threshold, or lowers the membrane, by half a threshold
    second["jump"] = population.threshold // 2 if one > 1 else population.threshold / 2
    names = MODELS[model].parameters
    return replace(population, model=model, **{name: second[name] for name in names})


def threshold_hits(program: Program, events: Events) -> int:
    """Return how often a membrane equals the threshold of its neuron, which is a spike.

    Args:
        program: Program whose neurons fire at their thresholds.
        events: Recordings to simulate.
    """
    hits = 0
    for population in program.populations:
        if population.fires:
            probe = Probe(membranes={population.name: None})
            hits += int((Simulator(program).run(events, probe).traces == population.threshold).sum())
    return hits


NETWORKS: dict[str, Callable[[], Program]] = {
    "toy": toy,
    "recurrent": recurrent,
    "taps": lambda: toy(taps=2),
    "soft": lambda: toy(model="lif_soft"),
    "biased": biased,
    "ties": ties,
    "eighths": lambda: ties(floats=True),
    "cuba_lif": lambda: adaptive("cuba_lif_hard"),
    "adlif": lambda: adaptive("adlif_hard"),
    "silif": lambda: adaptive("adlif_soft"),
    "alif": lambda: adaptive("alif_hard"),
}
"""The networks by name."""


def recordings(program: Program, count: int, *, seed: int = 0, steps: int = STEPS, rate: float = RATE) -> Events:
    """Return random recordings.

    Args:
        program: The Program that they are for.
        count: Number of recordings.
        seed: Seed of the spikes.
        steps: Steps of each recording.
        rate: Probability that a channel fires in a step.
    """
    return Events.random(count, steps=steps, channels=program.channels, rate=rate, seed=seed)


def random_edge(
    rng: np.random.Generator, source: str, target: str, sizes: tuple[int, int], *, shortest: int = 0, taps: int = 1
) -> Edge:
    """Return synapses between all pairs of neurons, with random weights, and delays up to 30 steps.

    Args:
        rng: Source of the random numbers.
        source: Name of the source.
        target: Name of the target.
        sizes: Neurons of both.
        shortest: The shortest delay.
        taps: Synapses of each pair.
    """
    pre, post = (np.tile(index.ravel(), taps) for index in np.indices(sizes))
    delay, weight = rng.integers(shortest, 31, len(pre)), rng.integers(-63 // taps, 128 // taps, len(pre))
    return Edge.of(source, target, (pre, post, delay, weight), sources=sizes[0])


def _neurons(name: str, size: int, model: str) -> Population:
    """Return neurons that keep half of their voltage in a step."""
    half, threshold = np.full(size, 2 ** (FIXED.decay_bits - 1)), np.full(size, THRESHOLD)
    return Population(name, model, half, threshold, np.zeros(size, int), np.full(size, 1 / THRESHOLD))


def _program(populations: list[Population], edges: list[Edge]) -> Program:
    """Return a Program of 20 channels and steps of 10 ms."""
    return Program(channels=20, populations=tuple(populations), edges=tuple(edges), time_step_ms=10.0, fixed=FIXED)
