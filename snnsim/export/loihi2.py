"""Loihi 2: the HDF5 file that lava-dl's netx reads, a chain of dense layers with a delay for every synapse.

    layer/0     shape, type "input"
    layer/K     shape, type "dense", inFeatures, outFeatures, weight and delay (target, source)
                neuron/{type "CUBA", iDecay 4096, vDecay, vThMant, refDelay 1, gradedSpike}
    simulation  Ts, tSample

The rule is that of `loihi`, weights in units of 2^6; iDecay 4096 leaves a current for one step. The attribute `header`
has what netx does not read: it makes the file a Program again.

Units    delay in steps of the chip; a layer takes one step besides, so layer K fires header["lateness"] steps late
Differs  where there is no synapse, weight and delay are 0; a readout is a last layer that never fires; netx has no edge
         that skips a layer or turns back, and no second synapse of a pair, so such Programs are refused
Source   lava-dl 0.6.0, lava/lib/dl/netx/hdf5.py; a delay of its own for every synapse is in its code, not in its manual
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from snnsim import hdf5
from snnsim.export import bias_relays, checks, loihi, repairs
from snnsim.export.checks import Violation
from snnsim.export.repairs import Repair
from snnsim.files import hdf5_written_whole
from snnsim.program import Program
from snnsim.program.header import Header

FORMAT = "snnsim Loihi 2"
SAMPLE_STEPS = 100


def check(program: Program) -> Iterator[Violation]:
    """Return what Loihi 2 cannot compute, or a netx file cannot say; how much a core holds is not published."""
    branches = list(checks.chain(program))
    yield from branches
    yield from checks.one_synapse(program)
    # relays pass a bias on along a chain; in other graphs no repair gives it
    yield from loihi.rules(program, bias=None if branches else "bias_to_relays")


REPAIRS: Mapping[str, Repair] = {
    name: repair for name, repair in loihi.mending(repairs.bias_to_relays).items() if name != "split_populations"
}


def write(program: Program, path: Path) -> None:
    """Write the file."""
    program = bias_relays.in_chain_order(program)
    told, connections = loihi.header(program, FORMAT)
    shift = program.fixed.weight_shift - loihi.UNIT if program.fixed else 0
    with hdf5_written_whole(path) as file:
        file.attrs["header"] = told
        # netx reads the first of an array of bytes
        file["layer/0/shape"], file["layer/0/type"] = np.array([program.channels]), np.array([b"input"])
        for number, (part, edge) in enumerate(zip(program.populations, connections, strict=True), 1):
            sources = program.sources(edge.source)
            weight, delay = np.zeros((2, part.size, sources), np.int64)
            weight[edge.post, edge.pre], delay[edge.post, edge.pre] = edge.weight << shift, edge.delay
            layer = file.create_group(f"layer/{number}")
            layer["shape"], layer["type"] = np.array([part.size]), np.array([b"dense"])
            layer["inFeatures"], layer["outFeatures"] = sources, part.size
            layer.create_dataset("weight", data=weight, compression="gzip")
            layer.create_dataset("delay", data=delay, compression="gzip")
            neuron = layer.create_group("neuron")
            neuron["type"] = np.array([b"CUBA"])
            neuron["iDecay"], neuron["vDecay"] = 4096, 4096 - int(part.decay[0])
            neuron["vThMant"], neuron["refDelay"], neuron["gradedSpike"] = loihi.vth(part), 1, False
        file["simulation/Ts"], file["simulation/tSample"] = 1, SAMPLE_STEPS


def read(path: Path) -> Program:
    """Return the Program of a file that `write` made, from the numbers that netx reads."""
    return loihi.opened(path, FORMAT, _built)


def _built(file: hdf5.Tree, header: Header) -> Program:
    mantissas, synapses, shift = [], [], loihi.shift_of(header)
    for number in range(1, len(header.populations) + 1):
        neuron, layer = f"layer/{number}/neuron", file.group(f"layer/{number}")
        mantissas.append((loihi.number(file, f"{neuron}/vDecay"), loihi.number(file, f"{neuron}/vThMant")))
        weight, delay = (layer.numbers(name, axes=2) for name in ("weight", "delay"))
        if weight.shape != delay.shape or weight.dtype.kind not in "iu" or delay.dtype.kind not in "iu":
            raise ValueError(f"layer/{number} must have whole numbers of weight and delay for the same pairs")
        post, pre = np.nonzero(weight)
        synapses.append((pre, post, delay[post, pre].astype(np.int64), weight[post, pre].astype(np.int64) >> shift))
    return loihi.program_of(header, loihi.populations(header, mantissas), synapses)
