"""Running all checks, and what a report of a problem needs: versions, processor, threads, compilers, results."""

import os
import platform
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numba
import torch

import snnsim
from snnsim.selftest import kernel_checks, program_checks, target_checks, training_checks
from snnsim.training.run_folder import processor, version

Check = Callable[[Path], str]
"""Returns what was compared, or raises an AssertionError that says what differs."""
CHECKS: Mapping[str, Check] = {
    "delays": kernel_checks.delays,
    "neurons": kernel_checks.neurons,
    "gradients": kernel_checks.gradients,
    "engines": program_checks.engines,
    "networks": program_checks.networks,
    "streams and threads": program_checks.streams_and_threads,
    "targets": target_checks.files,
    "C runtime": target_checks.c_runtime,
    "training": training_checks.resumed,
}
"""The checks by name, in the order of the report."""
PACKAGES = ("torch", "numpy", "numba", "llvmlite", "scipy", "h5py", "snntorch", "triton")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a check."""

    name: str
    passed: bool
    text: str
    """What was compared, or the error."""
    seconds: float


@dataclass(frozen=True)
class SelfTestReport:
    """The outcome of all checks, and the machine that they ran on."""

    environment: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return all(outcome.passed for outcome in self.outcomes)

    def facts(self) -> dict[str, Any]:
        """Return the report in the types of JSON."""
        return {
            "passed": self.passed,
            "environment": dict(self.environment),
            "checks": [asdict(outcome) for outcome in self.outcomes],
        }


def run(names: Collection[str] = (), *, say: Callable[[Outcome], object] | None = None) -> SelfTestReport:
    """Return the report of checks, which write to a temporary folder alone.

    Args:
        names: Names of CHECKS; all of them if empty.
        say: Function that gets the outcome of each check when it is known.

    Raises:
        ValueError: A name is unknown.
    """
    unknown = sorted(set(names) - set(CHECKS))
    if unknown:
        raise ValueError(f"selftest has no check {unknown[0]!r}; the checks are {', '.join(map(repr, CHECKS))}")
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="snnsim-selftest-") as folder:
        for name in (name for name in CHECKS if not names or name in names):
            scratch = Path(folder) / name.replace(" ", "-")
            scratch.mkdir()
            outcome = _outcome(name, CHECKS[name], scratch)
            outcomes.append(outcome)
            if say is not None:
                say(outcome)
    return SelfTestReport(environment(), tuple(outcomes))


def _outcome(name: str, check: Check, folder: Path) -> Outcome:
    began = time.monotonic()
    try:
        text, passed = check(folder), True
    except Exception as error:  # noqa: BLE001 (a library that is broken may raise anything, and is what we look for)
        last = traceback.extract_tb(error.__traceback__)[-1]
        first_line = (str(error).strip() or "no message").splitlines()[0]
        text, passed = f"{type(error).__name__}: {first_line} ({Path(last.filename).name}:{last.lineno})", False
    return Outcome(name, passed, text, round(time.monotonic() - began, 2))


def environment() -> dict[str, Any]:
    """Return versions, processor, threads and compilers, without names of users, folders and machines."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    return {
        "snnsim": snnsim.__version__,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads of torch": torch.get_num_threads(),
        "threads of numba": numba.config.NUMBA_NUM_THREADS,  # type: ignore[attr-defined]
        "C compiler": None if compiler is None else Path(compiler).name,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "SNNSIM_KERNELS": os.environ.get("SNNSIM_KERNELS", "fast"),
    }
