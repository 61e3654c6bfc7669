"""What a training step costs here, in snnsim and in neighbors' parts: their networks, time in turns, peak memory."""
