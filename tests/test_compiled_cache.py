import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import snnsim
from snnsim import compiled_cache

PACKAGE = Path(snnsim.__file__).parent
SHOW = """
import os, pathlib
from snnsim.kernels.common import portable_math
print(os.environ.get("NUMBA_CACHE_DIR"), portable_math.ln(1.0))
"""


def test_every_folder_with_compiled_functions_is_listed():
    folders = {
        path.parent.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "cache=True" in path.read_text(encoding="utf-8")
    }
    assert folders == set(compiled_cache.FOLDERS)


@pytest.fixture
def writable(monkeypatch, tmp_path):
    """Return a list that names which folders can be written, by parts of their paths; none at first."""
    parts: list[str] = []
    real = compiled_cache.can_write

    def can_write(folder):
        return any(part in str(folder) for part in parts) and real(folder)

    monkeypatch.setattr(compiled_cache, "can_write", can_write)
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "ours"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    # one that is put back, whatever the test does to it
    monkeypatch.setenv(compiled_cache.VARIABLE, "")
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    return parts


@pytest.mark.parametrize("part", ["__pycache__", "home"])
def test_a_writable_folder_of_numba_is_used(writable, part):
    writable.append(part)
    compiled_cache.choose()
    assert os.environ[compiled_cache.VARIABLE] == ""


def test_a_folder_that_the_user_has_chosen_is_kept(writable, monkeypatch, tmp_path):
    writable.append("mine")
    monkeypatch.setenv(compiled_cache.VARIABLE, str(tmp_path / "mine"))
    compiled_cache.choose()
    assert os.environ[compiled_cache.VARIABLE] == str(tmp_path / "mine")


def test_the_cache_of_snnsim_is_next_also_after_the_import_of_numba(writable, tmp_path):
    import numba

    writable.extend(["ours", "snnsim-numba-"])
    compiled_cache.choose()
    assert os.environ[compiled_cache.VARIABLE] == numba.config.CACHE_DIR == str(tmp_path / "ours" / "numba")


def test_a_private_temporary_folder_is_last(writable, tmp_path):
    writable.append("snnsim-numba-")
    compiled_cache.choose()
    chosen = Path(os.environ[compiled_cache.VARIABLE])
    assert chosen.parent == tmp_path
    assert chosen.stat().st_mode & 0o077 == 0 or os.name == "nt"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users to tell apart")
def test_a_temporary_folder_of_others_is_not_used(writable, tmp_path, monkeypatch):
    monkeypatch.setattr("numba.core.dispatcher.Dispatcher.enable_caching", None)
    writable.append("snnsim-numba-")
    (tmp_path / f"snnsim-numba-{os.getuid()}").mkdir()
    (tmp_path / f"snnsim-numba-{os.getuid()}").chmod(0o777)
    with pytest.warns(UserWarning, match="set NUMBA_CACHE_DIR to a folder that can be written"):
        compiled_cache.choose()
    assert os.environ[compiled_cache.VARIABLE] == ""


def _read_only(folder: Path) -> list[str]:
    """Make a folder read-only, and return what a command needs in front of it for that to hold."""
    for path in [folder, *(each for each in folder.rglob("*") if each.is_dir())]:
        path.chmod(0o555)
    if os.getuid() != 0:
        return []
    # root can write everywhere but on a read-only mount
    mounts = f"mount --bind '{folder}' '{folder}' && mount -o remount,ro,bind '{folder}'"
    words = ["unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("read-only mounts are not permitted")
    return words


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders are not made read-only like this")
def test_a_read_only_installation_of_another_user_works(tmp_path):
    copy = shutil.copytree(PACKAGE, tmp_path / "site" / "snnsim", ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | {
        "HOME": "/proc/nothere",
        "XDG_CACHE_HOME": "/proc/nothere",
        "PYTHONPATH": str(copy.parent),
        "SNNSIM_CACHE": str(tmp_path / "ours"),
    }
    environment.pop(compiled_cache.VARIABLE, None)
    words = [*_read_only(copy), sys.executable, "-c", SHOW]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    finally:
        for path in [copy, *(each for each in copy.rglob("*") if each.is_dir())]:
            path.chmod(0o755)
    assert done.stdout.split() == [str(tmp_path / "ours" / "numba"), "0.0"], done.stderr
    assert list((tmp_path / "ours" / "numba").rglob("*.nbi"))
