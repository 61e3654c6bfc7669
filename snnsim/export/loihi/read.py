"""From a file for Loihi 1 or Loihi 2 back to the Program, from the numbers that the chip's software reads."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from snnsim import hdf5, untrusted
from snnsim.export.common import reading
from snnsim.export.loihi import messages
from snnsim.export.loihi.rules import LATENCY, UNIT
from snnsim.export.loihi.write import LOIHI1_FORMAT, LOIHI2_FORMAT
from snnsim.export.retiming import keeps_current
from snnsim.program import INPUT, MODELS, Edge, FixedPoint, Population, Program
from snnsim.program.edge import Synapses
from snnsim.program.header import Header, arrays_field


class _Mantissas(NamedTuple):
    """The neurons of a population, as the chip has them."""

    decay_v: int
    vth: int
    decay_u: int


def read_loihi1(path: Path) -> Program:
    """Return the Program of a file of `write_loihi1`.

    Args:
        path: The file; its suffix does not matter.

    Raises:
        ValueError: If it is damaged.
    """
    return _read(path, LOIHI1_FORMAT, _loihi1)


def read_loihi2(path: Path) -> Program:
    """Return the Program of a file of `write_loihi2`.

    Args:
        path: The file; its suffix does not matter.

    Raises:
        ValueError: If it is damaged.
    """
    return _read(path, LOIHI2_FORMAT, _loihi2)


def _read(path: Path, form: str, build: Callable[[hdf5.Tree, Header], Program]) -> Program:
    with reading(path):
        file = hdf5.opened(path)
        return build(file, Header.of(untrusted.parse_object(file.attribute("header"), where="header"), form=form))


def _loihi1(file: hdf5.Tree, header: Header) -> Program:
    paths = [f"population/{number}" for number in range(len(header.populations))]
    mantissas = [
        _Mantissas(_integer(file, path, "decay_v"), _integer(file, path, "vth"), _decay_u(file, path, model))
        for path, (_, model) in zip(paths, header.populations, strict=True)
    ]
    shift, synapses = _shift(header), list[Synapses]()
    for number in range(len(header.edges)):
        group = file.group(f"edge/{number}")
        pre, post, delay, mantissa = (_integers(group, name) for name in ("pre", "post", "delay", "weight"))
        exponent = _integer(file, f"edge/{number}", "w_exp")
        if exponent not in (-1, 0):
            raise ValueError(f"edge/{number} w_exp must be -1 or 0, not {exponent}")
        synapses.append((pre, post, delay, mantissa >> (shift - exponent)))
    return _program(header, mantissas, synapses)


def _loihi2(file: hdf5.Tree, header: Header) -> Program:
    graded = any(MODELS[model].graded for _, model in header.populations)
    synapses, shift = list[Synapses](), _shift(header) + (UNIT if graded else 0)
    for number in range(1, len(header.populations) + 1):
        layer = file.group(f"layer/{number}")
        weight, delay = (layer.numbers(name, axes=2) for name in ("weight", "delay"))
        if weight.shape != delay.shape or weight.dtype.kind not in "iu" or delay.dtype.kind not in "iu":
            raise ValueError(f"layer/{number} must have whole numbers of weight and delay for the same pairs")
        post, pre = np.nonzero(weight)
        synapses.append((pre, post, delay[post, pre].astype(np.int64), weight[post, pre].astype(np.int64) >> shift))
    if graded:
        return _with_edges(header, list(_sigma_delta(file, header)), synapses)
    mantissas = [
        _Mantissas(*(_integer(file, f"layer/{number}/neuron/{name}") for name in ("vDecay", "vThMant", "iDecay")))
        for number in range(1, len(header.populations) + 1)
    ]
    return _program(header, mantissas, synapses)


def _sigma_delta(file: hdf5.Tree, header: Header) -> Iterator[Population]:
    """Yield the populations of a file with graded messages."""
    count, bits = len(header.populations), _fixed(header).decay_bits
    scales, thresholds, biases = (
        arrays_field(header.table, name, count=count) for name in ("unit", "readout_threshold", "readout_bias")
    )
    parts = zip(header.populations, scales, thresholds, biases, strict=True)
    for number, ((name, model), scale, threshold, bias) in enumerate(parts, 1):
        if model == messages.MODEL:
            layer = file.group(f"layer/{number}")
            own = _integers(layer, "bias") if "bias" in layer else np.zeros(len(scale), np.int64)
            mantissa = np.array(_integer(file, f"layer/{number}/neuron/vThMant"))
            neurons = {"vThMant": mantissa, "bias": own}
        else:
            neurons = {"threshold": threshold, "bias": bias}
        yield messages.population(name, model, scale, neurons, decay_bits=bits)


def _decay_u(file: hdf5.Tree, path: str, model: str) -> int:
    """Return the parts of 4096 that a step takes from a current."""
    return _integer(file, path, "decay_u") if keeps_current(model) else 4096


def _program(header: Header, mantissas: Sequence[_Mantissas], synapses: Sequence[Synapses]) -> Program:
    """Return a Program of the decays and thresholds of populations, and of synapses with hardware delays."""
    return _with_edges(header, list(_populations(header, mantissas)), synapses)


def _with_edges(header: Header, populations: Sequence[Population], synapses: Sequence[Synapses]) -> Program:
    size, lags, edges = header.sizes(populations), {INPUT: 0} | header.by_population("lateness"), []
    for (source, target), (pre, post, hardware_delay, weight) in zip(header.edges, synapses, strict=True):
        delay = hardware_delay - (lags[target] - lags[source] - LATENCY)
        edges.append(Edge.of(source, target, (pre, post, delay, weight.astype(np.int64)), sources=size[source]))
    return header.program(populations, edges)


def _populations(header: Header, mantissas: Sequence[_Mantissas]) -> list[Population]:
    count, populations = len(header.populations), []
    scales, readout_thresholds = (
        arrays_field(header.table, name, count=count) for name in ("unit", "readout_threshold")
    )
    for (name, model), scale, readout_threshold, own in zip(
        header.populations, scales, readout_thresholds, mantissas, strict=True
    ):
        size = len(scale)
        threshold = readout_threshold if len(readout_threshold) else np.full(size, (own.vth << UNIT) + 1)
        decay, bias = np.full(size, 4096 - own.decay_v), np.zeros(size, np.int64)
        rows = {"gain": 4096, "second_decay": 4096 - own.decay_u} if keeps_current(model) else {}
        second = {each: np.full(size, value) for each, value in rows.items()}
        populations.append(Population(name, model, decay, threshold, bias, scale, **second))
    return populations


def _shift(header: Header) -> int:
    """Return by how many bits a file's weights are shifted against the Program's.

    Raises:
        ValueError: If the header has none, or one that is too small.
    """
    return _fixed(header).weight_shift - UNIT


def _fixed(header: Header) -> FixedPoint:
    if header.fixed is None or header.fixed.weight_shift < UNIT:
        raise ValueError(f"header: fixed must have a weight_shift of {UNIT} or more")
    return header.fixed


def _integer(file: hdf5.Tree, path: str, attribute: str | None = None) -> int:
    """Return an integer of a file: the data set at a path, or an attribute of it.

    Raises:
        ValueError: If it is no integer of 32 bits.
    """
    value = np.asarray(file.numbers(path) if attribute is None else file.attribute(attribute, path))
    if value.size != 1 or value.dtype.kind not in "iu" or not -(2**31) <= int(value.reshape(())) < 2**31:
        raise ValueError(f"{path} {attribute or ''} must be one whole number of 32 bits")
    return int(value.reshape(()))


def _integers(group: hdf5.Tree, name: str) -> np.ndarray:
    values = group.numbers(name, axes=1)
    if values.dtype.kind not in "iu":
        raise ValueError(f"{group.name}/{name} must be whole numbers, not {values.dtype}")
    return values.astype(np.int64)
