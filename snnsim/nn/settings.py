"""Settings of modules in their saved states: the state of a decay of 0.9 is not loaded into a decay of 0.5.

`carry` adds settings to the state of a module; `load_state_dict` compares them. They are in the metadata of the state,
beside torch's own version, and not among its keys. A state without them therefore loads, and older programs load a
state with them. A plain dict, `dict(state)`, has no metadata, so only shapes are compared.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

_NAME = "settings"
_SHOWN = 6
"""Number of differences that an error names."""


def carry(module: nn.Module, **settings: float | str | bool) -> None:
    """Add settings, and the name of the class, to the states of a module.

    Args:
        module: The module.
        **settings: Numbers and names that the module computes with, besides its parameters and buffers; `kind` in place
            of the name of the class.
    """
    defined = {"kind": type(module).__name__, **settings}
    vars(module)["defined"] = defined
    module._register_state_dict_hook(_saved)  # type: ignore[no-untyped-call]
    module._register_load_state_dict_pre_hook(_compared, with_module=True)  # type: ignore[no-untyped-call]


def _saved(module: nn.Module, _: Any, __: str, metadata: dict[str, Any]) -> None:
    metadata[_NAME] = dict(vars(module)["defined"])


def _compared(
    module: nn.Module,
    state: Mapping[str, Any],
    prefix: str,
    metadata: Mapping[str, Any],
    *_: Any,
) -> None:
    """Compare settings and shapes before anything is loaded.

    Raises:
        ValueError: If the state is of another module.
    """
    # torch passes the metadata of all modules to the outermost one, and to each part its own
    every = (vars(state) if isinstance(state, OrderedDict) else {}).get("_metadata") or {prefix[:-1]: metadata}
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
        ours = vars(part).get("defined")
        theirs = (every.get((prefix + name).rstrip(".")) or {}).get(_NAME)
        if not isinstance(ours, dict) or not isinstance(theirs, dict):
            continue
        for key in ours.keys() & theirs.keys():
            if not _same(theirs[key], ours[key]):
                owner = f" of {name!r}" if name else ""
                yield f"{key}{owner} is {theirs[key]!r} there and {ours[key]!r} here"


def _same(one: Any, other: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return math.isclose(one, other, rel_tol=1e-6) if numbers else bool(one == other)


def _shapes(module: nn.Module, prefix: str, state: Mapping[str, Any]) -> Iterator[str]:
    own = {prefix + name: value for name, value in module.state_dict().items()}
    for name, value in own.items():
        saved = state.get(name)
        if isinstance(saved, Tensor) and saved.shape != value.shape:
            yield f"{name!r} has shape {tuple(saved.shape)} there and {tuple(value.shape)} here"
