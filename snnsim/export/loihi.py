"""What Loihi computes, its limits, and its files: an HDF5 file of mantissas for Loihi 1 and any graph (`.loihi1`).

    v ← sign(v) ⌊|v| (4096 − decay_v) / 4096⌋ + Σ w 2^(6 + w_exp)      v within ± (2^23 − 1)
    fires where v > vth 2^6, then v = 0

    population/K   name, decay_v, vth      one for all of its neurons
    edge/K         pre, post, weight, delay (synapse,); attributes source, target, w_exp

That is our rule of integers, with  m = 4096 − decay_v,  θ = vth 2^6 + 1,  w 2^shift = weight 2^(6 + w_exp).

Units    delay in steps of the chip, 0 to 62: what arrives is there a step and `delay` later; population K fires
         header["lateness"] steps late · weight even, −256 to 254: the sign takes the last of 8 bits
Names    header (JSON, attribute): our own header, lateness, and each population's unit, by which membranes are told
Limits   weights 8 bits; delays 0..62; decays 12 bits; vth 17 bits; v 24 bits (brian2-loihi 0.5.2, lava-nc 0.10.0). Of a
         core of Loihi 1: 1,024 compartments, 4,096 axons in and out, 16,384 words of 64 bits for synapses; 128 cores
         (nengo-loihi 1.1.0)
Differs  a readout is a population of compartments that never fire (vth at its largest), whose v is read
Source   Davies et al. 2018, IEEE Micro 38(1):82; the rule as lava-nc and brian2-loihi have it
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import hdf5, untrusted
from snnsim.export import checks, core_checks, repairs
from snnsim.export.checks import Violation
from snnsim.export.core_checks import Core
from snnsim.export.identifiers import path_names
from snnsim.export.repairs import Repair
from snnsim.export.retiming import retimed
from snnsim.files import hdf5_written_whole
from snnsim.program import INPUT, Edge, FixedPoint, Population, Program
from snnsim.program.header import Header, arrays_field
from snnsim.quantization import Scheme

FORMAT = "snnsim Loihi 1"
LONGEST_DELAY = 62
LATENCY = 1
VTH = 2**17 - 1
UNIT = 6
"""Weights and thresholds count in 2^6 of a membrane's units."""
LOIHI1 = Core(1024, 16384 * 64, 8 + 6, axons_in=4096, axons_out=4096, cores=128)
SCHEME = Scheme("int8", None, "layer", word_bits=24, decay_bits=12, weight_shift=UNIT)
_DELAYS = {"latency": LATENCY, "least": 0, "most": LONGEST_DELAY}


def rules(program: Program, *, bias: str | None) -> Iterator[Violation]:
    """Yield what Loihi 1 and 2 cannot compute; `bias` is the repair of biases."""
    yield from checks.integers(program)
    yield from checks.reset(program)
    yield from checks.machine_delays(program, **_DELAYS)
    yield from checks.one_decay(program)
    if program.fixed is None:
        return
    yield from checks.arithmetic(program, word_bits=24, decay_bits=12, least_shift=UNIT)
    unit = 2 ** max(program.fixed.weight_shift - UNIT, 0)
    yield from checks.weight_range(program, least=-256 // unit, most=254 // unit)
    yield from checks.weight_parity(program, unit=UNIT, all_of=128)
    yield from checks.one_threshold(program)
    yield from checks.threshold_grid(program, unit=UNIT, most=VTH)
    yield from checks.decay_range(program, least=1)
    yield from checks.no_bias(program, repair=bias)
    yield from checks.currents(program, bits=24)


def check(program: Program) -> Iterator[Violation]:
    """Return what Loihi 1 cannot compute, or hold."""
    yield from rules(program, bias="bias_to_clock")
    yield from core_checks.all_of(program, LOIHI1)


def mending(bias: Callable[..., Any]) -> dict[str, Repair]:
    """Return the repairs for Loihi, in order; `bias` is that of biases."""
    return {
        "quantize": partial(repairs.requantize, scheme=SCHEME),
        "join_taps": repairs.join_taps,
        "requantize": partial(repairs.requantize, scheme=SCHEME),
        "average_decays": repairs.average_decays,
        "raise_decays": partial(repairs.raise_decays, least=1),
        "thresholds_to_grid": partial(repairs.thresholds_to_grid, unit=UNIT, most=VTH),
        bias.__name__: partial(bias, most=127),
        "clamp_delays": partial(repairs.clamp_machine_delays, **_DELAYS),
        "split_populations": partial(repairs.split_populations, core=LOIHI1),
    }


REPAIRS: Mapping[str, Repair] = mending(repairs.bias_to_clock)


def header(program: Program, form: str) -> tuple[str, tuple[Any, ...]]:
    """Return what a file says besides its arrays, as JSON, and the retimed connections."""
    moved = retimed(program, latency=LATENCY, least=0)
    told = {"format": form, "version": 1, **program.header(), "lateness": moved.lateness}
    told["unit"] = [part.scale.tolist() for part in program.populations]
    told["readout_threshold"] = [[] if part.fires else part.threshold.tolist() for part in program.populations]
    return json.dumps(told), moved.connections


def vth(part: Population) -> int:
    """Return the threshold's mantissa; a readout has the largest, which its membranes stay below."""
    return int(part.threshold[0] - 1) >> UNIT if part.fires else VTH


def write(program: Program, path: Path) -> None:
    """Write the file for Loihi 1 and its emulators."""
    told, connections = header(program, FORMAT)
    shift = _fixed(program).weight_shift - UNIT
    with hdf5_written_whole(path) as file:
        file.attrs["header"] = told
        called = path_names(program)
        for number, part in enumerate(program.populations):
            group = file.create_group(f"population/{number}")
            group.attrs["name"] = called[part.name]
            group.attrs["decay_v"], group.attrs["vth"] = 4096 - int(part.decay[0]), vth(part)
        for number, edge in enumerate(connections):
            group = file.create_group(f"edge/{number}")
            weight = edge.weight << shift
            narrow = weight.min(initial=0) >= -128 and weight.max(initial=0) < 128
            group.attrs["source"], group.attrs["target"] = called[edge.source], called[edge.target]
            group.attrs["w_exp"] = -1 if narrow else 0
            rows = {"pre": edge.pre, "post": edge.post, "delay": edge.delay, "weight": weight * (2 if narrow else 1)}
            for name, values in rows.items():
                group.create_dataset(name, data=values, compression="gzip" if len(values) else None)


def read(path: Path) -> Program:
    """Return the Program of a file that `write` made; raises ValueError where it is damaged."""
    return opened(path, FORMAT, _built)


def opened(path: Path, form: str, build: Callable[[hdf5.Tree, Header], Program]) -> Program:
    """Return the Program that `build` makes of a file of this format; raises ValueError where it is damaged."""
    try:
        file = hdf5.opened(path)
        return build(file, Header.of(untrusted.parse_object(file.attribute("header"), where="header"), form=form))
    except (ValueError, OSError) as error:
        untrusted.refuse(path, "was not written by `snnsim export`", error)


def populations(header: Header, mantissas: list[tuple[int, int]]) -> list[Population]:
    """Return the populations by their decays and thresholds in a file."""
    count, made = len(header.populations), []
    units, limits = (arrays_field(header.table, name, count=count) for name in ("unit", "readout_threshold"))
    for (name, rule), unit, limit, each in zip(header.populations, units, limits, mantissas, strict=True):
        decay_v, mantissa = each
        threshold = limit if len(limit) else np.full(len(unit), (mantissa << UNIT) + 1)
        nothing = np.zeros(len(unit), np.int64)
        made.append(Population(name, rule, np.full(len(unit), 4096 - decay_v), threshold, nothing, unit))
    return made


def program_of(header: Header, parts: list[Population], synapses: list[tuple[np.ndarray, ...]]) -> Program:
    """Return a Program of a file's synapses (pre, post, delay, weight), edge by edge, with the chip's delays."""
    size, late, edges = header.sizes(parts), {INPUT: 0} | header.by_population("lateness"), []
    for (source, target), (pre, post, delay, weight) in zip(header.edges, synapses, strict=True):
        ours = delay - (late[target] - late[source] - LATENCY)
        edges.append(Edge.of(source, target, (pre, post, ours, weight.astype(np.int64)), sources=size[source]))
    return header.program(parts, edges)


def shift_of(header: Header, least: int = 0) -> int:
    """Return by how many bits a file's weights are shifted against the Program's."""
    if header.fixed is None or header.fixed.weight_shift - UNIT < least:
        raise ValueError(f"header: fixed must have a weight_shift of {UNIT + least} or more")
    return header.fixed.weight_shift - UNIT


def number(file: hdf5.Tree, path: str, attribute: str | None = None) -> int:
    """Return a whole number of a file: what is at a path, or an attribute of it."""
    found = np.asarray(file.numbers(path) if attribute is None else file.attribute(attribute, path))
    if found.size != 1 or found.dtype.kind not in "iu" or not -(2**31) <= int(found.reshape(())) < 2**31:
        raise ValueError(f"{path} {attribute or ''} must be one whole number of 32 bits")
    return int(found.reshape(()))


def _built(file: hdf5.Tree, header: Header) -> Program:
    places = [f"population/{n}" for n in range(len(header.populations))]
    parts = populations(header, [(number(file, each, "decay_v"), number(file, each, "vth")) for each in places])
    shift, synapses = shift_of(header), []
    for n in range(len(header.edges)):
        group = file.group(f"edge/{n}")
        pre, post, delay, mantissa = (_whole(group, name) for name in ("pre", "post", "delay", "weight"))
        exponent = number(file, f"edge/{n}", "w_exp")
        if exponent not in (-1, 0):
            raise ValueError(f"edge/{n} w_exp must be -1 or 0, not {exponent}")
        synapses.append((pre, post, delay, mantissa >> (shift - exponent)))
    return program_of(header, parts, synapses)


def _whole(group: hdf5.Tree, name: str) -> np.ndarray:
    found = group.numbers(name, axes=1)
    if found.dtype.kind not in "iu":
        raise ValueError(f"{group.name}/{name} must be whole numbers, not {found.dtype}")
    return found.astype(np.int64)


def _fixed(program: Program) -> FixedPoint:
    if program.fixed is None:
        raise ValueError("export to Loihi: the program is in floats; quantize it")
    return program.fixed
