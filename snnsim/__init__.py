"""snnsim: spiking networks with learnable synaptic delays."""

__version__ = "0.1.0"
