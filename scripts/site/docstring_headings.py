"""The headings of module docstrings (Shapes, Units, Names, Source, Differs) as a list of definitions on the site.

In the source a heading is a word at the start of a line with its text beside it, in one column:

    Shapes   s (time, batch, neuron)
             v (batch, neuron)
"""

import re
from typing import Any

import griffe

HEADING = re.compile(r"^([A-Z][a-z]+) {2,}(\S.*)$")


class Headings(griffe.Extension):
    """Rewrites the docstrings of modules before they are shown."""

    def on_module(self, *, mod: griffe.Module, **_: Any) -> None:
        """Rewrite the docstring of a module.

        Args:
            mod: Module that griffe has read. A module without a docstring stays as it is.
            **_: Further arguments of griffe's hook, not used.
        """
        if mod.docstring is not None:
            mod.docstring.value = as_definitions(mod.docstring.value)


def as_definitions(text: str) -> str:
    """Return a docstring whose headings are written as Markdown's lists of definitions.

    Args:
        text: Docstring of a module.
    """
    shown: list[str] = []
    column = 0
    for line in text.splitlines():
        heading = HEADING.match(line)
        if heading:
            column = heading.start(2)
            shown += ["", heading[1], f":   {heading[2]}"]
        elif column and line.startswith(" " * column):
            shown.append(f"    {line.strip()}")
        else:
            column = 0
            shown.append(line)
    return "\n".join(shown)
