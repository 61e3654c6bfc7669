"""The gradient paths through the unrolled network, from the error of a step to its causes.

    temporal   from the membrane of step t to the membrane of step t − 1, through the leak and the reset
    delayed    from the current of step t to the spikes that it came from, through a synapse with a delay
        exact    to the spike of step t − d
        cut      to the spike of step t where d = 0, to none otherwise
        stale    to the spike of step t for any delay: its own slope stands for the slope of step t − d

Weights and delays get their exact gradient from the error of a step in each case.

Source   SLTT, which has spatial paths alone: Meng, Xiao, Yan, Wang, Lin, Luo 2023 (ICCV), arXiv 2302.14311
"""

from dataclasses import dataclass

DELAYED = ("exact", "cut", "stale")


@dataclass(frozen=True)
class GradientPaths:
    """A choice of gradient paths; by default all of them.

    Raises:
        ValueError: If `delayed` is unknown.
    """

    temporal: bool = True
    """Whether errors pass through the membrane from step to step."""
    delayed: str = "exact"
    """Path through a delay: "exact", "cut" or "stale"."""

    def __post_init__(self) -> None:
        if self.delayed not in DELAYED:
            raise ValueError(f"GradientPaths: delayed must be one of {', '.join(DELAYED)}, not {self.delayed!r}")


ALL_PATHS = GradientPaths()
SPATIAL = GradientPaths(temporal=False)
"""No path through the membrane, all paths through delays."""
