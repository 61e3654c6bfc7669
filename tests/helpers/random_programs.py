"""Small random Programs and inputs, and what the loops of the reference make of them.

Numbers are eighths and decays halves, so that every sum and product is exact in float32 and in any order.
"""

import numpy as np
from hypothesis import strategies as st

from snnsim.kernels.simulate import naive
from snnsim.program import INPUT, MODELS, Edge, FixedPoint, Population, Program
from snnsim.program.parts import model_in_file
from snnsim.simulation import Events

MODELS_IN_BOTH = [name for name, model in MODELS.items() if model.reset and model.fixed_point and not model.graded]
"""Models that fire, of Programs in floats and in integers."""
LIF_MODELS = ["lif_hard", "lif_soft"]
HARD_MODELS = ["lif_hard", "cuba_lif_hard"]
"""Models with a hard reset and without an adaptation."""
FIXED = FixedPoint(word_bits=10, decay_bits=4, weight_shift=2, weight_bits=8, delay_bits=4)


def population(name, size, rng, *, fixed, readout, models=MODELS_IN_BOTH):
    """Return a random population.

    Args:
        name: Name of the population.
        size: Number of neurons.
        rng: Source of model and numbers.
        fixed: Whether the numbers are integers.
        readout: Whether it is a readout.
        models: Names of models that fire, of which one is chosen.
    """
    model = "readout" if readout else str(rng.choice(models))
    if fixed:
        decay, threshold, bias = rng.integers(0, 17, size), rng.integers(1, 60, size), rng.integers(-20, 30, size)
    else:
        decay = rng.choice([0.0, 0.5, 1.0], size)
        threshold, bias = rng.integers(1, 17, size) / 8, rng.integers(-4, 9, size) / 8
    bias = bias * rng.integers(0, 2, size)
    second = {each: _coefficient(each, size, rng, fixed=fixed) for each in MODELS[model].parameters}
    return Population(name, model, decay, threshold, bias, np.ones(size), **second)


def _coefficient(name, size, rng, *, fixed):
    """Return coefficients of a second state variable."""
    if name == "jump":
        return rng.integers(-10, 40, size) if fixed else rng.integers(-2, 9, size) / 8
    if fixed:
        least = {"gain": 1, "second_decay": 0, "coupling": -8}[name]
        return rng.integers(least, 17, size)
    # no products of both fractions and feedback, which would need more digits than float32 has
    return rng.choice({"gain": [0.5, 1.0], "second_decay": [0.0, 1.0], "coupling": [0.0, 1.0]}[name], size)


def edge(source, target, sizes, rng, *, least, fixed):
    """Return random synapses, of which several may connect a pair.

    Args:
        source: Name of the source.
        target: Name of the target.
        sizes: Number of source and target neurons.
        rng: Source of pairs, weights and delays.
        least: The shortest delay, in steps.
        fixed: Whether the weights are integers.
    """
    pre_size, post_size = sizes
    count = int(rng.integers(0, 2 * pre_size * post_size + 1))
    pre, post = rng.integers(0, pre_size, count), rng.integers(0, post_size, count)
    weight = rng.integers(-16, 25, count)
    synapses = (pre, post, rng.integers(least, 7, count), weight if fixed else weight / 8)
    return Edge.of(source, target, synapses, sources=pre_size)


@st.composite
def programs(draw, *, fixed=None, models=MODELS_IN_BOTH):
    """Return a Program of one to three populations, any of which may reach any.

    Args:
        draw: Function of hypothesis.
        fixed: Whether the numbers are integers; None for either.
        models: Names of models that fire, of which each population has one.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    fixed = draw(st.booleans()) if fixed is None else fixed
    channels, count = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    with_readout = draw(st.booleans())
    names = [f"p{number}" for number in range(count)]
    sizes = {INPUT: channels} | {name: int(rng.integers(1, 5)) for name in names}
    populations = [
        population(name, sizes[name], rng, fixed=fixed, readout=with_readout and name == names[-1], models=models)
        for name in names
    ]
    edges = []
    for position, source in enumerate([INPUT, *names]):
        if with_readout and source == names[-1]:
            continue
        for number, target in enumerate(names):
            if rng.random() < 0.7:
                least = 0 if position <= number else 1
                edges.append(edge(source, target, (sizes[source], sizes[target]), rng, least=least, fixed=fixed))
    return Program(
        channels=channels,
        populations=tuple(populations),
        edges=tuple(edges),
        time_step_ms=1.0,
        readout=names[-1] if with_readout else None,
        extra_steps=draw(st.integers(0, 3)),
        fixed=FIXED if fixed else None,
    )


@st.composite
def frames_for(draw, program, *, recordings=3):
    """Return counts of spikes (time, recording, channel) for a Program.

    Args:
        draw: Function of hypothesis.
        program: The Program, which has the number of channels.
        recordings: Number of recordings.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = draw(st.integers(1, 10))
    busy = draw(st.sampled_from([0.0, 0.2, 1.0]))
    return rng.integers(1, 3, (steps, recordings, program.channels)) * (
        rng.random((steps, recordings, program.channels)) < busy
    )


def loops(program, frames, *, phases=None):
    """Return the spikes and membranes (time, neuron) of one recording, without extra steps.

    Args:
        program: Program in floats or integers.
        frames: Counts of spikes (time, channel).
        phases: First step, step behind the last, and Program of other delays, of each phase; None for one phase.
    """
    phases = [(0, len(frames), program)] if phases is None else phases
    rows = [(synapse, (begin, end)) for begin, end, each in phases for synapse in _synapses(each)]
    synapses, valid = [row[0] for row in rows], [row[1] for row in rows]
    return naive.graph(frames, synapses, _neurons(program), valid=valid)


def _synapses(program):
    """Return source, target, delay and weight of all synapses."""
    start, begin = {INPUT: 0}, 0
    for part in program.populations:
        start[part.name], begin = program.channels + begin, begin + part.size
    return [
        (int(start[e.source] + i), int(start[e.target] - program.channels + j), int(d), np.asarray(w).item())
        for e in program.edges
        for i, j, d, w in single_synapses(e)
    ]


def _neurons(program):
    """Return the parameters of all neurons by name."""
    neurons = {
        name: np.concatenate([getattr(part, name) for part in program.populations])
        for name in ("decay", "threshold", "bias")
    }
    for name in ("gain", "second_decay", "coupling", "jump"):
        values = (getattr(part, name) for part in program.populations)
        neurons[name] = np.concatenate(
            [
                np.zeros(part.size) if value is None else value
                for part, value in zip(program.populations, values, strict=True)
            ]
        )
    neurons["rule"] = np.repeat(
        [model_in_file(part.model) for part in program.populations], [p.size for p in program.populations]
    )
    if program.fixed is not None:
        constants = {
            "shift": program.fixed.weight_shift,
            "bits": program.fixed.decay_bits,
            "limit": program.fixed.limit,
        }
        neurons |= {name: np.full(program.size, value) for name, value in constants.items()}
    return neurons


def single_synapses(edge):
    """Return source, target, delay and weight of each synapse of an edge."""
    if isinstance(edge, Edge):
        return list(zip(edge.pre(), edge.post, edge.delay, edge.weight, strict=True))
    columns = edge.source_channel(), edge.channel, edge.row, edge.column, edge.delay, edge.weight
    entries = list(zip(*(column.tolist() for column in columns), strict=True))
    return naive.convolution(entries, **vars(edge.geometry))


def dense_spikes(result, program, recording=0):
    """Return the spikes of all populations, one after another, (time, neuron).

    Args:
        result: Result of a simulation with spikes.
        program: Program that was simulated.
        recording: Index of the recording.
    """
    parts = []
    for part in program.populations:
        dense = np.zeros((int(result.length[recording]), part.size))
        dense[result.spikes(part.name, recording)] = 1
        parts.append(dense)
    return np.concatenate(parts, 1)


def everything(program):
    """Return the value of `Probe.membranes` for all neurons.

    Args:
        program: Program to simulate.
    """
    return {part.name: None for part in program.populations}


def membranes(result, program, recording=0):
    """Return the membranes of all populations, one after another, (time, neuron).

    Args:
        result: Result of a simulation with all membranes.
        program: Program that was simulated.
        recording: Index of the recording.
    """
    return np.concatenate([result.membrane(part.name, recording) for part in program.populations], 1)


def events(frames):
    """Return recordings as events.

    Args:
        frames: Counts of spikes (time, recording, channel).
    """
    return Events.from_frames(frames)
