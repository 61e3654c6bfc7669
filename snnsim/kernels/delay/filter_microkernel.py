"""Sums over delays that stay in vector registers: the core of filtered channels.

    out[c] (+)= Σ_d window[d, c] · values[d, c]        c in so many vectors of channels

Rows of both arrays lie in flat arrays of one dtype, any distance apart. Sums run over d in order. Each term is rounded
twice, or once where products are fused and the processor has an instruction for it.

Names    VECTOR channels of a vector; float64 needs two registers of AVX-512 for it
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from snnsim.kernels.common.jit import intrinsic

VECTOR = 16


class Rows(NamedTuple):
    """Rows in a flat array."""

    values: np.ndarray
    first: int
    """Index of the first number."""
    row: int
    """Numbers from one row to the next, below 0 for rows in reverse order."""


def filter_vectors(vectors: int, *, fused: bool) -> Callable[[Rows, Rows, int, bool, np.ndarray, int], None]:
    """Return the sum over rows for a number of vectors of channels, as a function for compiled code.

    Args:
        vectors: The number of vectors.
        fused: Whether a product and its sum may be one instruction with one rounding.
    """
    width = vectors * VECTOR

    def plain(window: Rows, values: Rows, rows: int, added: bool, out: np.ndarray, index: int) -> None:
        total = out[index : index + width].copy() if added else np.zeros(width, out.dtype)
        for d in range(rows):
            one, other = window.first + d * window.row, values.first + d * values.row
            total += window.values[one : one + width] * values.values[other : other + width]
        out[index : index + width] = total

    @intrinsic(plain)
    def filtered(
        _context: Any, window: Any, values: Any, rows: Any, added: Any, out: Any, index: Any,  # noqa: ARG001
    ) -> Any:  # fmt: skip
        signature = types.void(window, values, types.intp, types.boolean, out, types.intp)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _emit(context, builder, signature, _Arguments(*arguments), vectors, fused)
            return context.get_dummy_value()

        return signature, generate

    return filtered


class _Arguments(NamedTuple):
    """The arguments of a sum as values of LLVM."""

    window: Any
    values: Any
    rows: Any
    added: Any
    out: Any
    index: Any


def _emit(
    context: Any, builder: Any, signature: Any, arguments: _Arguments, vectors: int, fused: bool
) -> None:  # fmt: skip
    """Emit the loop over rows, with the sums in registers."""
    kinds, size = _Arguments(*signature.args), arguments.index.type
    number = context.get_value_type(kinds.out.dtype)
    vector, align = ir.VectorType(number, VECTOR), context.get_abi_sizeof(number)
    out = context.make_array(kinds.out)(context, builder, arguments.out).data
    added = _fused(builder, vector) if fused else _separate(builder)
    one, other = (Walk(context, builder, *bundle) for bundle in (
        (kinds.window, arguments.window), (kinds.values, arguments.values),
    ))  # fmt: skip

    def run(pointer: Any, start: Any, v: int) -> Any:
        index = builder.add(start, ir.Constant(size, v * VECTOR))
        return builder.bitcast(builder.gep(pointer, [index]), vector.as_pointer())

    fresh, loaded, head, body, done = (
        builder.append_basic_block(name) for name in ("fresh", "loaded", "head", "body", "done")
    )
    builder.cbranch(arguments.added, loaded, fresh)
    builder.position_at_end(fresh)
    builder.branch(head)
    builder.position_at_end(loaded)
    before = [builder.load(run(out, arguments.index, v), align=align) for v in range(vectors)]
    builder.branch(head)
    builder.position_at_end(head)
    d, totals = builder.phi(size), [builder.phi(vector) for _ in range(vectors)]
    builder.cbranch(builder.icmp_signed("<", d, arguments.rows), body, done)
    builder.position_at_end(body)
    factors = [
        [builder.load(run(walk.pointer, walk.at(d), v), align=align) for walk in (one, other)] for v in range(vectors)
    ]
    increased = [added(*pair, total) for pair, total in zip(factors, totals, strict=True)]
    following = builder.add(d, ir.Constant(size, 1))
    builder.branch(head)
    zeros = [ir.Constant(vector, None)] * vectors
    for block, start, values in ((fresh, 0, zeros), (loaded, 0, before), (body, None, increased)):
        d.add_incoming(following if start is None else ir.Constant(size, start), block)
        for total, value in zip(totals, values, strict=True):
            total.add_incoming(value, block)
    builder.position_at_end(done)
    for v, total in enumerate(totals):
        builder.store(total, run(out, arguments.index, v), align=align)


def _fused(builder: Any, vector: Any) -> Callable[..., Any]:
    """Return the function that emits a product and its sum as one instruction, where there is one."""
    kind, name = ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{VECTOR}{vector.element.intrinsic_name}"
    function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    return lambda *terms: builder.call(function, terms)


def _separate(builder: Any) -> Callable[..., Any]:
    """Return the function that emits a product and then its sum."""
    return lambda one, other, total: builder.fadd(total, builder.fmul(one, other))


class Walk:
    """The rows of an argument as values of LLVM.

    Args:
        context: Numba's context of types.
        builder: The builder of the function.
        kind: Type of the argument.
        value: The argument.
    """

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        values, self.first, self.row = cgutils.unpack_tuple(builder, value, 3)  # type: ignore[no-untyped-call]
        self.builder = builder
        self.pointer = context.make_array(kind.types[0])(context, builder, values).data

    def at(self, d: Any) -> Any:
        """Return the index of the first number of a row.

        Args:
            d: Number of the row.
        """
        return self.builder.add(self.first, self.builder.mul(self.row, d))
