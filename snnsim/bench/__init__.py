"""Time and peak memory of a training step, in snnsim and in the same network of other libraries (baselines)."""
