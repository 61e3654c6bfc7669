"""From a Program in floats to one in integers, and back.

    w ≈ s q          θ → ⌈θ / (s / 2^shift)⌉        b → round(b / (s / 2^shift))        β → round(β 2^decay_bits)

Each neuron, or each population, has a scale s of its own: its membrane counts in units of s / 2^shift, so that no
product with a scale is left, and what runs is integers alone. On that grid u ≥ θ exactly where the integer of u is
at least ⌈θ / unit⌉.

Names    s scale · q integer weight · shift `weight_shift`, how many bits finer than a weight a membrane counts
Differs  a scale is raised where its neuron's threshold or bias would not fit into the membrane's word
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from snnsim.program import INPUT, Edge, FixedPoint, Population, Program
from snnsim.quantization import grids

SCALES = ("channel", "layer")


@dataclass(frozen=True)
class Scheme:
    """How many bits everything gets."""

    weights: str | None = "int8"
    """int2 to int16, or ternary; None leaves all but the delays in floats."""
    delays: str | None = None
    """Such as 6bit, or 5bit:2 for a resolution of two steps; None leaves them, in as many bits as they need."""
    scale: str = "channel"
    """One scale for each neuron (channel), or for each population (layer)."""
    word_bits: int = 24
    decay_bits: int = 12
    weight_shift: int = 6

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"quantize: scale must be one of {', '.join(SCALES)}, not {self.scale!r}")
        if self.weights is None and self.delays is None:
            raise ValueError("quantize: there must be weights or delays to quantise, and both are None")
        if self.weights is not None:
            grids.bits(self.weights)
        if self.delays is not None:
            grids.DelayGrid.named(self.delays)

    def fixed(self, program: Program) -> FixedPoint:
        """Return the arithmetic of the quantised Program."""
        delay_bits = (
            program.longest_delay().bit_length() if self.delays is None else grids.DelayGrid.named(self.delays).bits
        )
        bits = grids.bits(self.weights or "")
        return FixedPoint(self.word_bits, self.decay_bits, self.weight_shift, bits, delay_bits)


def quantize(program: Program, scheme: Scheme) -> Program:
    """Return a Program in integers; its provenance counts what was clipped, rounded or became 0, edge by edge.

    One in integers already is turned back into floats first, so that quantising twice is quantising once.
    """
    changes: list[dict[str, Any]] = [
        {"edge": f"{edge.source} -> {edge.target}", "synapses": len(edge.weight)} for edge in program.edges
    ]
    noisy = [part.name for part in program.populations if part.noisy]
    if scheme.weights is not None and noisy:
        raise ValueError(
            f"quantize: neurons must not fire by chance, as there is no such arithmetic in integers; those of "
            f"{', '.join(map(repr, noisy))} do; quantise delays alone, or train neurons of lif"
        )
    made = dequantized(program)
    if scheme.delays is not None:
        made = _with_delays(made, grids.DelayGrid.named(scheme.delays), changes)
    if scheme.weights is not None:
        made = _with_weights(made, scheme, changes)
    return made.came_from(quantization={"scheme": asdict(scheme), "edges": changes})


def dequantized(program: Program) -> Program:
    """Return the Program in floats that has the numbers of one in integers, but not its rounding and saturation."""
    fixed = program.fixed
    if fixed is None:
        return program
    units = {population.name: population.unit for population in program.populations}
    populations = tuple(
        replace(
            part,
            decay=part.decay / 2**fixed.decay_bits,
            threshold=part.threshold * part.unit,
            bias=part.bias * part.unit,
            unit=np.ones(part.size),
        )
        for part in program.populations
    )
    edges = tuple(
        replace(edge, weight=edge.weight * (units[edge.target] * 2**fixed.weight_shift)[edge.post])
        for edge in program.edges
    )
    return replace(program, populations=populations, edges=edges, fixed=None)


def _with_delays(program: Program, grid: grids.DelayGrid, changes: list[dict[str, Any]]) -> Program:
    edges = []
    for edge, change in zip(program.edges, changes, strict=True):
        nearest = grid.nearest(edge.delay)
        least = grid.resolution if not _leads_on(program, edge) else 0
        delay = np.maximum(nearest, least)
        if grid.longest < least:
            raise ValueError(
                f"quantize: {change['edge']} needs delays of at least 1 step, and the grid has only 0; use more bits"
            )
        change["delays_clipped"] = int((edge.delay > grid.longest).sum())
        change["delays_rounded"] = int(((nearest != edge.delay) & (edge.delay <= grid.longest)).sum())
        change["delays_raised_from_0"] = int((nearest < least).sum())
        change["longest_change"] = int(np.abs(delay - edge.delay).max(initial=0))
        edges.append(_rebuilt(program, edge, delay, edge.weight))
    return replace(program, edges=tuple(edges))


def _leads_on(program: Program, edge: Edge) -> bool:
    """Return whether the edge may have synapses without delay."""
    names = [INPUT, *(population.name for population in program.populations)]
    return names.index(edge.source) < names.index(edge.target)


def _rebuilt(program: Program, edge: Edge, delay: np.ndarray, weight: np.ndarray) -> Edge:
    return Edge.of(
        edge.source, edge.target, (edge.pre(), edge.post, delay, weight), sources=program.sources(edge.source)
    )


def _with_weights(program: Program, scheme: Scheme, changes: list[dict[str, Any]]) -> Program:
    fixed, kind = scheme.fixed(program), str(scheme.weights)
    scale = {part.name: _scale(program, part, scheme, fixed) for part in program.populations}
    populations = tuple(_population(part, scale[part.name], fixed) for part in program.populations)
    edges = []
    for edge, change in zip(program.edges, changes, strict=True):
        each = scale[edge.target][edge.post]
        whole = grids.rounded(edge.weight, each, kind)
        error = whole * each - edge.weight
        change["weights_clipped"] = int((np.abs(error) > 0.5 * each * (1 + 1e-9)).sum())
        change["weights_to_0"] = int(((whole == 0) & (edge.weight != 0)).sum())
        change["relative_error"] = float(np.sqrt((error**2).sum() / max((edge.weight**2).sum(), 1e-300)))
        edges.append(replace(edge, weight=whole.astype(np.int16)))
    return replace(program, populations=populations, edges=tuple(edges), fixed=fixed)


def _scale(program: Program, part: Population, scheme: Scheme, fixed: FixedPoint) -> np.ndarray:
    """Return the scale of every neuron of a population, over all its edges."""
    into = [edge for edge in program.edges if edge.target == part.name]
    weight = np.concatenate([np.zeros(0), *(edge.weight for edge in into)])
    post = np.concatenate([np.zeros(0, np.int64), *(edge.post for edge in into)])
    group, groups = (post, part.size) if scheme.scale == "channel" else (np.zeros_like(post), 1)
    found = grids.scaled(weight, group, groups, kind=str(scheme.weights), search=True)
    threshold = part.threshold if part.fires else np.zeros(part.size)
    needed = np.maximum(threshold, np.abs(part.bias)) * 2**fixed.weight_shift / (fixed.limit - 1)
    needed = needed if scheme.scale == "channel" else needed.max(keepdims=True)
    scale = _rounded_up(np.maximum(found, needed))
    shown = np.bincount(group, grids.rounded(weight, scale[group], str(scheme.weights)) != 0, groups) > 0
    # where no weight is left, whatever scale shows the threshold well
    alone = np.maximum(threshold[: len(found)], 1.0) / 2**fixed.weight_bits
    scale = np.where(shown, scale, _rounded_up(np.maximum(alone, needed)))
    return np.broadcast_to(scale, (part.size,))


def _rounded_up(scale: np.ndarray) -> np.ndarray:
    """Return float32 values that are not smaller, so that a threshold still fits."""
    near = scale.astype(np.float32)
    return np.where(near < scale, np.nextafter(near, np.float32(np.inf)), near).astype(np.float64)


def _population(part: Population, scale: np.ndarray, fixed: FixedPoint) -> Population:
    unit = scale / 2**fixed.weight_shift
    # one rounding below, as a threshold that was an integer of 32 bits comes back a rounding above
    threshold = np.ceil(np.nextafter(part.threshold / unit, 0)) if part.fires else np.full(part.size, 1)
    return replace(
        part,
        decay=np.rint(part.decay * 2**fixed.decay_bits).astype(np.int64),
        threshold=np.maximum(threshold, 1).astype(np.int64),
        bias=np.rint(part.bias / unit).astype(np.int64),
        unit=unit,
    )
