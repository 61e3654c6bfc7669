"""The routes along which an error goes back from a step to what led to it.

    temporal   from the membrane of step t to the membrane of step t − 1, through the leak and the reset
    delayed    from the current of step t to the spikes that it came from, through a synapse with a delay
        exact    to the spike of step t − d
        cut      to the spike of step t where d = 0, to none otherwise
        stale    to the spike of step t whatever the delay: its own slope stands for that of step t − d

Weights and delays get their exact gradient from a step's error in each case.

Source   SLTT, which has spatial routes alone: Meng, Xiao, Yan, Wang, Lin, Luo 2023 (ICCV), arXiv 2302.14311
"""

from dataclasses import dataclass

DELAYED = ("exact", "cut", "stale")


@dataclass(frozen=True)
class GradientPaths:
    """Which routes there are; all of them, if nothing is said."""

    temporal: bool = True
    delayed: str = "exact"

    def __post_init__(self) -> None:
        if self.delayed not in DELAYED:
            raise ValueError(f"Credit: delayed must be one of {', '.join(DELAYED)}, not {self.delayed!r}")

    # parts of others need not know of routes that nobody has left out
    def of_synapses(self) -> dict[str, str]:
        """Return what a synapse has to be told."""
        return {} if self.delayed == "exact" else {"delayed": self.delayed}

    def of_neurons(self) -> dict[str, bool]:
        """Return what neurons and readouts have to be told."""
        return {} if self.temporal else {"temporal": False}


ALL_PATHS = GradientPaths()
SPATIAL = GradientPaths(temporal=False)
"""No route through the membrane, every one through a delay."""
