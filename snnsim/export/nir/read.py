"""From a file of NIR to a Program: exactly for a graph of `write`, by `import_graph` for one of another library.

Weights and delays come from the nodes, the populations' numbers from their metadata. The nodes of populations are then
made again and compared with those of the file, as a graph that was changed since would run other than its metadata say.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snnsim import untrusted
from snnsim.export.nir import import_graph
from snnsim.export.nir.encodings import ENCODINGS, Setting
from snnsim.export.nir.graph import Graph, Node, Plan, plan_nodes
from snnsim.export.nir.hdf5 import load, metadata, printable
from snnsim.export.nir.populations import Options, Scale, read_population
from snnsim.export.nir.write import RESISTANCES, SOFTWARE, VERSION
from snnsim.program import Edge, Program
from snnsim.program.arrays import frozen
from snnsim.program.header import Header
from snnsim.validation import one_of

_DAMAGE = (
    KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError, RecursionError, MemoryError,
)  # fmt: skip


class _Contents(NamedTuple):
    """The parts of a graph of `write`."""

    nodes: dict[str, Node]
    plan: Plan
    scales: dict[str, Scale]
    """By population."""
    size: dict[str, int]
    """Neurons of each population, and channels of the input."""


def encoding(path: Path) -> str | None:
    """Return the encoding of delays in a file of `write`; None for a file of another library.

    Args:
        path: The file; its suffix does not matter.
    """
    fields = metadata(path)
    value = fields.get("encoding") if _is_ours(fields) else None
    return value if isinstance(value, str) else None


def read(path: Path, *, dt: float | str | None = None, reset: str = "value", synapse: str = "model") -> Program:
    """Return the Program of a file.

    Args:
        path: The file; its suffix does not matter.
        dt: Seconds per step, of a file of another library; by default those of its metadata, or 1e-4.
        reset: The effect of a spike in such a file: `value` sets the membrane to v_reset, as NIR defines it; `subtract`
            subtracts the threshold from it, as some libraries do.
        synapse: Exponential synapses of such a file: `model` is a neuron model that has one, where it has all
            parameters of the file; `taps` is a series of synapses with LIF neurons, which every target takes.

    Raises:
        FileNotFoundError: If there is no file.
        ValueError: If it is damaged, is no graph of NIR, or has parts that a Program has not.
    """
    graph = load(path)
    ours = _is_ours(graph.metadata)
    try:
        return _program(graph) if ours else import_graph.program(graph, dt=dt, reset=reset, synapse=synapse)
    except _DAMAGE as error:
        if isinstance(error, ValueError) and not ours:
            raise ValueError(f"{path}: {error}") from error
        expected = "as snnsim wrote it" if ours else "as NIR has it"
        texts = {KeyError: f"there is no {error}", RecursionError: "a chain of its nodes is too long"}
        raise ValueError(f"{path} is damaged, or not {expected}: {texts.get(type(error), str(error))}") from error


def _is_ours(fields: Mapping[str, Any]) -> bool:
    return isinstance(fields.get("software"), str) and fields["software"] == SOFTWARE and "program" in fields


def _program(graph: Graph) -> Program:
    options, counts = _options(graph.metadata)
    header = Header.of(untrusted.parse_object(_text(graph.metadata, "program"), where="program"))
    if len(counts) != len(header.edges):
        raise ValueError(f"metadata: synapses must be a number for each of {len(header.edges)} edges")
    names = [name for name, _ in header.populations]
    if len(names) > len(graph.nodes):
        raise ValueError(f"header: there are {len(names)} populations, and the graph has {len(graph.nodes)} nodes")
    if header.readout not in (None, *names):
        raise ValueError(f"header: readout must be one of the populations, not {header.readout!r}")
    ends = [(source if count else "", target) for (source, target), count in zip(header.edges, counts, strict=True)]
    plan = plan_nodes(names, ends, header.readout)
    nodes = {name: node for name, node in graph.nodes.items() if isinstance(node, Node)}
    populations = {name: read_population(nodes[plan.neurons(name)], name, model) for name, model in header.populations}
    scales = {name: Scale(population, header.fixed, options) for name, population in populations.items()}
    contents = _Contents(nodes, plan, scales, header.sizes(populations.values()))
    edges = [_edge(contents, number, source, target) for number, (source, target) in enumerate(header.edges)]
    changes = list(_changes(contents, edges, counts))
    if changes:
        raise ValueError(f"it was changed since snnsim wrote it: {', '.join(changes)}")
    return header.program(tuple(populations.values()), edges)


def _options(fields: Mapping[str, Any]) -> tuple[Options, list[int]]:
    """Return the options of a written graph, and the number of synapses of each edge.

    Raises:
        ValueError: If one is missing or out of its range.
    """
    version, step, counts = (_numbers(fields, name) for name in ("version", "dt", "synapses"))
    if version.size != 1 or not 1 <= version.item() <= VERSION:
        raise ValueError(
            f"it has version {version.tolist()}, newer than the {VERSION} that this snnsim knows; upgrade it"
        )
    if step.size != 1 or not (np.isfinite(step.item()) and step.item() > 0):
        raise ValueError("metadata: dt must be one positive number of seconds")
    counts = frozen(counts, np.int64, "metadata: synapses")
    encoding = one_of(_text(fields, "encoding"), list(ENCODINGS), who="metadata", name="encoding")
    resistance = one_of(_text(fields, "resistance"), RESISTANCES, who="metadata", name="resistance")
    return Options(encoding, float(step.item()), resistance), counts.tolist()


def _text(fields: Mapping[str, Any], name: str) -> str:
    if not isinstance(fields.get(name), str):
        raise ValueError(f"metadata: {name} must be a text")
    return str(fields[name])


def _numbers(fields: Mapping[str, Any], name: str) -> np.ndarray:
    if not isinstance(fields.get(name), np.ndarray):
        raise ValueError(f"metadata: {name} must be numbers")
    return np.asarray(fields[name])


def _edge(contents: _Contents, number: int, source: str, target: str) -> Edge:
    plan, scale, size = contents.plan, contents.scales[target], contents.size
    if not plan.edges[number][0]:
        none = np.zeros(0, np.int64)
        weight = np.zeros(0, np.int64 if scale.fixed is not None else np.float64)
        return Edge.of(source, target, (none, none, none, weight), sources=size[source])
    setting = Setting(scale.options.step, number in plan.loops, (size[target], size[source]))
    taps = ENCODINGS[scale.options.encoding].read(contents.nodes, plan.prefix(number), setting)
    if not (np.isfinite(taps.weight).all() and (taps.post < size[target]).all()):
        raise ValueError(f"weights of {source!r} -> {target!r} must be finite, and for {size[target]} neurons")
    weight = scale.scale_back(taps.weight, taps.post) + taps.residual
    if scale.fixed is not None:
        weight = frozen(weight, np.int64, f"weights of {source!r} -> {target!r}")
    return Edge.of(source, target, (taps.pre, taps.post, taps.delay + setting.looped, weight), sources=size[source])


def _changes(contents: _Contents, edges: Sequence[Edge], counts: Sequence[int]) -> Iterator[str]:
    """Yield what is other than in a graph of `write`."""
    for edge, count in zip(edges, counts, strict=True):
        if len(edge.weight) != count:
            yield f"edge {edge.source!r} -> {edge.target!r} has {len(edge.weight)} synapses, not {count}"
    for name, scale in contents.scales.items():
        if not _equal(contents.nodes[contents.plan.neurons(name)], scale.node()):
            yield f"the neurons of {name!r}"
    names = {printable(name): name for name in contents.scales}
    for node in contents.nodes.values():
        biased = names.get(str(node.metadata["bias_of"])) if "bias_of" in node.metadata else None
        if biased is not None and not np.allclose(node.numbers["bias"], contents.scales[biased].bias):
            yield f"the biases of {biased!r}"


def _equal(node: Node, expected: Node) -> bool:
    return node.kind == expected.kind and all(
        np.allclose(np.asarray(node.numbers[name], np.float64), np.asarray(value, np.float64))
        for name, value in expected.numbers.items()
    )
