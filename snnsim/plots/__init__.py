"""Figures of the activity and the parameters of a network: functions of arrays, without global side effects."""

from snnsim.plots.animation import animate
from snnsim.plots.arrivals import Arrivals
from snnsim.plots.delay_histograms import LayerDelays, delays
from snnsim.plots.learning_curves import curves
from snnsim.plots.pareto_front import ParetoPoints, pareto
from snnsim.plots.rasters import Readout, raster
from snnsim.plots.style import save

__all__ = [
    "Arrivals",
    "LayerDelays",
    "ParetoPoints",
    "Readout",
    "animate",
    "curves",
    "delays",
    "pareto",
    "raster",
    "save",
]
