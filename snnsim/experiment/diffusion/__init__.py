"""Spiking diffusion on pictures: training, drawing, measures, and the comparison of its variants."""

from snnsim.experiment.diffusion.comparison import BUDGETS, reproduce
from snnsim.experiment.diffusion.drawing import Files, sample
from snnsim.experiment.diffusion.evaluation import evaluate
from snnsim.experiment.diffusion.sampling import Sampler
from snnsim.experiment.diffusion.settings import Settings, is_of_diffusion
from snnsim.experiment.diffusion.training import train

__all__ = ["BUDGETS", "Files", "Sampler", "Settings", "evaluate", "is_of_diffusion", "reproduce", "sample", "train"]
