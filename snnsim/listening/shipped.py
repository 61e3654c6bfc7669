"""The model of the package: spoken digits in integers, with the card that says where it comes from.

models/digits-int8.snn   the Program, models/digits-int8.md its card
"""

from pathlib import Path

from snnsim.program import Program

SHIPPED = "digits-int8"
"""Name of the model that comes with the package."""
FOLDER = Path(__file__).parent / "models"


def load(model: str | Path = SHIPPED) -> Program:
    """Return the Program of the package, or that of a file.

    Args:
        model: SHIPPED, or the path of a Program.
    """
    path = Path(model)
    return Program.load(FOLDER / f"{SHIPPED}.snn" if str(model) == SHIPPED and not path.exists() else path)
