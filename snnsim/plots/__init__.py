"""Figures of what a network did and learned: functions of arrays that change nothing global."""

from snnsim.plots.animation import animate
from snnsim.plots.arrivals import Arrivals
from snnsim.plots.delay_histograms import LayerDelays, delays
from snnsim.plots.learning_curves import curves
from snnsim.plots.rasters import Readout, raster
from snnsim.plots.style import save

__all__ = ["Arrivals", "LayerDelays", "Readout", "animate", "curves", "delays", "raster", "save"]
