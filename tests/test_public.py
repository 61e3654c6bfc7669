import ast
import subprocess
import sys
from pathlib import Path

import pytest

import snnsim


def test_every_public_name_can_be_imported():
    assert snnsim.__all__
    for name in snnsim.__all__:
        assert getattr(snnsim, name).__name__ == name
        assert getattr(snnsim, name).__doc__


def test_type_checkers_see_the_public_names():
    tree = ast.parse(Path(snnsim.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    modules = {alias.name: node.module for node in imports for alias in node.names if alias.name == alias.asname}
    assert modules == {name: f"snnsim.{module}" for name, module in snnsim._MODULES.items()}


def test_an_unknown_name_is_named():
    with pytest.raises(AttributeError, match="module 'snnsim' has no attribute 'LIFF'"):
        _ = snnsim.LIFF


@pytest.mark.parametrize("name", ["allocator", "data", "export", "kernels", "nn", "simulation"])
def test_submodules_are_reachable_after_import_snnsim(name):
    code = f"import snnsim; print(snnsim.{name}.__name__); assert {name!r} in dir(snnsim)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == f"snnsim.{name}\n"


def test_the_package_is_marked_as_typed():
    assert (Path(snnsim.__file__).parent / "py.typed").is_file()
