"""The training loop and what it writes: batches in; parameters, checkpoints and metrics out."""
