"""Numba's decorators with the types of the functions that they compile."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.extending import intrinsic as _intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])
JIT_DISABLED: bool = numba.config.DISABLE_JIT  # type: ignore[attr-defined]
"""Whether nothing is compiled, which the environment variable NUMBA_DISABLE_JIT says."""


def njit(**options: Any) -> Callable[[Function], Function]:
    """Return the decorator `numba.njit`.

    Args:
        **options: The options of `numba.njit`.
    """
    decorator: Callable[[Function], Function] = numba.njit(**options)
    return decorator


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
