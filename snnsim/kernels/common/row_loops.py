"""Loops over rows of numbers in vector registers, however many rows there are.

    results[k][n] = body(rows)[k][n]        for every column n, one operation of the body after the other

LLVM keeps a loop over many arrays out of vector registers, as it does not prove that no two of them overlap. Here a
body says what becomes of a column, and is emitted as instructions for VECTOR columns at once. All rows of a column are
read before its results are written, so that a result may replace a row.

A row may repeat: with fewer columns, a period, it stands for one that has them again and again. A result that repeats
is set once for every period, so a body that adds to it sums over the periods in their order.

Exact    every operation of the body is rounded one by one, in vectors as in the columns that are left over
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from snnsim.kernels.common.jit import intrinsic

VECTOR = 16
"""Columns of a vector; float64 needs two registers of AVX-512 for it."""


def choose(condition: Any, one: Any, other: Any) -> Any:
    """Return one number where a condition holds, and the other where it does not; for the body of a loop.

    Args:
        condition: A comparison of numbers, or a flag.
        one: A number of the body, or a constant.
        other: Likewise.
    """
    number = one if isinstance(one, Number) else other
    return number.chosen(condition, one, other) if isinstance(number, Number) else np.where(condition, one, other)


class Number:
    """A number of every column while a body is emitted.

    Args:
        builder: The builder of instructions.
        value: The value in LLVM, a vector or a scalar.
    """

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def __add__(self, other: "Number") -> "Number":
        return Number(self.builder, self.builder.fadd(self.value, other.value))

    def __sub__(self, other: "Number") -> "Number":
        return Number(self.builder, self.builder.fsub(self.value, other.value))

    def __mul__(self, other: "Number") -> "Number":
        return Number(self.builder, self.builder.fmul(self.value, other.value))

    def __neg__(self) -> "Number":
        return Number(self.builder, self.builder.fneg(self.value))

    def __ge__(self, other: "Number") -> Any:
        return self.builder.fcmp_ordered(">=", self.value, other.value)

    def chosen(self, condition: Any, one: Any, other: Any) -> "Number":
        """Return one of two numbers or constants, see `choose`; a constant gets the type of this number.

        Args:
            condition: A comparison of numbers, or a flag.
            one: The number where it holds, or a constant.
            other: The number where it does not hold, or a constant.
        """
        return Number(self.builder, self.builder.select(condition, self._value(one), self._value(other)))

    def _value(self, number: Any) -> Any:
        kind = self.value.type
        if isinstance(number, Number):
            return number.value
        if isinstance(kind, ir.VectorType):
            return ir.Constant(kind, [ir.Constant(kind.element, number)] * kind.count)
        return ir.Constant(kind, number)


def row_loop(body: Callable[[Any, Any], tuple[Any, ...]]) -> Callable[..., None]:
    """Return the loop of a body, for compiled code: `loop(step, rows, flags, results)`.

    The arguments of the loop are the step, a NamedTuple of arrays that are read, one of booleans, and one of arrays
    that are set; a field may be a NamedTuple of arrays itself. An array is one row, or (step, column), of which the
    row of the step is taken; columns lie side by side. All arrays are of one dtype. The columns are those of the first
    result; the other arrays have as many or more, or those of a period, which is the same for all and divides them.
    A period that is no multiple of VECTOR has columns left over in each repetition, and is slow.

    Args:
        body: A function of the rows and the flags, by the names of their fields, that returns the results in their
            order. It adds, subtracts and multiplies, compares by `>=`, and chooses by `choose`.
    """

    def plain(step: int, rows: Any, flags: Any, results: Any) -> None:
        arrays = _leaves(results)
        columns = arrays[0].shape[-1]
        period = min(array.shape[-1] for array in (*_leaves(rows), *arrays))
        for start in range(0, columns, max(1, min(period, columns))):
            part = partial(_part, step=step, start=start, period=period, columns=columns)
            # a copy, as a result may be a row that an earlier result replaces
            values = [np.array(one) for one in _leaves(body(_mapped(rows, part), flags))]
            for array, one in zip(arrays, values, strict=True):
                part(array)[:] = one

    @intrinsic(plain)
    def loop(_context: Any, step: Any, rows: Any, flags: Any, results: Any) -> Any:
        signature = types.void(step, rows, flags, results)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _Emitter(context, builder, _Bundles(*signature.args), _Bundles(*arguments)).emit(body)
            return context.get_dummy_value()

        return signature, generate

    return loop


def _leaves(bundle: Any) -> list[Any]:
    """Return the parts of nested tuples in their order."""
    return [leaf for part in bundle for leaf in (_leaves(part) if isinstance(part, tuple) else [part])]


def _mapped(bundle: Any, function: Callable[[Any], Any]) -> Any:
    """Return nested tuples with a function applied to every part."""
    parts = (_mapped(part, function) if isinstance(part, tuple) else function(part) for part in bundle)
    return type(bundle)(*parts)


def _part(array: np.ndarray, step: int, start: int, period: int, columns: int) -> np.ndarray:
    """Return the columns of a row in one period."""
    row: np.ndarray = array[step] if array.ndim == 2 else array
    first = start if row.size >= columns else 0
    return row[first : first + min(period, columns - start)]


class _Bundles(NamedTuple):
    """The arguments of a loop, as types or as values of LLVM."""

    step: Any
    rows: Any
    flags: Any
    results: Any


@dataclass(frozen=True)
class _Row:
    """A row of the step as values of LLVM."""

    pointer: Any
    columns: Any


class _Emitter:
    """The instructions of a loop."""

    def __init__(self, context: Any, builder: Any, kinds: _Bundles, values: _Bundles) -> None:
        self.context, self.builder = context, builder
        self.index = context.get_value_type(types.intp)
        self.step = context.cast(builder, values.step, kinds.step, types.intp)
        self.flags = kinds.flags.instance_class(*_unpacked(builder, values.flags))
        self.inputs = self._rows(kinds.rows, values.rows)
        self.outputs = self._rows(kinds.results, values.results)
        self.number = context.get_value_type(kinds.results.types[0].dtype)
        self.align = context.get_abi_sizeof(self.number)
        self.columns = _leaves(self.outputs)[0].columns

    def emit(self, body: Callable[[Any, Any], tuple[Any, ...]]) -> None:
        """Emit the loop over periods, and in it the loops over vectors and over the columns that are left over."""
        builder, zero = self.builder, ir.Constant(self.index, 0)
        period = self.columns
        for row in (*_leaves(self.inputs), *_leaves(self.outputs)):
            period = builder.select(builder.icmp_signed("<", row.columns, period), row.columns, period)
        # a row without columns has no period
        step = builder.select(builder.icmp_signed("<", zero, period), period, ir.Constant(self.index, 1))
        with cgutils.for_range_slice(builder, zero, self.columns, step, self.index) as (start, _):
            pointers = partial(self._begin, start)
            inputs, outputs = _mapped(self.inputs, pointers), _leaves(_mapped(self.outputs, pointers))
            left = builder.sub(self.columns, start)
            count = builder.select(builder.icmp_signed("<", period, left), period, left)
            wide = builder.and_(count, ir.Constant(self.index, -VECTOR))
            for width, first, last in ((VECTOR, zero, wide), (1, wide, count)):
                kind = self.number if width == 1 else ir.VectorType(self.number, width)
                one = ir.Constant(self.index, width)
                with cgutils.for_range_slice(builder, first, last, one, self.index) as (column, _):
                    self._columns(body, inputs, outputs, column, kind)

    def _begin(self, start: Any, row: _Row) -> Any:
        """Return the pointer to the columns of the period that starts at a column."""
        repeats = self.builder.icmp_signed("<", row.columns, self.columns)
        first = self.builder.select(repeats, ir.Constant(self.index, 0), start)
        return self.builder.gep(row.pointer, [first])

    def _columns(
        self, body: Callable[[Any, Any], tuple[Any, ...]], inputs: Any, outputs: list[Any], column: Any, kind: Any
    ) -> None:
        """Emit the body for the columns from one on, a vector or one number."""
        builder = self.builder

        def at(pointer: Any) -> Any:
            return builder.bitcast(builder.gep(pointer, [column]), kind.as_pointer())

        rows = _mapped(inputs, lambda pointer: Number(builder, builder.load(at(pointer), align=self.align)))
        for pointer, result in zip(outputs, _leaves(body(rows, self.flags)), strict=True):
            builder.store(result.value, at(pointer), align=self.align)

    def _rows(self, kind: Any, value: Any) -> Any:
        """Return the rows of the step, in nested tuples like those of the arrays."""
        if isinstance(kind, types.BaseTuple):
            bundle: Any = kind
            parts = zip(bundle, _unpacked(self.builder, value), strict=True)
            return bundle.instance_class(*(self._rows(one, part) for one, part in parts))
        array = self.context.make_array(kind)(self.context, self.builder, value)
        columns = _unpacked(self.builder, array.shape)[-1]
        if kind.ndim == 1:
            return _Row(array.data, columns)
        offset = self.builder.mul(self.step, _unpacked(self.builder, array.strides)[0])
        return _Row(cgutils.pointer_add(self.builder, array.data, offset), columns)  # type: ignore[no-untyped-call]


def _unpacked(builder: Any, bundle: Any) -> list[Any]:
    """Return the parts of a tuple as values of LLVM."""
    return [builder.extract_value(bundle, index) for index in range(len(bundle.type.elements))]
