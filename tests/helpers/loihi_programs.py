"""Random Programs that keep every model of Loihi, and changes that break one each."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from snnsim.export.xylo.rules import positive_sum
from snnsim.program import INPUT, Edge, FixedPoint, Population, Program

FIXED = FixedPoint(word_bits=24, decay_bits=12, weight_shift=6, weight_bits=8, delay_bits=6)


def population(name, size, rng, model="lif_hard"):
    """Return a population of integers that Loihi can hold.

    Args:
        name: Name of the population.
        size: Number of neurons.
        rng: Source of threshold and decay.
        model: "lif_hard", "cuba_lif_hard" or "readout".
    """
    threshold = 64 * int(rng.integers(20, 200)) + 1
    decay, bias = np.full(size, int(rng.integers(1, 4097))), np.zeros(size, int)
    limit = np.ones(size, int) if model == "readout" else np.full(size, threshold)
    second = {}
    if model == "cuba_lif_hard":
        second = {"gain": np.full(size, 4096), "second_decay": np.full(size, int(rng.integers(0, 4001)))}
    return Population(name, model, decay, limit, bias, np.full(size, 0.01), **second)


def edge(source, target, sizes, rng, *, delays=(0, 62), taps=1):
    """Return synapses between four of five pairs of neurons, of integers that Loihi can hold.

    Args:
        source: Name of the source.
        target: Name of the target.
        sizes: Number of neurons by population, and of channels by INPUT.
        rng: Source of pairs, weights and delays.
        delays: The shortest and the longest delay, in steps.
        taps: Synapses of each pair.
    """
    pre, post = (part.ravel() for part in np.indices((sizes[source], sizes[target])))
    index = np.concatenate([np.flatnonzero(rng.random(len(pre)) < 0.8) for _ in range(taps)])
    weight = rng.integers(1, 128, len(index)) * rng.choice([-1, 1, 1], len(index))
    delay = rng.integers(delays[0], delays[1] + 1, len(index))
    return Edge.of(source, target, (pre[index], post[index], delay, weight), sources=sizes[source])


def chain(rng, longest=62, models=("lif_hard", "cuba_lif_hard")):
    """Return a chain of two populations that fire and a readout, of integers that fit Loihi.

    Args:
        rng: Source of sizes and numbers.
        longest: The longest delay, in steps.
        models: Models of the populations that fire.
    """
    sizes = {INPUT: 6, "a": int(rng.integers(2, 7)), "b": int(rng.integers(2, 7)), "out": 3}
    parts = [population(name, sizes[name], rng, str(rng.choice(models))) for name in ("a", "b")]
    parts.append(population("out", 3, rng, "readout"))
    ends = [(INPUT, "a"), ("a", "b"), ("b", "out")]
    edges = [edge(source, target, sizes, rng, delays=(0, longest)) for source, target in ends]
    return Program(
        channels=6, populations=tuple(parts), edges=tuple(edges), time_step_ms=1.0, readout="out",
        decision="mean_membrane", classes=("x", "y", "z"), extra_steps=int(rng.integers(0, 3)), fixed=FIXED,
    )  # fmt: skip


def graph(rng, longest=62, models=("lif_hard", "cuba_lif_hard")):
    """Return a chain with two taps, an edge that skips a population, one that turns back, and loops.

    Args:
        rng: Source of sizes and numbers.
        longest: The longest delay of the chain, in steps.
        models: Models of the populations that fire.
    """
    program = chain(rng, longest, models)
    sizes = {INPUT: 6} | {part.name: part.size for part in program.populations}
    more = [
        edge(INPUT, "b", sizes, rng, delays=(0, 5), taps=2),
        edge("a", "a", sizes, rng, delays=(1, 9)),
        edge("b", "a", sizes, rng, delays=(2, 9)),
    ]
    return replace(program, edges=(*program.edges, *more))


@st.composite
def chains(draw):
    """Return a chain as `chain` does, of a random seed and longest delay.

    Args:
        draw: Function of hypothesis.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return chain(rng, draw(st.sampled_from([0, 3, 62])))


@st.composite
def graphs(draw):
    """Return a graph as `graph` does, of a random seed and longest delay.

    Args:
        draw: Function of hypothesis.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return graph(rng, draw(st.sampled_from([0, 3, 62])))


def with_part(program, name, **changes):
    """Return a Program with other fields of a population.

    Args:
        program: Program that has the population.
        name: Name of the population.
        **changes: New values of fields of Population.
    """
    populations = tuple(replace(part, **changes) if part.name == name else part for part in program.populations)
    return replace(program, populations=populations)


def with_first_edge(program, **changes):
    """Return the Program with other weights or delays of its first edge.

    Args:
        program: Program with one edge or more.
        **changes: New values of fields of Edge.
    """
    return replace(program, edges=(replace(program.edges[0], **changes), *program.edges[1:]))


def sparse(rng, *, loops=True, longest=5):
    """Return a Program that fits Xylo: two populations that forget, biases, and a loop.

    Args:
        rng: Source of sizes and numbers.
        loops: Whether an edge leads from the second population back to the first.
        longest: The longest delay of the chain, in steps.
    """
    program = chain(rng, longest, models=["lif_hard"])
    sizes = {INPUT: 6} | {part.name: part.size for part in program.populations}
    edges = [replace(each, weight=np.trunc(each.weight / 2).astype(np.int16)) for each in program.edges]
    if loops:
        more = edge("b", "a", sizes, rng, delays=(2, 4))
        edges.append(replace(more, weight=np.trunc(more.weight / 2).astype(np.int16)))
    result = replace(program, edges=tuple(edges))
    for part in result.populations:
        bias = rng.integers(-60, 61, part.size)
        result = with_part(result, part.name, decay=np.zeros(part.size, int), bias=bias)
    for part in result.populations:
        if part.fires:
            # so high that the positive weights do not reach it twice, and so low that they reach it once
            least = positive_sum(result, part) // 2 + 1
            result = with_part(result, part.name, threshold=64 * least + part.bias)
    return result


def as_cuba(program, *, gain, second_decay):
    """Return the Program whose first population has an exponential synapse.

    Args:
        program: Program in integers, whose first population is "a".
        gain: Gain of the current, in parts of 4096.
        second_decay: Parts of 4096 of the current that a step keeps.
    """
    size = program.populations[0].size
    second = {"gain": np.full(size, gain), "second_decay": np.full(size, second_decay)}
    return with_part(program, "a", model="cuba_lif_hard", **second)


def floats(program):
    """Return a Program dequantized.

    Args:
        program: Program in integers.
    """
    from snnsim.quantization import dequantized

    return dequantized(program)


def _wide(program):
    first = program.edges[0]
    weight = np.where(np.arange(len(first.weight)) == 0, 201, first.weight)
    return with_first_edge(program, weight=weight.astype(np.int16))


def _late(program):
    first = program.edges[0]
    retimed = Edge.of(first.source, first.target, (first.pre(), first.post, first.delay + 70, first.weight), sources=6)
    return replace(program, edges=(retimed, *program.edges[1:]))


def _two_taps(program):
    first = program.edges[0]
    rows = tuple(np.tile(part, 2) for part in (first.pre(), first.post, first.delay, first.weight // 2))
    return replace(program, edges=(Edge.of(first.source, first.target, rows, sources=6), *program.edges[1:]))


def _a(program):
    return program.population("a")


def _crowded(program):
    size = 1100
    part = Population("a", "lif_hard", *(np.full(size, value) for value in (100, 64 * 30 + 1, 0)), np.ones(size))
    into = Edge.of(
        INPUT, "a", (np.zeros(size, int), np.arange(size), np.zeros(size, int), np.ones(size, int)), sources=6
    )
    onward = Edge.of("a", "b", ([0], [0], [0], [1]), sources=size)
    return replace(program, populations=(part, *program.populations[1:]), edges=(into, onward, program.edges[2]))


BREAKS = {
    "integers": floats,
    "reset": lambda p: with_part(p, "a", model="lif_soft", gain=None, second_decay=None),
    "hardware_delays": _late,
    "unit_gains": lambda p: as_cuba(p, gain=2048, second_decay=1000),
    "one_decay": lambda p: with_part(p, "a", decay=np.arange(100, 100 + _a(p).size)),
    "arithmetic": lambda p: replace(p, fixed=replace(FIXED, weight_shift=4)),
    "weight_range": lambda p: with_first_edge(p, weight=(p.edges[0].weight * 0 + 300).astype(np.int16)),
    "weight_parity": _wide,
    "one_threshold": lambda p: with_part(p, "a", threshold=_a(p).threshold + 64 * np.arange(_a(p).size)),
    "threshold_grid": lambda p: with_part(p, "a", threshold=_a(p).threshold + 7),
    "decay_range": lambda p: with_part(p, "a", decay=np.zeros(_a(p).size, int)),
    "no_bias": lambda p: with_part(p, "b", bias=np.full(p.population("b").size, 64 * 5)),
    "neurons_per_core": _crowded,
    "one_synapse": _two_taps,
    "chain": lambda p: replace(p, edges=(*p.edges, Edge.of("a", "a", ([0], [0], [1], [1]), sources=_a(p).size))),
}
UNMENDED = {"reset", "chain"}
ONLY_LOIHI1, ONLY_NETX = {"neurons_per_core"}, {"one_synapse", "chain"}


def sigma_delta_chain(rng):
    """Return a chain of two sigma-delta populations and a readout, of integers that fit netx.

    Args:
        rng: Source of sizes and numbers.
    """
    sizes = {INPUT: 6, "a": int(rng.integers(2, 7)), "b": int(rng.integers(2, 7)), "out": 3}

    def part(name):
        size = sizes[name]
        fires = name != "out"
        threshold = np.full(size, 64 * int(rng.integers(0, 6)) + 1) if fires else np.ones(size, int)
        bias = -64 * rng.integers(0, 4, size) if fires else rng.integers(-100, 100, size)
        return Population(
            name, "sigma_delta" if fires else "sigma", np.full(size, 4096), threshold, bias, np.full(size, 0.01)
        )

    def synapses(source, target):
        drawn = edge(source, target, sizes, rng, delays=(0, 6))
        return replace(drawn, weight=rng.integers(1, 4, len(drawn.weight)) * rng.choice([-1, 1, 1], len(drawn.weight)))

    return Program(
        channels=6,
        populations=tuple(part(name) for name in ("a", "b", "out")),
        edges=(synapses(INPUT, "a"), synapses("a", "b"), synapses("b", "out")),
        time_step_ms=1.0,
        readout="out",
        decision="mean_membrane",
        fixed=replace(FIXED, weight_bits=3),
    )
