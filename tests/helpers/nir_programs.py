"""What NIR can express: the ways to write delays, and Programs without the soft reset."""

from dataclasses import replace

ENCODINGS = ("seq", "fan", "relay")


def hard(program):
    """Return the Program with the reset that NIR has.

    Args:
        program: Program whose LIF neurons may have a soft reset.
    """
    populations = [
        replace(part, model="lif_hard") if part.model == "lif_soft" else part for part in program.populations
    ]
    return replace(program, populations=tuple(populations))
