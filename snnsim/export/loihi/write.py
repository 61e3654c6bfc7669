"""From a Program in integers to a file for Loihi 1 or Loihi 2."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.export.bias_channels import in_chain_order
from snnsim.export.common import path_names
from snnsim.export.loihi import messages
from snnsim.export.loihi.rules import LATENCY, MOST_THRESHOLD, UNIT
from snnsim.export.retiming import HardwareEdge, retime
from snnsim.files import hdf5_written_whole
from snnsim.program import FixedPoint, Population, Program

LOIHI1_FORMAT, LOIHI2_FORMAT = "snnsim Loihi 1", "snnsim Loihi 2"
SAMPLE_STEPS = 100


def write_loihi1(program: Program, path: Path) -> None:
    """Write the file for Loihi 1 and its emulators.

    Args:
        program: Program in integers that keeps the rules of Loihi 1.
        path: The file, such as network.loihi1; missing folders above it are made.

    Raises:
        ValueError: If the Program is in floats.
    """
    header, edges = _header(program, LOIHI1_FORMAT)
    shift, names = _fixed_point(program).weight_shift - UNIT, path_names(program)
    with hdf5_written_whole(path) as file:
        file.attrs["header"] = header
        for number, population in enumerate(program.populations):
            group = file.create_group(f"population/{number}")
            group.attrs["name"] = names[population.name]
            group.attrs["decay_v"] = 4096 - int(population.decay[0])
            group.attrs["vth"] = _threshold_mantissa(population)
            if population.second_decay is not None:
                group.attrs["decay_u"] = _current_decay(population)
        for number, edge in enumerate(edges):
            group = file.create_group(f"edge/{number}")
            weight = edge.weight << shift
            narrow = weight.min(initial=0) >= -128 and weight.max(initial=0) < 128
            group.attrs["source"], group.attrs["target"] = names[edge.source], names[edge.target]
            # the last bit of a mantissa is the sign's, so weights of 8 bits are doubled and the exponent is one less
            group.attrs["w_exp"] = -1 if narrow else 0
            rows = {"pre": edge.pre, "post": edge.post, "delay": edge.delay, "weight": weight * (2 if narrow else 1)}
            for name, values in rows.items():
                group.create_dataset(name, data=values, compression="gzip" if len(values) else None)


def write_loihi2(program: Program, path: Path) -> None:
    """Write the file for Loihi 2, which lava-dl's netx reads.

    Args:
        program: Program in integers that keeps the rules of Loihi 2.
        path: The file, such as network.net; missing folders above it are made.

    Raises:
        ValueError: If the Program is in floats.
    """
    # layer K has the edge to population K
    program = in_chain_order(program)
    header, edges = _header(program, LOIHI2_FORMAT)
    # a message is divided by 2^6, and the currents of spikes are multiplied with it
    shift = _fixed_point(program).weight_shift - (0 if program.graded else UNIT)
    with hdf5_written_whole(path) as file:
        file.attrs["header"] = header
        # netx reads the first element of an array of bytes
        file["layer/0/shape"], file["layer/0/type"] = np.array([program.channels]), np.array([b"input"])
        for number, (population, edge) in enumerate(zip(program.populations, edges, strict=True), 1):
            sources = program.sources(edge.source)
            weight, delay = np.zeros((2, population.size, sources), np.int64)
            weight[edge.post, edge.pre], delay[edge.post, edge.pre] = edge.weight << shift, edge.delay
            layer = file.create_group(f"layer/{number}")
            layer["shape"], layer["type"] = np.array([population.size]), np.array([b"dense"])
            layer["inFeatures"], layer["outFeatures"] = sources, population.size
            layer.create_dataset("weight", data=weight, compression="gzip")
            layer.create_dataset("delay", data=delay, compression="gzip")
            neuron = layer.create_group("neuron")
            for name, value in (messages.neuron if program.graded else _spiking)(population).items():
                neuron[name] = value
            biases = messages.biases(population) if program.graded else None
            if biases is not None:
                layer["bias"] = biases
        file["simulation/Ts"], file["simulation/tSample"] = 1, SAMPLE_STEPS


def _spiking(population: Population) -> dict[str, Any]:
    """Return the entries of the group `neuron` of a layer with spikes."""
    return {
        "type": np.array([b"CUBA"]), "iDecay": _current_decay(population), "vDecay": 4096 - int(population.decay[0]),
        "vThMant": _threshold_mantissa(population), "refDelay": 1, "gradedSpike": False,
    }  # fmt: skip


def _header(program: Program, form: str) -> tuple[str, tuple[HardwareEdge, ...]]:
    """Return the header as JSON, and the edges with hardware delays."""
    retimed, populations = retime(program, latency=LATENCY, shortest=0), program.populations
    fields = {"format": form, "version": 1, **program.header(), "lateness": retimed.lags}
    fields["unit"] = [population.scale.tolist() for population in populations]
    fields["readout_threshold"] = [
        [] if population.fires else population.threshold.tolist() for population in populations
    ]
    if program.graded:
        fields["readout_bias"] = [[] if population.fires else population.bias.tolist() for population in populations]
    return json.dumps(fields), retimed.edges


def _current_decay(population: Population) -> int:
    """Return the parts of 4096 that a step takes from a current; all of them where synapses are not exponential."""
    return 4096 if population.second_decay is None else 4096 - int(population.second_decay[0])


def _threshold_mantissa(population: Population) -> int:
    """Return vth; a readout has the largest, which its membranes stay below."""
    return int(population.threshold[0] - 1) >> UNIT if population.fires else MOST_THRESHOLD


def _fixed_point(program: Program) -> FixedPoint:
    if program.fixed is None:
        raise ValueError("export to Loihi: the program is in floats; quantize it")
    return program.fixed
