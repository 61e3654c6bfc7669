"""Assignments to keys of a config, as on a command line."""

import tomllib

from snnsim import schema
from snnsim.config import changes, renamed_keys
from snnsim.config.run import Config
from snnsim.validation import shown


def parse_assignment(text: str) -> tuple[str, object]:
    """Return name and value of an assignment to a key of the config.

    The value is read as TOML, or as a text where it is no TOML. For a key of type text, the value is that text unless
    it stands in quotation marks. The text "none" is None where the key takes None.

    Args:
        text: The assignment, "section.key=value".

    Raises:
        ValueError: If there is no name or no equals sign, or the key is unknown.
    """
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not equals or not name:
        raise ValueError(f"--set takes section.key=value, not {shown(text)}")
    kind = changes.declared(Config, renamed_keys.today(name))
    if schema.takes_none(kind) and value.lower() == "none":
        return name, None
    if schema.is_text(kind) and not value.startswith(("'", '"')):
        return name, value
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return name, value
