"""A small Program in integers on channels of the inner-ear model."""

import numpy as np

from snnsim.program import INPUT, Edge, FixedPoint, Population, Program

FIXED = FixedPoint(word_bits=24, decay_bits=4, weight_shift=2, weight_bits=8, delay_bits=4)


def random_program(channels=70, hidden=20, classes=3, seed=0):
    """Return a Program in integers with random weights, and delays of up to 7 steps."""
    rng = np.random.default_rng(seed)

    def edge(source, target, sizes):
        pre, post = (grid.ravel() for grid in np.meshgrid(*map(np.arange, sizes), indexing="ij"))
        synapses = (pre, post, rng.integers(0, 8, len(pre)), rng.integers(-20, 30, len(pre)))
        return Edge.of(source, target, synapses, sources=sizes[0])

    def neurons(name, size, model, threshold):
        return Population(
            name, model, np.full(size, 12), np.full(size, threshold), np.zeros(size, np.int64), np.full(size, 1 / 64)
        )

    return Program(
        channels=channels,
        populations=(neurons("hidden", hidden, "lif_hard", 400), neurons("out", classes, "readout", 1)),
        edges=(edge(INPUT, "hidden", (channels, hidden)), edge("hidden", "out", (hidden, classes))),
        time_step_ms=10.0,
        readout="out",
        decision="summed_softmax",
        classes=("one", "two", "three")[:classes],
        extra_steps=5,
        fixed=FIXED,
    )
