"""A convolution as one edge: a kernel that all positions of a field share, in the memory of the kernel.

    I[t, (y', x', o)] += w · s[t − d, (y, x, c)]      for every entry (c, o, r, q, d, w) and every position with
                                                      s y' = u y + p − r,  s x' = u x + p − q: see geometry.py

A list of entries is the one form of dense kernels, of kernels with a delay for each connection, of kernels with weights
over several delays, of groups, and of pooling.

Shapes   channel, row, column, delay, weight (entry,), sorted by source channel, delay, row, column, target channel;
         source channel c has the entries indptr[c]:indptr[c + 1]
Names    o channel of the target · r, q row and column of the kernel · d delay in steps · w weight
         a synapse is an entry at a position where source and target lie inside their fields
Exact    contributions to a neuron are added in the order of their spikes, and those of one spike in the order of the
         edges and of the entries: the sums are those of `unrolled`, bit for bit
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from snnsim.limits import require_memory
from snnsim.program.arrays import frozen, order
from snnsim.program.edge import LONGEST_DELAY, Edge
from snnsim.program.geometry import LARGEST_OFFSET, Field, Geometry
from snnsim.program.models import LARGEST, bounded
from snnsim.validation import instance, integer, require, row, shown

Entries = tuple[Any, Any, Any, Any, Any, Any]
"""Source channel, target channel, row, column, delay and weight of every entry."""


@dataclass(frozen=True, eq=False)
class ConvEdge:
    """A convolution from one population, or the input, to another; `ConvEdge.of` and `ConvEdge.dense` build one."""

    source: str
    target: str
    geometry: Geometry
    indptr: np.ndarray
    """int64 (source channel + 1,), the first entry of each source channel."""
    channel: np.ndarray
    """int32 (entry,), the channel of the target."""
    row: np.ndarray
    """int16 (entry,), from 0."""
    column: np.ndarray
    """int16 (entry,), from 0."""
    delay: np.ndarray
    """uint16 (entry,), in steps."""
    weight: np.ndarray
    """float64 (entry,), or int16 of a Program in integers."""

    array_names = ("indptr", "channel", "row", "column", "delay", "weight")
    """Names of the arrays, in their order in files."""

    def __post_init__(self) -> None:
        who = str(self)
        instance(self.geometry, Geometry, who=who, name="geometry")
        integers = np.issubdtype(np.asarray(self.weight).dtype, np.integer)
        dtypes = (np.int64, np.int32, np.int16, np.int16, np.uint16, np.int16 if integers else np.float64)
        for name, dtype in zip(self.array_names, dtypes, strict=True):
            object.__setattr__(self, name, frozen(getattr(self, name), dtype, f"{who}: {name}"))
        count, channels = len(self.weight), self.geometry.source.channels
        complete = len(self.indptr) == channels + 1 and self.indptr[0] == 0 and self.indptr[-1] == count
        require(
            complete and bool((np.diff(self.indptr) >= 0).all()),
            f"{who}: indptr must ascend from 0 to the number of entries ({count}) over {channels} source channels",
        )
        require(
            all(len(getattr(self, name)) == count for name in self.array_names[1:]),
            f"{who}: {', '.join(self.array_names[1:])} must have one value for each of {count} entries",
        )
        if count:
            self._check_ranges(who)
        require(bool(np.isfinite(self.weight).all()), f"{who}: weights must be finite")
        require(integers or bool(bounded(self.weight).all()), f"{who}: weights must be within ± {LARGEST:g}")

    def _check_ranges(self, who: str) -> None:
        most = {"channel": self.geometry.target.channels - 1, "row": LARGEST_OFFSET, "column": LARGEST_OFFSET}
        for name, largest in most.items():
            values = getattr(self, name)
            require(
                values.min() >= 0 and values.max() <= largest,
                f"{who}: {name} must be from 0 to {largest}, not {values.min()} to {values.max()}",
            )

    @classmethod
    def of(cls, source: str, target: str, entries: Entries, *, geometry: Geometry) -> Self:
        """Return a convolution of entries in any order.

        Args:
            source: Name of the population, or INPUT, at which it starts.
            target: Name of the population at which it ends.
            entries: Source channel, target channel, row, column, delay in steps and weight of every entry, six rows of
                one length.
            geometry: The fields, stride, padding and upsampling.

        Raises:
            TypeError: If `geometry` is no Geometry.
            ValueError: If a row has numbers of another kind, or a number is out of its range.
        """
        who = f"convolution {source!r} -> {target!r}"
        instance(geometry, Geometry, who=who, name="geometry")
        complete = isinstance(entries, tuple | list) and len(entries) == 6
        require(complete, f"{who}: entries must be six rows, not {shown(entries)}")
        names = ("source channel", "channel", "row", "column", "delay")
        keys = [row(values, np.int64, f"{who}: {name}") for name, values in zip(names, entries, strict=False)]
        weight = np.asarray(entries[5])
        require(
            weight.ndim == 1 and all(len(key) == len(weight) for key in keys),
            f"{who}: the six rows must be equally long",
        )
        limits = (geometry.source.channels - 1, geometry.target.channels - 1, LARGEST_OFFSET, LARGEST_OFFSET)
        for name, key, most in zip(names, keys, (*limits, LONGEST_DELAY), strict=True) if len(weight) else ():
            inside = key.min() >= 0 and key.max() <= most
            require(inside, f"{who}: {name} must be from 0 to {most}, not {key.min()} to {key.max()}")
        first, channel, rows, columns, delay = keys
        position = order(first, delay, rows, columns, channel)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(first, minlength=geometry.source.channels))])
        arrays = (each[position] for each in (channel, rows, columns, delay, weight))
        return cls(source, target, geometry, indptr, *arrays)

    @classmethod
    def dense(
        cls,
        source: str,
        target: str,
        weight: Any,
        *,
        geometry: Geometry,
        delay: Any = 0,
        groups: int = 1,
    ) -> Self:
        """Return a convolution of a dense kernel; weights of 0 are left out.

        Args:
            source: Name of the population, or INPUT, at which it starts.
            target: Name of the population at which it ends.
            weight: Weights as torch's conv2d has them, (target channel, source channel of a group, row, column).
            geometry: The fields, stride, padding and upsampling.
            delay: Delays in steps: a number, or an array that broadcasts with the weights, such as
                (delay, 1, 1, 1, 1) for weights over several delays, (delay, target channel, source channel, row,
                column).
            groups: Number of groups of channels, each of which has its own kernel.

        Raises:
            TypeError: If `geometry` is no Geometry, or `groups` no integer.
            ValueError: If a shape does not fit the geometry, or a number is out of its range.
        """
        who = f"convolution {source!r} -> {target!r}"
        instance(geometry, Geometry, who=who, name="geometry")
        groups = integer(groups, who=who, name="groups", at_least=1, at_most=LARGEST_OFFSET)
        weight, delays = np.broadcast_arrays(np.asarray(weight), np.asarray(delay))
        require(weight.ndim >= 4, f"{who}: weight must have four axes or more, not the shape {weight.shape}")
        outputs, inputs = weight.shape[-4:-2]
        fields = geometry.target.channels, geometry.source.channels
        require(
            (outputs, inputs * groups) == fields and outputs % groups == 0,
            f"{who}: weight must have {fields[0]} target channels and {fields[1]} source channels in {groups} groups, "
            f"not the shape {weight.shape}",
        )
        present = np.nonzero(weight)
        channel, within, rows, columns = present[-4:]
        first = channel // (outputs // groups) * inputs + within
        return cls.of(
            source, target, (first, channel, rows, columns, delays[present], weight[present]), geometry=geometry
        )

    def __str__(self) -> str:
        return f"convolution {self.source!r} -> {self.target!r}"

    def __repr__(self) -> str:
        delays = f", delays {int(self.delay.min())} to {int(self.delay.max())}" if len(self.delay) else ""
        return (
            f"ConvEdge({self.source!r} -> {self.target!r}, {self.geometry}, {len(self.weight):,} entries, "
            f"{self.synapses:,} synapses{delays})"
        )

    def source_channel(self) -> np.ndarray:
        """Return the channel of the source of every entry."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    def longest(self) -> int:
        """Return the longest delay, in steps; 0 without entries."""
        return int(self.delay.max(initial=0))

    def selected(self, mask: np.ndarray) -> "ConvEdge":
        """Return the convolution with some of its entries.

        Args:
            mask: Whether an entry remains (entry,).
        """
        count = np.concatenate([[0], np.cumsum(mask)])
        rows = (getattr(self, name)[mask] for name in self.array_names[1:])
        return ConvEdge(self.source, self.target, self.geometry, count[self.indptr], *rows)

    def with_delays(self, delay: np.ndarray) -> "ConvEdge":
        """Return the convolution with other delays.

        Args:
            delay: The delay of each entry, in steps (entry,).
        """
        entries = self.source_channel(), self.channel, self.row, self.column, delay, self.weight
        return ConvEdge.of(self.source, self.target, entries, geometry=self.geometry)

    def of_targets(self, values: np.ndarray) -> np.ndarray:
        """Return the value of the target of each entry (entry,).

        Args:
            values: A value of each neuron of the target, the same at all positions of a channel (neuron,).

        Raises:
            ValueError: If the neurons of a channel have different values, because they share their weights.
        """
        by_channel = values.reshape(-1, self.geometry.target.channels)
        require(
            bool((by_channel == by_channel[0]).all()),
            f"{self}: the neurons of a channel must have one scale, as they share their weights; unroll the program "
            "first, by Program.unrolled()",
        )
        result: np.ndarray = by_channel[0][self.channel]
        return result

    @cached_property
    def synapses(self) -> int:
        """Number of synapses: entries at positions where source and target lie inside their fields."""
        counts = []
        for axis, offsets in enumerate((self.row, self.column)):
            distinct, inverse = np.unique(offsets, return_inverse=True)
            # offset by offset, as a field may be much larger than its kernel
            count = [int((self.geometry.origin(axis, distinct[k : k + 1]) >= 0).sum()) for k in range(len(distinct))]
            counts.append(np.array(count, np.int64)[inverse])
        return int((counts[0] * counts[1]).sum())

    def fan_out(self) -> np.ndarray:
        """Return the number of synapses of each neuron of the source, int64 (neuron,)."""
        source = self.source_channel()
        counts = self._by_position(self.geometry.reached, source, self.geometry.source, np.ones(len(source)))
        return counts.astype(np.int64)

    def fan_in(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of a value over all synapses of each neuron of the target, float64 (neuron,).

        Args:
            values: The value of each entry (entry,).
        """
        return self._by_position(self.geometry.origin, self.channel, self.geometry.target, values)

    def _by_position(self, table: Any, channel: np.ndarray, field: Field, values: np.ndarray) -> np.ndarray:
        """Return the sums of the values of entries over those that lead from or to each neuron of a field."""
        (rows, r), (columns, q) = (np.unique(offset, return_inverse=True) for offset in (self.row, self.column))
        shape = field.channels, len(rows), len(columns)
        partial, positions = field.channels * field.height * len(columns), self._table_bytes(field)
        require_memory(str(self), {"sums by offset": 8 * (math.prod(shape) + partial + 2 * field.size) + positions})
        index = (channel.astype(np.int64) * shape[1] + r) * shape[2] + q
        sums = np.bincount(index, values, math.prod(shape)).reshape(shape)
        inside = [(table(axis, offset) >= 0).astype(np.float64) for axis, offset in enumerate((rows, columns))]
        result: np.ndarray = (inside[0].T @ sums @ inside[1]).transpose(1, 2, 0).ravel()
        return result

    def unrolled(self) -> Edge:
        """Return the single synapses, with their own weights.

        Raises:
            MemoryError: If they would need more memory than is available.
        """
        positions = self._table_bytes(self.geometry.target)
        require_memory(str(self), {f"{self.synapses:,} synapses": 150 * self.synapses, "positions": positions})
        entry = np.arange(len(self.weight))
        axes = [self._positions(axis, offsets) for axis, offsets in enumerate((self.row, self.column))]
        (first_row, rows), (first_column, columns) = ((first, count) for first, count, _, _ in axes)
        entry = np.repeat(entry, rows * columns)
        rank = np.arange(len(entry)) - np.repeat(np.cumsum(rows * columns) - rows * columns, rows * columns)
        indices = first_row[entry] + rank // columns[entry], first_column[entry] + rank % columns[entry]
        (y, x), (to_y, to_x) = ([axes[axis][part][indices[axis]] for axis in (0, 1)] for part in (2, 3))
        source, target = self.geometry.source, self.geometry.target
        pre = (y * source.width + x) * source.channels + self.source_channel()[entry]
        post = (to_y * target.width + to_x) * target.channels + self.channel[entry]
        return Edge.of(
            self.source, self.target, (pre, post, self.delay[entry], self.weight[entry]), sources=source.size
        )

    def _table_bytes(self, field: Field) -> int:
        """Return the bytes of the tables of a geometry over the positions of a field, with their scratch memory."""
        counts = (len(np.unique(offset)) for offset in (self.row, self.column))
        return 40 * sum(count * side for count, side in zip(counts, field, strict=False))

    def _positions(self, axis: int, offsets: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the first and the number of the positions of each entry, and lists of source and target positions."""
        distinct, inverse = np.unique(offsets, return_inverse=True)
        origin = self.geometry.origin(axis, distinct)
        number, to = np.nonzero(origin >= 0)
        count = np.bincount(number, minlength=len(distinct))
        return (np.cumsum(count) - count)[inverse], count[inverse], origin[number, to], to
