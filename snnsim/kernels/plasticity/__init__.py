"""Spike-timing-dependent plasticity and the Tempotron."""
