"""Cost and memory of large networks: measured on a grid of sizes, and a fitted model of neurons, events and lookups.

    seconds of the processor   = a · neurons · steps + b · events + c · lookups
    bytes                      = d · synapses + e · neurons · blocks

    events    arrivals of spikes at synapses
    lookups   spikes · blocks · longest delay in steps: every step and every block of 65,536 neurons looks up a spike

Networks are random, with one population, Poisson input and weights so small that the rate is that of the input:
neurons, synapses of a neuron and rate vary alone. The model is fitted to the smaller networks, by least squares of
relative errors, and predicts the largest one. Seconds are those of the processor, the least of several turns.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_common import write
from scipy.optimize import nnls

from snnsim import circuit

GRID = [
    (neurons, fan_in, current)
    for neurons, fan_in in ((5_000, 1000), (20_000, 250), (20_000, 1000), (80_000, 250), (80_000, 1000), (160_000, 500))
    for current in (-40.0, 0.0)
]
"""Neurons, synapses of a neuron, and constant current in pA, which sets the rate."""
STEP_MS = 0.1


def spec(neurons: int, fan_in: int, current: float) -> circuit.Spec:
    """Return the description of a network.

    Args:
        neurons: Number of neurons.
        fan_in: Number of synapses of a neuron.
        current: Constant current in pA.
    """
    return circuit.Spec(
        names=("net",), sizes=(neurons,), synapses=((neurons * fan_in,),), weight_pa=((1e-3,),),
        weight_sd_pa=((1e-4,),), delay_ms=(1.5,), delay_sd_ms=(0.75,), drive_hz=(8000.0,), drive_weight_pa=(87.8,),
        constant_pa=(current,), start_mv=(-55.0,), start_sd_mv=(4.0,), time_step_ms=STEP_MS,
    )  # fmt: skip


def measured(
    size: tuple[int, int, float], *, seconds: float, repeats: int, threads: int, clock: bool = False
) -> dict[str, Any]:
    """Return the least seconds of a number of steps, their events, and the memory of a network.

    Args:
        size: Neurons, synapses of a neuron, and constant current.
        seconds: Simulated seconds of a turn.
        repeats: Turns.
        threads: Number of threads.
        clock: Whether seconds of the clock count, and not those of the processor.
    """
    began = time.perf_counter()
    network = circuit.build(spec(*size), seed=0, threads=threads)
    building = time.perf_counter() - began
    state, first = circuit.at_start(network), 500
    circuit.run(network, state, first=0, count=first, threads=threads)
    steps, turns, spikes = round(1000 * seconds / STEP_MS), [], 0
    timer = time.perf_counter if clock else time.process_time
    for _ in range(repeats):
        start = timer()
        spikes = len(circuit.run(network, state, first=first, count=steps, threads=threads).step)
        turns.append(timer() - start)
        first += steps
    neurons, fan_in, _ = size
    blocks, longest = network.network.layout.blocks, float(network.network.synapses.longest.mean())
    return {
        "neurons": neurons, "fan_in": fan_in, "threads": threads, "steps": steps, "building_s": building,
        "rate_hz": spikes / neurons / seconds, "lookups": round(spikes * blocks * longest), "blocks": blocks,
        "events": spikes * fan_in, "seconds": turns,
        "synapse_bytes": network.bytes_per_synapse * network.synapses, "synapses": network.synapses,
    }  # fmt: skip


def fitted(results: list[dict[str, Any]]) -> dict[str, float]:
    """Return nanoseconds of a neuron in a step, an event and a lookup, and bytes of a synapse and of an index.

    Args:
        results: What `measured` returned for several networks.
    """
    cost = [[each["neurons"] * each["steps"], each["events"], each["lookups"]] for each in results]
    memory = [[each["synapses"], each["neurons"] * each["blocks"]] for each in results]
    time_of = _least_squares(cost, [min(each["seconds"]) for each in results])
    bytes_of = _least_squares(memory, [each["synapse_bytes"] for each in results])
    names = "neuron_step_ns", "event_ns", "lookup_ns"
    model = {name: 1e9 * value for name, value in zip(names, time_of, strict=True)}
    return model | dict(zip(("synapse_bytes", "index_bytes"), bytes_of, strict=True))


def _least_squares(terms: list[list[float]], value: list[float]) -> list[float]:
    """Return factors, at least 0, with the least sum of squares of relative errors."""
    scaled = np.array(terms) / np.array(value)[:, None]
    factors: list[float] = nnls(scaled, np.ones(len(value)))[0].tolist()
    return factors


def predicted(result: dict[str, Any], model: dict[str, float]) -> tuple[float, float]:
    """Return seconds and bytes of a network by the model.

    Args:
        result: Its numbers of neurons, steps, synapses and events.
        model: What `fitted` returned.
    """
    work = result["neurons"] * result["steps"] * model["neuron_step_ns"]
    work += result["events"] * model["event_ns"] + result["lookups"] * model["lookup_ns"]
    return work / 1e9, result["synapses"] * model["synapse_bytes"] + result["neurons"] * result["blocks"] * model[
        "index_bytes"
    ]


def main() -> None:
    """Measure, fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.1, help="simulated seconds of a turn")
    parser.add_argument("--repeats", type=int, default=3, help="turns")
    parser.add_argument(
        "--largest", type=int, nargs=2, metavar=("NEURONS", "SYNAPSES"), default=(300_000, 1000),
        help="network that the model predicts: neurons, and synapses of a neuron",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=2, help="threads of the largest network; the grid has one")
    parser.add_argument("--json", type=Path, default=Path("figures/bench-cost-model.json"))
    options = parser.parse_args()
    settings = {"seconds": options.seconds, "repeats": options.repeats}
    results = []
    for size in GRID:
        results.append(measured(size, **settings, threads=1))
        print({name: results[-1][name] for name in ("neurons", "fan_in", "rate_hz", "seconds")}, flush=True)
    model = fitted(results)
    errors = [predicted(each, model)[0] / min(each["seconds"]) - 1 for each in results]
    largest = measured((*options.largest, -30.0), **settings, threads=options.threads)
    on_clock = measured((*options.largest, -30.0), **settings, threads=options.threads, clock=True)
    content = {"grid": results, "model": model, "errors": errors, "largest": largest, "largest_by_clock": on_clock}
    write(options.json, content)
    seconds, size = predicted(largest, model)
    print(model, f"largest error of the grid {max(map(abs, errors)):.0%}")
    print(
        f"largest: {min(largest['seconds']):.2f} s of the processor, {seconds:.2f} s predicted; "
        f"{min(on_clock['seconds']):.2f} s by the clock with {options.threads} threads; "
        f"{largest['synapse_bytes'] / 2**30:.2f} GiB, {size / 2**30:.2f} GiB predicted; "
        f"built in {largest['building_s']:.0f} s; {largest['rate_hz']:.1f} Hz"
    )


if __name__ == "__main__":
    main()
