"""Large networks of neurons with exponential synapses: connections, and the loop over steps."""
