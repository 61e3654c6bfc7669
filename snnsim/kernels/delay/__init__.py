"""Currents of delayed connections and their gradients."""
