"""Printing of names from untrusted files and of JSON.

Control characters are escaped, so that no terminal obeys them. JSON has no NaN and no infinity.
"""

import json
import math
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

SIGPIPE_STATUS = 141
"""The exit status of a command whose output is a closed pipe: that of a process ended by SIGPIPE in a shell."""

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


def json_text(content: object, *, indent: int | None = None) -> str:
    """Return JSON in which NaN and infinity are null, such as the accuracy of recordings without labels.

    Args:
        content: Dictionaries, lists, numbers and texts.
        indent: Spaces of a level; None writes one line.
    """
    return json.dumps(_finite(content), indent=indent, allow_nan=False)


def _finite(content: object) -> object:
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


class Plain:
    """A stream of text that escapes control characters; all other attributes are those of the stream.

    When the stream is a pipe whose reader has exited, such as `head`, writing exits with SIGPIPE_STATUS.

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
        with _exit_without_reader():
            self._stream.write(text if text.isprintable() else plain(text))
        return len(text)

    def flush(self) -> None:
        """Write what the stream has in its buffer."""
        with _exit_without_reader():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        # a copy has no stream yet while copy and pickle ask for its attributes
        if name == "_stream":
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextmanager
def _exit_without_reader() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        sys.exit(SIGPIPE_STATUS)
