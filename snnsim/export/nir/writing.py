"""From a Program to a graph of NIR.

A population is a LIF or a LI, an edge the nodes of its encoding, a bias that of an Affine in place of a Linear that
leads to the population within the step, and the metadata hold what NIR has no word for.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.export.nir.encodings import ENCODINGS, Setting, Taps
from snnsim.export.nir.files import Graph, Node, narrow, printable, save
from snnsim.export.nir.order import Plan, planned
from snnsim.export.nir.scaling import Options, Scale
from snnsim.program import Edge, Program
from snnsim.validation import known

SOFTWARE = "snnsim"
VERSION = 1
IMPORTERS_STEP = 1e-4
RESISTANCES = ("euler", "one")
_MEANING = {
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
    """Write a Program as NIR; `dt` is the step in the file in seconds, `resistance` is `euler` or `one`."""
    save(graph(program, options(program, encoding, dt, resistance)), path)


def options(program: Program, encoding: str, dt: float | str | None, resistance: str | None) -> Options:
    """Return how to write, checked; what is None is as the encoding needs it."""
    known(encoding, ENCODINGS, "export to nir: encoding")
    relay = encoding == "relay"
    resistance = resistance or ("one" if relay else "euler")
    if resistance not in RESISTANCES:
        raise ValueError(f"export to nir: resistance must be {' or '.join(RESISTANCES)}, not {resistance!r}")
    step = (IMPORTERS_STEP if relay else program.time_step_ms / 1000) if dt is None else float(dt)
    if not (step > 0 and np.isfinite(step)):
        raise ValueError(f"export to nir: dt must be a positive number of seconds, not {dt}")
    return Options(encoding, step, resistance)


def graph(program: Program, chosen: Options) -> Graph:
    """Return the graph of a Program."""
    plan = plan_of(program)
    scales = {part.name: Scale(part, program.fixed, chosen) for part in program.populations}
    nodes: dict[str, Node] = {"input": Node("Input", {"shape": np.array([program.channels])})}
    edges: list[tuple[str, str]] = []
    for number, edge in enumerate(program.edges):
        if len(edge.weight):
            _add_edge(program, number, (plan, scales[edge.target]), (nodes, edges))
    for number, (source, target) in enumerate(plan.links):
        bias = scales[target].bias if plan.first(target) is None and source == "input" else None
        weight = np.zeros((program.population(target).size, program.sources(source)), np.float32)
        name = plan.link(number)
        nodes[name] = _affine(Node("Linear", {"weight": weight}), bias, target)
        edges += [(plan.neurons(source), name), (name, plan.neurons(target))]
    nodes |= {plan.neurons(name): scale.neurons() for name, scale in scales.items()}
    final = plan.final
    nodes["output"] = Node("Output", {"shape": np.array([program.population(final).size])})
    edges.append((plan.neurons(final), "output"))
    return Graph(dict(sorted(nodes.items())), edges, _metadata(program, chosen))


def plan_of(program: Program) -> Plan:
    """Return the plan of a Program."""
    ends = [(edge.source if len(edge.weight) else "", edge.target) for edge in program.edges]
    return planned([part.name for part in program.populations], ends, program.readout)


def setting(program: Program, edge: Edge, looped: bool, step: float) -> Setting:
    """Return what an encoding must know of an edge."""
    return Setting(step, looped, (program.population(edge.target).size, program.sources(edge.source)))


def _add_edge(program: Program, number: int, how: tuple[Plan, Scale], made: tuple[dict[str, Node], list[Any]]) -> None:
    (plan, scale), (nodes, edges), edge = how, made, program.edges[number]
    known = setting(program, edge, number in plan.loops, scale.options.step)
    wait = edge.delay.astype(np.int64) - known.looped
    taps = Taps(edge.pre(), edge.post.astype(np.int64), wait, *scale.weights(edge), known.shape)
    wires = ENCODINGS[scale.options.encoding].write(taps, plan.parts(number), known)
    nodes |= wires.nodes
    if plan.first(edge.target) == number:
        nodes[wires.ends[0]] = _affine(nodes[wires.ends[0]], scale.bias, edge.target)
    source, target = plan.neurons(edge.source), plan.neurons(edge.target)
    edges += [(source, name) for name in wires.starts] + wires.edges + [(name, target) for name in wires.ends]


def _affine(node: Node, bias: np.ndarray | None, target: str) -> Node:
    if bias is None or not bias.any():
        return node
    return Node("Affine", {**node.numbers, "bias": narrow(bias)}, {**node.metadata, "bias_of": printable(target)})


def _metadata(program: Program, chosen: Options) -> dict[str, Any]:
    return {
        "software": SOFTWARE,
        "version": VERSION,
        "dt": chosen.step,
        "unit": "s",
        "encoding": chosen.encoding,
        "resistance": chosen.resistance,
        **_MEANING,
        "synapses": np.array([len(edge.weight) for edge in program.edges], np.int64),
        "program": json.dumps(program.header()),
    }
