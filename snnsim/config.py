"""What a run is: data, network and training as frozen values, checked when built, to and from TOML.

A value that is None is left out of the file, since TOML has no such value, and read back as its default None.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

import tomli_w

from snnsim.files import written_whole
from snnsim.units import to_steps


def _check(section: str, ok: bool, name: str, must: str, value: object) -> None:
    if not ok:
        raise ValueError(f"config: {section}.{name} must be {must}, not {value!r}")


@dataclass(frozen=True)
class Data:
    """Which recordings, and how they become frames."""

    name: Literal["digits", "motifs", "shd", "ssc"] = "digits"
    path: str | None = None
    """Folder that holds the files (shd, ssc); the cache folder and a download otherwise."""
    size: Literal["small", "default", "full"] = "default"
    """How much of the `digits` to make."""
    seed: int = 0
    """Seed of `digits` and `motifs`."""
    time_step_ms: float = 10.0
    channels: int = 140
    """Channels that the units of the recordings are summed into."""
    max_time_ms: float | None = None
    """Events from here on are left out; None keeps all."""

    def __post_init__(self) -> None:
        _check("data", self.time_step_ms > 0, "time_step_ms", "positive", self.time_step_ms)
        _check("data", self.channels > 0, "channels", "at least 1", self.channels)
        _check("data", self.seed >= 0, "seed", "0 or more", self.seed)
        enough = self.max_time_ms is None or self.max_time_ms >= self.time_step_ms
        _check("data", enough, "max_time_ms", "at least one time step", self.max_time_ms)


@dataclass(frozen=True)
class Network:
    """The layers: sizes, delays, neurons, normalisation."""

    hidden: tuple[int, ...] = (256, 256)
    delays: Literal["learned", "fixed", "none"] = "learned"
    max_delay_ms: float = 240.0
    taps: int = 1
    """(weight, delay) pairs of each connection."""
    window: Literal["gauss", "max", "v1", "v0"] = "gauss"
    sigma_start: float | None = None
    """Width of the window in steps at the start; None is half the delay range."""
    sigma_end: float | None = None
    """Width of the window in steps when it has been annealed; None is the recipe's, 0.5 for `gauss`."""
    sparsity: float = 0.0
    """Share of the connections left out at random."""
    tau_ms: float = 10.05
    """Membrane time constant; the voltage kept over a step is 1 - time_step_ms / tau_ms."""
    learn_decay: Literal["fixed", "layer", "neuron"] = "fixed"
    threshold: float = 1.0
    learn_threshold: bool = False
    reset: Literal["hard", "soft"] = "hard"
    detach_reset: bool = True
    surrogate: Literal["atan", "triangle", "sigmoid", "fast_sigmoid", "boxcar"] = "atan"
    surrogate_alpha: float | None = 5.0
    """Sharpness of the surrogate; None is the default of its shape."""
    batch_norm: bool = True
    dropout: float = 0.4
    extra_ms: float = 360.0
    """How long the network runs on after a recording has ended, so that late spikes count."""

    def __post_init__(self) -> None:
        sizes = len(self.hidden) > 0 and all(width > 0 for width in self.hidden)
        _check("network", sizes, "hidden", "one or more positive widths", list(self.hidden))
        _check("network", self.max_delay_ms >= 0, "max_delay_ms", "0 or more", self.max_delay_ms)
        _check("network", self.taps >= 1, "taps", "at least 1", self.taps)
        _check("network", self.tau_ms > 0, "tau_ms", "positive", self.tau_ms)
        _check("network", self.threshold > 0, "threshold", "positive", self.threshold)
        _check("network", self.extra_ms >= 0, "extra_ms", "0 or more", self.extra_ms)
        _check("network", 0 <= self.dropout < 1, "dropout", "at least 0 and below 1", self.dropout)
        _check("network", 0 <= self.sparsity < 1, "sparsity", "at least 0 and below 1", self.sparsity)
        for name in ("sigma_start", "sigma_end", "surrogate_alpha"):
            value = getattr(self, name)
            _check("network", value is None or value > 0, name, "positive", value)


@dataclass(frozen=True)
class Training:
    """How the parameters are found."""

    rule: Literal["bptt", "sltt", "sltt-k"] = "bptt"
    """Routes that errors take: all; all but from one step's membrane to the next; the same, from `k` steps alone."""
    k: int | None = None
    """How many steps of a batch sltt-k draws."""
    delayed: Literal["exact", "cut", "stale"] = "exact"
    """How errors of sltt go back over a delay: to the spike that came; to none; to the spike of the same step."""
    window_ms: float | None = None
    """Length of the windows in which sltt goes through time, so that memory does not grow with it; None takes all."""
    loss: Literal["decision", "steps"] = "decision"
    """Cross-entropy of the decision about a recording, or the mean of that of every step."""
    decision: Literal["summed_softmax", "mean_membrane", "max_membrane", "last_membrane"] = "summed_softmax"
    epochs: int = 150
    batch_size: int = 256
    lr: float = 5e-3
    """Highest learning rate of weights and neurons (Adam, one cycle)."""
    lr_delay: float = 0.1
    """First learning rate of the delays, in steps of delay (Adam, falling to 0 as a cosine)."""
    weight_decay: float = 1e-5
    sigma_epochs: float = 0.25
    """Share of the epochs over which the delay windows narrow."""
    patience: int = 0
    """Stop after so many epochs without a better validation accuracy; 0 never stops early."""
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 runs the large products in mixed precision."""
    weights: Literal["float", "int8", "int4", "ternary"] = "float"
    """What weights are computed with; the gradient passes straight through their rounding."""
    delays: str | None = None
    """Range and resolution of the delays, such as 5bit, or 5bit:2 for every second step; None keeps all whole steps."""
    start: str | None = None
    """Run whose best network training starts from; None starts from random parameters."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            _check("training", getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in ("weight_decay", "patience", "seed"):
            _check("training", getattr(self, name) >= 0, name, "0 or more", getattr(self, name))
        for name in ("lr", "lr_delay"):
            _check("training", getattr(self, name) > 0, name, "positive", getattr(self, name))
        self._check_rule()
        known = self.delays is None or re.fullmatch(r"\d+bit(:[1-9]\d*)?", self.delays) is not None
        _check("training", known, "delays", "such as 5bit, or 5bit:2", self.delays)
        _check("training", 0 <= self.sigma_epochs <= 1, "sigma_epochs", "between 0 and 1", self.sigma_epochs)

    def _check_rule(self) -> None:
        draws = (self.k is not None and self.k >= 1) if self.rule == "sltt-k" else self.k is None
        must = "at least 1 for the rule sltt-k" if self.rule == "sltt-k" else f"none for the rule {self.rule}"
        _check("training", draws, "k", must, self.k)
        spatial = self.rule != "bptt" or (self.delayed == "exact" and self.window_ms is None)
        _check("training", spatial, "delayed and window_ms", "for sltt, not bptt,", (self.delayed, self.window_ms))
        _check("training", self.window_ms is None or self.window_ms > 0, "window_ms", "positive", self.window_ms)
        sums = self.window_ms is None or self.decision in ("summed_softmax", "mean_membrane")
        _check("training", sums, "decision", "summed_softmax or mean_membrane with window_ms", self.decision)


@dataclass(frozen=True)
class Config:
    """A whole run; `name` starts the name of its folder."""

    name: str = "digits"
    data: Data = field(default_factory=Data)
    network: Network = field(default_factory=Network)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        tau = to_steps(self.network.tau_ms, self.data.time_step_ms)
        must = f"at least data.time_step_ms = {self.data.time_step_ms}, as the decay is 1 - time_step_ms / tau_ms"
        _check("network", tau >= 1, "tau_ms", must, self.network.tau_ms)

    @classmethod
    def from_toml(cls, text: str, source: str = "config") -> Self:
        """Return the config that a TOML text describes."""
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{source}: not a TOML file: {error}") from error
        built: Self = _build(cls, values, "")
        return built

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the config of a TOML file."""
        if not path.is_file():
            raise FileNotFoundError(f"there is no config file {path}")
        return cls.from_toml(path.read_text(encoding="utf-8"), str(path))

    def to_toml(self) -> str:
        """Return the config as a TOML text."""
        return tomli_w.dumps(_without_none(asdict(self)))

    def save(self, path: Path) -> None:
        """Write the config as a TOML file."""
        with written_whole(path) as partial:
            partial.write_text(self.to_toml(), encoding="utf-8")

    def with_values(self, values: Mapping[str, object]) -> Self:
        """Return the config with values replaced, by dotted names such as "training.epochs"."""
        # all of a section at once, as a value may be right only beside another
        changed: dict[str, dict[str, object]] = {}
        for dotted, value in values.items():
            *sections, name = dotted.split(".")
            part: Any = self
            for section in sections:
                _known(type(part), section, dotted)
                part = getattr(part, section)
                if not is_dataclass(part):
                    raise ValueError(f"config: {dotted} is not there; {section} is a value, not a section")
            changed.setdefault(".".join(sections), {})[name] = _checked(type(part), name, value, dotted)
        whole = changed.pop("", {})
        whole |= {section: replace(getattr(self, section), **parts) for section, parts in changed.items()}
        return replace(self, **whole)  # type: ignore[arg-type]


def parse_assignment(text: str) -> tuple[str, object]:
    """Return name and value of "section.key=value"; the value is TOML, or a string if it is not."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ValueError(f"--set takes section.key=value, not {text!r}")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), None if value.strip().lower() == "none" else value.strip()


def _checked(kind: type, name: str, value: object, dotted: str) -> object:
    """Return a value for a key of a section."""
    _known(kind, name, dotted)
    wanted = get_type_hints(kind)[name]
    if isinstance(wanted, type) and is_dataclass(wanted):
        raise ValueError(f"config: {dotted} is a section; name one of its keys: {_names(wanted)}")
    return _typed(wanted, value, dotted)


def _build(kind: type, values: Mapping[str, object], where: str) -> Any:
    hints = get_type_hints(kind)
    parts = {}
    for name, value in values.items():
        dotted = f"{where}{name}"
        _known(kind, name, dotted)
        if is_dataclass(hints[name]):
            if not isinstance(value, Mapping):
                raise ValueError(f"config: {dotted} must be a section, not {value!r}")
            parts[name] = _build(hints[name], value, f"{dotted}.")
        else:
            parts[name] = _typed(hints[name], value, dotted)
    return kind(**parts)


def _known(kind: type, name: str, dotted: str) -> None:
    if name not in {item.name for item in fields(kind)}:
        raise ValueError(f"config: {dotted} is unknown; the known keys there are {_names(kind)}")


def _names(kind: type) -> str:
    return ", ".join(item.name for item in fields(kind))


def _typed(kind: Any, value: object, dotted: str) -> object:
    """Return a value as its declared type, or raise if it is of another."""
    if get_origin(kind) is UnionType:
        if value is None:
            return None
        (kind,) = (choice for choice in get_args(kind) if choice is not NoneType)
    if get_origin(kind) is Literal:
        return _chosen(get_args(kind), value, dotted)
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"config: {dotted} must be a list, not {value!r}")
        return tuple(_typed(get_args(kind)[0], item, dotted) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"config: {dotted} must be of type {kind.__name__}, not {value!r}")
    return value


def _chosen(choices: tuple[object, ...], value: object, dotted: str) -> object:
    if value not in choices:
        raise ValueError(f"config: {dotted} must be one of {', '.join(map(str, choices))}, not {value!r}")
    return value


def _without_none(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: _without_none(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if value is not None
    }
