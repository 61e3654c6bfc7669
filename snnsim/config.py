"""What a run is: data, network and training as frozen values, checked when built, to and from TOML.

TOML has no None: a value that is None is left out of the file where that is its default, and "none" elsewhere.
Every number has bounds; what all of them need together, experiment/estimate.py says.
"""

import re
import reprlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w

from snnsim import schema
from snnsim.files import written_whole
from snnsim.schema import Range
from snnsim.units import to_steps
from snnsim.validation import shown

MOST_DELAY = 65_535
"""Steps of the longest delay, as programs have it."""
MOST_STEPS = 2**31 - 1
"""Steps of the longest recording, window and time after a recording."""
MOST_NAME = 200
_Count = Annotated[int, Range(at_least=1, at_most=2**31 - 1)]
_Seed = Annotated[int, Range(at_least=0)]
_Time = Annotated[float, Range(above=0, at_most=1e12)]
_Rate = Annotated[float, Range(above=0, at_most=1e6)]
_Slope = Annotated[float, Range(at_least=1e-6, at_most=1e6)]
_Width = Annotated[float, Range(above=0, at_most=MOST_DELAY)]


def _check(section: str, ok: bool, name: str, must: str, value: object) -> None:
    if not ok:
        # a list may be long
        given = shown(value) if isinstance(value, int | float | str) else reprlib.repr(value)
        raise ValueError(f"config: {section}.{name} must be {must}, not {given}")


@dataclass(frozen=True)
class Data:
    """Which recordings, and how they become frames."""

    name: Literal["digits", "motifs", "motifs-short", "images", "patterns", "shd", "ssc"] = "digits"
    path: str | None = None
    """Folder that holds the files (shd, ssc); the cache folder and a download otherwise."""
    size: Literal["small", "default", "full"] = "default"
    """How much of the `digits` to make."""
    seed: _Seed = 0
    """Seed of what is made here: `digits`, `motifs`, `images`, `patterns`."""
    time_step_ms: Annotated[float, Range(above=0, at_least=1e-6, at_most=1e9)] = 10.0
    channels: _Count = 140
    """Channels that the units of the recordings are summed into."""
    height: _Count | None = None
    """Rows of the field that convolutions look at; channels are its rows, columns, and colors or polarities."""
    width: _Count | None = None
    """Columns of that field."""
    max_time_ms: _Time | None = None
    """Events from here on are left out; None keeps all."""

    def __post_init__(self) -> None:
        schema.settle(self, "data.")
        enough = self.max_time_ms is None or self.max_time_ms >= self.time_step_ms
        _check("data", enough, "max_time_ms", "at least one time step", self.max_time_ms)


@dataclass(frozen=True)
class Network:
    """The layers: sizes, delays, neurons, normalization."""

    hidden: tuple[int, ...] = (256, 256)
    convolutions: tuple[int, ...] = ()
    """Channels of the convolutional layers in front of the hidden ones; they need data.height and data.width."""
    kernel: _Count = 3
    """Rows and columns of the convolutions' kernels, an odd number; zeros around a field keep its size."""
    pool: _Count = 2
    """Spikes are averaged over squares of so many rows and columns behind every convolutional layer."""
    delays: Literal["learned", "fixed", "none"] = "learned"
    max_delay_ms: Annotated[float, Range(at_least=0)] = 240.0
    taps: Annotated[int, Range(at_least=1, at_most=1000)] = 1
    """(weight, delay) pairs of each connection."""
    window: Literal["gauss", "max", "v1", "v0"] = "gauss"
    sigma_start: _Width | None = None
    """Width of the window in steps at the start; None is half the delay range."""
    sigma_end: _Width | None = None
    """Width of the window in steps when it has been annealed; None is the recipe's, 0.5 for `gauss`."""
    sparsity: float = 0.0
    """Share of the connections left out at random."""
    tau_ms: _Time = 10.05
    """Membrane time constant; the voltage kept over a step is 1 - time_step_ms / tau_ms."""
    tau_readout_ms: _Time | None = None
    """That of the readout, which is then not learned: data.time_step_ms remembers nothing; None is tau_ms."""
    learn_decay: Literal["fixed", "layer", "neuron"] = "fixed"
    neuron: Literal["lif", "meta", "levy_baxter", "second_order"] = "lif"
    """Leaky integrate-and-fire; the same, firing by chance; inputs that fail by chance; quadratic, with a recovery."""
    learn_neuron: Literal["fixed", "layer", "neuron"] = "layer"
    """Whether the numbers of neurons other than lif are trained: none; one for each layer, or for each neuron (or, of
    levy_baxter, input)."""
    noise: Annotated[float, Range(at_least=0, at_most=1e6)] = 0.2
    """Width of the noise of meta at the start, in units of the membrane."""
    recovery: bool = False
    """Whether meta has a recovery variable."""
    success: float = 0.75
    """Probability at the start that an input of levy_baxter arrives."""
    threshold: _Slope = 1.0
    learn_threshold: bool = False
    reset: Literal["hard", "soft"] = "hard"
    detach_reset: bool = True
    surrogate: Literal["atan", "triangle", "sigmoid", "fast_sigmoid", "boxcar"] = "atan"
    surrogate_alpha: _Slope | None = 5.0
    """Sharpness of the surrogate; None is the default of its shape."""
    batch_norm: bool = True
    dropout: float = 0.4
    extra_ms: Annotated[float, Range(at_least=0)] = 360.0
    """How long the network runs on after a recording has ended, so that late spikes count."""

    def __post_init__(self) -> None:
        schema.settle(self, "network.")
        sizes = len(self.hidden + self.convolutions) > 0 and all(width > 0 for width in self.hidden)
        _check("network", sizes, "hidden", "one or more positive widths", list(self.hidden))
        channels = all(number > 0 for number in self.convolutions)
        _check("network", channels, "convolutions", "positive numbers of channels", list(self.convolutions))
        _check("network", self.kernel > 0 and self.kernel % 2 == 1, "kernel", "odd and positive", self.kernel)
        _check("network", 0 <= self.dropout < 1, "dropout", "at least 0 and below 1", self.dropout)
        _check("network", 0 <= self.sparsity < 1, "sparsity", "at least 0 and below 1", self.sparsity)
        _check("network", 0 < self.success <= 1, "success", "above 0 and at most 1", self.success)
        noise = self.noise > 0 or (self.noise == 0 and self.learn_neuron == "fixed")
        _check("network", noise, "noise", "positive, or 0 where learn_neuron is fixed", self.noise)


@dataclass(frozen=True)
class Training:
    """How the parameters are found."""

    rule: Literal["bptt", "sltt", "sltt-k"] = "bptt"
    """Routes that errors take: all; all but from one step's membrane to the next; the same, from `k` steps alone."""
    k: Annotated[int, Range(at_most=2**31 - 1)] | None = None
    """How many steps of a batch sltt-k draws."""
    delayed: Literal["exact", "cut", "stale"] = "exact"
    """How errors of sltt go back over a delay: to the spike that came; to none; to the spike of the same step."""
    window_ms: _Time | None = None
    """Length of the windows in which sltt goes through time, so that memory does not grow with it; None takes all."""
    loss: Literal["decision", "steps"] = "decision"
    """Cross-entropy of the decision about a recording, or the mean of that of every step."""
    decision: Literal["summed_softmax", "mean_membrane", "max_membrane", "last_membrane"] = "summed_softmax"
    epochs: _Count = 150
    batch_size: _Count = 256
    lr: _Rate = 5e-3
    """Highest learning rate of weights and neurons (Adam, one cycle)."""
    lr_delay: _Rate = 0.1
    """First learning rate of the delays, in steps of delay (Adam, falling to 0 as a cosine)."""
    weight_decay: Annotated[float, Range(at_least=0, at_most=1e6)] = 1e-5
    sigma_epochs: float = 0.25
    """Share of the epochs over which the delay windows narrow."""
    patience: Annotated[int, Range(at_least=0)] = 0
    """Stop after so many epochs without a better validation accuracy; 0 never stops early."""
    seed: _Seed = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 runs the large products in mixed precision."""
    weights: Literal["float", "int8", "int4", "ternary"] = "float"
    """What weights are computed with; the gradient passes straight through their rounding."""
    delays: str | None = None
    """Range and resolution of the delays, such as 5bit, or 5bit:2 for every second step; None keeps all whole steps."""
    start: str | None = None
    """Run whose best network training starts from; None starts from random parameters."""

    def __post_init__(self) -> None:
        schema.settle(self, "training.")
        self._check_rule()
        known = self.delays is None or re.fullmatch(r"\d+bit(:[1-9]\d*)?", self.delays) is not None
        _check("training", known, "delays", "such as 5bit, or 5bit:2", self.delays)
        _check("training", 0 <= self.sigma_epochs <= 1, "sigma_epochs", "between 0 and 1", self.sigma_epochs)

    def _check_rule(self) -> None:
        draws = (self.k is not None and self.k >= 1) if self.rule == "sltt-k" else self.k is None
        must = "at least 1 for the rule sltt-k" if self.rule == "sltt-k" else f"none for the rule {self.rule}"
        _check("training", draws, "k", must, self.k)
        spatial = self.rule != "bptt" or (self.delayed == "exact" and self.window_ms is None)
        _check(
            "training", spatial, "delayed and window_ms", "left alone for the rule bptt", (self.delayed, self.window_ms)
        )
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
        schema.settle(self, "")
        # it begins the name of a folder
        outside = self.name.startswith(("/", "\\", "~")) or ".." in re.split(r"[/\\]", self.name)
        if outside or not self.name.strip() or len(self.name) > MOST_NAME:
            must = f"a name of 1 to {MOST_NAME} characters that leads to no other folder"
            raise ValueError(f"config: name must be {must}, not {shown(self.name)}")
        self._check_steps()
        if self.network.convolutions:
            self._check_field()

    def _check_steps(self) -> None:
        """Check the times whose bounds are in steps."""
        step, net = self.data.time_step_ms, self.network
        must = f"at least data.time_step_ms = {step}, as the decay is 1 - time_step_ms / tau_ms"
        for name in ("tau_ms", "tau_readout_ms"):
            value = getattr(net, name)
            _check("network", value is None or to_steps(value, step) >= 1, name, must, value)
        window = self.training.window_ms
        _check(
            "training", window is None or window >= step, "window_ms", f"at least data.time_step_ms = {step}", window
        )
        for section, name, value, most in (
            ("network", "max_delay_ms", 0.0 if net.delays == "none" else net.max_delay_ms, MOST_DELAY),
            ("network", "extra_ms", net.extra_ms, MOST_STEPS),
            ("training", "window_ms", window or 0.0, MOST_STEPS),
        ):
            must = f"at most {most:,} steps of data.time_step_ms = {step}"
            _check(section, value / step <= most, name, must, value)

    def _check_field(self) -> None:
        height, width, channels = self.data.height, self.data.width, self.data.channels
        if height is None or width is None or channels % (height * width):
            raise ValueError(
                "config: network.convolutions need data.height and data.width, whose product divides data.channels; "
                f"got {height}, {width} and {channels}"
            )
        shrunk = self.network.pool ** len(self.network.convolutions)
        must = f"such that its power {shrunk} divides the field of {height} x {width}, once for each convolution"
        _check("network", not (height % shrunk or width % shrunk), "pool", must, self.network.pool)

    @classmethod
    def from_toml(cls, text: str, source: str = "config") -> Self:
        """Return the config that a TOML text describes.

        Args:
            text: The text of a TOML file.
            source: Where it comes from, for messages.

        Raises:
            ValueError: If it is no TOML, has no value, names unknown keys, or has values that cannot be.
        """
        given = schema.table(text, source)
        if not given:
            raise ValueError(f'{source}: the config has no value; name one at least, such as name = "digits"')
        try:
            built: Self = schema.build(cls, given, "")
        except ValueError as error:
            raise ValueError(str(error) if source == "config" else f"{source}: {error}") from error
        return built

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the config of a TOML file."""
        return cls.from_toml(schema.text_of(path), str(path))

    @staticmethod
    def table(path: Path) -> dict[str, Any]:
        """Return what stands in a TOML file, without what a config adds."""
        return schema.table(schema.text_of(path), str(path))

    def to_toml(self) -> str:
        """Return the config as a TOML text."""
        return tomli_w.dumps(schema.plain(self))

    def save(self, path: Path) -> None:
        """Write the config as a TOML file."""
        with written_whole(path) as partial:
            partial.write_text(self.to_toml(), encoding="utf-8")

    def with_values(self, changes: Mapping[str, object]) -> Self:
        """Return the config with values replaced, by dotted names such as "training.epochs"."""
        changed: Self = schema.replaced(self, changes)
        return changed


def parse_assignment(text: str) -> tuple[str, object]:
    """Return name and value of "section.key=value", with a value of the key's declared type where the text says so.

    The value is TOML, or a text if it is not; what belongs to a key that takes any text is that text unless it stands
    in quotation marks. "none" is None where the key takes None.

    Raises:
        ValueError: If there is no name or no equals sign, or the key is unknown.
    """
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not equals or not name:
        raise ValueError(f"--set takes section.key=value, not {shown(text)}")
    kind = schema.declared(Config, name)
    if schema.takes_none(kind) and value.lower() == "none":
        return name, None
    if schema.is_text(kind) and not value.startswith(("'", '"')):
        return name, value
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return name, value
