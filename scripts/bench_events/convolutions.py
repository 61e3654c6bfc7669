"""A picture network by shared kernels and by single synapses: time and memory of both engines, in turns.

python scripts/bench_events/convolutions.py

Three convolutions of 3 x 3 over events of a camera of 32 x 32 pixels and two polarities, with delays of 0 to 4 steps,
pooling of 2 x 2 in front of the second and the third, and a readout. Spikes and membranes are compared first. A time is
the median of runs of one recording; `ratio` is the median of the ratios of pairs of runs that follow each other.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_common import write

from snnsim.program import INPUT, ConvEdge, Edge, Field, Geometry, Population, Program
from snnsim.simulation import Events, Probe, Simulator
from snnsim.simulation.lowering import lower

CHANNELS, CLASSES, DELAYS, SIDE = (16, 32, 32), 10, 5, 32
STEPS, ACTIVITY = 100, 0.02
THRESHOLDS = 1.5, 3.0, 3.0


def network(rng: np.random.Generator) -> Program:
    """Return the picture network.

    Args:
        rng: Source of weights and delays.
    """
    field, source, populations = Field(SIDE, SIDE, 2), INPUT, []
    edges: list[Edge | ConvEdge] = []
    for number, (channels, threshold) in enumerate(zip(CHANNELS, THRESHOLDS, strict=True)):
        pool = 1 if number == 0 else 2
        weight = rng.normal(0.1, 1, (channels, field.channels, 3, 3)) / pool**2
        delay = rng.integers(0, DELAYS, weight.shape)
        geometry = Geometry.of(field, channels, (3 * pool, 3 * pool), stride=(pool, pool), padding=(pool, pool))
        wide, late = (each.repeat(pool, 2).repeat(pool, 3) for each in (weight, delay))
        name = f"convolution {number + 1}"
        edges.append(ConvEdge.dense(source, name, wide, geometry=geometry, delay=late))
        populations.append(Population.of(name, geometry.target.size, decay=0.8, threshold=threshold))
        field, source = geometry.target, name
    pre, post = (index.ravel() for index in np.indices((field.size, CLASSES)))
    synapses = pre, post, np.zeros(len(pre), int), rng.normal(0, 1, len(pre))
    edges.append(Edge.of(source, "readout", synapses, sources=field.size))
    populations.append(replace(Population.of("readout", CLASSES, decay=0.9), model="readout"))
    return Program(2 * SIDE**2, tuple(populations), tuple(edges), 1.0, readout="readout")


def sizes(program: Program) -> dict[str, int]:
    """Return the number of synapses, the bytes of edges, and the bytes that an engine reads of synapses and kernels.

    Args:
        program: The Program.
    """
    arrays = dict(program.arrays())
    lowered = lower(program, "float64")
    return {
        "synapses": program.synapses,
        "edge_bytes": sum(array.nbytes for name, array in arrays.items() if name.startswith("edge")),
        "engine_bytes": sum(array.nbytes for part in (lowered.synapses, lowered.convolutions) for array in part),
    }


def compared(shared: Program, single: Program, events: Events, engine: str, repeats: int) -> dict[str, Any]:
    """Return the seconds of both Programs and their ratio, single synapses over kernels.

    Args:
        shared: The Program with convolutions.
        single: The Program with their single synapses.
        events: A recording.
        engine: Name of the engine.
        repeats: Number of pairs of runs.

    Raises:
        ValueError: If a spike or a membrane differs.
    """
    probe = Probe(membranes={population.name: None for population in shared.populations})
    simulators = [Simulator(program, engine=engine, threads=1) for program in (shared, single)]
    one, other = (simulator.run(events, probe) for simulator in simulators)
    if not (np.array_equal(one.node_counts, other.node_counts) and np.array_equal(one.traces, other.traces)):
        raise ValueError(f"{engine}: spikes and membranes must be equal")
    seconds = np.zeros((repeats, 2))
    for turn in seconds:
        for number, simulator in enumerate(simulators):
            began = time.process_time()
            simulator.run(events)
            turn[number] = time.process_time() - began
    kernels, synapses = np.median(seconds, 0)
    return {
        "engine": engine,
        "seconds": kernels,
        "seconds_of_single_synapses": synapses,
        "ratio": float(np.median(seconds[:, 1] / seconds[:, 0])),
        "synaptic_events": int(one.synaptic_events().sum()),
        "spikes": int(one.node_counts[:, shared.channels :].sum()),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", type=Path, default=Path("figures/bench-convolutions.json"))
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    shared = network(rng)
    single = shared.unrolled()
    events = Events.from_frames(rng.random((STEPS, 1, shared.channels)) < ACTIVITY)
    both = {"kernels": sizes(shared), "single synapses": sizes(single)}
    for name, size in both.items():
        print(f"{name}: {size['synapses']:,} synapses, {size['edge_bytes'] / 1e6:.2f} MB in the program, "
              f"{size['engine_bytes'] / 1e6:.2f} MB in an engine")  # fmt: skip
    rows = []
    for engine in ("clock_driven", "event_driven"):
        row = compared(shared, single, events, engine, options.repeats)
        rows.append(row)
        times = f"{row['seconds']:.3f} s by kernels, {row['seconds_of_single_synapses']:.3f} s by single synapses"
        work = f"{row['synaptic_events']:,} synaptic events, {row['spikes']:,} spikes, all equal"
        print(f"{engine}: {times}, ratio {row['ratio']:.2f}; {work}")
    write(options.json, {"sizes": both, "engines": rows})


if __name__ == "__main__":
    main()
