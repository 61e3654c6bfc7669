"""Kinds of neurons, each with settings of its own: the section `network.neuron` of a config.

A new kind is a class here, a member of AnyNeurons, and an entry in MODELS of experiment/neurons.py.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from snnsim import plugins, schema
from snnsim.choices import SurrogateName
from snnsim.config.ranges import Milliseconds, Slope, check
from snnsim.schema import Range

Number = Annotated[float, Range(at_least=-1e6, at_most=1e6)]
Positive = Annotated[float, Range(at_least=1e-6, at_most=1e6)]
_CARRIED = ("threshold", "surrogate", "surrogate_alpha")
_LEAKY = (*_CARRIED, "detach_reset", "tau_ms", "reset")
Learned = Literal["fixed", "layer", "neuron"]
"""Whether parameters are fixed, one learned value for each layer, or one for each neuron."""


@dataclass(frozen=True, kw_only=True)
class SpikingNeurons(schema.Kind):
    """Settings of all kinds."""

    threshold: Slope = 1.0
    """Membrane at which a neuron fires; for alif, that of a neuron at rest."""
    surrogate: SurrogateName = "atan"
    surrogate_alpha: Slope | None = 5.0
    """Sharpness of the surrogate; None is the default of its shape."""

    bounded: ClassVar[tuple[str, ...]] = ()
    """Settings that are a number, which is fixed, or a pair of bounds within which a number is learned."""
    decays: ClassVar[tuple[str, ...]] = ()
    """Time constants of decays 1 - time_step_ms / tau, which are at least one step."""

    def __post_init__(self) -> None:
        for name in self.bounded:
            value = getattr(self, name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                object.__setattr__(self, name, (value,))
        schema.settle(self, "network.neuron.")
        for name in self.bounded:
            value = getattr(self, name)
            ascending = len(value) in (1, 2) and value[0] <= value[-1]
            check(ascending, f"network.neuron.{name}", "a number, or two bounds in ascending order", list(value))


@dataclass(frozen=True, kw_only=True)
class ResetNeurons(SpikingNeurons):
    """Settings of all kinds but levy_baxter."""

    detach_reset: bool = True
    """Whether gradients skip the reset."""


@dataclass(frozen=True, kw_only=True)
class LeakyNeurons(ResetNeurons):
    """Settings of leaky integrate-and-fire neurons."""

    tau_ms: Milliseconds = 10.05
    """Membrane time constant; a step keeps the share 1 - time_step_ms / tau_ms of the voltage."""
    reset: Literal["hard", "soft"] = "hard"

    decays: ClassVar[tuple[str, ...]] = ("tau_ms",)


@dataclass(frozen=True, kw_only=True)
class LIF(LeakyNeurons):
    """Leaky integrate-and-fire."""

    kind: Literal["lif"] = "lif"
    learn_decay: Learned = "fixed"
    learn_threshold: bool = False

    carried: ClassVar[tuple[str, ...]] = (*_LEAKY, "learn_decay", "learn_threshold")


@dataclass(frozen=True, kw_only=True)
class Meta(LeakyNeurons):
    """LIF with stochastic spikes."""

    kind: Literal["meta"] = "meta"
    noise: Annotated[float, Range(at_least=0, at_most=1e6)] = 0.2
    """Initial noise scale (width of the escape noise), in units of the membrane potential."""
    recovery: bool = False
    """Whether neurons have a recovery variable."""
    learn: Learned = "layer"
    """Whether parameters are fixed, one learned value for each layer, or one for each neuron."""

    carried: ClassVar[tuple[str, ...]] = (*_LEAKY, "learn")

    def __post_init__(self) -> None:
        super().__post_init__()
        noise = self.noise > 0 or (self.noise == 0 and self.learn == "fixed")
        check(noise, "network.neuron.noise", "positive, or 0 where learn is fixed", self.noise)


@dataclass(frozen=True, kw_only=True)
class LevyBaxter(SpikingNeurons):
    """McCulloch-Pitts neurons with stochastic inputs."""

    kind: Literal["levy_baxter"] = "levy_baxter"
    success: float = 0.75
    """Initial probability that an input spike arrives."""
    learn: Learned = "layer"
    """Whether probabilities are fixed, one learned value for each layer, or one for each input."""

    carried: ClassVar[tuple[str, ...]] = (*_CARRIED, "learn")

    def __post_init__(self) -> None:
        super().__post_init__()
        check(0 < self.success <= 1, "network.neuron.success", "above 0 and at most 1", self.success)


@dataclass(frozen=True, kw_only=True)
class SecondOrder(ResetNeurons):
    """Quadratic neurons with a recovery variable."""

    kind: Literal["second_order"] = "second_order"
    learn: Learned = "layer"
    """Whether parameters are fixed, one learned value for each layer, or one for each neuron."""

    carried: ClassVar[tuple[str, ...]] = (*_CARRIED, "detach_reset", "learn")


@dataclass(frozen=True, kw_only=True)
class AdLIF(ResetNeurons):
    """Adaptive LIF (SE-adLIF): a hard reset, and an adaptation that the voltage and the spikes drive."""

    kind: Literal["adlif"] = "adlif"
    tau_ms: tuple[Milliseconds, ...] = (20.0, 100.0)
    """Time constant of the membrane, or the bounds within which it is learned."""
    tau_adaptation_ms: tuple[Milliseconds, ...] = (240.0, 1200.0)
    """Time constant of the adaptation, or its bounds."""
    coupling: tuple[Number, ...] = (0.0, 1.0)
    """Coupling of the adaptation to the voltage, or its bounds."""
    jump: tuple[Number, ...] = (0.0, 2.0)
    """Jump of the adaptation at a spike, or its bounds."""
    scale: Positive = 120.0
    """Scale of coupling and jump."""
    learn: Literal["layer", "neuron"] = "neuron"
    """Whether a learned number is one for each layer or one for each neuron."""

    bounded: ClassVar[tuple[str, ...]] = ("tau_ms", "tau_adaptation_ms", "coupling", "jump")


@dataclass(frozen=True, kw_only=True)
class SiLIF(ResetNeurons):
    """Adaptive LIF with a soft reset and time constants that are uniform in their logarithm."""

    kind: Literal["silif"] = "silif"
    surrogate: SurrogateName = "boxcar"
    surrogate_alpha: Slope | None = None
    tau_ms: tuple[Milliseconds, ...] = (4.0, 100.0)
    """Time constant of the membrane, or the bounds within which it is learned."""
    tau_adaptation_ms: tuple[Milliseconds, ...] = (100.0, 400.0)
    """Time constant of the adaptation, or its bounds."""
    coupling: tuple[Number, ...] = (-1.0, 1.0)
    """Coupling of the adaptation to the membrane, or its bounds."""
    jump: tuple[Number, ...] = (0.0, 2.0)
    """Jump of the adaptation at a spike, or its bounds."""
    learn: Literal["layer", "neuron"] = "neuron"
    """Whether a learned number is one for each layer or one for each neuron."""

    bounded: ClassVar[tuple[str, ...]] = ("tau_ms", "tau_adaptation_ms", "coupling", "jump")


@dataclass(frozen=True, kw_only=True)
class ALIF(ResetNeurons):
    """LIF with a threshold that rises at every spike and falls back."""

    kind: Literal["alif"] = "alif"
    tau_ms: Milliseconds = 20.0
    """Time constant of the membrane."""
    tau_adaptation_ms: Milliseconds = 200.0
    """Time constant of the threshold."""
    jump: tuple[Annotated[float, Range(at_least=0, at_most=1e6)], ...] = (0.1,)
    """Jump of the threshold at a spike, or the bounds within which each neuron learns its own."""
    reset: Literal["hard", "soft"] = "hard"
    learn_decay: Learned = "fixed"
    """Both decays: fixed, or one learned value of each for every layer or neuron."""

    bounded: ClassVar[tuple[str, ...]] = ("jump",)
    decays: ClassVar[tuple[str, ...]] = ("tau_ms", "tau_adaptation_ms")


@dataclass(frozen=True, kw_only=True)
class CubaLIF(ResetNeurons):
    """LIF with exponential synapses."""

    kind: Literal["cuba_lif"] = "cuba_lif"
    tau_ms: Milliseconds = 20.0
    """Time constant of the membrane."""
    tau_synapse_ms: Milliseconds = 20.0
    """Time constant of the synaptic current."""
    gain: Positive = 1.0
    """Gain of the synaptic current."""
    reset: Literal["hard", "soft"] = "hard"
    learn_decay: Learned = "fixed"
    """Both decays: fixed, or one learned value of each for every layer or neuron."""

    decays: ClassVar[tuple[str, ...]] = ("tau_ms", "tau_synapse_ms")


AnyNeurons = LIF | Meta | LevyBaxter | SecondOrder | AdLIF | SiLIF | ALIF | CubaLIF
"""The neurons of any kind."""
schema.EXTENSIONS[SpikingNeurons] = lambda: plugins.sections(plugins.NEURONS)
NEURONS: dict[str, type[SpikingNeurons]] = {kind.kind: kind for kind in get_args(AnyNeurons)}
"""Every kind by its name in a config."""
