"""From a Program in floats to one in integers, and back.

    w ≈ s q          θ → ⌈θ / (s / 2^shift)⌉        b → round(b / (s / 2^shift))        β → round(β 2^decay_bits)

Each neuron, or each population, has a scale s of its own: its membrane counts in units of s / 2^shift, so that no
product with a scale is left, and what runs is integers alone. On that grid u ≥ θ exactly where the integer of u is
at least ⌈θ / unit⌉; scales.py says how s is chosen.

Names    s scale · q integer weight · shift `weight_shift`, how many bits finer than a weight a membrane counts
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from snnsim.program import INPUT, Edge, FixedPoint, Program
from snnsim.quantization import grids, scales
from snnsim.validation import instance, one_of

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
        one_of(self.scale, SCALES, who="quantize", name="scale")
        if self.weights is None and self.delays is None:
            raise ValueError("quantize: there must be weights or delays to quantize, and both are None")
        if self.weights is not None:
            grids.bits(self.weights)
        if self.delays is not None:
            grids.DelayGrid.named(self.delays)
        # checks the three numbers of bits
        FixedPoint(self.word_bits, self.decay_bits, self.weight_shift, 1, 0)

    def fixed(self, program: Program) -> FixedPoint:
        """Return the arithmetic of the quantized Program."""
        delay_bits = (
            program.longest_delay().bit_length() if self.delays is None else grids.DelayGrid.named(self.delays).bits
        )
        bits = grids.bits(self.weights or "")
        return FixedPoint(self.word_bits, self.decay_bits, self.weight_shift, bits, delay_bits)


def quantize(program: Program, scheme: Scheme) -> Program:
    """Return a Program in integers.

    Where the weights of a neuron are whole multiples of one number, at most as large as the bits allow, and its
    threshold and bias are multiples of that number over 2^weight_shift, they stay what they are, and so do sums that
    reach the threshold exactly. One in integers already stays as it is if it has this arithmetic, so that quantizing
    twice is quantizing once; else it is turned back into floats first.

    Args:
        program: A Program in floats or in integers, none of whose neurons fire by chance.
        scheme: How many bits everything gets.

    Returns:
        The Program; its provenance counts under "quantization" what was clipped, rounded, moved or became 0: in
        "edges" of weights and delays, in "populations" of thresholds, biases and decays.

    Raises:
        ValueError: If neurons fire by chance, or a delay of 0 steps is not allowed and the grid has no other.
    """
    instance(program, Program, who="quantize", name="program")
    instance(scheme, Scheme, who="quantize", name="scheme")
    changes: list[dict[str, Any]] = [
        {"edge": f"{edge.source} -> {edge.target}", "synapses": len(edge.weight)} for edge in program.edges
    ]
    noisy = [part.name for part in program.populations if part.noisy]
    if scheme.weights is not None and noisy:
        raise ValueError(
            f"quantize: neurons must not fire by chance, as there is no such arithmetic in integers; those of "
            f"{', '.join(map(repr, noisy))} do; quantize delays alone, or train neurons of lif"
        )
    made = program if _stays(program, scheme) else dequantized(program)
    if scheme.delays is not None:
        made = _with_delays(made, grids.DelayGrid.named(scheme.delays), changes)
    facts: dict[str, Any] = {"scheme": asdict(scheme), "edges": changes}
    if made.fixed is not None:
        facts["populations"] = _unchanged(made, changes)
        made = replace(made, fixed=scheme.fixed(made))
    elif scheme.weights is not None:
        made, facts["populations"] = _with_weights(made, scheme, changes)
    return made.came_from(quantization=facts)


def dequantized(program: Program) -> Program:
    """Return the Program in floats that has the numbers of one in integers, but not its rounding and saturation."""
    fixed = program.fixed
    if fixed is None:
        return program
    units = {population.name: population.scale for population in program.populations}
    populations = tuple(
        replace(
            part,
            decay=part.decay / 2**fixed.decay_bits,
            threshold=part.threshold * part.scale,
            bias=part.bias * part.scale,
            scale=np.ones(part.size),
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


def _with_weights(
    program: Program, scheme: Scheme, changes: list[dict[str, Any]]
) -> tuple[Program, list[dict[str, Any]]]:
    """Return the Program in integers, and what became of each population; the changes of edges go to their tables."""
    fixed, kind = scheme.fixed(program), str(scheme.weights)
    found = {
        part.name: scales.scales(program, part, fixed, kind=kind, channel=scheme.scale == "channel")
        for part in program.populations
    }
    made = [scales.in_integers(part, found[part.name], fixed) for part in program.populations]
    edges = []
    for edge, change in zip(program.edges, changes, strict=True):
        each = found[edge.target].scale[edge.post]
        whole = grids.rounded(edge.weight, each, kind)
        error = whole * each - edge.weight
        change["weights_clipped"] = int((np.abs(error) > 0.5 * each * (1 + 1e-9)).sum())
        change["weights_to_0"] = int(((whole == 0) & (edge.weight != 0)).sum())
        change["relative_error"] = float(np.sqrt((error**2).sum() / max((edge.weight**2).sum(), 1e-300)))
        edges.append(replace(edge, weight=whole.astype(np.int16)))
    populations = tuple(part for part, _ in made)
    return replace(program, populations=populations, edges=tuple(edges), fixed=fixed), [change for _, change in made]


def _stays(program: Program, scheme: Scheme) -> bool:
    """Return whether a Program in integers has the arithmetic of the scheme already."""
    fixed, kind = program.fixed, scheme.weights
    if fixed is None or kind is None or replace(scheme.fixed(program), delay_bits=fixed.delay_bits) != fixed:
        return False
    shared = scheme.scale == "channel" or all(len(np.unique(part.scale)) == 1 for part in program.populations)
    most = grids.largest(kind)
    return shared and all(int(np.abs(edge.weight.astype(int)).max(initial=0)) <= most for edge in program.edges)


def _unchanged(program: Program, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for change in changes:
        change |= {"weights_clipped": 0, "weights_to_0": 0, "relative_error": 0.0}
    return [
        {"population": part.name, "neurons": part.size} | dict.fromkeys(scales.MOVES, 0) for part in program.populations
    ]
