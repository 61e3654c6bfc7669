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

from collections.abc import Iterator

import numpy as np

from snnsim.export.nir.cells import CELLS, Cells, cells
from snnsim.export.nir.files import Graph
from snnsim.export.nir.flat import flat, of_kind
from snnsim.export.nir.linear import LINEAR
from snnsim.export.nir.order import computed
from snnsim.export.nir.paths import CLOCK, Paths, Signal
from snnsim.program import INPUT, Edge, Population, Program

DT = 1e-4
NOTES = (
    "neurons are computed by forward Euler, fire above their threshold, and start where they are reset to",
    "a loop takes a step longer than its Delays",
)
_PASSED = (*LINEAR, "Delay")
_MOST_TAPS = 2**26
_LEAST_SHARE = 2.0**-53

Ways = dict[str, list[tuple[np.ndarray, ...]]]
"""Source neuron, target neuron, delay and weight of synapses, by source."""


def program(graph: Graph, *, dt: float | str | None = None) -> Program:
    """Return the Program of a graph; raises ValueError with all that a Program cannot say."""
    step = float(graph.metadata.get("dt", DT) if dt is None else dt)
    if not (step > 0 and np.isfinite(step)):
        raise ValueError(f"import of nir: dt must be a positive number of seconds, not {step}")
    plain = flat(graph)
    wrong: dict[str, str] = {}
    neurons = dict(_neurons(plain, step, wrong))
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
    return _program(plain, {name: neurons[name] for name in order if name in neurons}, given, step)


def _neurons(graph: Graph, step: float, wrong: dict[str, str]) -> Iterator[tuple[str, Cells]]:
    for name, node in graph.nodes.items():
        try:
            if node.kind in CELLS:
                yield name, cells(node.kind, node.numbers, step)
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


def _program(graph: Graph, neurons: dict[str, Cells], given: dict[str, Signal | None], step: float) -> Program:
    ways = {name: _ways(signal, neurons[name]) for name, signal in given.items() if signal is not None}
    bias = {name: _bias(ways.get(name, {}), each) for name, each in neurons.items()}
    populations = {name: each.population(_named(name), bias[name]) for name, each in neurons.items()}
    if any(CLOCK in sources for sources in ways.values()):
        populations = {CLOCK: Population.of(CLOCK, 1, decay=0.0, bias=1.0)} | populations
    channels = int(np.prod(graph.nodes[next(of_kind(graph, "Input"))].numbers["shape"]))
    size = {INPUT: channels} | {name: each.size for name, each in populations.items()}
    edges = []
    for target in neurons:
        for source, rows in ways.get(target, {}).items():
            pre, post, delay, weight = (np.concatenate(part) for part in zip(*rows, strict=True))
            name = source if source in (INPUT, CLOCK) else _named(source)
            edges.append(Edge.of(name, _named(target), (pre, post, delay, weight), sources=size[source]))
    readout = next((name for name in reversed(neurons) if not neurons[name].fires), None)
    return Program(
        channels=channels,
        populations=tuple(populations.values()),
        edges=tuple(edges),
        time_step_ms=step * 1000,
        readout=None if readout is None else _named(readout),
        provenance={"imported": "nir", "notes": [f"a step is {step:g} s", *NOTES]},
    )


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


def _named(name: str) -> str:
    return f"{name} neurons" if name in (INPUT, CLOCK) else name
