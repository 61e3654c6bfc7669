"""Currents of connections that lead back to the neurons that send the spikes, step by step."""
