"""From a graph that `writing` made to the Program that it was made of, number for number.

Weights and delays come from the nodes, the populations' numbers from their metadata. The nodes of populations are then
made again and compared with those of the file, as one that was changed since would run other than it says.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from snnsim import untrusted
from snnsim.export.nir.encodings import ENCODINGS, Setting
from snnsim.export.nir.files import Graph, Node, printable
from snnsim.export.nir.order import Plan, planned
from snnsim.export.nir.scaling import Options, Scale, population
from snnsim.export.nir.writing import RESISTANCES, SOFTWARE, VERSION
from snnsim.program import Edge, Program
from snnsim.program.arrays import frozen
from snnsim.program.header import Header
from snnsim.validation import one_of


def is_ours(metadata: Mapping[str, Any]) -> bool:
    """Return whether they are of a graph that `writing` made."""
    return isinstance(metadata.get("software"), str) and metadata["software"] == SOFTWARE and "program" in metadata


def program(graph: Graph) -> Program:
    """Return the Program; raises ValueError where the graph is not as it was written."""
    chosen, counts = _options(graph.metadata)
    header = Header.of(untrusted.parse_object(_text(graph.metadata, "program"), where="program"))
    if len(counts) != len(header.edges):
        raise ValueError(f"metadata: synapses must be a number for each of {len(header.edges)} edges")
    names = [name for name, _ in header.populations]
    if header.readout not in (None, *names):
        raise ValueError(f"header: readout must be one of the populations, not {header.readout!r}")
    ends = [(source if count else "", target) for (source, target), count in zip(header.edges, counts, strict=True)]
    plan = planned(names, ends, header.readout)
    parts = {name: population(graph.nodes[plan.neurons(name)], name, rule) for name, rule in header.populations}
    scales = {name: Scale(part, header.fixed, chosen) for name, part in parts.items()}
    size = header.sizes(parts.values())
    edges = []
    for number, (source, target) in enumerate(header.edges):
        edges.append(_edge(graph, number, (source, target), (plan, scales[target], size)))
    changed = list(_changed(graph, (plan, scales), edges, counts))
    if changed:
        raise ValueError(f"it was changed since snnsim wrote it: {', '.join(changed)}")
    return header.program(tuple(parts.values()), edges)


def _options(known: Mapping[str, Any]) -> tuple[Options, list[int]]:
    """Return how a graph was written, and how many synapses its edges have."""
    version, step, counts = (_numbers(known, name) for name in ("version", "dt", "synapses"))
    if version.size != 1 or not 1 <= version.item() <= VERSION:
        raise ValueError(
            f"it has version {version.tolist()}, newer than the {VERSION} that this snnsim knows; upgrade it"
        )
    if step.size != 1 or not (np.isfinite(step.item()) and step.item() > 0):
        raise ValueError("metadata: dt must be one positive number of seconds")
    counts = frozen(counts, np.int64, "metadata: synapses")
    encoding = one_of(_text(known, "encoding"), list(ENCODINGS), who="metadata", name="encoding")
    resistance = one_of(_text(known, "resistance"), RESISTANCES, who="metadata", name="resistance")
    return Options(encoding, float(step.item()), resistance), counts.tolist()


def _text(known: Mapping[str, Any], name: str) -> str:
    if not isinstance(known.get(name), str):
        raise ValueError(f"metadata: {name} must be a text")
    return str(known[name])


def _numbers(known: Mapping[str, Any], name: str) -> np.ndarray:
    if not isinstance(known.get(name), np.ndarray):
        raise ValueError(f"metadata: {name} must be numbers")
    return np.asarray(known[name])


def _edge(graph: Graph, number: int, ends: tuple[str, str], how: tuple[Plan, Scale, dict[str, int]]) -> Edge:
    (source, target), (plan, scale, size) = ends, how
    if not plan.edges[number][0]:
        nothing = np.zeros(0, np.int64)
        whole = np.int64 if scale.fixed is not None else np.float64
        return Edge.of(source, target, (nothing, nothing, nothing, np.zeros(0, whole)), sources=size[source])
    known = Setting(scale.options.step, number in plan.loops, (size[target], size[source]))
    taps = ENCODINGS[scale.options.encoding].read(graph.nodes, plan.parts(number), known)
    if not (np.isfinite(taps.weight).all() and (taps.post < size[target]).all()):
        raise ValueError(f"weights of {source!r} -> {target!r} must be finite, and for {size[target]} neurons")
    weight = scale.back(taps.weight, taps.post) + taps.left
    if scale.fixed is not None:
        weight = frozen(weight, np.int64, f"weights of {source!r} -> {target!r}")
    return Edge.of(source, target, (taps.pre, taps.post, taps.wait + known.looped, weight), sources=size[source])


def _changed(graph: Graph, how: tuple[Plan, dict[str, Scale]], edges: list[Edge], counts: list[int]) -> Iterator[str]:
    plan, scales = how
    for edge, count in zip(edges, counts, strict=True):
        if len(edge.weight) != count:
            yield f"edge {edge.source!r} -> {edge.target!r} has {len(edge.weight)} synapses, not {count}"
    for name, scale in scales.items():
        if not _equal(graph.nodes[plan.neurons(name)], scale.neurons()):
            yield f"the neurons of {name!r}"
    called = {printable(name): name for name in scales}
    for node in graph.nodes.values():
        name = called.get(node.metadata.get("bias_of"))
        if name is not None and not np.allclose(node.numbers["bias"], scales[name].bias):
            yield f"the biases of {name!r}"


def _equal(found: Node, made: Node) -> bool:
    return found.kind == made.kind and all(
        np.allclose(np.asarray(found.numbers[name], np.float64), np.asarray(value, np.float64))
        for name, value in made.numbers.items()
    )
