"""Figures of the activity and the parameters of a network: functions of arrays, without global side effects."""

from snnsim.plots.animation import animate
from snnsim.plots.arrivals import Arrivals
from snnsim.plots.delay_histograms import LayerDelays, delays
from snnsim.plots.detection import Curve, Panel, panels
from snnsim.plots.flow import flow
from snnsim.plots.kernels import animate_kernels, kernels
from snnsim.plots.learning_curves import curves
from snnsim.plots.pareto_front import ParetoPoints, pareto
from snnsim.plots.predictions import Confusion, Scatter, predictions
from snnsim.plots.rasters import Readout, raster
from snnsim.plots.readout_panels import Numbers, StepLabels
from snnsim.plots.style import save

__all__ = [
    "Arrivals",
    "Confusion",
    "Curve",
    "LayerDelays",
    "Numbers",
    "Panel",
    "ParetoPoints",
    "Readout",
    "Scatter",
    "StepLabels",
    "animate",
    "animate_kernels",
    "curves",
    "delays",
    "flow",
    "kernels",
    "panels",
    "pareto",
    "predictions",
    "raster",
    "save",
]
