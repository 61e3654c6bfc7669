"""Graphs of NIR that others wrote, as Programs: neurons become populations, and all ways between them synapses.

    current[t, j] = Σ_source,d gain[j] M[j, i] s_i[t − d]

A Cuba neuron's synapse, i ← α i + x, is a row of taps: its input arrives in k steps' time with the weight α^k, until
that is below the rounding of a float. A bias that comes late, or through such a synapse, comes from a clock: a neuron
that fires in every step.

Units    the file's times are seconds; a step is `dt`, by default what the metadata say, or 1e-4 s as in most importers
Loops    where nodes form a loop, one takes what another gave in the step before, as in importers (`order.computed`)
Differs  what a Program cannot say is refused, all of it at once; a bias in a loop is there from the first step on, and
         nirtorch has it a step later
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from snnsim.export.nir.cells import CELLS, Cells, cells
from snnsim.export.nir.files import Graph
from snnsim.export.nir.flat import flat, of_kind
from snnsim.export.nir.linear import LINEAR
from snnsim.export.nir.order import computed
from snnsim.export.nir.paths import CHANNELS, CLOCK, Paths, Signal, input_shape
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.validation import one_of, shown

DT = 1e-4
NOTES = (
    "neurons are computed by forward Euler, fire above their threshold, and start where they are reset to",
    "a loop takes a step longer than its Delays",
)
_PASSED = (*LINEAR, "Delay")
RESETS = {"value": "lif_hard", "subtract": "lif_soft"}
"""Rule of neurons that fire, by what a spike does to them."""
MOST_NODES = 8192
_MOST_TAPS = 2**26
_MOST_NOTES = 20
_LEAST_SHARE = 2.0**-53

Ways = dict[str, list[tuple[np.ndarray, ...]]]
"""Source neuron, target neuron, delay and weight of synapses, by source."""


def program(graph: Graph, *, dt: float | str | None = None, reset: str = "value") -> Program:
    """Return the Program of a graph; `nir.read` says what dt and reset are.

    Raises:
        ValueError: With all that a Program cannot say.
    """
    one_of(reset, tuple(RESETS), who="import of nir", name="reset")
    step = _step(graph.metadata.get("dt", DT) if dt is None else dt)
    plain = flat(graph)
    if len(plain.nodes) > MOST_NODES:
        raise ValueError(f"import of nir: there must be at most {MOST_NODES:,} nodes, not {len(plain.nodes):,}")
    with np.errstate(over="ignore", invalid="ignore"):
        # numbers that are not finite are refused where they come to stand
        return _program_of(plain, step, reset)


def _step(given: Any) -> float:
    try:
        step = float(given)
    except (TypeError, ValueError):
        step = math.nan
    if not (step > 0 and np.isfinite(step)):
        raise ValueError(f"import of nir: dt must be a positive number of seconds, not {shown(given)}")
    return step


def _program_of(plain: Graph, step: float, reset: str) -> Program:
    wrong: dict[str, str] = {}
    neurons = dict(_neurons(plain, (step, reset), wrong))
    _check_ends(plain, neurons, wrong)
    order, late = computed(_from_input(plain), plain.edges)
    paths = Paths(plain, neurons, step, late, wrong)
    neurons |= {name: _as_readout(signal) for name, signal in _outputs(plain, neurons, paths)}
    given = {name: paths.into(name) for name in neurons}
    for name, signal in given.items():
        if signal is not None and signal.size != neurons[name].size:
            wrong[name] = (
                f"it must have a value of each parameter for each input: {neurons[name].size} for {signal.size}"
            )
    if wrong:
        lines = [f"{name} ({plain.nodes[name].kind}): {text}" for name, text in sorted(wrong.items())]
        raise ValueError(f"import of nir: {len(lines)} nodes have no like in a program:\n  " + "\n  ".join(lines))
    return _program(plain, {name: neurons[name] for name in order if name in neurons}, given, (step, reset))


def _neurons(graph: Graph, how: tuple[float, str], wrong: dict[str, str]) -> Iterator[tuple[str, Cells]]:
    step, reset = how
    for name, node in graph.nodes.items():
        try:
            if node.kind in CELLS:
                yield name, cells(node.kind, node.numbers, step, reset=reset)
            elif node.kind not in (*_PASSED, "Input", "Output"):
                known = ", ".join(sorted((*CELLS, *LINEAR, "Delay")))
                wrong[name] = f"its type is unknown; the known ones are {known}"
        except KeyError as error:
            wrong[name] = f"it has no {error}"
        except (TypeError, ValueError) as error:
            wrong[name] = str(error)


def _check_ends(graph: Graph, neurons: dict[str, Cells], wrong: dict[str, str]) -> None:
    inputs = list(of_kind(graph, "Input"))
    if len(inputs) != 1:
        raise ValueError(f"import of nir: there must be one Input, not {len(inputs)}: {', '.join(inputs) or 'none'}")
    if not neurons and not wrong:
        raise ValueError("import of nir: there is no neuron in the graph, so nothing to simulate")
    for source, target in graph.edges:
        if source in neurons and not neurons[source].fires and graph.nodes[target].kind != "Output":
            wrong[source] = f"its membrane leads to {target}, and in a program only spikes lead on"


def _outputs(graph: Graph, neurons: dict[str, Cells], paths: Paths) -> Iterator[tuple[str, Signal]]:
    """Yield the Outputs that are not simply those of neurons, and what they are."""
    for name in of_kind(graph, "Output"):
        sources = [source for source, target in graph.edges if target == name]
        signal = None if len(sources) == 1 and sources[0] in neurons else paths.into(name)
        if signal is not None:
            yield name, signal


def _as_readout(signal: Signal) -> Cells:
    nothing, one = np.zeros(signal.size), np.ones(signal.size)
    return Cells(signal.shape, False, nothing, one, nothing, one, nothing)


def _program(
    graph: Graph, neurons: dict[str, Cells], given: dict[str, Signal | None], how: tuple[float, str]
) -> Program:
    step, reset = how
    ways = {name: _ways(signal, neurons[name]) for name, signal in given.items() if signal is not None}
    bias = {name: _bias(ways.get(name, {}), each) for name, each in neurons.items()}
    called = _called(graph, neurons)
    populations = {
        name: each.population(called[name], bias[name], fired=RESETS[reset]) for name, each in neurons.items()
    }
    if any(CLOCK in sources for sources in ways.values()):
        populations = {CLOCK: Population.of(called[CLOCK], 1, decay=0.0, bias=1.0)} | populations
    channels = math.prod(input_shape(graph.nodes[next(of_kind(graph, "Input"))]))
    size = {CHANNELS: channels} | {name: each.size for name, each in populations.items()}
    edges = []
    for target in neurons:
        for source, rows in ways.get(target, {}).items():
            synapses = tuple(np.concatenate(part) for part in zip(*rows, strict=True))
            edges.append(Edge.of(called[source], called[target], synapses, sources=size[source]))
    readout = next((name for name in reversed(neurons) if not neurons[name].fires), None)
    return Program(
        channels=channels,
        populations=tuple(populations.values()),
        edges=tuple(edges),
        time_step_ms=step * 1000,
        readout=None if readout is None else called[readout],
        provenance={"imported": "nir", "notes": _notes(neurons, called, how)},
    )


def _called(graph: Graph, neurons: dict[str, Cells]) -> dict[str, str]:
    """Return what populations are called: as their nodes, unless that means the channels in a Program."""
    names = {*graph.nodes, INPUT}
    return {
        CHANNELS: INPUT,
        CLOCK: _free("clock", names),
        **{name: _free(f"{name} neurons", names) if name == INPUT else name for name in neurons},
    }


def _free(name: str, taken: set[str]) -> str:
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free


def _notes(neurons: dict[str, Cells], called: dict[str, str], how: tuple[float, str]) -> list[str]:
    step, reset = how
    notes = [f"a step is {step:g} s", *NOTES]
    if reset == "subtract":
        notes.append("a spike takes the threshold away from the membrane, where NIR sets it to v_reset")
    notes += [f"{name}: {each.note}" for name, each in neurons.items() if each.note][:_MOST_NOTES]
    notes += [
        f"the node {name!r} is the population {called[name]!r}, as {name!r} are the channels"
        for name in neurons
        if called[name] != name
    ]
    return notes


def _ways(signal: Signal, target: Cells) -> Ways:
    ways: Ways = {}
    for (source, delay), part in signal.terms.items():
        part = part.tocoo()
        kept = part.data != 0
        post, pre, weight = part.row[kept], part.col[kept], part.data[kept] * target.gain[part.row[kept]]
        share = target.synapse[post]
        _check_taps(share)
        rows = [(pre, post, np.full(len(post), delay), weight)]
        while (share != 0).any():
            more = share >= _LEAST_SHARE
            rows.append((pre[more], post[more], np.full(int(more.sum()), delay + len(rows)), (weight * share)[more]))
            share = np.where(more, share * target.synapse[post], 0)
        if len(post):
            ways.setdefault(source, []).extend(rows)
    return ways


def _check_taps(share: np.ndarray) -> None:
    kept = share[share > 0]
    with np.errstate(divide="ignore"):
        # a share of 1 is never below it
        taps = float(np.ceil(np.log(_LEAST_SHARE) / -np.abs(np.log(kept))).sum())
    if taps > _MOST_TAPS:
        raise ValueError(
            f"import of nir: synapses of Cuba neurons would be {taps:,.0f} taps, and at most {_MOST_TAPS:,} are made; "
            "use a larger dt, or neurons with a shorter tau_syn"
        )


def _bias(ways: Ways, target: Cells) -> np.ndarray:
    """Return the constant that is there from the first step on, and take it out of the ways if it is all of them."""
    rows = ways.get(CLOCK, [])
    bias = np.zeros(target.size)
    if any((delay > 0).any() for _, _, delay, _ in rows):
        return bias
    for _, post, _, weight in ways.pop(CLOCK, []):
        np.add.at(bias, post, weight)
    return bias


def _from_input(graph: Graph) -> list[str]:
    """Return the nodes as importers go through them: those in front of the Input come last, and then the Outputs."""
    names = list(graph.nodes)
    first, outputs = names.index(next(of_kind(graph, "Input"))), set(of_kind(graph, "Output"))
    turned = names[first:] + names[:first]
    return [name for name in turned if name not in outputs] + sorted(outputs)
