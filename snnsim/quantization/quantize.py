"""From a Program in floats to one in integers.

    w ≈ s q          θ → ⌈θ / (s / 2^shift)⌉        b → round(b / (s / 2^shift))        β → round(β 2^decay_bits)

Each neuron, or each population, has a scale s; the neurons of a channel share it where they share a kernel. A membrane
counts in the unit s / 2^shift, so that no product with a scale remains and all arithmetic is that of integers. On this
grid u ≥ θ exactly where the integer of u is at least ⌈θ / unit⌉. scales.py has the choice of s.

Names    s scale · q integer weight · β decay · θ threshold · b bias
         shift `weight_shift`, the bits by which the unit of a membrane is finer than that of a weight
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from snnsim.program import MODELS, ConvEdge, Edge, FixedPoint, Program
from snnsim.quantization import grids, messages, scales
from snnsim.quantization.dequantize import dequantized
from snnsim.validation import instance, one_of

SCALES = ("channel", "layer")
"""One scale for each neuron, or one for each population."""


@dataclass(frozen=True)
class Scheme:
    """The bits of weights, delays, membranes and decays."""

    weights: str | None = "int8"
    """int2 to int16, or ternary; None quantizes the delays alone."""
    delays: str | None = None
    """Such as 6bit, or 5bit:2 for a resolution of two steps; None leaves the delays as they are."""
    scale: str = "channel"
    """One of SCALES."""
    word_bits: int = 24
    """Bits of a membrane."""
    decay_bits: int = 12
    """Bits of a decay."""
    weight_shift: int = 6
    """Bits by which the unit of a membrane is finer than that of a weight."""

    def __post_init__(self) -> None:
        one_of(self.scale, SCALES, who="quantize", name="scale")
        if self.weights is None and self.delays is None:
            raise ValueError("quantize: there must be weights or delays to quantize, and both are None")
        if self.weights is not None:
            grids.bits(self.weights)
        if self.delays is not None:
            grids.DelayGrid.named(self.delays)
        # the constructor checks the three numbers of bits
        FixedPoint(self.word_bits, self.decay_bits, self.weight_shift, 1, 0)

    def fixed(self, program: Program) -> FixedPoint:
        """Return the arithmetic that a Program has after quantization by this scheme.

        Args:
            program: The Program. Its longest delay sets the bits of a delay where the scheme leaves the delays as they
                are.

        Raises:
            ValueError: If the scheme has no weights and the Program is in floats.
        """
        delay_bits = (
            program.longest_delay().bit_length() if self.delays is None else grids.DelayGrid.named(self.delays).bits
        )
        if self.weights is None:
            if program.fixed is None:
                raise ValueError("quantize: a Program in floats has no arithmetic of integers without bits of weights")
            return replace(program.fixed, delay_bits=delay_bits)
        bits = grids.bits(self.weights)
        return FixedPoint(self.word_bits, self.decay_bits, self.weight_shift, bits, delay_bits)


def quantize(program: Program, scheme: Scheme) -> Program:
    """Return a Program in integers.

    Numbers are exact where the weights of a neuron are integer multiples of a step that the bits allow, and its
    threshold and bias are integer multiples of step / 2^weight_shift. Sums that reach the threshold exactly then still
    do. A Program in integers with the arithmetic of the scheme stays as it is, so quantization is idempotent, and a
    scheme of delays alone changes nothing but delays. Any other Program in integers is dequantized first.

    Args:
        program: A Program in floats or in integers, whose models have integer arithmetic.
        scheme: The bits of weights, delays, membranes and decays.

    Returns:
        The Program. Its provenance counts, under "quantization", the numbers that were clipped, rounded, moved or
        became 0: weights and delays in "edges"; thresholds, biases and decays in "populations".

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a model has no integer arithmetic, or an edge needs delays of at least 1 step and the grid of
            delays has only 0.
    """
    instance(program, Program, who="quantize", name="program")
    instance(scheme, Scheme, who="quantize", name="scheme")
    changes: list[dict[str, Any]] = [
        {"edge": f"{edge.source} -> {edge.target}", "synapses": edge.synapses} for edge in program.edges
    ]
    if scheme.weights is not None:
        _check_models(program)
    result = program if _has_arithmetic(program, scheme) else dequantized(program)
    if scheme.delays is not None:
        result = _with_delays(result, grids.DelayGrid.named(scheme.delays), changes)
    facts: dict[str, Any] = {"scheme": asdict(scheme), "edges": changes}
    if result.fixed is not None:
        facts["populations"] = _no_changes(result, changes)
        result = replace(result, fixed=scheme.fixed(result))
    elif scheme.weights is not None:
        result, facts["populations"] = _with_weights(result, scheme, changes)
    return result.came_from(quantization=facts)


def _check_models(program: Program) -> None:
    names = [population.name for population in program.populations if not MODELS[population.model].fixed_point]
    if names:
        raise ValueError(
            f"quantize: all models must have integer arithmetic, but those of {', '.join(map(repr, names))} have none; "
            "quantize the delays alone, or train LIF neurons"
        )


def _with_delays(program: Program, grid: grids.DelayGrid, changes: list[dict[str, Any]]) -> Program:
    edges: list[Edge | ConvEdge] = []
    for edge, change in zip(program.edges, changes, strict=True):
        nearest = grid.nearest(edge.delay)
        # the shortest delay that the edge may have, on the grid
        least = grid.resolution * program.least_delay(edge)
        delay = np.maximum(nearest, least)
        if grid.longest < least:
            raise ValueError(
                f"quantize: {change['edge']} needs delays of at least 1 step, and the grid has only 0; use more bits"
            )
        change["delays_clipped"] = int((edge.delay > grid.longest).sum())
        change["delays_rounded"] = int(((nearest != edge.delay) & (edge.delay <= grid.longest)).sum())
        change["delays_raised_from_0"] = int((nearest < least).sum())
        change["longest_change"] = int(np.abs(delay - edge.delay).max(initial=0))
        # synapses are sorted by delay, so changed delays need a new order
        edges.append(edge.with_delays(delay))
    return replace(program, edges=tuple(edges))


def _with_weights(
    program: Program, scheme: Scheme, changes: list[dict[str, Any]]
) -> tuple[Program, list[dict[str, Any]]]:
    """Return the Program in integers and the changes of each population; `changes` gets those of the edges."""
    fixed, kind = scheme.fixed(program), str(scheme.weights)
    program, chosen = messages.in_units(
        program,
        lambda scaled, each: scales.scales(scaled, each, fixed, kind=kind, channel=scheme.scale == "channel"),
    )
    results = [scales.in_integers(population, chosen[population.name], fixed) for population in program.populations]
    edges: list[Edge | ConvEdge] = []
    for edge, change in zip(program.edges, changes, strict=True):
        scale = edge.of_targets(chosen[edge.target].scale)
        weight = grids.rounded(edge.weight, scale, kind)
        error = weight * scale - edge.weight
        # an error of more than half a step is no rounding
        change["weights_clipped"] = int((np.abs(error) > 0.5 * scale * (1 + 1e-9)).sum())
        change["weights_to_0"] = int(((weight == 0) & (edge.weight != 0)).sum())
        change["relative_error"] = float(np.sqrt((error**2).sum() / max((edge.weight**2).sum(), 1e-300)))
        edges.append(replace(edge, weight=weight.astype(np.int16)))
    populations = tuple(population for population, _ in results)
    quantized = replace(program, populations=populations, edges=tuple(edges), fixed=fixed)
    return quantized, [change for _, change in results]


def _has_arithmetic(program: Program, scheme: Scheme) -> bool:
    """Return whether a Program is in integers with the arithmetic of the scheme, if it names one."""
    fixed, kind = program.fixed, scheme.weights
    if fixed is None or kind is None:
        return fixed is not None
    if replace(scheme.fixed(program), delay_bits=fixed.delay_bits) != fixed:
        return False
    shared = scheme.scale == "channel" or all(
        len(np.unique(population.scale)) == 1 for population in program.populations
    )
    most = grids.largest(kind)
    return shared and all(int(np.abs(edge.weight.astype(int)).max(initial=0)) <= most for edge in program.edges)


def _no_changes(program: Program, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return changes of 0 for each population; `changes` gets those of the edges."""
    for change in changes:
        change |= {"weights_clipped": 0, "weights_to_0": 0, "relative_error": 0.0}
    return [
        {"population": population.name, "neurons": population.size} | dict.fromkeys(scales.MOVES, 0)
        for population in program.populations
    ]
