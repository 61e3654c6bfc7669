"""From a Program to a graph of NIR.

A population is a LIF or a LI, an edge the nodes of its encoding. A bias is that of an Affine in place of a Linear that
leads to the population within the step. The metadata hold what NIR has no primitive for.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.export.nir.encodings import ENCODINGS, Setting, Taps
from snnsim.export.nir.graph import Graph, GraphEdge, Node, Plan, plan_nodes
from snnsim.export.nir.hdf5 import narrow, printable, save
from snnsim.export.nir.populations import Options, Scale
from snnsim.program import Edge, Program
from snnsim.validation import known

SOFTWARE = "snnsim"
VERSION = 1
BACKENDS_STEP = 1e-4
"""Seconds of a step of the backends whose step cannot be chosen."""
RESISTANCES = ("euler", "one")
_NOTES = {
    "rounding": "delays are whole multiples of dt; nothing was rounded",
    "loops": "a loop costs a step: a delay in it is a step shorter here than in the network",
    "ties": "thresholds lie below the network's, which fires at them, so that > and >= agree",
}


def write(
    program: Program,
    path: Path,
    *,
    encoding: str = "seq",
    dt: float | str | None = None,
    resistance: str | None = None,
) -> None:
    """Write a Program as NIR.

    Args:
        program: The Program.
        path: The file.
        encoding: The encoding of delays, a name of ENCODINGS.
        dt: Seconds of a step in the file; by default those of the Program, or 1e-4 for relay.
        resistance: `euler` for an r of τ / dt, or `one` for an r of 1 with larger weights; the latter by default for
            relay.

    Raises:
        ValueError: If an option is unknown, or there would be too many relays.
    """
    save(graph_of(program, options_of(program, encoding, dt, resistance)), path)


def options_of(program: Program, encoding: str, dt: float | str | None, resistance: str | None) -> Options:
    """Return the checked options of `write`.

    Args:
        program: The Program.
        encoding: A name of ENCODINGS.
        dt: Seconds of a step; None for those that the encoding needs.
        resistance: A name of RESISTANCES; None for that of the encoding.

    Raises:
        ValueError: If one is unknown or out of its range.
    """
    known(encoding, ENCODINGS, "export to nir: encoding")
    relay = encoding == "relay"
    resistance = resistance or ("one" if relay else "euler")
    if resistance not in RESISTANCES:
        raise ValueError(f"export to nir: resistance must be {' or '.join(RESISTANCES)}, not {resistance!r}")
    step = (BACKENDS_STEP if relay else program.time_step_ms / 1000) if dt is None else float(dt)
    if not (step > 0 and np.isfinite(step)):
        raise ValueError(f"export to nir: dt must be a positive number of seconds, not {dt}")
    return Options(encoding, step, resistance)


def graph_of(program: Program, options: Options) -> Graph:
    """Return the graph of a Program.

    Args:
        program: Program in floats or integers, of neurons with a hard reset.
        options: Encoding of delays, time step, and scale of the neurons.
    """
    plan = plan_of(program)
    scales = {population.name: Scale(population, program.fixed, options) for population in program.populations}
    nodes: dict[str, Node] = {"input": Node("Input", {"shape": np.array([program.channels])})}
    edges: list[GraphEdge] = []
    for number, edge in enumerate(program.single_edges):
        if len(edge.weight):
            edge_nodes, edge_edges = _edge(program, number, plan, scales[edge.target])
            nodes |= edge_nodes
            edges += edge_edges
    for number, (source, target) in enumerate(plan.links):
        bias = scales[target].bias if plan.bias_edge(target) is None and source == "input" else None
        weight = np.zeros((program.population(target).size, program.sources(source)), np.float32)
        name = plan.link(number)
        nodes[name] = _with_bias(Node("Linear", {"weight": weight}), bias, target)
        edges += [(plan.neurons(source), name), (name, plan.neurons(target))]
    nodes |= {plan.neurons(name): scale.node() for name, scale in scales.items()}
    nodes["output"] = Node("Output", {"shape": np.array([program.population(plan.final).size])})
    edges.append((plan.neurons(plan.final), "output"))
    return Graph(dict(sorted(nodes.items())), edges, _metadata(program, options))


def plan_of(program: Program) -> Plan:
    """Return the plan of the nodes of a Program.

    Args:
        program: Program in floats or integers.
    """
    ends = [(edge.source if len(edge.weight) else "", edge.target) for edge in program.single_edges]
    return plan_nodes([population.name for population in program.populations], ends, program.readout)


def setting_of(program: Program, edge: Edge, *, looped: bool, step: float) -> Setting:
    """Return the properties of an edge that its encoding needs.

    Args:
        program: The Program.
        edge: The edge.
        looped: Whether it closes a loop.
        step: Seconds of a step in the file.
    """
    return Setting(step, looped, (program.population(edge.target).size, program.sources(edge.source)))


def _edge(program: Program, number: int, plan: Plan, scale: Scale) -> tuple[dict[str, Node], list[GraphEdge]]:
    """Return the nodes of an edge, and the edges between them and its populations."""
    edge = program.single_edges[number]
    setting = setting_of(program, edge, looped=number in plan.loops, step=scale.options.step)
    delay = edge.delay.astype(np.int64) - setting.looped
    taps = Taps(edge.pre(), edge.post.astype(np.int64), delay, *scale.weights(edge), setting.shape)
    wires = ENCODINGS[scale.options.encoding].write(taps, plan.prefix(number), setting)
    nodes = dict(wires.nodes)
    if plan.bias_edge(edge.target) == number:
        nodes[wires.ends[0]] = _with_bias(nodes[wires.ends[0]], scale.bias, edge.target)
    source, target = plan.neurons(edge.source), plan.neurons(edge.target)
    starts, ends = [(source, name) for name in wires.starts], [(name, target) for name in wires.ends]
    return nodes, starts + wires.edges + ends


def _with_bias(node: Node, bias: np.ndarray | None, target: str) -> Node:
    """Return an Affine in place of a Linear, if there is a bias."""
    if bias is None or not bias.any():
        return node
    return Node("Affine", {**node.numbers, "bias": narrow(bias)}, {**node.metadata, "bias_of": printable(target)})


def _metadata(program: Program, options: Options) -> dict[str, Any]:
    return {
        "software": SOFTWARE,
        "version": VERSION,
        "dt": options.step,
        "unit": "s",
        "encoding": options.encoding,
        "resistance": options.resistance,
        **_NOTES,
        "synapses": np.array([len(edge.weight) for edge in program.single_edges], np.int64),
        "program": json.dumps(program.header()),
    }
