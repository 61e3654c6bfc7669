"""The cortical microcircuit: rates, irregularity and synchrony of its populations, beside NEST."""
