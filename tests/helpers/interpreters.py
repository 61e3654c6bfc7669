"""The interpreter in which a backend is installed: this one, or the one that $SNNSIM_BACKENDS names."""

import functools
import os
import subprocess
import sys

import pytest


def python_with(*modules, install):
    """Return an interpreter that has all modules; skip the test, and say what to install, where there is none.

    Args:
        *modules: Names of the modules.
        install: Arguments of `pip install` that install them.
    """
    chosen = os.environ.get("SNNSIM_BACKENDS", sys.executable)
    missing = [module for module in modules if not has(chosen, module)]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed; pip install {install}")
    return chosen


@functools.cache
def has(python, module):
    """Return whether an interpreter finds a module.

    Args:
        python: Path of the interpreter.
        module: Name of the module.
    """
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0
