"""The command line, called in the process of the test."""

import json

import pytest

from snnsim import cli


def run(capsys, *words: str) -> str:
    """Return what a command prints.

    Args:
        capsys: pytest's fixture, which captures the output.
        *words: Words of the command line behind `snnsim`.
    """
    cli.main(list(words))
    return capsys.readouterr().out


def fails(capsys, *words: str) -> str:
    """Return the error that a command ends with.

    Args:
        capsys: pytest's fixture, which captures the output.
        *words: Words of the command line behind `snnsim`.
    """
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(words))
    assert stopped.value.code == 2
    return capsys.readouterr().err


def flags(settings) -> list[str]:
    """Return the flags of `train` that set values of a config, by name.

    Args:
        settings: Values of a config by their names, SECTION.KEY.
    """
    return [f"--set={name}={json.dumps(value)}" for name, value in settings.items()]
