"""The section `network.readout` of a config: the leaky neurons that sum up the activity of the last layer."""

from dataclasses import dataclass

from snnsim import schema
from snnsim.config.neurons import Learned
from snnsim.config.ranges import Milliseconds


@dataclass(frozen=True, kw_only=True)
class Readout:
    """Settings of the readout."""

    tau_ms: Milliseconds = 10.05
    """Time constant; a step keeps the share 1 - time_step_ms / tau_ms of the voltage, and data.time_step_ms is a
    readout without memory."""
    learn_decay: Learned = "fixed"

    def __post_init__(self) -> None:
        schema.settle(self, "network.readout.")
