"""The commands: each parses its options, calls one function and prints the result.

A command imports its function when it is called, because torch takes seconds to import and help needs no torch.
"""

import os
import sys
from contextlib import redirect_stdout
from io import TextIOWrapper
from typing import Annotated, TextIO, cast

import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, subcommand

import snnsim
from snnsim.cli import options
from snnsim.cli.bench import Bench
from snnsim.cli.converting import Convert
from snnsim.cli.data import DataCommand
from snnsim.cli.detection import Detect
from snnsim.cli.diffusion import Sample
from snnsim.cli.exports import Export, Import, Verify
from snnsim.cli.listening import Listen
from snnsim.cli.neurobench import NeuroBench
from snnsim.cli.printing import SIGPIPE_STATUS, Plain, plain
from snnsim.cli.programs import Freeze, Info, Simulate
from snnsim.cli.report import Report
from snnsim.cli.reproduce import Reproduce
from snnsim.cli.runs import Evaluate, Plot, Train
from snnsim.cli.selftest import Selftest
from snnsim.cli.shrinking import Prune, Quantize
from snnsim.cli.sweeps import Sweep
from snnsim.training.signals import Request, Stopped, noted

Command = (
    Annotated[Train, subcommand("train")]
    | Annotated[Evaluate, subcommand("evaluate")]
    | Annotated[Plot, subcommand("plot")]
    | Annotated[Sample, subcommand("sample")]
    | Annotated[Bench, subcommand("bench")]
    | Annotated[Convert, subcommand("convert")]
    | Annotated[Freeze, subcommand("freeze")]
    | Annotated[Info, subcommand("info")]
    | Annotated[Simulate, subcommand("simulate")]
    | Annotated[Quantize, subcommand("quantize")]
    | Annotated[Prune, subcommand("prune")]
    | Annotated[Export, subcommand("export")]
    | Annotated[Import, subcommand("import")]
    | Annotated[Verify, subcommand("verify")]
    | Annotated[Listen, subcommand("listen")]
    | Annotated[Report, subcommand("report")]
    | Annotated[Sweep, subcommand("sweep")]
    | Annotated[Reproduce, subcommand("reproduce")]
    | Annotated[Detect, subcommand("detect")]
    | Annotated[DataCommand, subcommand("data")]
    | Annotated[Selftest, subcommand("selftest")]
    | Annotated[NeuroBench, subcommand("bench-neurobench")]
)

DESCRIPTION = """Train spiking networks with learnable delays, simulate them, and export them to chips and simulators.

`snnsim --version` prints the version."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command, as `snnsim` does in a shell.

    Args:
        arguments: The words of the command line behind `snnsim`; None takes those of the process.
    """
    try:
        try:
            _main(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # what is left in the buffer goes nowhere; without this, Python prints an error when it exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(SIGPIPE_STATUS)


def _main(arguments: list[str] | None) -> None:
    """Parse the words of a command line and run the command."""
    _print_in_any_encoding()
    entered = sys.argv[1:] if arguments is None else arguments
    if entered == ["--version"]:
        print(f"snnsim {snnsim.__version__}")
        return
    words = options.renamed(options.at_home(_rewritten(entered)))
    command = tyro.cli(
        Command,
        prog="snnsim",
        description=DESCRIPTION,
        args=words,
        config=(OmitArgPrefixes, FlagCreatePairsOff),
    )
    with noted() as interrupt, redirect_stdout(cast("TextIO", Plain(sys.stdout))):
        _run(command, interrupt)


def _run(command: Command, interrupt: Request) -> None:
    """Run a command.

    An error is one line on stderr and exit status 2; a stop by Ctrl-C is status 130. With SNNSIM_TRACEBACK, errors are
    raised.

    Raises:
        ValueError: If an option or a file is wrong.
        OSError: If a file cannot be read or written.
        ImportError: If a package is missing.
        RuntimeError: If torch or another library fails.
        MemoryError: If the memory does not suffice.
    """
    try:
        options.check(command)
        command()
    except Stopped as stop:
        print(f"snnsim: {plain(str(stop))}; {stop.advice}", file=sys.stderr)
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError, ImportError, RuntimeError, MemoryError) as error:
        if os.environ.get("SNNSIM_TRACEBACK"):
            raise
        if interrupt.received:
            # a library that Ctrl-C interrupts may raise any error, such as a RecursionError
            sys.exit(130)
        print(f"snnsim: {plain(str(error)) or 'there is not enough memory'}", file=sys.stderr)
        sys.exit(2)
    except Exception:
        if interrupt.received and not os.environ.get("SNNSIM_TRACEBACK"):
            sys.exit(130)
        raise


def _print_in_any_encoding() -> None:
    """Print characters that the encoding of the output lacks as ?, in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _rewritten(arguments: list[str]) -> list[str]:
    """Return the words of a command line as the parser takes them."""
    return _resume_alone(_joined(arguments))


def _joined(arguments: list[str]) -> list[str]:
    """Return the words of a command line in which `bench neurobench` is one word."""
    if arguments[:2] == ["bench", "neurobench"]:
        return ["bench-neurobench", *arguments[2:]]
    return list(arguments)


def _resume_alone(arguments: list[str]) -> list[str]:
    """Return the words of a command line with the value "auto" for a `--resume` without a value.

    In `train --resume RUN` the run is the target, too, and so it is in `train --resume=RUN`.
    """
    words = list(arguments)
    if words[:1] == ["train"] and len(words) > 1 and words[1].startswith("--resume="):
        run = words[1].removeprefix("--resume=")
        if run not in ("", "auto") and all(word.startswith("-") for word in words[2:3]):
            words.insert(1, run)
    if words[:2] == ["train", "--resume"] and len(words) > 2 and not words[2].startswith("-"):
        words[1:3] = [words[2], f"--resume={words[2]}"]
    for index, word in enumerate(words):
        alone = index + 1 == len(words) or words[index + 1].startswith("-")
        if word == "--resume" and alone:
            words[index] = "--resume=auto"
    return words
