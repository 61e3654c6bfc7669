"""A large random network: time, memory per synapse and real-time factor, against Brian2 and NEST.

python scripts/bench_events/large.py --python ENV/bin/python

10⁵ neurons (τ = 20 ms), 10⁷ synapses drawn at random with delays of 1 to 100 steps of 1 ms, four of five sources
exciting, the others inhibiting four times as much; 1,000 channels of noise, two for each neuron. 1 s on one core.

Spikes are compared one by one, (step, neuron), with those of our clock-driven engine in float64. Weights are multiples
of 2⁻⁸, so the sum of a step's weights has no rounding in any order and in either precision, and a threshold that a sum
equals exactly is reached by all. The decayed voltage, and its sum with the weights, round by about 10⁻¹⁶ in float64,
where a difference among 10⁸ (step, neuron) is not expected, and by 10⁻⁷ in float32, where some are.
Our own times are without recording, those of the baselines with it. Bytes of baselines are the peak of the process, or
of its children: Brian2's standalone program is one, the compiler another.
"""

import argparse
import itertools
import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_common import BASELINES, compare_spikes, run_baseline, write

from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import ENGINES, PRECISIONS, Events, Probe, Result, Simulator
from snnsim.units import exact_decay

CHANNELS, DELAYS, STEPS, TAU = 1000, 100, 1000, 20.0
WEIGHT, INHIBITION, NOISE_WEIGHT, NOISE = 5 / 256, 4, 102 / 256, 0.025


def network(neurons: int, synapses: int, seed: int = 0) -> Program:
    """Return the random network.

    Args:
        neurons: Number of neurons.
        synapses: Number of synapses between them.
        seed: Seed of the connections.
    """
    rng = np.random.default_rng(seed)
    pre, post = rng.integers(0, neurons, synapses), rng.integers(0, neurons, synapses)
    weight = np.where(pre < 0.8 * neurons, WEIGHT, -INHIBITION * WEIGHT)
    inner = Edge.of("net", "net", (pre, post, rng.integers(1, DELAYS + 1, synapses), weight), sources=neurons)
    noise = rng.integers(0, CHANNELS, 2 * neurons), np.repeat(np.arange(neurons), 2)
    one = np.ones(2 * neurons)
    outer = Edge.of(INPUT, "net", (*noise, one.astype(int), NOISE_WEIGHT * one), sources=CHANNELS)
    population = Population.of("net", neurons, decay=exact_decay(TAU))
    return Program(channels=CHANNELS, populations=(population,), edges=(outer, inner), time_step_ms=1.0)


def ours(program: Program, events: Events, engine: str, precision: str) -> tuple[dict[str, Any], Result]:
    """Return the figures of one engine in one precision, and its result with all spikes.

    Args:
        program: Network of `network`.
        events: One recording.
        engine: Name of an engine.
        precision: Name of a precision.
    """
    began = time.perf_counter()
    simulator = Simulator(program, engine=engine, precision=precision, threads=1)
    building = time.perf_counter() - began
    simulator.run(events.part(0, 2))
    began = time.perf_counter()
    result = simulator.run(events)
    seconds = time.perf_counter() - began
    arrays = [array for array in simulator.engine.synapses if isinstance(array, np.ndarray)]
    figures = {
        "seconds": seconds,
        "real_time_factor": seconds / (STEPS * program.time_step_ms / 1e3),
        "making_ready": building,
        "rate_hz": float(result.counts("net").mean()) / (STEPS * program.time_step_ms / 1e3),
        "synaptic_events": int(result.synaptic_events().sum()),
        "bytes_per_synapse": sum(array.nbytes for array in arrays) / program.synapses,
        "program_bytes_per_synapse": sum(array.nbytes for _, array in program.arrays()) / program.synapses,
        "spikes": int(result.counts("net").sum()),
    }
    return figures, simulator.run(events, Probe(spikes=True))


def measure(program: Program, events: Events, python: Path | None, baselines: Sequence[str]) -> dict[str, Any]:
    """Return the figures of all engines and baselines, and the number of equal spikes, printed as they come.

    Args:
        program: Network of `network`.
        events: One recording.
        python: Interpreter of the environment of the baselines; None runs no baseline.
        baselines: Names of BASELINES.
    """
    figures: dict[str, Any] = {}
    reference = None
    for engine, precision in itertools.product(ENGINES, PRECISIONS):
        name = f"snnsim {engine}, {precision}"
        figures[name], result = ours(program, events, engine, precision)
        # the first is the clock-driven engine in float64
        reference = reference or result
        figures[name] |= compare_spikes(reference, {"net": result.spikes("net")})
        print(name, figures[name])
    figures["snnsim process"] = {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    for name in baselines if python else ():
        figures[name], spikes = run_baseline(name, python, program, events)
        if spikes:
            figures[name] |= {"spikes": len(spikes["net"][0])} | compare_spikes(reference, spikes)
        print(name, figures[name])
    return figures


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=100_000)
    parser.add_argument("--synapses", type=int, default=10_000_000)
    parser.add_argument("--noise", type=float, default=NOISE, help="share of the channels that fire in a step")
    parser.add_argument("--python", type=Path, help="interpreter with brian2 and nest-simulator")
    parser.add_argument("--baselines", nargs="*", default=list(BASELINES), choices=list(BASELINES))
    parser.add_argument("--json", type=Path, default=Path("figures/bench-large.json"))
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    program = network(options.neurons, options.synapses)
    events = Events.from_frames(np.random.default_rng(1).random((STEPS, 1, CHANNELS)) < options.noise)
    figures = measure(program, events, options.python, options.baselines)
    write(
        options.json,
        {"neurons": options.neurons, "noise": options.noise, "synapses": program.synapses, "found": figures},
    )


if __name__ == "__main__":
    main()
