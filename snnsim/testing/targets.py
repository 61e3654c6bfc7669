"""The properties of targets: files that are read back number for number, rules with remedies, and options by name."""

from pathlib import Path

import numpy as np

from snnsim.export import targets
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.quantization import Scheme
from snnsim.quantization.quantize import quantize


def example_program() -> Program:
    """Return a small Program of a chain with delays, without a bias and with a hard reset, which most targets take."""
    rng = np.random.default_rng(0)
    sizes = {INPUT: 6, "hidden": 5, "out": 3}
    edges = []
    for source, target in ((INPUT, "hidden"), ("hidden", "out")):
        pre, post = (index.reshape(-1) for index in np.indices((sizes[source], sizes[target])))
        row = pre, post, rng.integers(1, 6, len(pre)), rng.integers(1, 9, len(pre)) / 8
        edges.append(Edge.of(source, target, row, sources=sizes[source]))
    populations = (
        Population.of("hidden", 5, decay=0.5, threshold=1.0),
        Population.of("out", 3, decay=0.75, model="readout"),
    )
    return Program(
        channels=6, populations=populations, edges=tuple(edges), time_step_ms=1.0, readout="out",
        decision="max_membrane", classes=("a", "b", "c"), extra_steps=2,
    )  # fmt: skip


def check_target(name: str, folder: Path, *, program: Program | None = None) -> None:
    """Check a target with a Program in floats and in integers, of which it must take one at least.

    Args:
        name: Name of the target.
        folder: An empty folder for files.
        program: The Program in floats; None for `example_program`.

    Raises:
        AssertionError: If a property does not hold.
    """
    target = targets.get_target(name)
    assert target.title, f"{name}: a target has a line about it for people"
    assert target.suffix.startswith(".") or target.suffix == "", f"{name}: a suffix begins with a period"
    source = example_program() if program is None else program
    accepted = 0
    for number, each in enumerate((source, quantize(source, Scheme(weights="int8")))):
        repaired, _ = targets.fixed(each, name)
        violations = list(target.check(repaired))
        for violation in violations:
            assert violation.rule, f"{name}: a violation has the name of its rule"
            assert violation.problem, f"{name}: a violation says what the problem is"
        if not violations:
            accepted += 1
            _check_file(name, repaired, Path(folder) / f"program{number}{target.suffix}")
    assert accepted, f"{name}: none of the Programs keeps the rules, not even after repairs"


def _check_file(name: str, program: Program, path: Path) -> None:
    target = targets.get_target(name)
    targets.write(program, name, path)
    assert path.exists(), f"{name}: write makes the file {path.name}"
    assert targets.target_of(path) == name, f"{name}: files are recognized by the suffix, or a folder by `claims`"
    other = path.with_name(f"other-{path.name}")
    targets.write(program, name, other)
    if path.is_file():
        assert path.read_bytes() == other.read_bytes(), f"{name}: the same Program is the same file"
    try:
        targets.write(program, name, path, unknown_option=1)
    except ValueError:
        pass
    else:
        raise AssertionError(f"{name}: an unknown option is refused")
    if target.read is not None:
        copied = targets.read(name, path)
        for (label, mine), (_, theirs) in zip(program.arrays(), copied.arrays(), strict=True):
            np.testing.assert_array_equal(mine, theirs, err_msg=f"{name}: {label} is read back number for number")
