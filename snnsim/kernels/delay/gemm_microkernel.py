"""Products of small matrices whose sums stay in vector registers: the core of delayed currents on the CPU.

    C[i, w] (+)= Σ_p A[i, p] · B[p, w]        w = 0 … PANEL − 1

Sums run over p in order, each term with one rounding where the processor has a fused multiply-add. Matrices lie in flat
arrays of one dtype, float32 or float64: rows of B and C one after the other, A with any strides.

Names    PANEL columns that are computed together: in float32 two registers of AVX-512, four of AVX2
         ROWS rows that are computed together, so that the sums of ROWS × PANEL leave a few registers for A and B
Source   one core of an AMD EPYC 9004, float32, 128 x 256 x 256: 115 GFLOP/s, where torch's matrix product does 96 and
         its batched product 66 to 76
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from snnsim.kernels.common.jit import intrinsic, subroutine
from snnsim.kernels.delay.fft import LANES

PANEL = LANES
ROWS = 12 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 3
_DEPTH = 256
"""Terms that are summed at once: a panel of so many rows stays in the first cache."""


class Matrix(NamedTuple):
    """A matrix in a flat array."""

    values: np.ndarray
    row: int
    """Numbers from one row to the next."""
    column: int
    """Numbers from one column to the next."""


def _tile(rows: int) -> Callable[..., None]:
    """Return the product of `rows` rows of A with a panel of B, as a function for compiled code."""

    def plain(
        a: np.ndarray, first_a: int, row_a: int, column_a: int, b: np.ndarray, first_b: int, c: np.ndarray,
        first_c: int, terms: int, added: bool,
    ) -> None:  # fmt: skip
        for i in range(rows):
            for w in range(PANEL):
                total = c[first_c + i * PANEL + w] if added else a.dtype.type(0)
                for p in range(terms):
                    total += a[first_a + i * row_a + p * column_a] * b[first_b + p * PANEL + w]
                c[first_c + i * PANEL + w] = total

    @intrinsic(plain)
    def tile(
        _context: Any, a: Any, first_a: Any, row_a: Any, column_a: Any, b: Any, first_b: Any,  # noqa: ARG001
        c: Any, first_c: Any, terms: Any, added: Any,  # noqa: ARG001
    ) -> Any:  # fmt: skip
        index = types.intp
        signature = types.void(a, index, index, index, b, index, c, index, index, types.boolean)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _Emitter(context, builder, signature, _Arguments(*arguments), rows).emit()
            return context.get_dummy_value()

        return signature, generate

    return tile


class _Arguments(NamedTuple):
    """The arguments of a tile as values of LLVM."""

    a: Any
    first_a: Any
    row_a: Any
    column_a: Any
    b: Any
    first_b: Any
    c: Any
    first_c: Any
    terms: Any
    added: Any


class _Emitter:
    """The instructions of a tile: a loop over p, with one vector of PANEL sums per row in registers."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: _Arguments, rows: int) -> None:
        self.builder, self.arguments, self.rows = builder, arguments, rows
        types_ = _Arguments(*signature.args)
        self.number = context.get_value_type(types_.a.dtype)
        self.vector, self.size = ir.VectorType(self.number, PANEL), arguments.first_a.type
        self.align = context.get_abi_sizeof(self.number)
        self.a, self.b, self.c = (
            context.make_array(kind)(context, builder, value).data
            for kind, value in ((types_.a, arguments.a), (types_.b, arguments.b), (types_.c, arguments.c))
        )
        name = f"llvm.fmuladd.v{PANEL}{self.number.intrinsic_name}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        self.fused = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]

    def emit(self) -> None:
        """Emit the loop."""
        builder, rows = self.builder, self.rows
        panels = [self._panel(self.c, builder.add(self.arguments.first_c, self._index(i * PANEL))) for i in range(rows)]
        starts = [
            builder.add(self.arguments.first_a, builder.mul(self.arguments.row_a, self._index(i))) for i in range(rows)
        ]
        fresh, loaded, head, body, done = (
            builder.append_basic_block(name) for name in ("fresh", "loaded", "head", "body", "done")
        )
        builder.cbranch(self.arguments.added, loaded, fresh)
        builder.position_at_end(fresh)
        builder.branch(head)
        builder.position_at_end(loaded)
        before = [builder.load(panel, align=self.align) for panel in panels]
        builder.branch(head)

        builder.position_at_end(head)
        p = builder.phi(self.size)
        sums = [builder.phi(self.vector) for _ in range(rows)]
        builder.cbranch(builder.icmp_signed("<", p, self.arguments.terms), body, done)
        builder.position_at_end(body)
        following, increased = builder.add(p, self._index(1)), self._add_terms(p, starts, sums)
        builder.branch(head)
        zeros = [ir.Constant(self.vector, None)] * rows
        for block, first, values in (
            (fresh, self._index(0), zeros), (loaded, self._index(0), before), (body, following, increased),
        ):  # fmt: skip
            p.add_incoming(first, block)
            for total, value in zip(sums, values, strict=True):
                total.add_incoming(value, block)

        builder.position_at_end(done)
        for panel, total in zip(panels, sums, strict=True):
            builder.store(total, panel, align=self.align)

    def _add_terms(self, p: Any, starts: list[Any], sums: list[Any]) -> list[Any]:
        """Emit the products with row p of B, and return the new sums."""
        builder, arguments = self.builder, self.arguments
        row_b = builder.add(arguments.first_b, builder.mul(self._index(PANEL), p))
        right, column = builder.load(self._panel(self.b, row_b), align=self.align), builder.mul(arguments.column_a, p)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), PANEL), [0] * PANEL)
        undefined, increased = ir.Constant(self.vector, ir.Undefined), []
        for start, total in zip(starts, sums, strict=True):
            # one number of A, copied into all elements of a vector
            one = builder.load(builder.gep(self.a, [builder.add(start, column)]), align=self.align)
            left = builder.insert_element(undefined, one, ir.Constant(ir.IntType(32), 0))
            left = builder.shuffle_vector(left, undefined, everywhere)
            increased.append(builder.call(self.fused, [left, right, total]))
        return increased

    def _index(self, value: int) -> Any:
        return ir.Constant(self.size, value)

    def _panel(self, array: Any, index: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(array, [index]), self.vector.as_pointer())


_many_rows, _four_rows, _one_row = _tile(ROWS), _tile(4), _tile(1)


@subroutine(cache=True)
def product(rows: int, terms: int, a: Matrix, b: np.ndarray, c: np.ndarray) -> None:
    """Set C (rows, PANEL) to A (rows, terms) · B (terms, PANEL).

    Args:
        rows: The rows of A and C.
        terms: The columns of A, and the rows of B.
        a: The matrix A.
        b: The matrix B, row after row.
        c: The matrix C, row after row.
    """
    values, row, column = a.values, a.row, a.column
    for p in range(0, terms, _DEPTH):
        depth, added, start, i = min(_DEPTH, terms - p), p > 0, p * column, 0
        while i + ROWS <= rows:
            _many_rows(values, start + i * row, row, column, b, p * PANEL, c, i * PANEL, depth, added)
            i += ROWS
        while i + 4 <= rows:
            _four_rows(values, start + i * row, row, column, b, p * PANEL, c, i * PANEL, depth, added)
            i += 4
        while i < rows:
            _one_row(values, start + i * row, row, column, b, p * PANEL, c, i * PANEL, depth, added)
            i += 1
