"""Lowering of convolutions: kernels sorted by component, as kernels/simulate/convolutions.py reads them.

    r = s r' + φ        component = (c · s + φ) · s_x + φ_x        offset = o − (r' · width' + q') · channels'

Names    s stride, s_x that of the columns · φ phase · c source channel
         o, r, q target channel, row and column of an entry

A kernel takes 22 bytes an entry, and 8 bytes a component.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from snnsim.kernels.simulate.types import Convolutions
from snnsim.program import INPUT, ConvEdge, Edge, Program

ENTRY_BYTES, COMPONENT_BYTES = 22, 8


def separated(program: Program) -> tuple[list[Edge | ConvEdge], list[ConvEdge]]:
    """Return the edges whose synapses the engines hold one by one, and the convolutions that they hold as kernels.

    An engine adds the single synapses of a spike first. A convolution is unrolled where an edge of single synapses
    behind it leads between the same populations, because contributions are added in the order of the edges.

    Args:
        program: The Program.
    """
    last = {(edge.source, edge.target): n for n, edge in enumerate(program.edges) if isinstance(edge, Edge)}
    single: list[Edge | ConvEdge] = []
    shared: list[ConvEdge] = []
    for number, edge in enumerate(program.edges):
        if isinstance(edge, ConvEdge) and number > last.get((edge.source, edge.target), -1):
            shared.append(edge)
        else:
            single.append(edge)
    return single, shared


def needed_bytes(edge: ConvEdge) -> int:
    """Return the bytes that lowering a convolution takes, with its scratch memory.

    Args:
        edge: The convolution.
    """
    entries, components = len(edge.weight), edge.geometry.source.channels * math.prod(edge.geometry.stride)
    return 4 * ENTRY_BYTES * entries + 3 * COMPONENT_BYTES * components


def lower(program: Program, shared: list[ConvEdge], first: Mapping[str, int], weight: Any) -> Convolutions:
    """Return convolutions as arrays of the kernels; their offsets include no delay.

    Args:
        program: The Program.
        shared: The convolutions.
        first: The first node of the input and of each population, by name.
        weight: The type of weights.
    """
    names = [INPUT, *(population.name for population in program.populations)]
    segments = np.array([names.index(edge.source) for edge in shared], np.int64)
    rows, components, component = [], [np.zeros(1, np.int64)], 0
    columns: list[tuple[np.ndarray, ...]] = []
    entries = 0
    for number in np.argsort(segments, kind="stable"):
        edge = shared[number]
        rows.append(_geometry(edge, first[edge.source], first[edge.target] - program.channels, component))
        indptr, arrays = _by_component(edge)
        columns.append(arrays)
        components.append(indptr[1:] + entries)
        entries, component = entries + len(edge.weight), component + len(indptr) - 1
    dtypes = (np.int16, np.int16, np.uint16, np.int64, weight)
    empty = tuple(np.zeros(0, dtype) for dtype in dtypes)
    row, column, delay, offset, values = (
        np.concatenate(parts).astype(dtype) for dtype, *parts in zip(dtypes, *([empty, *columns]), strict=True)
    )
    return Convolutions(
        np.searchsorted(np.sort(segments), np.arange(len(names) + 1)).astype(np.int64),
        np.array(rows, np.int64).reshape(len(rows), 14),
        np.concatenate(components),
        row, column, delay, offset, values,
    )  # fmt: skip


def _geometry(edge: ConvEdge, source: int, target: int, component: int) -> list[int]:
    """Return the columns of the geometry of a convolution, in the order of kernels/simulate/convolutions.py."""
    geometry = edge.geometry
    return [
        source, *geometry.source[1:], *geometry.upsampling, *geometry.padding, *geometry.stride, *geometry.target,
        target, component,
    ]  # fmt: skip


def _by_component(edge: ConvEdge) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Return the first entry of each component, and row, column, delay, offset and weight of the entries in order."""
    (row_stride, column_stride), field = edge.geometry.stride, edge.geometry.target
    row, row_phase = np.divmod(edge.row.astype(np.int64), row_stride)
    column, column_phase = np.divmod(edge.column.astype(np.int64), column_stride)
    component = (edge.source_channel() * row_stride + row_phase) * column_stride + column_phase
    # stable, as entries of one target are added in their order
    position = np.argsort(component, kind="stable")
    count = np.bincount(component, minlength=edge.geometry.source.channels * row_stride * column_stride)
    offset = edge.channel - (row * field.width + column) * field.channels
    arrays = (row, column, edge.delay, offset, edge.weight)
    return np.concatenate([[0], np.cumsum(count)]), tuple(array[position] for array in arrays)
