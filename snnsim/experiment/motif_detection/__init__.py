"""Detection of spiking motifs with their exact times, by known kernels over delays and by learned ones."""

from snnsim.experiment.motif_detection.running import reproduce
from snnsim.experiment.motif_detection.settings import BUDGETS, Budget

__all__ = ["BUDGETS", "Budget", "reproduce"]
