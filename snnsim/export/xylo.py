"""Xylo Audio 2: our synapses and delays on a chip that has neither a synapse of one step nor a delay.

    chip     I ← decay(I + Σ w s)    v ← decay(v) + I    v // θ spikes, v less θ for each    decay(x) = x − (x >> dash)
    synapse  2w at the delay d, and −w a step later: with dash 1, I is W = Σ w in that step and 0 in the next
    delay    a chain of relays behind a source: relay k fires k steps after it (weight 100, threshold 50, itself −50)
    neuron   dash 0 forgets: v = W. So a bias moves the threshold: fires where W ≥ ⌈(θ − b) / 2^shift⌉

All of it is exact for neurons that forget (decay 0) and of which no sum of weights reaches twice the threshold, where
the chip would fire twice. Membranes that remember decay there by shifts that round in another way than ours.

    NAME.xylo    NumPy's format: weights_in (channel, hidden), weights_rec (hidden, hidden), weights_out (hidden,
                 output), threshold (hidden,), header (JSON, as bytes)

Shapes   hidden: the neurons of all populations that fire, then the relays; header["chains"][P][neuron][k] is where a
         spike of P is k steps later
Units    a step of the chip is ours; population P fires header["lateness"][P] steps late
Limits   16 channels, 1,000 hidden neurons, 8 outputs, weights of 8 bits (rockpool 3.1.0); so ours are −63 to 63
Differs  the readout is the chip's outputs, which never fire; what reads them adds the bias, in header["neurons"]
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from snnsim import untrusted
from snnsim.export import checks, xylo_rules
from snnsim.export.checks import Violation
from snnsim.export.repairs import Repair
from snnsim.export.retiming import Connections, retimed
from snnsim.export.xylo_rules import HIDDEN
from snnsim.files import written_whole
from snnsim.program import INPUT, Edge, Population, Program, header
from snnsim.program.header import Header
from snnsim.program.parts import ARRAYS, array_in_file

FORMAT = "snnsim Xylo"
RELAY_WEIGHT, RELAY_THRESHOLD = 100, 50


def check(program: Program) -> Iterator[Violation]:
    """Return what Xylo cannot compute, or hold, and what to train differently."""
    yield from checks.integers(program)
    yield from xylo_rules.sizes(program)
    yield from checks.one_synapse(program)
    yield from checks.weight_range(program, least=-63, most=63)
    # of neurons without memory the reset has no effect
    yield from checks.reset(program, models=("lif_hard", "lif_soft"))
    yield from xylo_rules.forgetting(program)
    if program.fixed is not None:
        yield from xylo_rules.single_spikes(program)
        yield from xylo_rules.words(program)
    broken = list(checks.machine_delays(program, latency=0, least=1, most=HIDDEN))
    yield from broken
    if not broken:
        yield from xylo_rules.hidden(program, _size(program, chains(program)))


REPAIRS: Mapping[str, Repair] = xylo_rules.REPAIRS


def chains(program: Program) -> dict[str, list[list[int]]]:
    """Return, for each source, which hidden neurons stand for it: entry k fires k steps after it.

    The first entry of a neuron is itself; that of a channel is a relay which fires in the channel's own step.
    """
    fired = [part for part in program.populations if part.fires]
    length = {INPUT: np.zeros(program.channels, np.int64)} | {part.name: np.ones(part.size, np.int64) for part in fired}
    for edge in retimed(program, latency=0, least=1).connections:
        # a spike takes a step to a neuron or an output, and the second weight comes a step later
        np.maximum.at(length[edge.source], edge.pre, edge.delay + 1)
    neuron, relay = 0, sum(part.size for part in fired)
    made: dict[str, list[list[int]]] = {}
    for name, needed in length.items():
        made[name] = []
        for count in needed.tolist():
            itself = [] if name == INPUT else [neuron]
            relays = count - len(itself)
            made[name].append([*itself, *range(relay, relay + relays)])
            neuron, relay = neuron + len(itself), relay + relays
    return made


def write(program: Program, path: Path) -> None:
    """Write the matrices."""
    moved, chain = retimed(program, latency=0, least=1), chains(program)
    size = _size(program, chain)
    outputs = sum(part.size for part in program.populations if not part.fires)
    arrays = {
        "weights_in": np.zeros((program.channels, size), np.int64),
        "weights_rec": np.zeros((size, size), np.int64),
        "weights_out": np.zeros((size, max(outputs, 1)), np.int64),
        "threshold": np.full(size, RELAY_THRESHOLD),
    }
    for name, sources in chain.items():
        for number, each in enumerate(sources):
            _relays(arrays, each, number if name == INPUT else None)
    for part in program.populations:
        if part.fires:
            arrays["threshold"][[each[0] for each in chain[part.name]]] = xylo_rules.limits(program, part)
    for edge in moved.connections:
        _synapses(arrays, edge, chain, program.population(edge.target).fires)
    told = {"format": FORMAT, "version": 1, **program.header(), "lateness": moved.lateness}
    told["neurons"] = {
        part.name: {array_in_file(name): getattr(part, name).tolist() for name in ARRAYS}
        for part in program.populations
    }
    told["chains"] = chain
    arrays["header"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read(path: Path) -> Program:
    """Return the Program of a file that `write` made; its synapses are those of the matrices."""
    try:
        with untrusted.arrays(path) as arrays:
            return _built(Header.of(arrays.json("header"), form=FORMAT), arrays)
    except (ValueError, OSError) as error:
        untrusted.refuse(path, "was not written by `snnsim export`", error)


def _size(program: Program, chain: dict[str, list[list[int]]]) -> int:
    neurons = sum(part.size for part in program.populations if part.fires)
    return max((1 + each[-1] for sources in chain.values() for each in sources if each), default=neurons)


def _relays(arrays: dict[str, np.ndarray], chain: list[int], channel: int | None) -> None:
    """Let each entry of a chain drive the next one, and take its own half away a step later."""
    if channel is not None and chain:
        arrays["weights_in"][channel, chain[0]] = RELAY_WEIGHT
    for place, each in enumerate(chain):
        if place > 0:
            arrays["weights_rec"][chain[place - 1], each] = RELAY_WEIGHT
        if place > 0 or channel is not None:
            arrays["weights_rec"][each, each] = -RELAY_THRESHOLD


def _synapses(arrays: dict[str, np.ndarray], edge: Connections, chain: dict[str, list[list[int]]], fires: bool) -> None:
    targets = np.array([each[0] for each in chain[edge.target]]) if fires else None
    matrix = arrays["weights_rec" if fires else "weights_out"]
    for pre, post, delay, weight in zip(edge.pre, edge.post, edge.delay, edge.weight, strict=True):
        column = post if targets is None else targets[post]
        matrix[chain[edge.source][pre][delay - 1], column] += 2 * weight
        matrix[chain[edge.source][pre][delay], column] -= weight


def _built(head: Header, arrays: untrusted.Arrays) -> Program:
    told = header.table_field(head.table, "neurons")
    populations = []
    for name, rule in head.populations:
        known = header.table_field(told, name)
        numbers = (
            header.arrays_field({each: [known.get(each)]}, each, count=1)[0] for each in map(array_in_file, ARRAYS)
        )
        populations.append(Population(name, rule, *numbers))
    late, edges, size = {INPUT: 0} | head.by_population("lateness"), [], head.sizes(populations)
    matrices = {name: _matrix(arrays, name) for name in ("weights_rec", "weights_out")}
    rows = len(matrices["weights_rec"])
    if matrices["weights_rec"].shape[1] != rows or len(matrices["weights_out"]) != rows:
        raise ValueError(f"weights_rec and weights_out must have a row for each of {rows} hidden neurons")
    chain = _read_chains(head, size, rows)
    for source, target in head.edges:
        fires = dict(head.populations)[target] != "readout"
        matrix = matrices["weights_rec" if fires else "weights_out"]
        columns = [each[0] for each in chain[target]] if fires else list(range(size[target]))
        if max(columns) >= matrix.shape[1]:
            raise ValueError(f"the weights of {source!r} -> {target!r} must be for {size[target]} neurons")
        found = [_found(matrix[each][:, columns]) for each in chain[source]]
        pre = np.repeat(np.arange(len(found)), [len(row[0]) for row in found])
        post, place, weight = (np.concatenate([row[k] for row in found]).astype(np.int64) for k in range(3))
        delay = place + 1 - (late[target] - late[source])
        edges.append(Edge.of(source, target, (pre, post, delay, weight), sources=len(found)))
    return head.program(populations, edges)


def _matrix(arrays: untrusted.Arrays, name: str) -> np.ndarray:
    found = arrays[name]
    if found.ndim != 2 or found.dtype.kind not in "iu":
        raise ValueError(f"{name} must be whole numbers of 2 axes, not {found.dtype} of shape {found.shape}")
    return found


def _read_chains(head: Header, size: dict[str, int], neurons: int) -> dict[str, list[list[int]]]:
    told, chain = header.table_field(head.table, "chains"), {}
    for name in {name for edge in head.edges for name in edge if name == INPUT or _fires(head, name)}:
        chain[name] = header.list_field(told, name, list, count=size[name])
        for each in chain[name]:
            places = header.list_field({"chain": each}, "chain", int)
            if not all(0 <= place < neurons for place in places) or not (each or name == INPUT):
                raise ValueError(f"chains of {name!r} must be lists of neurons from 0 to {neurons - 1}")
    return chain


def _fires(head: Header, name: str) -> bool:
    return dict(head.populations)[name] != "readout"


def _found(weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return targets, places in the chain and weights of a source's synapses."""
    place, post = np.nonzero(weights)
    first = np.full(weights.shape[1], len(weights))
    np.minimum.at(first, post, place)
    there = np.flatnonzero(first < len(weights))
    return there, first[there], weights[first[there], there] // 2
