"""Weighted rows that are added to other rows: the core of convolutions by events.

    to[m, c] += weight · by[m, c]        m = 0 … rows − 1, c in so many vectors

Rows of both arrays lie in flat arrays of one dtype, any distance apart. A product and a sum are rounded one by one.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from snnsim.kernels.common.jit import intrinsic
from snnsim.kernels.delay.filter_microkernel import VECTOR, Rows, Walk


def add_rows(vectors: int) -> Callable[[Rows, Rows, float, int], None]:
    """Return the addition of weighted rows to rows, as a function for compiled code.

    Args:
        vectors: Number of vectors of a row.
    """
    width = vectors * VECTOR

    def plain(to: Rows, by: Rows, weight: float, rows: int) -> None:
        for m in range(rows):
            one, other = to.first + m * to.row, by.first + m * by.row
            to.values[one : one + width] += weight * by.values[other : other + width]

    @intrinsic(plain)
    def added(_context: Any, to: Any, by: Any, weight: Any, rows: Any) -> Any:  # noqa: ARG001
        signature = types.void(to, by, weight, types.intp)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _emit(context, builder, signature.args, arguments, vectors)
            return context.get_dummy_value()

        return signature, generate

    return added


def _emit(context: Any, builder: Any, kinds: Any, arguments: Any, vectors: int) -> None:
    """Emit the loop over rows, with the weight in all elements of a register."""
    number, size = context.get_value_type(kinds[2]), arguments[3].type
    vector, align = ir.VectorType(number, VECTOR), context.get_abi_sizeof(number)
    to, by = (Walk(context, builder, kind, value) for kind, value in zip(kinds[:2], arguments[:2], strict=True))
    nothing, everywhere = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), VECTOR), None)
    weight = builder.insert_element(nothing, arguments[2], ir.Constant(ir.IntType(32), 0))
    weight = builder.shuffle_vector(weight, nothing, everywhere)

    def run(walk: Walk, m: Any, v: int) -> Any:
        index = builder.add(walk.at(m), ir.Constant(size, v * VECTOR))
        return builder.bitcast(builder.gep(walk.pointer, [index]), vector.as_pointer())

    entry, head, body, done = builder.block, *(builder.append_basic_block(name) for name in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    m = builder.phi(size)
    builder.cbranch(builder.icmp_signed("<", m, arguments[3]), body, done)
    builder.position_at_end(body)
    for v in range(vectors):
        pointer = run(to, m, v)
        product = builder.fmul(weight, builder.load(run(by, m, v), align=align))
        builder.store(builder.fadd(builder.load(pointer, align=align), product), pointer, align=align)
    following = builder.add(m, ir.Constant(size, 1))
    builder.branch(head)
    m.add_incoming(ir.Constant(size, 0), entry)
    m.add_incoming(following, body)
    builder.position_at_end(done)
