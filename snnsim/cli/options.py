"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

# what is not given on the command line stays as the preset or the config file has it
_FROM_CONFIG = "(default: as configured)"
Number = Annotated[int | None, arg(metavar="N", help_behavior_hint=_FROM_CONFIG)]
Rate = Annotated[float | None, arg(metavar="RATE", help_behavior_hint=_FROM_CONFIG)]
Folder = Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")]
Output = Annotated[Path | None, arg(aliases=("-o",), metavar="FILE", help_behavior_hint="")]
DataPath = Annotated[str | None, arg(metavar="FOLDER", help_behavior_hint="(default: ./datasets or the cache)")]
RunFolder = Annotated[Positional[Path], arg(metavar="RUN")]
Device = Annotated[str, arg(metavar="auto|cpu|cuda|cuda:N")]
SetValues = Annotated[UseAppendAction[tuple[str, ...]], arg(name="set", metavar="SECTION.KEY=VALUE")]
