"""The chaotic series of NeuroBench: spiking delay networks that predict ten Lyapunov times, for 14 settings of τ."""

from snnsim.bench.chaotic.running import reproduce
from snnsim.bench.chaotic.settings import Budget

__all__ = ["Budget", "reproduce"]
