"""The section `network` of a config: sizes, delays, neurons and normalization."""

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from snnsim import schema
from snnsim.choices import SurrogateName
from snnsim.config.neurons import NEURON_KINDS, SpikingNeurons
from snnsim.config.ranges import Count, Milliseconds, Slope, Width, check
from snnsim.config.recurrence import RECURRENT_KINDS, DelayKind, DenseRecurrence
from snnsim.schema import Range

FLAT_SETTINGS = (
    "learn_neuron", "noise", "recovery", "success", "threshold", "learn_threshold", "reset", "detach_reset",
    "surrogate", "surrogate_alpha",
)  # fmt: skip
"""Settings of neurons that have no section of their own."""


@dataclass(frozen=True)
class Network:
    """The layers: sizes, delays, neurons, normalization."""

    hidden: tuple[int, ...] = (256, 256)
    convolutions: tuple[int, ...] = ()
    """Channels of the convolutional layers in front of the hidden ones; they need data.height and data.width."""
    kernel: Count = 3
    """Rows and columns of the kernels of convolutions, an odd number; zeros around a field keep its size."""
    pool: Count = 2
    """Side of the squares over which spikes are averaged after every convolutional layer."""
    delays: Literal["learned", "fixed", "none"] = "learned"
    delay_kind: DelayKind = "synaptic"
    """Whether every connection, every source or every target has a delay of its own."""
    max_delay_ms: Annotated[float, Range(at_least=0)] = 240.0
    taps: Annotated[int, Range(at_least=1, at_most=1000)] = 1
    """(weight, delay) pairs of each connection."""
    window: Literal["gauss", "max", "v1", "v0"] = "gauss"
    """Shape of the delay windows."""
    sigma_start: Width | None = None
    """First width of the delay windows in steps; None is half the delay range."""
    sigma_end: Width | None = None
    """Last width of the delay windows in steps; None is that of the published recipe, 0.5 for `gauss`."""
    sparsity: float = 0.0
    """Share of the connections that are left out at random."""
    tau_ms: Milliseconds = 10.05
    """Membrane time constant; a step keeps the share 1 - time_step_ms / tau_ms of the voltage."""
    tau_readout_ms: Milliseconds | None = None
    """Time constant of the readout, which is then not learned; data.time_step_ms is a readout without memory, None is
    tau_ms."""
    learn_decay: Literal["fixed", "layer", "neuron"] = "fixed"
    neuron: Annotated[str | SpikingNeurons, NEURON_KINDS] = "lif"
    """Leaky integrate-and-fire; `meta`, the same with stochastic spikes; `levy_baxter`, with stochastic inputs;
    `second_order`, quadratic with a recovery; or a section of config/neurons.py: adlif, silif, alif, cuba_lif."""
    learn_neuron: Literal["fixed", "layer", "neuron"] = "layer"
    """Parameters of neurons other than lif: fixed; one learned value for each layer, or for each neuron (for each input
    of levy_baxter)."""
    noise: Annotated[float, Range(at_least=0, at_most=1e6)] = 0.2
    """First noise scale of meta, in units of the membrane."""
    recovery: bool = False
    """Whether meta has a recovery variable."""
    success: float = 0.75
    """First probability that an input spike of levy_baxter arrives."""
    recurrent: Annotated[DenseRecurrence | None, RECURRENT_KINDS] = None
    """Recurrent connections of hidden layers, a section of config/recurrence.py: dense, delays; None for none."""
    threshold: Slope = 1.0
    learn_threshold: bool = False
    reset: Literal["hard", "soft"] = "hard"
    detach_reset: bool = True
    surrogate: SurrogateName = "atan"
    surrogate_alpha: Slope | None = 5.0
    """Sharpness of the surrogate; None is the default of its shape."""
    batch_norm: bool = True
    dropout: float = 0.4
    extra_ms: Annotated[float, Range(at_least=0)] = 360.0
    """Time that the network runs after the end of a recording, so that late spikes count."""

    def __post_init__(self) -> None:
        schema.settle(self, "network.")
        sizes = len(self.hidden + self.convolutions) > 0 and all(width > 0 for width in self.hidden)
        check(sizes, "network.hidden", "one or more positive widths", list(self.hidden))
        channels = all(number > 0 for number in self.convolutions)
        check(channels, "network.convolutions", "positive numbers of channels", list(self.convolutions))
        check(self.kernel > 0 and self.kernel % 2 == 1, "network.kernel", "odd and positive", self.kernel)
        check(0 <= self.dropout < 1, "network.dropout", "at least 0 and below 1", self.dropout)
        check(0 <= self.sparsity < 1, "network.sparsity", "at least 0 and below 1", self.sparsity)
        check(0 < self.success <= 1, "network.success", "above 0 and at most 1", self.success)
        noise = self.noise > 0 or (self.noise == 0 and self.learn_neuron == "fixed")
        check(noise, "network.noise", "positive, or 0 where learn_neuron is fixed", self.noise)
        if not isinstance(self.neuron, str):
            self._check_flat_settings()
        self._check_connections()

    def _check_flat_settings(self) -> None:
        """Check that settings of other neurons have their default values.

        Raises:
            ValueError: If one has another value, which the neurons of the section would not get.
        """
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in FLAT_SETTINGS and value != each.default:
                raise ValueError(
                    f"config: network.{each.name} = {value!r} is a setting of other neurons than those of the section "
                    f"network.neuron; set network.neuron.{each.name} if there is one, and leave network.{each.name} "
                    f"at {each.default!r}"
                )

    def _check_connections(self) -> None:
        flat = self.delay_kind == "synaptic" or not self.convolutions
        check(flat, "network.delay_kind", "synaptic in a network with convolutions", self.delay_kind)
        if self.recurrent is not None:
            check(not self.convolutions, "network.recurrent", "none in a network with convolutions", "a section")
            layers, most = self.recurrent.layers, len(self.hidden)
            must = f"different numbers of hidden layers, from 1 to {most}"
            check(
                len(set(layers)) == len(layers) <= most >= max(layers, default=1),
                "network.recurrent.layers",
                must,
                list(layers),
            )
