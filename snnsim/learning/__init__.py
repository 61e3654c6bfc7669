"""How a network learns: what is decided from its output, how gradients are made, how widths are annealed."""
