"""NEST runs a large network of neurons with exponential synapses: iaf_psc_exp, static synapses, Poisson generators.

    python nest_process.py REQUEST.json RESULT.npz

The request has a description as `snnsim.circuit.Spec.to_plain` writes it, a seed, the numbers of threads and of steps,
and optionally a file of lists: sources, targets, weights, delays in steps, and initial voltages. Without lists NEST
draws the synapses by the same description. The result has spikes (steps from 0 and neurons) and seconds.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import nest
import numpy as np


def main(request: dict[str, Any], path: Path) -> None:
    """Build and run the network, and write its spikes and times.

    Args:
        request: The request.
        path: File of the result.
    """
    spec, began = request["spec"], time.perf_counter()
    nest.set_verbosity("M_ERROR")
    nest.ResetKernel()
    step, threads = spec["time_step_ms"], request["threads"]
    nest.set(resolution=step, local_num_threads=threads, rng_seed=request["seed"] + 1)
    groups = _neurons(spec)
    lists = np.load(request["lists"]) if request["lists"] else None
    if lists is None:
        _random_voltages(groups, spec)
        _random_synapses(groups, spec)
    else:
        _listed(lists, step)
    _drive(groups, spec)
    recorder = nest.Create("spike_recorder")
    for group in groups:
        nest.Connect(group, recorder)
    built = time.perf_counter()
    nest.Prepare()
    seconds, processor = 0.0, 0.0
    for count in (request["warm_up"], request["steps"] - request["warm_up"]):
        start, spent = time.perf_counter(), time.process_time()
        if count:
            nest.Run(count * step)
        seconds, processor = time.perf_counter() - start, time.process_time() - spent
    nest.Cleanup()
    events = recorder.get("events")
    times, senders = np.rint(events["times"] / step).astype(np.int64) - 1, events["senders"].astype(np.int64) - 1
    order = np.lexsort((senders, times))
    np.savez(
        path, step=times[order], neuron=senders[order], build_seconds=built - began, run_seconds=seconds,
        processor_seconds=processor,
        synapses=nest.num_connections, version=nest.__version__,
    )  # fmt: skip


def _neurons(spec: dict[str, Any]) -> list[Any]:
    constants = spec["neuron"]
    fixed = {
        "C_m": constants["capacitance_pf"], "tau_m": constants["tau_m_ms"], "E_L": constants["rest_mv"],
        "tau_syn_ex": constants["tau_syn_ms"], "tau_syn_in": constants["tau_syn_ms"],
        "t_ref": constants["refractory_ms"], "V_th": constants["threshold_mv"], "V_reset": constants["reset_mv"],
    }  # fmt: skip
    return [
        nest.Create("iaf_psc_exp", size, params=fixed | {"I_e": current})
        for size, current in zip(spec["sizes"], spec["constant_pa"], strict=True)
    ]


def _random_voltages(groups: list[Any], spec: dict[str, Any]) -> None:
    for group, mean, deviation in zip(groups, spec["start_mv"], spec["start_sd_mv"], strict=True):
        group.V_m = nest.random.normal(mean, deviation)


def _random_synapses(groups: list[Any], spec: dict[str, Any]) -> None:
    step = spec["time_step_ms"]
    for post, target in enumerate(groups):
        for pre, source in enumerate(groups):
            number, mean = spec["synapses"][post][pre], spec["weight_pa"][post][pre]
            if not number:
                continue
            drawn = nest.random.normal(mean, spec["weight_sd_pa"][post][pre])
            signs = {"min": 0.0, "max": np.inf} if mean > 0 else {"min": -np.inf, "max": 0.0}
            delay = nest.random.normal(spec["delay_ms"][pre], spec["delay_sd_ms"][pre])
            nest.Connect(
                source, target, {"rule": "fixed_total_number", "N": number},
                {
                    "synapse_model": "static_synapse",
                    "weight": nest.math.redraw(drawn, **signs),
                    # the least delay that is rounded to a step
                    "delay": nest.math.redraw(delay, min=step / 2, max=np.inf),
                },
            )  # fmt: skip


def _listed(lists: Any, step: float) -> None:
    """Make the synapses and set the voltages of lists."""
    voltage = lists["voltage"]
    nest.NodeCollection(range(1, len(voltage) + 1)).V_m = voltage
    parameters = {
        "synapse_model": "static_synapse",
        "weight": lists["weight"].astype(float),
        "delay": lists["delay"] * step,
    }
    nest.Connect(lists["source"] + 1, lists["target"] + 1, "one_to_one", parameters)


def _drive(groups: list[Any], spec: dict[str, Any]) -> None:
    for group, rate, weight in zip(groups, spec["drive_hz"], spec["drive_weight_pa"], strict=True):
        if rate:
            generator = nest.Create("poisson_generator", params={"rate": rate})
            nest.Connect(generator, group, "all_to_all", {"weight": weight, "delay": spec["time_step_ms"]})


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
