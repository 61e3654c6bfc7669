"""Changes with which lava-nc 0.10 can be imported on Python 3.11 and later, and runs at a bearable speed.

Its `ByteEncoder`, an instance of a dataclass without a hash, is the default of a field, which 3.11 refuses; it gets the
hash of an object. DelayDense builds the same matrix of weights by delay again in every step; here it is cached.
"""

import dataclasses
from typing import Any

_get_field = dataclasses._get_field  # type: ignore[attr-defined]


def _with_hash(cls: type, name: str, *arguments: Any, **keywords: Any) -> Any:
    default = getattr(cls, name, None)
    if type(default).__module__.startswith("lava.") and type(default).__hash__ is None:
        type(default).__hash__ = object.__hash__  # type: ignore[method-assign,assignment]
    return _get_field(cls, name, *arguments, **keywords)


dataclasses._get_field = _with_hash  # type: ignore[attr-defined]

from lava.proc.dense.models import AbstractPyDelayDenseModel  # noqa: E402

_build = AbstractPyDelayDenseModel.get_delay_wgts_mat
_cache: dict[int, tuple[Any, Any]] = {}


def _matrix(weights: Any, delays: Any, max_delay: Any) -> Any:
    key = id(weights)
    if key not in _cache:
        # the weights are held beside the matrix, so that no other array gets their address
        _cache[key] = (weights, _build(weights, delays, max_delay))
    return _cache[key][1]


AbstractPyDelayDenseModel.get_delay_wgts_mat = staticmethod(_matrix)
