"""Keys that earlier releases had in the section `network`: settings of the neurons and of the readout.

    network.tau_ms, learn_decay     of lif and meta (tau_ms) or lif (learn_decay), and of the readout
    network.tau_readout_ms          of the readout, which then had a fixed decay; None was network.tau_ms
    network.threshold, reset, ...   of lif, meta, levy_baxter and second_order, as far as the kind has the setting

The sections `network.neuron` and `network.readout` have them today. Files, dotted names, keywords and attributes of
earlier releases keep their meaning for one release.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from operator import attrgetter
from typing import Any

from snnsim import schema
from snnsim.config.neurons import LIF, NEURONS, LeakyNeurons, LevyBaxter, Meta, SecondOrder, SpikingNeurons
from snnsim.config.readout import Readout

_SETTINGS = (
    "noise", "recovery", "success", "threshold", "learn_threshold", "reset", "detach_reset", "surrogate",
    "surrogate_alpha",
)  # fmt: skip
NEW: dict[str, tuple[str, ...]] = {
    "tau_ms": ("neuron.tau_ms", "readout.tau_ms"),
    "learn_decay": ("neuron.learn_decay", "readout.learn_decay"),
    "tau_readout_ms": ("readout.tau_ms",),
    "learn_neuron": ("neuron.learn",),
    **{name: (f"neuron.{name}",) for name in _SETTINGS},
}
"""Names of today by the old ones, both without `network.`."""
_KINDS = (LIF, Meta, LevyBaxter, SecondOrder)
"""Kinds whose settings were such keys."""
_DEFAULTS = {each.name: each.default for kind in _KINDS for each in fields(kind)}


def today(dotted: str) -> str:
    """Return the name of today of a key.

    Args:
        dotted: Dotted name of the key, such as "network.tau_ms", whose name of today is "network.neuron.tau_ms".
    """
    section, _, name = dotted.partition(".")
    return f"network.{NEW[name][0]}" if section == "network" and name in NEW else dotted


def notes(dotted: Mapping[str, object] | list[str]) -> list[str]:
    """Return a sentence for every old name, which says the name of today.

    Args:
        dotted: Dotted names of keys, old ones among them.
    """
    old = [name for name in dotted if today(name) != name]
    return [
        f"{name} is now {' and '.join(f'network.{new}' for new in NEW[name.removeprefix('network.')])}" for name in old
    ]


def _warn(names: Mapping[str, object]) -> None:
    for note in notes([f"network.{name}" for name in names]):
        warnings.warn(note, DeprecationWarning, stacklevel=4)


def _moved(old: Mapping[str, object], neuron: SpikingNeurons, *, follows: bool) -> dict[str, dict[str, object]]:
    """Return settings of the sections `neuron` and `readout` by old names.

    Args:
        old: Values by old names.
        neuron: The neurons, before the change.
        follows: Whether the readout has the time constant and the decay of the neurons.

    Raises:
        ValueError: If the neurons never had one of the keys, and its value is not the default.
    """
    new: dict[str, dict[str, object]] = {"neuron": {}, "readout": {}}
    own = {each.name for each in fields(neuron)}
    for name, value in old.items():
        for part, _, key in (dotted.partition(".") for dotted in NEW[name]):
            if part == "readout" and follows:
                new[part][key] = value
            elif part == "neuron" and isinstance(neuron, _KINDS):
                new[part] |= {key: value} if key in own else {}
            elif len(NEW[name]) == 1 and part == "neuron" and value != _DEFAULTS[key]:
                raise ValueError(
                    f"config: network.{name} = {value!r} is no setting of the kind {neuron.kind}; set "
                    f"network.neuron.{key} if the kind has it, and leave network.{name} out"
                )
    if "tau_readout_ms" in old:
        readout = old["tau_readout_ms"]
        tau = neuron.tau_ms if isinstance(neuron, LeakyNeurons) else Readout().tau_ms
        if readout in (None, schema.NONE):
            new["readout"]["tau_ms"] = old.get("tau_ms", tau)
        else:
            new["readout"] = {"tau_ms": readout, "learn_decay": "fixed"}
    return new


def of_table(network: Mapping[str, object]) -> dict[str, Any]:
    """Return the values of a section `network` by the names of today.

    Args:
        network: Values of a file of any release.

    Raises:
        ValueError: If an old key does not fit the neurons.
    """
    values = dict(network)
    old = {name: values.pop(name) for name in NEW if name in values}
    neuron = values.get("neuron", "lif")
    kind = neuron.get("kind") if isinstance(neuron, Mapping) else neuron
    readout = values.get("readout", {})
    if not old or not isinstance(kind, str) or kind not in NEURONS or not isinstance(readout, Mapping):
        return values
    new = _moved(old, NEURONS[kind](kind=kind), follows=True)
    values["neuron"] = {"kind": kind, **new["neuron"], **(neuron if isinstance(neuron, Mapping) else {})}
    values["readout"] = {**new["readout"], **readout}
    return values


def of_changes(changes: Mapping[str, object], neuron: SpikingNeurons, readout: Readout, step: float) -> dict[str, Any]:
    """Return changes of a config by the names of today.

    Args:
        changes: New values by dotted names of any release.
        neuron: The neurons before the changes.
        readout: The readout before the changes.
        step: Duration of a step in ms.

    Raises:
        ValueError: If an old key does not fit the neurons.
    """
    old = {name.removeprefix("network."): value for name, value in changes.items() if today(name) != name}
    values = {name: value for name, value in changes.items() if today(name) == name}
    chosen = values.get("network.neuron", neuron)
    kind = chosen.get("kind") if isinstance(chosen, Mapping) else getattr(chosen, "kind", chosen)
    kind = values.get("network.neuron.kind", kind)
    if not old or not isinstance(kind, str) or kind not in NEURONS:
        return values
    _warn(old)
    tau = neuron.tau_ms if isinstance(neuron, LeakyNeurons) else readout.tau_ms
    follows = readout.tau_ms == tau and readout.tau_ms != step
    new = _moved(old, neuron if kind == neuron.kind else NEURONS[kind](kind=kind), follows=follows)
    return {f"network.{part}.{key}": value for part in new for key, value in new[part].items()} | values


def of_architecture(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a checkpoint's network by the names of today; they are unchanged if they are not valid.

    Args:
        values: Values that the checkpoint of any release holds. None is a setting that the kind of neurons lacks.
    """
    absent = [name for name in NEW if values.get(name) is None and name != "surrogate_alpha"]
    present = {name: value for name, value in values.items() if name not in absent}
    if not NEW.keys() & present.keys():
        return values
    try:
        table = of_table(present | {"neuron": values.get("neuron") or "lif"})
        neuron = NEURONS[table["neuron"]["kind"]](**table["neuron"])
        return table | {"neuron": schema.plain(neuron), "readout": schema.plain(Readout(**table["readout"]))}
    except (KeyError, TypeError, ValueError):
        return values


def accept(kind: Any) -> None:
    """Let the class of the section `network` have its old keywords and attributes.

    Args:
        kind: The class, a dataclass.
    """
    constructor: Callable[..., None] = kind.__init__

    @wraps(constructor)
    def init(self: Any, *args: Any, **values: Any) -> None:
        old = {name: values.pop(name) for name in NEW if name in values}
        if old:
            _warn(old)
            neuron, readout = values.get("neuron", LIF()), values.get("readout", Readout())
            follows = not isinstance(neuron, LeakyNeurons) or neuron.tau_ms == readout.tau_ms
            new = _moved(old, neuron, follows=follows)
            values["neuron"] = {**schema.plain(neuron), **new["neuron"]}
            values["readout"] = schema.build(Readout, schema.plain(readout) | new["readout"], "network.readout.")
        constructor(self, *args, **values)

    kind.__init__ = init
    for name, (new, *_) in NEW.items():
        setattr(kind, name, property(_reader(name, new), doc=f"The old name of `{new}`."))


def _reader(name: str, new: str) -> Callable[[Any], Any]:
    def read(network: Any) -> Any:
        _warn({name: None})
        return attrgetter(new)(network)

    return read
