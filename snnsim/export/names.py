"""Names of populations as they can stand in paths and tables that are separated by spaces."""

import re

from snnsim.program import INPUT, Program


def plain_names(program: Program) -> dict[str, str]:
    """Return a name of letters, digits and _ alone for each population and the input, no two of them the same."""
    found = {INPUT: INPUT}
    for part in program.populations:
        name = wanted = re.sub(r"\W", "_", part.name)
        number = 1
        while name in found.values():
            number += 1
            name = f"{wanted}_{number}"
        found[part.name] = name
    return found
