"""A training of diffusion that takes seconds."""

import json

from snnsim.cli import main

SMALL = {"width": 4, "multipliers": [1, 2], "valid": 1650, "epochs": 2, "batch_size": 49, "steps": 2}
WORDS = [f"--set={name}={json.dumps(value)}" for name, value in SMALL.items()]


def trained(folder):
    """Return the folder of a new training by the command line, whose last epoch learns the step scales."""
    main(["train", "diffusion", "--output-dir", str(folder), "--set", "scaled_epochs=1", *WORDS])
    return folder
