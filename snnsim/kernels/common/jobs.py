"""A compiled loop over independent jobs, on the threads of Numba's threading layer.

    for_each(body, jobs, arguments):   body(job, *arguments)   for job = 0 ... jobs − 1

Numba's own parallel loops (`prange`) compile the body of a loop as a further function, and a wrapper around it, which
takes two to four times as long as the serial loop. Here the body is a compiled function anyway, which the threads call
through one small function; one thread calls that function at once, without OpenMP.

Exact    each job is computed by one thread, in the order of its own statements
Source   the interface of Numba's threading layers, numba.np.ufunc.parallel.build_gufunc_kernel
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types as numba_types
from numba.core import cgutils as numba_cgutils
from numba.core.callconv import RETCODE_OK, errcode_t, excinfo_t

from snnsim.kernels.common.jit import intrinsic

# without Numba's annotations, which are those of a part of both
types: Any = numba_types
cgutils: Any = numba_cgutils

_BYTES = ir.IntType(8).as_pointer()
_SIZE = ir.IntType(types.intp.bitwidth)
_KERNEL = ir.FunctionType(ir.VoidType(), [_BYTES.as_pointer(), _SIZE.as_pointer(), _SIZE.as_pointer(), _BYTES])
"""The type of a function that threads call: pointers to their part of each array, sizes, strides, and shared data."""


def _plain(body: Callable[..., None], jobs: int, arguments: tuple[Any, ...]) -> None:
    for job in range(jobs):
        body(job, *arguments)


@intrinsic(_plain)
def for_each(context: Any, body: Any, jobs: Any, arguments: Any) -> Any:  # noqa: ARG001
    """Call a compiled function without a result for every job; what it computes lies in arrays of the arguments.

    The arguments outlive the loop, so the function gets arrays that own no memory: threads do not contend for counts
    of references. An error of a job is raised after the loop.

    Args:
        context: Numba's context of types; Numba passes it.
        body: The function of a job and of the arguments.
        jobs: The number of jobs.
        arguments: A tuple of numbers, arrays and tuples of them.
    """
    call = body.get_call_type(context, (types.intp, *map(types.unliteral, arguments)), {})
    signature = types.void(body, types.intp, types.BaseTuple.from_types(call.args[1:]))

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        compiled = body.dispatcher.get_compile_result(call)
        context.active_code_library.add_linking_library(compiled.library)
        _Emitter(context, builder, compiled.fndesc).emit(values[1], cgutils.unpack_tuple(builder, values[2]))
        return context.get_dummy_value()

    return signature, generate


class _Emitter:
    """The instructions of a loop over jobs.

    Args:
        context: Numba's context of the target.
        builder: The builder of the function with the loop.
        body: Numba's description of the function that computes a job.
    """

    def __init__(self, context: Any, builder: Any, body: Any) -> None:
        self.context, self.builder, self.body = context, builder, body
        self.convention = context.call_conv
        self.error = ir.PointerType(excinfo_t)
        kinds = [context.get_value_type(kind) for kind in body.argtypes[1:]]
        # what all threads share: the code of the first error, the error, and the arguments of all jobs
        self.shared = ir.LiteralStructType([errcode_t, self.error, *kinds])

    def emit(self, jobs: Any, arguments: list[Any]) -> None:
        """Emit the loop: by threads, or by a call where there is one thread."""
        builder = self.builder
        shared = cgutils.alloca_once(builder, self.shared)
        kinds = self.body.argtypes[1:]
        values = [self._borrowed(kind, value) for kind, value in zip(kinds, arguments, strict=True)]
        for index, value in enumerate([RETCODE_OK, self.error(None), *values]):
            builder.store(value, _field(builder, shared, index))
        # no memory: the pointer of a job is its number
        pointers = cgutils.alloca_once_value(builder, _BYTES(None))
        sizes, strides = cgutils.alloca_once_value(builder, jobs), cgutils.alloca_once_value(builder, _SIZE(1))
        kernel, data = self._kernel(), builder.bitcast(shared, _BYTES)
        count = self._symbol(ir.FunctionType(_SIZE, []), "get_num_threads")
        threads = builder.call(count, [])
        with builder.if_else(builder.icmp_signed(">", threads, _SIZE(1))) as (several, one):
            with several:
                name = "numba_parallel_for"
                launch = self._symbol(ir.FunctionType(ir.VoidType(), [_BYTES] * 5 + [_SIZE] * 3), name)
                addresses = (builder.bitcast(pointer, _BYTES) for pointer in (kernel, pointers, sizes, strides))
                builder.call(launch, [*addresses, data, _SIZE(0), _SIZE(1), threads])
            with one:
                builder.call(kernel, [pointers, sizes, strides, data])
        self._raise(shared)

    def _kernel(self) -> Any:
        """Return the function that computes some jobs one after the other."""
        module = self.builder.module
        kernel = ir.Function(module, _KERNEL, module.get_unique_name(f"{self.body.mangled_name}.jobs"))
        kernel.linkage = "internal"
        pointers, sizes, _, data = kernel.args
        builder = ir.IRBuilder(kernel.append_basic_block("entry"))
        shared = builder.bitcast(data, self.shared.as_pointer())
        arguments = [builder.load(_field(builder, shared, 2 + k)) for k in range(len(self.body.argtypes) - 1)]
        first, count = builder.ptrtoint(builder.load(pointers), _SIZE), builder.load(sizes)
        body = self.context.declare_function(module, self.body)
        with cgutils.for_range(builder, count) as loop:
            values = [builder.add(first, loop.index), *arguments]
            status, _ = self.convention.call_function(builder, body, self.body.restype, self.body.argtypes, values)
            with builder.if_then(status.is_error, likely=False):
                code = _field(builder, shared, 0)
                swapped = builder.cmpxchg(code, RETCODE_OK, status.code, "monotonic", "monotonic")
                with builder.if_then(builder.extract_value(swapped, 1)):
                    builder.store(status.excinfoptr, _field(builder, shared, 1))
        builder.ret_void()
        return kernel

    def _raise(self, shared: Any) -> None:
        """Raise the first error, if there was one."""
        builder = self.builder
        code = builder.load(_field(builder, shared, 0))
        error = builder.load(_field(builder, shared, 1))
        status = self.convention._get_return_status(builder, code, error)
        with builder.if_then(status.is_error, likely=False):
            self.convention.return_status_propagate(builder, status)

    def _borrowed(self, kind: Any, value: Any) -> Any:
        """Return a value whose arrays own no memory."""
        builder = self.builder
        if isinstance(kind, types.BaseTuple):
            for index, part in enumerate(kind):
                owned = builder.extract_value(value, index)
                value = builder.insert_value(value, self._borrowed(part, owned), index)
        elif isinstance(kind, types.Array):
            model = self.context.data_model_manager[kind]
            for name in ("meminfo", "parent"):
                index = model.get_field_position(name)
                value = builder.insert_value(value, value.type.elements[index](None), index)
        return value

    def _symbol(self, kind: Any, name: str) -> Any:
        return cgutils.get_or_insert_function(self.builder.module, kind, name)


def _field(builder: Any, pointer: Any, index: int) -> Any:
    return builder.gep(pointer, [ir.IntType(32)(0), ir.IntType(32)(index)], inbounds=True)
