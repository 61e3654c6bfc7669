"""Reading of TOML files from others, within bounds of their size."""

import tomllib
from pathlib import Path

MOST_BYTES = 2**20
"""Bytes of the longest config file."""
MOST_DOTS = 500
"""Dots of the longest dotted key, as a line may have them."""


def text_of(path: Path) -> str:
    """Return the text of a config file.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If the file cannot be read.
        ValueError: If the file is too large, or not in UTF-8.
    """
    if not path.is_file():
        no_file = f"{path} is no file; a config is a TOML file"
        raise FileNotFoundError(no_file if path.exists() else f"there is no config file {path}")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path}: a config must have at most {MOST_BYTES:,} bytes, and this file has more")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: a config must be text in UTF-8; byte {error.start:,} is not") from error


def table(text: str, source: str) -> dict[str, object]:
    """Return the values of a TOML text.

    Args:
        text: The text.
        source: Name of its file, for messages.

    Raises:
        ValueError: If the text is too long, is nested too deeply, or is no TOML.
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"{source}: a config must have at most {MOST_BYTES:,} characters, not {len(text):,}")
    # the memory of the parser grows with the square of the number of names in a dotted key
    if any(line.count(".") > MOST_DOTS for line in text.split("\n")):
        raise ValueError(f"{source}: a line of a config must have at most {MOST_DOTS:,} dots, and one has more")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(f"{source}: not a TOML file that can be read: it is nested too deeply") from error
    except ValueError as error:
        # not only TOMLDecodeError: an integer of thousands of digits is a plain ValueError
        raise ValueError(f"{source}: not a TOML file: {error}") from error
