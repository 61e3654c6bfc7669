"""From the delays of a Program to those of hardware on which every synapse takes a step.

Within a step, a Program computes its populations in order, so a spike can reach a later population in its own step.
Most hardware computes all neurons at once: a spike arrives a step later at the earliest. Every population therefore
runs late by a constant lag,

    d' = d + o(target) − o(source) − c  ≥ shortest delay of the hardware          t = t' − o

with the smallest lags o ≥ 0 for which every synapse meets this, and every spike keeps its place.

Names    d delay, d' hardware delay · o retiming lag, 0 of the input · c latency that a synapse of the hardware has
         anyway · t step of the Program, t' of the hardware · files call the lag `lateness`
Units    steps
Source   shortest paths with a difference constraint for each edge (Bellman-Ford)
Differs  a loop through k populations takes at least k steps there, and a shorter one is refused; a bias counts as a
         synapse without delay, so a population with a bias is late, and its bias must not act before its time
"""

from dataclasses import dataclass

import numpy as np

from snnsim.program import INPUT, MODELS, Edge, Program


@dataclass(frozen=True, eq=False)
class HardwareEdge:
    """The synapses of an edge with their hardware delays, one row each."""

    source: str
    target: str
    pre: np.ndarray
    """int64 (synapse,), source neuron."""
    post: np.ndarray
    """int64 (synapse,), target neuron."""
    weight: np.ndarray
    """(synapse,), float64, or int64 of a Program in integers."""
    delay: np.ndarray
    """int64 (synapse,), in steps of the hardware."""


@dataclass(frozen=True, eq=False)
class Retimed:
    """A Program with hardware delays and the retiming lag of each population."""

    program: Program
    edges: tuple[HardwareEdge, ...]
    lags: dict[str, int]
    """Steps by which the spikes of the input and each population come later than in the Program."""


def retime(program: Program, *, latency: int, shortest: int, current_latency: int = 0) -> Retimed:
    """Return a Program retimed for hardware.

    Args:
        program: The Program.
        latency: Steps that a synapse of the hardware takes besides its delay.
        shortest: The shortest delay of the hardware, in steps.
        current_latency: Steps that an exponential synapse takes besides that.

    Raises:
        ValueError: If a loop is shorter than the hardware can make it.
    """
    lags = retiming_lags(program, shortest=latency + shortest, current_latency=current_latency)
    edges = []
    for edge in program.single_edges:
        taken = latency + current_latency * keeps_current(program.population(edge.target).model)
        edges.append(_with_delay(edge, lags[edge.target] - lags[edge.source] - taken))
    return Retimed(program, tuple(edges), lags)


def keeps_current(model: str) -> bool:
    """Return whether the neurons of a model have an exponential synapse.

    Args:
        model: A name of MODELS.
    """
    return MODELS[model].second == "current"


def retiming_lags(program: Program, *, shortest: int, current_latency: int = 0) -> dict[str, int]:
    """Return the smallest retiming lags of the input and each population, in steps.

    Args:
        program: Program in floats or integers.
        shortest: Steps that every synapse takes at least, in time of the hardware.
        current_latency: Steps that an exponential synapse takes besides that.

    Raises:
        ValueError: If a loop of populations is too short, as no lags lengthen a loop.
    """
    least = {each.name: shortest + current_latency * keeps_current(each.model) for each in program.populations}
    lags = {INPUT: 0} | {each.name: least[each.name] if each.bias.any() else 0 for each in program.populations}
    edges = [edge for edge in program.single_edges if len(edge.delay)]
    # Bellman-Ford: after as many rounds as there are populations, a lag grows further only in a loop
    for _ in lags:
        short = [edge for edge in edges if lags[edge.target] < _least_lag(edge, lags, least[edge.target])]
        for edge in short:
            lags[edge.target] = max(lags[edge.target], _least_lag(edge, lags, least[edge.target]))
        if not short:
            return lags
    names = ", ".join(f"{edge.source!r} -> {edge.target!r}" for edge in short)
    longest = max(least[edge.target] for edge in short)
    raise ValueError(
        f"a loop of k populations must take at least {'' if longest == 1 else f'{longest} '}k steps on this target, "
        f"and a loop through or before {names} is shorter; train with longer delays in it"
    )


def _least_lag(edge: Edge, lags: dict[str, int], shortest: int) -> int:
    return lags[edge.source] + shortest - int(edge.delay.min())


def _with_delay(edge: Edge, steps: int) -> HardwareEdge:
    integers = np.issubdtype(edge.weight.dtype, np.integer)
    weight = edge.weight.astype(np.int64 if integers else np.float64)
    return HardwareEdge(
        edge.source, edge.target, edge.pre(), edge.post.astype(np.int64), weight, edge.delay.astype(np.int64) + steps
    )
