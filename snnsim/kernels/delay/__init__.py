"""Currents of delayed connections and their gradients: the plain form beside the fast ones."""
