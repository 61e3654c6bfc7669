"""What defines a module travels with its state: a leak of 0.9 is not loaded where one of 0.5 is computed with.

`carry` gives a module settings that `state_dict` takes along, and that `load_state_dict` compares. They are in the
metadata of the state, beside torch's own version, and not among its keys: a state that was saved without them loads as
before, and older programs load one that has them. A plain dict, `dict(state)`, has no metadata, and nothing but shapes
is compared.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

_NAME = "settings"
_SHOWN = 6
"""How many differences an error names."""


def carry(module: nn.Module, **settings: float | str | bool) -> None:
    """Let the state of a module carry these settings, and the name of its class.

    Args:
        module: The module; its `defined` are the settings from now on.
        **settings: Numbers and names that say what the module computes, besides its parameters and buffers.
    """
    module.defined = {"kind": type(module).__name__, **settings}
    module._register_state_dict_hook(_saved)
    module._register_load_state_dict_pre_hook(_compared, with_module=True)


def _saved(module: nn.Module, _: Any, __: str, metadata: dict[str, Any]) -> None:
    metadata[_NAME] = dict(module.defined)


def _compared(
    module: nn.Module,
    state: Mapping[str, Any],
    prefix: str,
    metadata: Mapping[str, Any],
    *_: Any,
) -> None:
    """Raise a ValueError before anything is loaded if the state is of another module."""
    # torch gives all metadata to the module whose state is loaded, and to each part its own
    every = getattr(state, "_metadata", None) or {prefix[:-1]: metadata}
    meant, shaped = [*_settings(module, prefix, every)], [*_shapes(module, prefix, state)]
    if meant or shaped:
        more = f"; and {len(meant + shaped) - _SHOWN} more" if len(meant + shaped) > _SHOWN else ""
        hint = "a plain dict, load_state_dict(dict(state)), is loaded whatever its settings were" if meant else ""
        raise ValueError(
            f"load_state_dict: the state is of another {type(module).__name__}: "
            f"{'; '.join((meant + shaped)[:_SHOWN])}{more}. Make the module as that of the state was made"
            f"{'; ' * bool(hint)}{hint}"
        )


def _settings(module: nn.Module, prefix: str, every: Mapping[str, Any]) -> Iterator[str]:
    for name, part in module.named_modules():
        ours = getattr(part, "defined", None)
        theirs = (every.get((prefix + name).rstrip(".")) or {}).get(_NAME)
        if not isinstance(ours, dict) or not isinstance(theirs, dict):
            continue
        for key in ours.keys() & theirs.keys():
            if not _same(theirs[key], ours[key]):
                place = f" of {name!r}" if name else ""
                yield f"{key}{place} is {theirs[key]!r} there and {ours[key]!r} here"


def _same(one: Any, other: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return math.isclose(one, other, rel_tol=1e-6) if numbers else bool(one == other)


def _shapes(module: nn.Module, prefix: str, state: Mapping[str, Any]) -> Iterator[str]:
    own = {prefix + name: value for name, value in module.state_dict().items()}
    for name, value in own.items():
        given = state.get(name)
        if isinstance(given, Tensor) and given.shape != value.shape:
            yield f"{name!r} has shape {tuple(given.shape)} there and {tuple(value.shape)} here"
