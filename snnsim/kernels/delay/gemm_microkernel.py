"""Products of small matrices whose sums stay in vector registers: what delayed currents on the CPU are made of.

    C[i, w] (+)= Σ_p A[i, p] · B[p, w]        w = 0 … PANEL − 1

Sums run over p in order, each term with one rounding where the processor has a fused multiply-add. Matrices are places
in flat arrays of one dtype, float32 or float64: rows of B and C lie one after the other, A in any way.

Names    PANEL columns done at once: in float32 two registers of AVX-512, four of AVX2
         ROWS rows done at once, so that the sums of ROWS × PANEL leave a few registers for A and B
Cost     one core of an AMD EPYC 9004, float32, 128 x 256 x 256: 115 GFLOP/s, where torch's matrix product does 96 and
         its batched product 66 to 76
"""

import llvmlite.binding
import numba
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from snnsim.kernels.delay.fft import LANES

PANEL = LANES
ROWS = 12 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 3
_DEPTH = 256
"""Terms summed at once: a panel of so many rows stays in the first cache."""


def _tile(rows: int):
    """Return the product of `rows` rows of A with a panel, as a function for compiled code."""

    def plain(a, first_a, row_a, column_a, b, first_b, c, first_c, terms, added):  # noqa: PLR0913
        for i in range(rows):
            for w in range(PANEL):
                total = c[first_c + i * PANEL + w] if added else a.dtype.type(0)
                for p in range(terms):
                    total += a[first_a + i * row_a + p * column_a] * b[first_b + p * PANEL + w]
                c[first_c + i * PANEL + w] = total

    def typed(_context, a, first_a, row_a, column_a, b, first_b, c, first_c, terms, added):  # noqa: ARG001, PLR0913
        index = types.intp
        signature = types.void(a, index, index, index, b, index, c, index, index, types.boolean)

        def generate(context, builder, signature, arguments):
            _emit(context, builder, signature, arguments, rows)
            return context.get_dummy_value()

        return signature, generate

    return plain if numba.config.DISABLE_JIT else intrinsic(typed)


def _emit(context, builder, signature, arguments, rows):  # noqa: PLR0915
    """Emit the loop over p, with one vector of PANEL sums per row."""
    a, first_a, row_a, column_a, b, first_b, c, first_c, terms, added = arguments
    number = context.get_value_type(signature.args[0].dtype)
    vector, size = ir.VectorType(number, PANEL), first_a.type
    align = context.get_abi_sizeof(number)
    a, b, c = (
        context.make_array(kind)(context, builder, value).data
        for kind, value in zip((signature.args[i] for i in (0, 4, 6)), (a, b, c), strict=True)
    )

    def panel(array, place):
        return builder.bitcast(builder.gep(array, [place]), vector.as_pointer())

    rows_a = [builder.add(first_a, builder.mul(row_a, ir.Constant(size, i))) for i in range(rows)]
    rows_c = [panel(c, builder.add(first_c, ir.Constant(size, i * PANEL))) for i in range(rows)]
    fresh, loaded, head, body, done = (
        builder.append_basic_block(name) for name in ("fresh", "loaded", "head", "body", "done")
    )
    builder.cbranch(added, loaded, fresh)
    builder.position_at_end(fresh)
    builder.branch(head)
    builder.position_at_end(loaded)
    before = [builder.load(place, align=align) for place in rows_c]
    builder.branch(head)

    builder.position_at_end(head)
    p = builder.phi(size)
    sums = [builder.phi(vector) for _ in range(rows)]
    builder.cbranch(builder.icmp_signed("<", p, terms), body, done)
    builder.position_at_end(body)
    right = builder.load(panel(b, builder.add(first_b, builder.mul(ir.Constant(size, PANEL), p))), align=align)
    column = builder.mul(column_a, p)
    name = f"llvm.fmuladd.v{PANEL}{number.intrinsic_name}"
    fused = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), PANEL), [0] * PANEL)
    more = []
    for row, total in zip(rows_a, sums, strict=True):
        one = builder.load(builder.gep(a, [builder.add(row, column)]), align=align)
        left = builder.insert_element(ir.Constant(vector, ir.Undefined), one, ir.Constant(ir.IntType(32), 0))
        left = builder.shuffle_vector(left, ir.Constant(vector, ir.Undefined), everywhere)
        more.append(builder.call(fused, [left, right, total]))
    following = builder.add(p, ir.Constant(size, 1))
    builder.branch(head)
    for block, first, values in ((fresh, 0, None), (loaded, 0, before), (body, following, more)):
        p.add_incoming(first if block is body else ir.Constant(size, 0), block)
        for i, total in enumerate(sums):
            total.add_incoming(ir.Constant(vector, None) if values is None else values[i], block)

    builder.position_at_end(done)
    for place, total in zip(rows_c, sums, strict=True):
        builder.store(total, place, align=align)


_many, _some, _one = _tile(ROWS), _tile(4), _tile(1)


@njit(cache=True)
def product(rows, terms, a, row_a, column_a, b, c):  # noqa: PLR0913
    """Set C (rows, PANEL) to A (rows, terms) · B (terms, PANEL)."""
    for p in range(0, terms, _DEPTH):
        depth, added, at, i = min(_DEPTH, terms - p), p > 0, p * column_a, 0
        while i + ROWS <= rows:
            _many(a, at + i * row_a, row_a, column_a, b, p * PANEL, c, i * PANEL, depth, added)
            i += ROWS
        while i + 4 <= rows:
            _some(a, at + i * row_a, row_a, column_a, b, p * PANEL, c, i * PANEL, depth, added)
            i += 4
        while i < rows:
            _one(a, at + i * row_a, row_a, column_a, b, p * PANEL, c, i * PANEL, depth, added)
            i += 1
