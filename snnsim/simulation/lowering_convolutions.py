"""Lowering of convolutions: kernels sorted by component and pixel, as kernels/simulate/convolutions.py reads them.

    r = s r' + φ        component = (c · s + φ) · s_x + φ_x        offset = o − (r' · width' + q') · channels'

Names    s stride, s_x that of the columns · φ phase · c source channel
         o, r, q target channel, row and column of an entry

A kernel takes 18 bytes an entry, 12 bytes a pixel, and 8 bytes a component.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsim.kernels.simulate.types import Convolutions
from snnsim.program import INPUT, ConvEdge, Edge, Program
from snnsim.program.arrays import order

ENTRY_BYTES, COMPONENT_BYTES = 30, 8


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
    by_segment, rows, parts = np.argsort(segments, kind="stable"), [], [_NONE]
    for number in by_segment:
        edge, component = shared[number], sum(len(part.pixels) for part in parts)
        rows.append(_geometry(edge, first[edge.source], first[edge.target] - program.channels, component))
        parts.append(_sorted(edge))
    pixels, entries = (np.concatenate([getattr(part, name) for part in parts]) for name in ("pixels", "entries"))
    dtypes = {"row": np.int16, "column": np.int16, "delay": np.uint16, "offset": np.int64, "weight": weight}
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts]).astype(dtype) for name, dtype in dtypes.items()
    }
    return Convolutions(
        np.searchsorted(segments[by_segment], np.arange(len(names) + 1)).astype(np.int64),
        np.array(rows, np.int64).reshape(len(rows), 14),
        np.concatenate([[0], np.cumsum(pixels)]),
        indptr_of_pixel=np.concatenate([[0], np.cumsum(entries)]),
        **arrays,
    )


def _geometry(edge: ConvEdge, source: int, target: int, component: int) -> list[int]:
    """Return the columns of the geometry of a convolution, in the order of kernels/simulate/convolutions.py."""
    geometry = edge.geometry
    return [
        source, *geometry.source[1:], *geometry.upsampling, *geometry.padding, *geometry.stride, *geometry.target,
        target, component,
    ]  # fmt: skip


class _Sorted(NamedTuple):
    """The pixels of a kernel sorted by component, and its entries sorted by pixel."""

    pixels: np.ndarray
    """Number of pixels of each component."""
    row: np.ndarray
    column: np.ndarray
    entries: np.ndarray
    """Number of entries of each pixel."""
    delay: np.ndarray
    offset: np.ndarray
    weight: np.ndarray


_NONE = _Sorted(*(np.zeros(0, np.int64) for _ in _Sorted._fields))


def _sorted(edge: ConvEdge) -> _Sorted:
    (row_stride, column_stride), field = edge.geometry.stride, edge.geometry.target
    row, row_phase = np.divmod(edge.row.astype(np.int64), row_stride)
    column, column_phase = np.divmod(edge.column.astype(np.int64), column_stride)
    component = (edge.source_channel() * row_stride + row_phase) * column_stride + column_phase
    # stable, as entries of one target are added in their order
    position = order(component, row, column)
    keys = np.stack([component, row, column])[:, position]
    begins = np.ones(len(position), bool)
    begins[1:] = (keys[:, 1:] != keys[:, :-1]).any(0)
    pixel = np.flatnonzero(begins)
    offset = edge.channel - (row * field.width + column) * field.channels
    components = edge.geometry.source.channels * row_stride * column_stride
    return _Sorted(
        pixels=np.bincount(keys[0, pixel], minlength=components),
        row=keys[1, pixel],
        column=keys[2, pixel],
        entries=np.diff(pixel, append=len(position)),
        delay=edge.delay[position],
        offset=offset[position],
        weight=edge.weight[position],
    )
