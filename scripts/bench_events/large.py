"""A large random network: time, memory per synapse and real-time factor, against Brian2 and NEST.

python scripts/bench_events/large.py --peer-python ENV/bin/python

10⁵ neurons (τ = 20 ms), 10⁷ synapses drawn at random with delays of 1 to 100 steps of 1 ms, four of five sources
exciting, the others inhibiting four times as much; 1,000 channels of noise, two for each neuron. 1 s on one core.
"""

import argparse
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from peering import PEERS, peer, write

from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import ENGINES, PRECISIONS, Events, Simulator
from snnsim.units import exact_decay

CHANNELS, DELAYS, STEPS, TAU = 1000, 100, 1000, 20.0
WEIGHT, INHIBITION, NOISE_WEIGHT, NOISE = 0.02, 4.0, 0.4, 0.025


def network(neurons: int, synapses: int, seed: int = 0) -> Program:
    """Return the network."""
    rng = np.random.default_rng(seed)
    pre, post = rng.integers(0, neurons, synapses), rng.integers(0, neurons, synapses)
    weight = np.where(pre < 0.8 * neurons, WEIGHT, -INHIBITION * WEIGHT)
    inner = Edge.of("net", "net", (pre, post, rng.integers(1, DELAYS + 1, synapses), weight), sources=neurons)
    noise = rng.integers(0, CHANNELS, 2 * neurons), np.repeat(np.arange(neurons), 2)
    one = np.ones(2 * neurons)
    outer = Edge.of(INPUT, "net", (*noise, one.astype(int), NOISE_WEIGHT * one), sources=CHANNELS)
    population = Population.of("net", neurons, decay=exact_decay(TAU))
    return Program(channels=CHANNELS, populations=(population,), edges=(outer, inner), time_step_ms=1.0)


def ours(program: Program, events: Events, engine: str, precision: str) -> dict[str, Any]:
    """Return what one engine takes in one precision."""
    began = time.perf_counter()
    simulator = Simulator(program, engine=engine, precision=precision, threads=1)
    made = time.perf_counter() - began
    simulator.run(events.part(0, 2))
    began = time.perf_counter()
    result = simulator.run(events)
    seconds = time.perf_counter() - began
    arrays = [part for part in simulator.engine.synapses if isinstance(part, np.ndarray)]
    return {
        "seconds": seconds,
        "real_time_factor": seconds / (STEPS * program.time_step_ms / 1e3),
        "making_ready": made,
        "rate_hz": float(result.counts("net").mean()) / (STEPS * program.time_step_ms / 1e3),
        "synaptic_events": int(result.synaptic_events().sum()),
        "bytes_per_synapse": sum(part.nbytes for part in arrays) / program.synapses,
        "program_bytes_per_synapse": sum(part.nbytes for _, part in program.arrays()) / program.synapses,
        "spikes": int(result.counts("net").sum()),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=100_000)
    parser.add_argument("--synapses", type=int, default=10_000_000)
    parser.add_argument("--noise", type=float, default=NOISE, help="share of the channels that fire in a step")
    parser.add_argument("--peer-python", type=Path, help="interpreter with brian2 and nest-simulator")
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--json", type=Path, default=Path("figures/bench-large.json"))
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    program = network(options.neurons, options.synapses)
    events = Events.from_frames(np.random.default_rng(1).random((STEPS, 1, CHANNELS)) < options.noise)
    found = {
        f"snnsim {engine}, {precision}": ours(program, events, engine, precision)
        for engine in ENGINES
        for precision in PRECISIONS
    }
    found["snnsim process"] = {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    for name, each in found.items():
        print(name, each)
    for which in options.peers if options.peer_python else ():
        found[which] = peer(which, options.peer_python, program, events)
        spikes = found[which].pop("spikes", {"net": ((),)})
        found[which]["spikes"] = len(spikes["net"][0])
        print(which, found[which])
    write(
        options.json, {"neurons": options.neurons, "noise": options.noise, "synapses": program.synapses, "found": found}
    )


if __name__ == "__main__":
    main()
