"""Numba's decorators with the types of the functions that they compile."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.extending import intrinsic as _intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])
JIT_DISABLED: bool = numba.config.DISABLE_JIT  # type: ignore[attr-defined]
"""Whether nothing is compiled, which the environment variable NUMBA_DISABLE_JIT says."""


def njit(**options: Any) -> Callable[[Function], Function]:
    """Return the decorator `numba.njit`, without the wrapper for calls from C.

    Args:
        **options: The options of `numba.njit`.
    """
    # Numba's annotations lack some of its options
    numba_njit: Any = numba.njit
    decorator: Callable[[Function], Function] = numba_njit(no_cfunc_wrapper=True, **options)
    return decorator


def subroutine(**options: Any) -> Callable[[Function], Function]:
    """Return the decorator of a function that compiled code alone calls.

    Without a wrapper for calls from Python it takes less time to compile, and so does every function that calls it.

    Args:
        **options: The options of `numba.njit`.
    """

    def decorate(function: Function) -> Function:
        compiled: Any = njit(no_cpython_wrapper=True, **options)(function)
        if not JIT_DISABLED:

            def refuse(*_: object) -> None:
                raise TypeError(f"{function.__name__} must be called by compiled code, not from Python; see jit.njit")

            # a call from Python looks for code among those that are inserted, and then compiles
            compiled._insert, compiled._compile_for_args = (lambda *_: None), refuse
        subroutine: Function = compiled
        return subroutine

    return decorate


def intrinsic(plain: Function) -> Callable[[Callable[..., Any]], Function]:
    """Return a decorator for a function that emits LLVM instructions.

    Args:
        plain: A function in Python with the same result, which is called where nothing is compiled.
    """

    def decorate(typed: Callable[..., Any]) -> Function:
        compiled: Any = plain if JIT_DISABLED else _intrinsic(typed)
        function: Function = compiled
        return function

    return decorate
