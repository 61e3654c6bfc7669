"""What is printed holds names from files of others: signs that a terminal obeys are shown instead."""

import unicodedata
from typing import Any, TextIO

_LEFT = "\n\t"
_DIRECTIONS = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Signs that turn the order of the letters behind them."""


def plain(text: str) -> str:
    """Return a text with control signs, and what a terminal cannot show, in the way Python writes them."""
    return "".join(_shown(sign) for sign in text)


def _shown(sign: str) -> str:
    obeyed = unicodedata.category(sign) in ("Cc", "Cs") and sign not in _LEFT
    return repr(sign)[1:-1] if obeyed or sign in _DIRECTIONS else sign


class Plain:
    """A stream of text in which control signs are shown; everything else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        self._stream.write(text if text.isprintable() else plain(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        # until the stream is there, nothing else is: a process that is being copied asks
        if name == "_stream":
            raise AttributeError(name)
        return getattr(self._stream, name)
