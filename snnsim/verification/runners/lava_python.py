"""What lava-nc 0.10 needs to be imported on Python 3.11 and later, and to run at a bearable speed.

Its `ByteEncoder`, an instance of a dataclass without a hash, is the default of a field, which 3.11 refuses; it is given
the hash of an object. DelayDense builds the same matrix of weights by delay anew in every step; here it is kept.
"""

import dataclasses

_get_field = dataclasses._get_field


def _with_hash(cls, name, *rest, **named):
    default = getattr(cls, name, None)
    if type(default).__module__.startswith("lava.") and type(default).__hash__ is None:
        type(default).__hash__ = object.__hash__
    return _get_field(cls, name, *rest, **named)


dataclasses._get_field = _with_hash

from lava.proc.dense.models import AbstractPyDelayDenseModel  # noqa: E402

_build, _kept = AbstractPyDelayDenseModel.get_delay_wgts_mat, {}


def _matrix(weights, delays, max_delay):
    key = id(weights)
    if key not in _kept:
        # the weights are kept beside the matrix, so that no other array gets their name
        _kept[key] = (weights, _build(weights, delays, max_delay))
    return _kept[key][1]


AbstractPyDelayDenseModel.get_delay_wgts_mat = staticmethod(_matrix)
