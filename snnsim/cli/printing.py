"""Printing of names from untrusted files: control characters are escaped, so that no terminal obeys them."""

import unicodedata
from typing import Any, TextIO

_ALLOWED = "\n\t"
_DIRECTIONS = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Characters that reverse the direction of the text after them."""


def plain(text: str) -> str:
    """Return a text in which control characters and lone surrogates are escaped as in Python.

    Args:
        text: A text from an untrusted file, such as a name or an error with a name in it.
    """
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    control = unicodedata.category(character) in ("Cc", "Cs") and character not in _ALLOWED
    return repr(character)[1:-1] if control or character in _DIRECTIONS else character


class Plain:
    """A stream of text that escapes control characters; all other attributes are those of the stream.

    Args:
        stream: The stream that gets the escaped text, such as the standard output.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text with its control characters escaped.

        Args:
            text: The text, which may come from an untrusted file.
        """
        self._stream.write(text if text.isprintable() else plain(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        # a copy has no stream yet while copy and pickle ask for its attributes
        if name == "_stream":
            raise AttributeError(name)
        return getattr(self._stream, name)
