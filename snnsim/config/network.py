"""The section `network` of a config: sizes, delays, neurons and normalization."""

from dataclasses import dataclass
from typing import Annotated, Literal

from snnsim import schema
from snnsim.choices import SurrogateName
from snnsim.config.ranges import Count, Milliseconds, Slope, Width, check
from snnsim.schema import Range


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
    neuron: Literal["lif", "meta", "levy_baxter", "second_order"] = "lif"
    """Leaky integrate-and-fire; the same with stochastic spikes; stochastic inputs; quadratic with a recovery."""
    learn_neuron: Literal["fixed", "layer", "neuron"] = "layer"
    """Parameters of neurons other than lif: fixed; one learned value for each layer, or for each neuron (for each input
    of levy_baxter)."""
    noise: Annotated[float, Range(at_least=0, at_most=1e6)] = 0.2
    """First noise scale of meta, in units of the membrane."""
    recovery: bool = False
    """Whether meta has a recovery variable."""
    success: float = 0.75
    """First probability that an input spike of levy_baxter arrives."""
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
