"""Asking for memory before it is needed: processors do not foresee rows that lie far apart."""

import numba
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_LINE = 64
"""Bytes that come together."""


def _plain(row, place):
    """Do nothing: without a compiler there is nothing to gain."""


def _typed(_context, row, place):
    """Start to load row[place] into all caches; nothing waits for it."""

    def generate(context, builder, signature, arguments):
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        address = builder.bitcast(builder.gep(made.data, [arguments[1]]), byte)
        to_read, to_keep, data = (ir.Constant(number, value) for value in (0, 3, 1))
        builder.call(prefetch, [address, to_read, to_keep, data])
        return context.get_dummy_value()

    return types.void(row, place), generate


_ask = _plain if numba.config.DISABLE_JIT else intrinsic(_typed)


@njit(cache=True)
def ask(row):
    """Start to load all of a row, (number,)."""
    for place in range(0, row.size, _LINE // row.itemsize):
        _ask(row, place)
