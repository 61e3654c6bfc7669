"""Sums of weighted spikes that stay in vector registers: the core of currents with integer delays on the CPU.

    sums[p] = Σ_k weight[k] · buffer[offset[k] + p]        p in so many vectors of cells

Names    cells lie side by side in the buffer, see cpu_integer_delays.py · VECTOR cells of a vector
Exact    a product and a sum are rounded one by one, in the order of the synapses
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types

from snnsim.kernels.common.jit import intrinsic

VECTOR = 16
"""Cells of a vector; float64 needs two registers for it."""


def sum_of_vectors(vectors: int) -> Callable[..., None]:
    """Return the sum over synapses for a block of cells, as a function for compiled code.

    Args:
        vectors: Number of vectors of cells in a block; all their sums stay in registers.
    """

    def plain(
        buffer: np.ndarray, cell: int, offset: np.ndarray, weight: np.ndarray, first: int, last: int,
        sums: np.ndarray, target: int,
    ) -> None:  # fmt: skip
        total = np.zeros(vectors * VECTOR, buffer.dtype)
        for k in range(first, last):
            start = offset[k] + cell
            total += weight[k] * buffer[start : start + vectors * VECTOR]
        sums[target : target + vectors * VECTOR] = total

    @intrinsic(plain)
    def summed(
        _context: Any, buffer: Any, cell: Any, offset: Any, weight: Any, first: Any, last: Any,  # noqa: ARG001
        sums: Any, target: Any,  # noqa: ARG001
    ) -> Any:  # fmt: skip
        index = types.intp
        signature = types.void(buffer, index, offset, weight, index, index, sums, index)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _emit(context, builder, signature, _Arguments(*arguments), vectors)
            return context.get_dummy_value()

        return signature, generate

    return summed


class _Arguments(NamedTuple):
    """The arguments of a sum as values of LLVM."""

    buffer: Any
    cell: Any
    offset: Any
    weight: Any
    first: Any
    last: Any
    sums: Any
    target: Any


def _emit(context: Any, builder: Any, signature: Any, arguments: _Arguments, vectors: int) -> None:
    """Emit the loop over synapses, with the sums in registers; a product and a sum are rounded one by one."""
    kinds = _Arguments(*signature.args)
    number = context.get_value_type(kinds.buffer.dtype)
    vector, size = ir.VectorType(number, VECTOR), arguments.cell.type
    align = context.get_abi_sizeof(number)
    buffer, offset, weight, sums = (
        context.make_array(getattr(kinds, name))(context, builder, getattr(arguments, name)).data
        for name in ("buffer", "offset", "weight", "sums")
    )

    def run(array: Any, start: Any, v: int) -> Any:
        index = builder.add(start, ir.Constant(size, v * VECTOR))
        return builder.bitcast(builder.gep(array, [index]), vector.as_pointer())

    entry, head, body, done = builder.block, *(builder.append_basic_block(name) for name in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(size)
    totals = [builder.phi(vector) for _ in range(vectors)]
    builder.cbranch(builder.icmp_signed("<", k, arguments.last), body, done)

    builder.position_at_end(body)
    start = builder.add(builder.load(builder.gep(offset, [k])), arguments.cell)
    # one weight, copied into all elements of a vector
    one = builder.load(builder.gep(weight, [k]), align=align)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), one, ir.Constant(ir.IntType(32), 0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), VECTOR), [0] * VECTOR)
    one = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), everywhere)
    spikes = [builder.load(run(buffer, start, v), align=align) for v in range(vectors)]
    increased = [builder.fadd(total, builder.fmul(one, sent)) for total, sent in zip(totals, spikes, strict=True)]
    following = builder.add(k, ir.Constant(size, 1))
    builder.branch(head)
    zeros = [ir.Constant(vector, None)] * vectors
    for block, index, values in ((entry, arguments.first, zeros), (body, following, increased)):
        k.add_incoming(index, block)
        for total, value in zip(totals, values, strict=True):
            total.add_incoming(value, block)

    builder.position_at_end(done)
    for v, total in enumerate(totals):
        builder.store(total, run(sums, arguments.target, v), align=align)
