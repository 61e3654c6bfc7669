"""The wheel and the source distribution: their contents, and checks of the wheel in a clean environment."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import snnsim

ROOT = Path(__file__).parents[1]
CHECKS = ("networks", "targets", "C runtime")
pytest.importorskip("build")
pytest.importorskip("hatchling")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the files of a build in a copy of the tree, so that no file of the tree can change the result."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {path.suffix: path for path in folder.iterdir()}


def test_a_wheel_has_every_file_of_the_package_and_nothing_else(built):
    names = set(zipfile.ZipFile(built[".whl"]).namelist())
    files = [path.relative_to(ROOT) for path in (ROOT / "snnsim").rglob("*") if path.is_file()]
    caches = [path for path in files if any(part == "__pycache__" or part.startswith(".") for part in path.parts)]
    expected = {path.as_posix() for path in files if path not in caches and path.name != "ruff.toml"}
    assert expected == {name for name in names if name.startswith("snnsim/")}
    assert {"snnsim/py.typed", "snnsim/export/c/runtime/snn.c"} <= names
    others = {name.partition("/")[0] for name in names} - {"snnsim"}
    assert others == {f"snnsim-{snnsim.__version__}.dist-info"}


def test_a_source_distribution_has_tests_and_documentation(built):
    with tarfile.open(built[".gz"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"tests/test_packaging.py", "docs/index.md", "CHANGELOG.md", "LICENSE", "scripts/check"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("runs/", "build/"))]


def test_the_wheel_checks_itself_in_a_clean_environment(built, tmp_path):
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    binaries = folder / ("Scripts" if os.name == "nt" else "bin")
    install = [sys.executable, "-m", "pip", "--python", str(binaries / "python"), "install", "--quiet", "--no-deps"]
    subprocess.run([*install, "--no-index", str(built[".whl"])], check=True)
    # the dependencies are those of this environment, as torch alone would be a download of 200 MB
    purelib = subprocess.run(
        [binaries / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    (Path(purelib) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # the checks that read files of the package, and a network; to compile takes a minute, and is what other tests do
    variables |= {"SNNSIM_CACHE": str(tmp_path / "cache"), "NUMBA_DISABLE_JIT": "1"}
    code = "import snnsim; print(snnsim.__file__)"
    imported = subprocess.run(
        [binaries / "python", "-c", code], env=variables, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert imported.stdout.startswith(purelib)
    done = subprocess.run(
        [binaries / "snnsim", "selftest", *CHECKS, "--json"], env=variables, cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert [(check["name"], check["passed"]) for check in report["checks"]] == [(name, True) for name in CHECKS]
    assert done.returncode == 0
    assert report["environment"]["snnsim"] == snnsim.__version__
