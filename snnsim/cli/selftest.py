"""The command `selftest`, which checks an installation."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from snnsim.cli.options import Output
from snnsim.cli.printing import json_text

if TYPE_CHECKING:
    from snnsim.selftest import Outcome


@dataclass(frozen=True)
class Selftest:
    """Check this installation: about a minute, more where kernels are compiled for the first time.

    Compiled kernels are compared with the loops that define them, a network with its program, both engines, pieces of streams and threads with one run, files of all targets with what was written, the C runtime with the simulator, and a run that was resumed with one that was not. Nothing is downloaded, and nothing of yours is read or written. The exit status is 1 if a check fails.

    - snnsim selftest
    - snnsim selftest targets "C runtime" -- two of the checks
    - snnsim selftest --json > report.json -- what to attach to a report of a problem; it names no user, folder or machine
    """

    checks: Annotated[Positional[tuple[str, ...]], arg(metavar="CHECK ...", help_behavior_hint="(default: all)")] = ()
    """Names of checks, as a report has them."""
    output: Output = None
    """File for the JSON object."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Check."""
        from snnsim import selftest
        from snnsim.files import written_whole

        report = selftest.run(self.checks, say=None if self.json else _show)
        text = json_text(report.facts(), indent=1)
        if self.output is not None:
            with written_whole(self.output) as partial:
                partial.write_text(text + "\n", encoding="utf-8")
        if self.json:
            print(text)
        else:
            packages = report.environment["packages"]
            versions = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
            facts = {name: value for name, value in report.environment.items() if name != "packages"}
            print("\n".join(f"{name}: {value}" for name, value in facts.items()), f"packages: {versions}", sep="\n")
            passed = sum(outcome.passed for outcome in report.outcomes)
            advice = "" if report.passed else "; report these lines, with `snnsim selftest --json`"
            print(f"{passed} of {len(report.outcomes)} checks passed{advice}")
        if not report.passed:
            sys.exit(1)


def _show(outcome: "Outcome") -> None:
    print(
        f"{'ok    ' if outcome.passed else 'FAILED'} {outcome.name}: {outcome.text} ({outcome.seconds:.1f} s)",
        flush=True,
    )
