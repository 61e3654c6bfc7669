"""From a graph that `writing` made to the Program that it was made of, number for number.

Weights and delays come from the nodes, the populations' numbers from their metadata. The nodes of populations are then
made again and compared with those of the file, as one that was changed since would run other than it says.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from snnsim.export.nir.encodings import ENCODINGS
from snnsim.export.nir.files import Graph, Node
from snnsim.export.nir.order import Plan, planned
from snnsim.export.nir.scaling import Options, Scale, population
from snnsim.export.nir.writing import SOFTWARE, VERSION, Setting
from snnsim.program import INPUT, Edge, FixedPoint, Population, Program


def is_ours(metadata: Mapping[str, Any]) -> bool:
    """Return whether they are of a graph that `writing` made."""
    return metadata.get("software") == SOFTWARE and "program" in metadata


def program(graph: Graph) -> Program:
    """Return the Program; raises ValueError where the graph is not as it was written."""
    known = graph.metadata
    if known["version"] > VERSION:
        raise ValueError(
            f"it has version {known['version']}, newer than the {VERSION} that this snnsim knows; upgrade it"
        )
    header = json.loads(known["program"])
    chosen = Options(known["encoding"], float(known["dt"]), known["resistance"])
    counts = np.asarray(known["synapses"]).tolist()
    names = [name for name, _ in header["populations"]]
    ends = [(source if count else "", target) for (source, target), count in zip(header["edges"], counts, strict=True)]
    plan = planned(names, ends, header["readout"])
    parts = {name: population(graph.nodes[plan.neurons(name)]) for name in names}
    fixed = None if header["fixed"] is None else FixedPoint(**header["fixed"])
    scales = {name: Scale(part, fixed, chosen) for name, part in parts.items()}
    size = {INPUT: header["channels"]} | {name: part.size for name, part in parts.items()}
    edges = []
    for number, (source, target) in enumerate(header["edges"]):
        edges.append(_edge(graph, number, (source, target), (plan, scales[target], size)))
    changed = list(_changed(graph, (plan, scales), edges, counts))
    if changed:
        raise ValueError(f"it was changed since snnsim wrote it: {', '.join(changed)}")
    return _built(header, tuple(parts.values()), tuple(edges), fixed)


def _edge(graph: Graph, number: int, ends: tuple[str, str], how: tuple[Plan, Scale, dict[str, int]]) -> Edge:
    (source, target), (plan, scale, size) = ends, how
    if not plan.edges[number][0]:
        nothing = np.zeros(0, np.int64)
        whole = np.int64 if scale.fixed is not None else np.float64
        return Edge.of(source, target, (nothing, nothing, nothing, np.zeros(0, whole)), sources=size[source])
    known = Setting(scale.options.step, number in plan.loops, (size[target], size[source]))
    taps = ENCODINGS[scale.options.encoding].read(graph.nodes, plan.parts(number), known)
    weight = scale.back(taps.weight, taps.post) + taps.left
    if scale.fixed is not None:
        weight = weight.astype(np.int64)
    return Edge.of(source, target, (taps.pre, taps.post, taps.wait + known.looped, weight), sources=size[source])


def _changed(graph: Graph, how: tuple[Plan, dict[str, Scale]], edges: list[Edge], counts: list[int]) -> Iterator[str]:
    plan, scales = how
    for edge, count in zip(edges, counts, strict=True):
        if len(edge.weight) != count:
            yield f"edge {edge.source!r} -> {edge.target!r} has {len(edge.weight)} synapses, not {count}"
    for name, scale in scales.items():
        if not _equal(graph.nodes[plan.neurons(name)], scale.neurons()):
            yield f"the neurons of {name!r}"
    for node in graph.nodes.values():
        name = node.metadata.get("bias_of")
        if name is not None and not np.allclose(node.numbers["bias"], scales[name].bias):
            yield f"the biases of {name!r}"


def _equal(found: Node, made: Node) -> bool:
    return found.kind == made.kind and all(
        np.allclose(np.asarray(found.numbers[name], np.float64), np.asarray(value, np.float64))
        for name, value in made.numbers.items()
    )


def _built(
    header: dict[str, Any], populations: tuple[Population, ...], edges: tuple[Edge, ...], fixed: FixedPoint | None
) -> Program:
    kept = ("channels", "time_step_ms", "readout", "decision", "extra_steps", "provenance")
    return Program(
        populations=populations,
        edges=edges,
        fixed=fixed,
        classes=tuple(header["classes"]),
        **{name: header[name] for name in kept},
    )
