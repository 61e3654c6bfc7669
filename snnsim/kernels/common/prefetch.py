"""Loads of memory ahead of its use: a processor does not foresee rows that lie far apart."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from snnsim.kernels.common.jit import intrinsic, subroutine

_LINE = 64
"""Bytes of a cache line."""


def _plain(row: np.ndarray, index: int) -> None:
    """Do nothing: without a compiler there is nothing to gain."""


@intrinsic(_plain)
def prefetch_line(_context: Any, row: Any, index: Any) -> Any:
    """Start to load row[index] into all caches; nothing waits for the load, and an index beyond the row does no harm.

    Args:
        _context: Numba's context of types; Numba passes it.
        row: Numbers, contiguous (number,).
        index: An index.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        name = "llvm.prefetch.p0i8"
        function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), byte)
        # a read, into all levels of the cache, of data
        read, locality, data = (ir.Constant(number, value) for value in (0, 3, 1))
        builder.call(function, [address, read, locality, data])
        return context.get_dummy_value()

    return types.void(row, index), generate


@subroutine(cache=True)
def prefetch(row: np.ndarray) -> None:
    """Start to load all of a row, (number,).

    Args:
        row: Numbers that are read soon, contiguous (number,).
    """
    for index in range(0, row.size, _LINE // row.itemsize):
        prefetch_line(row, index)
