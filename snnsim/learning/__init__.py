"""Learning: rules, losses, decisions, schedules of window widths, quantization-aware training and plasticity."""
