"""Kinds of neurons with settings of their own: the section `network.neuron` of a config.

A new kind is a class here, an entry in NEURONS, and an entry in MODELS of experiment/neurons.py.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from snnsim import schema
from snnsim.choices import SurrogateName
from snnsim.config.ranges import Milliseconds, Slope, check
from snnsim.schema import Range

Number = Annotated[float, Range(at_least=-1e6, at_most=1e6)]
Positive = Annotated[float, Range(at_least=1e-6, at_most=1e6)]
FLAT_NEURONS = ("lif", "meta", "levy_baxter", "second_order")
"""Kinds whose settings are keys of the section `network`."""


@dataclass(frozen=True)
class SpikingNeurons:
    """Settings of all kinds here."""

    threshold: Slope = 1.0
    """Membrane at which a neuron fires; for alif, that of a neuron at rest."""
    detach_reset: bool = True
    """Whether gradients skip the reset."""
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


@dataclass(frozen=True)
class AdLIF(SpikingNeurons):
    """Adaptive LIF (SE-adLIF): a hard reset, and an adaptation that the voltage and the spikes drive."""

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


@dataclass(frozen=True)
class SiLIF(SpikingNeurons):
    """Adaptive LIF with a soft reset and time constants that are uniform in their logarithm."""

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


@dataclass(frozen=True)
class ALIF(SpikingNeurons):
    """LIF with a threshold that rises at every spike and falls back."""

    tau_ms: Milliseconds = 20.0
    """Time constant of the membrane."""
    tau_adaptation_ms: Milliseconds = 200.0
    """Time constant of the threshold."""
    jump: tuple[Annotated[float, Range(at_least=0, at_most=1e6)], ...] = (0.1,)
    """Jump of the threshold at a spike, or the bounds within which each neuron learns its own."""
    reset: Literal["hard", "soft"] = "hard"
    learn_decay: Literal["fixed", "layer", "neuron"] = "fixed"
    """Both decays: fixed, or one learned value of each for every layer or neuron."""

    bounded: ClassVar[tuple[str, ...]] = ("jump",)
    decays: ClassVar[tuple[str, ...]] = ("tau_ms", "tau_adaptation_ms")


@dataclass(frozen=True)
class CubaLIF(SpikingNeurons):
    """LIF with exponential synapses."""

    tau_ms: Milliseconds = 20.0
    """Time constant of the membrane."""
    tau_synapse_ms: Milliseconds = 20.0
    """Time constant of the synaptic current."""
    gain: Positive = 1.0
    """Gain of the synaptic current."""
    reset: Literal["hard", "soft"] = "hard"
    learn_decay: Literal["fixed", "layer", "neuron"] = "fixed"
    """Both decays: fixed, or one learned value of each for every layer or neuron."""

    decays: ClassVar[tuple[str, ...]] = ("tau_ms", "tau_synapse_ms")


NEURONS: dict[str, type[SpikingNeurons]] = {"adlif": AdLIF, "silif": SiLIF, "alif": ALIF, "cuba_lif": CubaLIF}
NEURON_KINDS = schema.Kinds(FLAT_NEURONS, NEURONS)
