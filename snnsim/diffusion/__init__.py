"""Spiking diffusion: the process of noise, its samplers, and a U-Net of spiking neurons that predicts the noise."""

from snnsim.diffusion.activations import converted, guide
from snnsim.diffusion.process import SAMPLERS, Diffusion, samples
from snnsim.diffusion.unet import Options, SpikingUNet, step_scales

__all__ = ["SAMPLERS", "Diffusion", "Options", "SpikingUNet", "converted", "guide", "samples", "step_scales"]
