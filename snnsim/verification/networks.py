"""Small random networks in integers that have what readers of delays get wrong; recordings for them.

    toy         20-16-10, delays from 0 to 30                                      feed-forward
    recurrent   20-16, and synapses of 1 to 30 steps among the 16                  a loop through one population
    taps        20-16-10, two synapses between each pair, with delays of their own   a sum, not a choice, per pair
    soft        toy, whose neurons keep what is above the threshold
    biased      toy with a bias in each neuron, and a readout of 5
    ties        20-16-10 and a loop; sums of weights often are the threshold exactly, at which a neuron fires
    eighths     the same in floats: weights in eighths, decays 0, ½ and 1

Names    weights are int8, decays ½ or, of `biased`, one for each neuron; but for the last two, a threshold is 127 units
         of weight and one of the finest units more, so that no sum of weights meets it and > and ≥ are the same
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from snnsim.program import INPUT, Edge, FixedPoint, Population, Program
from snnsim.simulation import Events, Probe, Simulator

FIXED = FixedPoint(word_bits=24, decay_bits=12, weight_shift=6, weight_bits=8, delay_bits=5)
THRESHOLD = 127 * 2**FIXED.weight_shift + 1
STEPS, ACTIVITY = 200, 0.08


def toy(seed: int = 0, *, model: str = "lif_hard", taps: int = 1) -> Program:
    """Return two layers of 16 and 10 neurons; delays from 0 to 30."""
    rng = np.random.default_rng(seed)
    sizes = {INPUT: 20, "first": 16, "second": 10}
    edges = [
        edge(rng, source, target, (sizes[source], sizes[target]), taps=taps)
        for source, target in ((INPUT, "first"), ("first", "second"))
    ]
    return program([neurons(name, sizes[name], model) for name in ("first", "second")], edges)


def recurrent(seed: int = 0) -> Program:
    """Return a layer of 16 neurons that reach each other after 1 to 30 steps."""
    rng = np.random.default_rng(seed)
    among = edge(rng, "first", "first", (16, 16), least=1)
    # more of them inhibit than excite, or all would fire for ever
    edges = [edge(rng, INPUT, "first", (20, 16)), replace(among, weight=among.weight - 64)]
    return program([neurons("first", 16, "lif_hard")], edges)


def biased(seed: int = 0) -> Program:
    """Return the toy network with decays and biases of its neurons' own, and a readout."""
    rng = np.random.default_rng(seed)
    plain = toy(seed)
    populations = []
    for part in plain.populations:
        decay, bias = rng.integers(1500, 4000, part.size), rng.integers(-900, 900, part.size)
        populations.append(Population(part.name, part.model, decay, part.threshold, bias, part.scale))
    decay, none, bias = np.full(5, 3000), np.ones(5, int), np.full(5, 7)
    populations.append(Population("readout", "readout", decay, none, bias, np.full(5, 1 / THRESHOLD)))
    output = edge(rng, "second", "readout", (10, 5))
    # of mean zero at each neuron, so that recordings have different classes
    mean = np.array([output.weight[output.post == neuron].mean() for neuron in range(5)])
    edges = [*plain.edges, replace(output, weight=np.rint(output.weight - mean[output.post]).astype(np.int16))]
    return program(populations, edges, readout="readout", decision="summed_softmax", extra_steps=30)


def ties(seed: int = 0, *, floats: bool = False) -> Program:
    """Return two layers, of which the first reaches itself too; a threshold is 8 of the units that weights have."""
    rng = np.random.default_rng(seed)
    sizes, unit = {INPUT: 20, "first": 16, "second": 10}, 0.125 if floats else 8
    parts, edges = [], []
    for name in ("first", "second"):
        if floats:
            decay = rng.choice([0.0, 0.5, 1.0], sizes[name])
            parts.append(Population.of(name, sizes[name], decay=decay))
            continue
        # 8 units of weight are the threshold, and half of 4096 is kept
        part = neurons(name, sizes[name], "lif_hard")
        parts.append(replace(part, threshold=np.full(sizes[name], 8 * unit << FIXED.weight_shift)))
    for source, target, low, high in ((INPUT, "first", -2, 6), ("first", "first", -4, 3), ("first", "second", -2, 6)):
        pre, post = (part.ravel() for part in np.indices((sizes[source], sizes[target])))
        weight, delay = rng.integers(low, high, len(pre)) * unit, rng.integers(1, 31, len(pre))
        edges.append(Edge.of(source, target, (pre, post, delay, weight), sources=sizes[source]))
    if not floats:
        return program(parts, edges)
    return Program(channels=20, populations=tuple(parts), edges=tuple(edges), time_step_ms=1.0)


def met(made: Program, events: Events) -> int:
    """Return how often a membrane is the threshold of its neuron exactly, which is a spike."""
    found = 0
    for part in made.populations:
        if part.fires:
            wanted = Probe(membranes={part.name: np.arange(part.size)})
            found += int((Simulator(made).run(events, wanted).traces == part.threshold).sum())
    return found


MADE: dict[str, Callable[[], Program]] = {
    "toy": toy,
    "recurrent": recurrent,
    "taps": lambda: toy(taps=2),
    "soft": lambda: toy(model="lif_soft"),
    "biased": biased,
    "ties": ties,
    "eighths": lambda: ties(floats=True),
}


def recordings(made: Program, count: int, *, seed: int = 0, steps: int = STEPS, activity: float = ACTIVITY) -> Events:
    """Return random spikes: each channel fires in a step with the probability `activity`."""
    rng = np.random.default_rng(seed)
    return Events.from_frames((rng.random((steps, count, made.channels)) < activity).astype(np.int64))


def neurons(name: str, size: int, model: str) -> Population:
    """Return neurons that keep half of their voltage."""
    half, threshold = np.full(size, 2 ** (FIXED.decay_bits - 1)), np.full(size, THRESHOLD)
    return Population(name, model, half, threshold, np.zeros(size, int), np.full(size, 1 / THRESHOLD))


def edge(
    rng: np.random.Generator, source: str, target: str, sizes: tuple[int, int], *, least: int = 0, taps: int = 1
) -> Edge:
    """Return synapses between all pairs, `taps` between each, with random weights and delays."""
    pre, post = (np.tile(part.ravel(), taps) for part in np.indices(sizes))
    delay, weight = rng.integers(least, 31, len(pre)), rng.integers(-63 // taps, 128 // taps, len(pre))
    return Edge.of(source, target, (pre, post, delay, weight), sources=sizes[0])


def program(populations: list[Population], edges: list[Edge], **output: object) -> Program:
    """Return them as a Program of 20 channels and steps of 10 ms."""
    return Program(
        channels=20, populations=tuple(populations), edges=tuple(edges), time_step_ms=10.0, fixed=FIXED, **output
    )
