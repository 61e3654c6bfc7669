"""Small random Programs of convolutions."""

import numpy as np
from hypothesis import strategies as st

from helpers.random_programs import FIXED, MODELS_IN_BOTH, population
from snnsim.program import INPUT, ConvEdge, Edge, Field, Geometry, Population, Program


def geometry(source, rng):
    """Return a random geometry over a field, in which targets may lie beyond all sources.

    Args:
        source: Field of the sources.
        rng: Source of the numbers.
    """
    pairs = [tuple(map(int, rng.integers(low, high, 2))) for low, high in ((1, 4), (0, 3), (1, 3))]
    return Geometry(source, Field(*map(int, rng.integers(1, 5, 3))), *pairs)


def convolution(source, target, shape, rng, *, least, weights):
    """Return a convolution of random entries, of which several may be of one pair and delay.

    Args:
        source: Name of the source.
        target: Name of the target.
        shape: The geometry.
        rng: Source of the entries.
        least: The shortest delay, in steps.
        weights: Kind of the weights: integers, eighths, whose sums are exact in any order, or normal.
    """
    count = int(rng.integers(0, 40))
    sides = shape.source.channels, shape.target.channels, 4, 4
    keys = [rng.integers(0, side, count) for side in sides]
    weight = rng.normal(size=count) if weights == "normal" else rng.integers(-16, 25, count)
    entries = (*keys, rng.integers(least, 5, count), weight / 8 if weights == "eighths" else weight)
    return ConvEdge.of(source, target, entries, geometry=shape)


@st.composite
def programs(draw, *, eighths=True, fixed=None):
    """Return a Program of two populations: convolutions from the input, between them and back, and single synapses.

    Args:
        draw: Function of hypothesis.
        eighths: Whether weights in floats are eighths, whose sums are exact in any order.
        fixed: Whether the numbers are integers; None for either.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    fixed = draw(st.booleans()) if fixed is None else fixed
    weights = "integers" if fixed else "eighths" if eighths else "normal"
    first = geometry(Field(*map(int, rng.integers(1, 5, 3))), rng)
    second = geometry(first.target, rng)
    back = Geometry(second.target, first.target, padding=(1, 1), upsampling=(2, 1))
    edges = [
        convolution(INPUT, "a", first, rng, least=0, weights=weights),
        convolution("a", "b", second, rng, least=0, weights=weights),
        convolution("b", "a", back, rng, least=1, weights=weights),
    ]
    count = int(rng.integers(1, 9))
    ends = (rng.integers(0, size, count) for size in (first.source.size, first.target.size))
    weight = rng.integers(-8, 9, count)
    single = Edge.of(
        INPUT, "a", (*ends, rng.integers(0, 5, count), weight if fixed else weight / 8), sources=first.source.size
    )
    # the order of edges between the same populations is that of the sums
    edges.insert(int(rng.integers(0, 4)), single)
    sizes = {"a": first.target.size, "b": second.target.size}
    populations = tuple(
        population(name, size, rng, fixed=fixed, readout=False, models=MODELS_IN_BOTH) for name, size in sizes.items()
    )
    return Program(
        channels=first.source.size,
        populations=populations,
        edges=tuple(edges),
        time_step_ms=1.0,
        extra_steps=2,
        fixed=FIXED if fixed else None,
    )


def small_network(rng):
    """Return a network of two convolutions without biases.

    Args:
        rng: Source of weights and delays.
    """
    first = Geometry.of((3, 3, 1), 2, (2, 2), padding=(1, 0))
    second = Geometry.of(first.target, 1, (2, 1), stride=(2, 1))
    edges = [
        convolution(source, target, shape, rng, least=0, weights="eighths")
        for source, target, shape in ((INPUT, "a", first), ("a", "b", second))
    ]
    populations = [
        Population.of("a", first.target.size, decay=0.5),
        Population.of("b", second.target.size, decay=0.5, model="readout"),
    ]
    return Program(9, populations, edges, 1.0, readout="b", decision="mean_membrane", extra_steps=3)
