"""The table of targets: every target has the same shape, and the command line and the pages name all of them."""

import importlib
import re
from pathlib import Path

import pytest

from snnsim import cli, export
from snnsim.program import MODELS
from snnsim.quantization import Scheme, quantize
from snnsim.verification import BACKENDS, backends_of, networks

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.name for path in (ROOT / "snnsim/export").iterdir() if (path / "__init__.py").is_file())
PAGE = (ROOT / "docs/targets/README.md").read_text(encoding="utf-8")
"""The page with the table of targets."""


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_writes_reads_and_has_rules(name):
    package = importlib.import_module(f"snnsim.export.{name}")
    for module in ("write", "read", "rules"):
        importlib.import_module(f"snnsim.export.{name}.{module}")
    functions = package.__all__
    for verb in ("write", "read", "check"):
        assert any(function.startswith(verb) for function in functions), verb


SECOND = [name for name, model in MODELS.items() if model.second]
TAKEN = {
    "npz": SECOND, "hdf5": SECOND, "c": SECOND, "nir": ["cuba_lif_hard"], "sonata": ["cuba_lif_hard"],
    "loihi1": ["cuba_lif_hard"], "loihi2": ["cuba_lif_hard"], "spinnaker": [], "xylo": [],
}  # fmt: skip
"""Models with a second state variable that each target has."""


@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("model", SECOND)
@pytest.mark.parametrize("name", export.TARGETS)
def test_a_target_takes_a_model_or_refuses_it_by_name(name, model, integers):
    program = networks.adaptive(model)
    program = quantize(program, Scheme(weights="int8")) if integers else program
    refusals = [
        violation
        for violation in export.TARGETS[name].check(program)
        if violation.rule in ("reset", "one_step_currents")
    ]
    assert {violation.location for violation in refusals} == (
        set() if model in TAKEN[name] else {"population 'first'", "population 'second'"}
    )
    assert all(model in violation.problem or "exponential" in violation.problem for violation in refusals)


@pytest.mark.parametrize("name", export.TARGETS)
def test_a_target_is_on_the_page_and_can_be_read(name):
    target = export.TARGETS[name]
    assert f"`{name}`" in PAGE
    assert target.read is not None
    assert set(target.read_options) <= {"dt", "reset", "synapse"}
    # a file is recognized by its suffix, or a folder by its contents
    assert target.suffix or target.claims is not export.Target.claims
    folder = target.write.__module__.split(".")[2]
    assert folder in FOLDERS


def test_the_command_line_names_every_target():
    text = re.search(
        r"docs?umentation has a page for each: (.*?)\.", Path(cli.__file__).with_name("exports.py").read_text()
    )
    assert set(text[1].split(", ")) == set(export.TARGETS)


def test_every_backend_runs_a_target_of_the_page():
    page = (ROOT / "docs/targets/verify.md").read_text(encoding="utf-8")
    for name, backend in BACKENDS.items():
        assert name in backends_of(backend.target)
        assert f"`{name}`" in page


def test_old_names_of_the_table_and_of_violations_warn():
    with pytest.warns(DeprecationWarning, match=r"targets\.named is now"):
        assert export.targets.named("npz") is export.TARGETS["npz"]
    violation = export.checks.Violation("rule", "edge", "problem", "remedy")
    with pytest.warns(DeprecationWarning, match=r"Violation\.where is now location"):
        assert violation.where == "edge"
    with pytest.warns(DeprecationWarning, match=r"Violation\.found is now problem"):
        assert violation.found == "problem"
