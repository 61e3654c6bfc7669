"""Fast forms of what neurons and synapses define, each beside a plain reference."""
