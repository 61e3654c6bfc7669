"""Scripts of backends, each run in a process that is forked from one which has imported the backend.

Importing Brian2 or torch takes seconds, and a process of its own for each test would import it anew. This file is also
the program of the process that forks: `python forked_backends.py SCRIPT` reads a call from each line of its input, and
writes the answer, both as JSON.
"""

import contextlib
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path

LATE_IMPORTS = {"run_spikingjelly.py": "spikingjelly._ops.lif", "run_pynn-brian2.py": "pyNN.brian2"}
"""A module that takes seconds and that a backend imports only when it runs a network."""


class ForkedBackends:
    """Runs commands `PYTHON SCRIPT ARGUMENTS...`, with one process for each interpreter and script that forks."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, str], subprocess.Popen[str]] = {}

    def run(self, command: list[str], variables: Mapping[str, str], seconds: float) -> tuple[int, str]:
        """Return the exit status and the errors of a command; a signal ends it after some seconds."""
        python, script, *arguments = command
        server = self._servers.get((python, script))
        if server is None:
            words = [python, __file__, script]
            server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._servers[python, script] = server
        environment = {**os.environ, **variables}
        server.stdin.write(json.dumps([arguments, environment, os.getcwd(), int(seconds)]) + "\n")
        server.stdin.flush()
        status, errors = json.loads(server.stdout.readline())
        return status, errors

    def close(self) -> None:
        """End the processes that fork."""
        for server in self._servers.values():
            server.stdin.close()
        for server in self._servers.values():
            server.wait()
            server.stdout.close()


def serve(script: str) -> None:
    """Import the modules of a script, then run it for each line of the input."""
    sys.path[0] = str(Path(script).parent)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # a script that lacks a module says so in each call
    with contextlib.suppress(Exception):
        runpy.run_path(script, run_name="imported")
        importlib.import_module(LATE_IMPORTS.get(Path(script).name, "exchange"))
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as errors:
            child = os.fork()
            if child == 0:
                os.dup2(errors.fileno(), 2)
                os.dup2(2, 1)
                os._exit(_run(script, *json.loads(line)))
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            errors.seek(0)
            answers.write(json.dumps([status, errors.read()]) + "\n")
            answers.flush()


def _run(script: str, arguments: list[str], environment: dict[str, str], folder: str, seconds: int) -> int:
    signal.alarm(seconds)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        return int(end.code or 0)
    except Exception:  # noqa: BLE001  (any error is an answer)
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])
