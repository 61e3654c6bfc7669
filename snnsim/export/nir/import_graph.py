"""Graphs of NIR of other libraries as Programs: neurons become populations, and all paths between them synapses.

    current[t, j] = Σ_source,d gain[j] M[j, i] s_i[t − d]

A Cuba neuron's synapse, i ← α i + x, is that of its model where a Program has the model, cuba_lif. Elsewhere, as of a
CubaLI or with a leak voltage, it is a row of taps: its input arrives again k steps later with the weight α^k, until
that is below the rounding of a float. A bias that arrives late, or through such a synapse, is the weight of a neuron
that fires in every step.

Units    the file's times are seconds; a step is `dt`, by default that of the metadata, or 1e-4 s as in most libraries
Differs  where nodes form a loop, one takes the output of the step before, as in other libraries (`computation_order`);
         parts that no Program has are refused, all of them at once; a bias in a loop acts from the first step on, in
         nirtorch a step later
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsim.export.nir.graph import FlatGraph, Graph, computation_order, flatten
from snnsim.export.nir.linear import LINEAR
from snnsim.export.nir.neurons import NEURONS, Neurons, neurons_of
from snnsim.export.nir.paths import CHANNELS, CONSTANT, Paths, Signal, input_shape
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.program.edge import Synapses
from snnsim.validation import one_of, shown

DT = 1e-4
NOTES = (
    "neurons are computed by forward Euler, fire above their threshold, and start where they are reset to",
    "a loop takes a step longer than its Delays",
)
_CONNECTIONS = (*LINEAR, "Delay")
RESETS = {"value": "lif_hard", "subtract": "lif_soft"}
"""Model of neurons that fire, by the effect of a spike."""
SYNAPSES = ("model", "taps")
"""Forms of exponential synapses: the model cuba_lif where it has all parameters, or taps, with LIF neurons."""
MOST_NODES = 8192
_MOST_TAPS = 2**26
_MOST_NOTES = 20
_LEAST_SHARE = 2.0**-53

Sources = dict[str, list[Synapses]]
"""Synapses of a population, by the name of their source."""


class _Options(NamedTuple):
    step: float
    """Seconds of a step."""
    reset: str
    synapse: str
    origin: str = "nir"
    """Name of the library or format of the graph."""


def program(graph: Graph, *, dt: float | str | None = None, reset: str = "value", synapse: str = "model") -> Program:
    """Return the Program of a graph.

    Args:
        graph: The graph.
        dt: Seconds of a step; by default those of the metadata, or 1e-4.
        reset: A name of RESETS.
        synapse: One of SYNAPSES.

    Raises:
        ValueError: If a Program has no counterpart of nodes; the message has all of them.
    """
    one_of(reset, tuple(RESETS), who="import of nir", name="reset")
    one_of(synapse, SYNAPSES, who="import of nir", name="synapse")
    options = _Options(_step(graph.metadata.get("dt", DT) if dt is None else dt), reset, synapse)
    if graph.count() > MOST_NODES:
        raise ValueError(f"import of nir: there must be at most {MOST_NODES:,} nodes, not {graph.count():,}")
    flat = flatten(graph)
    with np.errstate(over="ignore", invalid="ignore"):
        # Population and Edge refuse numbers that are not finite
        return _program(flat, options)


def _step(value: Any) -> float:
    try:
        step = float(value)
    except (TypeError, ValueError):
        step = math.nan
    if not (step > 0 and np.isfinite(step)):
        raise ValueError(f"import of nir: dt must be a positive number of seconds, not {shown(value)}")
    return step


def _program(graph: FlatGraph, options: _Options) -> Program:
    errors: dict[str, str] = {}
    neurons = dict(_read_neurons(graph, options, errors))
    _check_ends(graph, neurons, errors)
    return _assembled(graph, neurons, errors, options)


def assembled(graph: FlatGraph, neurons: Mapping[str, Neurons], *, step: float, origin: str) -> Program:
    """Return the Program of a graph whose neurons are known, of any library.

    Args:
        graph: The graph; its nodes that are not in `neurons` are those of `LINEAR`, Delays, Input and Output.
        neurons: The neurons of each node that has some. Their models are their own.
        step: Seconds of a step.
        origin: Name of the library, for the provenance and messages.

    Raises:
        ValueError: If nodes do not fit their inputs; the message has all of them.
    """
    options = _Options(step, "value", "model", origin)
    return _assembled(graph, dict(neurons), {}, options)


def _assembled(graph: FlatGraph, neurons: dict[str, Neurons], errors: dict[str, str], options: _Options) -> Program:
    order, late = computation_order(_from_input(graph), graph.edges)
    paths = Paths(graph, neurons, options.step, late, errors)
    neurons |= {name: _as_readout(signal) for name, signal in _outputs(graph, neurons, paths)}
    inputs = {name: paths.into(name) for name in neurons}
    for name, signal in inputs.items():
        if signal is not None and signal.size != neurons[name].size:
            errors[name] = (
                f"it must have a value of each parameter for each input: {neurons[name].size} for {signal.size}"
            )
    if errors:
        lines = [f"{name} ({graph.nodes[name].kind}): {text}" for name, text in sorted(errors.items())]
        raise ValueError(
            f"import of {options.origin}: {len(lines)} nodes have no counterpart in a program:\n  " + "\n  ".join(lines)
        )
    return _built(graph, {name: neurons[name] for name in order if name in neurons}, inputs, options)


def _read_neurons(graph: FlatGraph, options: _Options, errors: dict[str, str]) -> Iterator[tuple[str, Neurons]]:
    """Yield the neurons of each node that has some; errors are noted by node."""
    for name, node in graph.nodes.items():
        try:
            if node.kind in NEURONS:
                neurons = neurons_of(node.kind, node.numbers, options.step, reset=options.reset)
                yield name, neurons.with_model() if options.synapse == "model" else neurons
            elif node.kind not in (*_CONNECTIONS, "Input", "Output"):
                known = ", ".join(sorted((*NEURONS, *LINEAR, "Delay")))
                errors[name] = f"its type is unknown; the known ones are {known}"
        except KeyError as error:
            errors[name] = f"it has no {error}"
        except (TypeError, ValueError) as error:
            errors[name] = str(error)


def _check_ends(graph: FlatGraph, neurons: Mapping[str, Neurons], errors: dict[str, str]) -> None:
    inputs = list(graph.of_kind("Input"))
    if len(inputs) != 1:
        raise ValueError(f"import of nir: there must be one Input, not {len(inputs)}: {', '.join(inputs) or 'none'}")
    if not neurons and not errors:
        raise ValueError("import of nir: there is no neuron in the graph, so nothing to simulate")
    for source, target in graph.edges:
        if source in neurons and not neurons[source].fires and graph.nodes[target].kind != "Output":
            errors[source] = f"its membrane leads to {target}, and in a program only spikes lead on"


def _outputs(graph: FlatGraph, neurons: Mapping[str, Neurons], paths: Paths) -> Iterator[tuple[str, Signal]]:
    """Yield the Outputs that are not simply those of neurons, and their signals."""
    for name in graph.of_kind("Output"):
        sources = [source for source, target in graph.edges if target == name]
        signal = None if len(sources) == 1 and sources[0] in neurons else paths.into(name)
        if signal is not None:
            yield name, signal


def _as_readout(signal: Signal) -> Neurons:
    """Return memoryless neurons without a threshold, whose membranes are a signal."""
    zeros, ones = np.zeros(signal.size), np.ones(signal.size)
    return Neurons(signal.shape, False, zeros, ones, zeros, ones, zeros)


def _built(
    graph: FlatGraph, neurons: dict[str, Neurons], inputs: Mapping[str, Signal | None], options: _Options
) -> Program:
    sources = {name: _sources(signal, neurons[name]) for name, signal in inputs.items() if signal is not None}
    bias = {name: _constant_bias(sources.get(name, {}), each) for name, each in neurons.items()}
    names, model = _population_names(graph, neurons), RESETS[options.reset]
    populations = {
        name: each.population(names[name], bias[name], model=each.model or model) for name, each in neurons.items()
    }
    if any(CONSTANT in each for each in sources.values()):
        populations = {CONSTANT: Population.of(names[CONSTANT], 1, decay=0.0, bias=1.0)} | populations
    channels = math.prod(input_shape(graph.nodes[next(graph.of_kind("Input"))]))
    size = {CHANNELS: channels} | {name: population.size for name, population in populations.items()}
    edges = []
    for target in neurons:
        for source, rows in sources.get(target, {}).items():
            pre, post, delay, weight = (np.concatenate(columns) for columns in zip(*rows, strict=True))
            edges.append(Edge.of(names[source], names[target], (pre, post, delay, weight), sources=size[source]))
    readout = next((name for name in reversed(neurons) if not neurons[name].fires), None)
    return Program(
        channels=channels,
        populations=tuple(populations.values()),
        edges=tuple(edges),
        time_step_ms=options.step * 1000,
        readout=None if readout is None else names[readout],
        provenance={"imported": options.origin, "notes": _notes(neurons, names, options)},
    )


def _population_names(graph: FlatGraph, neurons: Mapping[str, Neurons]) -> dict[str, str]:
    """Return the name of each population: that of its node, unless that means the channels in a Program."""
    taken = {*graph.nodes, INPUT}
    return {
        CHANNELS: INPUT,
        CONSTANT: _unused("clock", taken),
        **{name: _unused(f"{name} neurons", taken) if name == INPUT else name for name in neurons},
    }


def _unused(name: str, taken: set[str]) -> str:
    number, unused = 1, name
    while unused in taken:
        number += 1
        unused = f"{name} {number}"
    return unused


def _notes(neurons: Mapping[str, Neurons], names: Mapping[str, str], options: _Options) -> list[str]:
    notes = [f"a step is {options.step:g} s", *(NOTES if options.origin == "nir" else ())]
    if options.reset == "subtract":
        notes.append("a spike takes the threshold away from the membrane, where NIR sets it to v_reset")
    notes += [f"{name}: {each.note}" for name, each in neurons.items() if each.note][:_MOST_NOTES]
    notes += [
        f"the node {name!r} is the population {names[name]!r}, as {name!r} are the channels"
        for name in neurons
        if names[name] != name
    ]
    return notes


def _sources(signal: Signal, target: Neurons) -> Sources:
    """Return the synapses of a population by source, from the signal that is its input."""
    sources: Sources = {}
    for (source, delay), matrix in signal.terms.items():
        entries = matrix.tocoo()
        mask = entries.data != 0
        post, pre = entries.row[mask], entries.col[mask]
        weight = entries.data[mask] * target.gain[post]
        share = target.synapse[post]
        _check_taps(share)
        rows: list[Synapses] = [(pre, post, np.full(len(post), delay), weight)]
        # a synapse that keeps a share of its current is a tap for each further step
        while (share != 0).any():
            more = share >= _LEAST_SHARE
            steps = np.full(int(more.sum()), delay + len(rows))
            rows.append((pre[more], post[more], steps, (weight * share)[more]))
            share = np.where(more, share * target.synapse[post], 0)
        if len(post):
            sources.setdefault(source, []).extend(rows)
    return sources


def _check_taps(share: np.ndarray) -> None:
    positive = share[share > 0]
    with np.errstate(divide="ignore"):
        # a share of 1 is never below the least
        taps = float(np.ceil(np.log(_LEAST_SHARE) / -np.abs(np.log(positive))).sum())
    if taps > _MOST_TAPS:
        raise ValueError(
            f"import of nir: synapses of Cuba neurons would be {taps:,.0f} taps, and at most {_MOST_TAPS:,} are made; "
            "use a larger dt, or neurons with a shorter tau_syn"
        )


def _constant_bias(sources: Sources, target: Neurons) -> np.ndarray:
    """Return the constant input from the first step on (neuron,), and remove it if no part of it is late."""
    bias = np.zeros(target.size)
    if any((delay > 0).any() for _, _, delay, _ in sources.get(CONSTANT, [])):
        return bias
    for _, post, _, weight in sources.pop(CONSTANT, []):
        np.add.at(bias, post, weight)
    return bias


def _from_input(graph: FlatGraph) -> list[str]:
    """Return the nodes in the order of other libraries: from the Input on, those before it, and the Outputs."""
    names = list(graph.nodes)
    first, outputs = names.index(next(graph.of_kind("Input"))), set(graph.of_kind("Output"))
    rotated = names[first:] + names[:first]
    return [name for name in rotated if name not in outputs] + sorted(outputs)
