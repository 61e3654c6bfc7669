"""What a training step costs here, in snnsim and in neighbours' parts: their networks, time in turns, peak memory."""
