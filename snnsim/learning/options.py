"""The settings of a training besides its rule: optimizers, schedules, averages of parameters, bounds of spike rates.

Frozen values, checked when built, as sections of a config or in Python. Each kind is a class, named in a config by its
`kind`. A new kind is a class here, a member of a union, and an entry in the table of the module that builds it:
training/optimizers.py and training/schedules.py.

    adam, adamw, sgd                                       an optimizer, of weights or of delays
    one_cycle, cosine, cosine_wave, plateau, constant      the learning rate over time, as a share of the highest one
    ema, mean                                              an average of the parameters over the steps of training
    bounds                                                 rates of spikes that neurons or layers should keep

Source   docs/training.md has the equations and the references
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from snnsim import schema
from snnsim.schema import Range
from snnsim.validation import shown

Share = Annotated[float, Range(at_least=0, at_most=1)]
Memory = Annotated[float, Range(at_least=0, at_most=0.999999)]
Positive = Annotated[float, Range(above=0, at_most=1e6)]
Strength = Annotated[float, Range(at_least=0, at_most=1e6)]
Rate = Annotated[float, Range(at_least=0, at_most=1)]
Count = Annotated[int, Range(at_least=1, at_most=2**31 - 1)]


@dataclass(frozen=True, kw_only=True)
class Option(schema.Kind):
    """Settings of all kinds."""

    part: ClassVar[str] = "option"
    """What the kind is of, in messages."""

    def __post_init__(self) -> None:
        schema.settle(self, f"{self.part}.{self.kind}.")

    def _require(self, ok: bool, name: str, must: str, value: object) -> None:
        if not ok:
            raise ValueError(f"{self.part}.{self.kind}.{name} must be {must}, not {shown(value)}")


@dataclass(frozen=True, kw_only=True)
class OptimizerKind(Option):
    """Settings of all optimizers."""

    clip_norm: Positive | None = None
    """Largest norm of all gradients of the optimizer together, which are scaled down to it; None for no bound."""

    part: ClassVar[str] = "optimizer"
    carried: ClassVar[tuple[str, ...]] = ("clip_norm",)


@dataclass(frozen=True, kw_only=True)
class AdamKind(OptimizerKind):
    """Settings of Adam and AdamW."""

    betas: tuple[Memory, ...] = (0.9, 0.999)
    """Shares that the averages of gradients and of their squares keep in a step. The schedule one_cycle changes the
    first one, unless its `momentum` is an empty list."""
    epsilon: Positive = 1e-8
    """Number that is added to the root of the average square."""

    carried: ClassVar[tuple[str, ...]] = ("clip_norm", "betas", "epsilon")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(len(self.betas) == 2, "betas", "two numbers", list(self.betas))


@dataclass(frozen=True, kw_only=True)
class Adam(AdamKind):
    """Adam; weight decay is a part of the gradient."""

    kind: Literal["adam"] = "adam"


@dataclass(frozen=True, kw_only=True)
class AdamW(AdamKind):
    """Adam with decoupled weight decay: a step shrinks a parameter by the learning rate times the decay."""

    kind: Literal["adamw"] = "adamw"


@dataclass(frozen=True, kw_only=True)
class SGD(OptimizerKind):
    """Gradient descent with momentum; weight decay is a part of the gradient."""

    kind: Literal["sgd"] = "sgd"
    momentum: Memory = 0.9
    """Share of the last step that a step keeps. The schedule one_cycle changes it, unless its `momentum` is an empty
    list."""
    nesterov: bool = False
    """Whether the gradient is taken as at the place where the momentum leads."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.momentum > 0 or not self.nesterov, "momentum", "above 0 with nesterov", self.momentum)


AnyOptimizer = Adam | AdamW | SGD
"""An optimizer of any kind."""


@dataclass(frozen=True, kw_only=True)
class Schedule(Option):
    """Settings of all schedules."""

    part: ClassVar[str] = "schedule"


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Along half a cosine up from a small learning rate to the highest one, and along another down to almost 0."""

    kind: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[float, Range(at_least=0.001, at_most=0.999)] = 0.3
    """Share of the training in which the learning rate rises."""
    start: Annotated[float, Range(at_least=1e-6, at_most=1)] = 0.04
    """First learning rate, as a share of the highest one."""
    end: Annotated[float, Range(at_least=0, at_most=1)] = 4e-6
    """Last learning rate, as a share of the highest one."""
    momentum: tuple[Memory, ...] = (0.85, 0.95)
    """Momentum of SGD or first beta of Adam at the highest and at the lowest learning rate; an empty list leaves it as
    the optimizer has it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        ascending = len(self.momentum) in (0, 2) and list(self.momentum) == sorted(self.momentum)
        self._require(ascending, "momentum", "two numbers in ascending order, or an empty list", list(self.momentum))


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Down from the highest learning rate along half a cosine."""

    kind: Literal["cosine"] = "cosine"
    end: Share = 0.0
    """Last learning rate, as a share of the highest one."""


@dataclass(frozen=True, kw_only=True)
class CosineWave(Schedule):
    """Down and up again along a cosine, from the highest learning rate."""

    kind: Literal["cosine_wave"] = "cosine_wave"
    period_epochs: Positive = 80.0
    """Epochs from one highest learning rate to the next."""
    low: Share = 0.0
    """Lowest learning rate, as a share of the highest one."""


@dataclass(frozen=True, kw_only=True)
class Plateau(Schedule):
    """A factor less whenever the validation accuracy has not improved for some epochs."""

    kind: Literal["plateau"] = "plateau"
    factor: Annotated[float, Range(above=0, at_most=0.999)] = 0.7
    patience: Annotated[int, Range(at_least=0, at_most=2**31 - 1)] = 10
    """Epochs without a better validation accuracy that are waited for."""
    low: Share = 0.0
    """Lowest learning rate, as a share of the highest one."""


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The same learning rate in all steps."""

    kind: Literal["constant"] = "constant"


AnySchedule = OneCycle | Cosine | CosineWave | Plateau | Constant
"""A schedule of any kind."""


@dataclass(frozen=True, kw_only=True)
class AverageKind(Option):
    """Settings of all averages."""

    first_epoch: Count = 1
    """Epoch, counted from 1, with whose first step the average begins; until then it is the network itself."""

    part: ClassVar[str] = "average"
    carried: ClassVar[tuple[str, ...]] = ("first_epoch",)


@dataclass(frozen=True, kw_only=True)
class EMA(AverageKind):
    """Exponential moving average."""

    kind: Literal["ema"] = "ema"
    decay: Memory = 0.99
    """Share of the average that a step keeps; the first steps keep less."""


@dataclass(frozen=True, kw_only=True)
class Mean(AverageKind):
    """Plain mean of all steps."""

    kind: Literal["mean"] = "mean"


AnyAverage = EMA | Mean
"""An average of any kind."""


@dataclass(frozen=True, kw_only=True)
class RateBounds(Option):
    """Penalties of rates outside of two bounds, in spikes per neuron and step."""

    kind: Literal["bounds"] = "bounds"
    low: Rate = 0.0
    """Rate below which a neuron or layer is penalized."""
    high: Rate = 1.0
    """Rate above which it is penalized."""
    low_strength: Strength = 1.0
    """Factor of the squared distance below `low`."""
    high_strength: Strength = 1.0
    """Factor of the squared distance above `high`."""
    of: Literal["neuron", "layer"] = "neuron"
    """Whether each neuron has the bounds, or the mean of each hidden layer."""
    revive: Strength = 0.0
    """Gradient that raises the bias in batch normalization, or without it all input weights, of a neuron that has no
    spike in a batch."""

    part: ClassVar[str] = "rates"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.low <= self.high, "high", f"at least `low` = {self.low}", self.high)


AnyRates = RateBounds | None
"""Bounds of spike rates, or None."""


def chosen(union: object, value: object, *, who: str, name: str) -> schema.Kind | None:
    """Return an option by the name of its kind, with its default settings; an option itself is returned.

    Args:
        union: Union of the kinds, such as AnyOptimizer.
        value: An option, the name of a kind, or None if the union has it.
        who: The caller, for messages.
        name: Name of the argument.

    Raises:
        ValueError: If the value is none of these.
    """
    kinds = schema.kinds_of(union)
    optional = schema.takes_none(union)
    if isinstance(value, schema.Kind | None) and (type(value) in kinds.values() or (value is None and optional)):
        return value
    if not isinstance(value, str) or value not in kinds:
        classes = ", ".join(kind.__name__ for kind in kinds.values())
        must = f"{', '.join(kinds)}{', None' if optional else ''}, or one of the classes {classes}"
        raise ValueError(f"{who}: {name} must be one of {must}, not {shown(value)}")
    option: schema.Kind = kinds[value]()
    return option
