"""Rules of the code that no other tool checks: sizes, names, docstrings, spelling. CONTRIBUTING.md states them.

`python tests/test_architecture.py snnsim/nn` prints every violation below a folder.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for folder in ("snnsim", "scripts", "tests") for path in (ROOT / folder).rglob("*.py"))
MAX_LINES = 300
MAX_FUNCTION_LINES = 40
DOCUMENTED = ("scripts", "snnsim")
"""Folders in which a public function names every argument in its docstring."""

VAGUE = {"about", "again", "anyone", "around", "found", "given", "here", "how", "kept", "made", "place", "places",
         "seen", "some", "such", "thing", "there", "told", "what", "whole"}  # fmt: skip
"""Names that say nothing of the value; the field has a noun for each of them."""
BRITISH = """normalis quantis optimis initialis recognis serialis organis summaris randomis discretis vectoris minimis
maximis linearis regularis synchronis neighbour behaviour colour favour honour centre catalogue fibre travell cancell"""
SPELLING = re.compile(
    rf"(?i)\b\w*({'|'.join(BRITISH.split())}|analyse[ds]?\b|synthesis(e|ed|er|ing)\b|(mod|lab)ell(ed|ing)|grey\b)\w*"
)
PHRASES = re.compile(
    r"(?i)\b(left to chance|by chance|whole delays?|whoever|who reads|what comes|is told|are told|thousand million)\b"
)
HEADINGS = {"Shapes", "Units", "Names", "Source", "Differs", "Draws", "Raises", "Exact"}


def violations(path: Path) -> Iterator[str]:
    """Yield what is wrong with a file of the package, one line each."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if text.count("\n") > MAX_LINES:
        yield f"1: the file has {text.count(chr(10))} lines, more than {MAX_LINES}"
    yield from _names(tree)
    for folder, rule in RULES.items():
        if path.is_relative_to(ROOT / folder):
            yield from rule(tree)
    if any(path.is_relative_to(ROOT / folder) for folder in DOCUMENTED):
        yield from _arguments(tree)
    if path not in (Path(__file__), ROOT / "snnsim" / "renamed.py"):
        yield from _words(text)


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield from _function(node)
        for name in _bound(node):
            if name in VAGUE:
                yield f"{node.lineno}: the name {name!r} says nothing of its value"


def _function(node: ast.FunctionDef) -> Iterator[str]:
    body = node.body[1:] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body
    lines = body[-1].end_lineno - body[0].lineno + 1
    if lines > MAX_FUNCTION_LINES:
        yield f"{node.lineno}: {node.name} has {lines} lines, more than {MAX_FUNCTION_LINES}"


def _bound(node: ast.AST) -> list[str]:
    """Return the names that a node binds: of variables, arguments, functions, attributes of classes."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, ast.arg):
        return [node.arg]
    return [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []


def _words(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, rule in ((SPELLING, "American spelling"), (PHRASES, "the field's words")):
            match = None if "# old name" in line else pattern.search(line)
            if match:
                yield f"{number}: {match.group(0)!r}: {rule}"


def _docstrings(tree: ast.Module) -> Iterator[str]:
    docstring = ast.get_docstring(tree) or ""
    for heading in re.findall(r"(?m)^([A-Z][a-z]+) {2,}\S", docstring):
        if heading not in HEADINGS:
            yield f"1: the module's docstring has a heading {heading!r} that is none of {', '.join(sorted(HEADINGS))}"


def _arguments(tree: ast.Module) -> Iterator[str]:
    """Yield the public functions with arguments that their docstrings do not name."""
    for node, owner in _public(tree):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arguments += [each for each in (node.args.vararg, node.args.kwarg) if each is not None]
        names = [argument.arg for argument in arguments if argument.arg not in ("self", "cls")]
        documented = (ast.get_docstring(node) or "") + owner
        missing = [name for name in names if not re.search(rf"(?m)^ +\*{{0,2}}{name}\b.*:", documented)]
        if missing:
            yield f"{node.lineno}: {node.name} does not document {', '.join(missing)} under Args"


def _public(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    """Yield every public function and method; a constructor's arguments may be documented with its class.

    An override without a docstring has that of the method in the base class.
    """
    inherited = dict(_documented_methods())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node, ""
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = [method for method in node.body if isinstance(method, ast.FunctionDef)]
            bases = set().union(*(inherited.get(ast.unparse(base), set()) for base in node.bases))
            inherited[node.name] = bases | {method.name for method in methods if ast.get_docstring(method)}
            for method in methods:
                if method.name == "__init__":
                    yield method, ast.get_docstring(node) or ""
                elif method.name != "__call__" and method.name.startswith("_"):
                    continue
                elif ast.get_docstring(method) or method.name not in bases:
                    yield method, ""


@cache
def _documented_methods() -> dict[str, set[str]]:
    """Return the methods with docstrings of every class of the package and of its bases, by its name."""
    own: dict[str, set[str]] = {}
    bases: dict[str, set[str]] = {}
    for path in (ROOT / "snnsim").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                methods = [each for each in node.body if isinstance(each, ast.FunctionDef) and ast.get_docstring(each)]
                own.setdefault(node.name, set()).update(each.name for each in methods)
                bases.setdefault(node.name, set()).update(map(ast.unparse, node.bases))
    for _ in range(3):
        for name, methods in own.items():
            methods.update(*(own.get(base, set()) for base in bases[name]))
    return own


def _bundles(tree: ast.Module) -> Iterator[str]:
    """Yield the anonymous tuples among the arguments of kernels: they have named fields, as NamedTuples."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            parameters = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
            for inner in ast.walk(node):
                unpacks = isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Tuple)
                values = [inner.value] if unpacks else []
                values = values[0].elts if values and isinstance(values[0], ast.Tuple) else values
                targets = inner.targets[0].elts if unpacks else []
                for target, value in zip(targets if len(values) == len(targets) else [inner], values, strict=False):
                    bundle = isinstance(value, ast.Name) and value.id in parameters
                    if bundle and (len(values) == 1 or isinstance(target, ast.Tuple)):
                        yield f"{inner.lineno}: {node.name} unpacks its argument {value.id!r}"
                if _number(inner) and _number(inner.value):
                    yield f"{inner.lineno}: {node.name} indexes a bundle by numbers: {ast.unparse(inner)}"


def _number(node: ast.AST) -> bool:
    constant = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
    return constant and isinstance(node.slice.value, int)


def _protocols(tree: ast.Module) -> Iterator[str]:
    """Yield what a protocol makes unnecessary: questions about attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("hasattr", "getattr"):
            yield f"{node.lineno}: {ast.unparse(node)}: nn/protocols.py says what a part can do"


def _imports(tree: ast.Module) -> Iterator[str]:
    """Yield the imports of test modules: what several of them share lies in tests/helpers."""
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for module in modules:
            if module.rpartition(".")[2].startswith(("test_", "conftest")):
                yield f"{node.lineno}: the test module {module!r} is imported; shared code lies in tests/helpers"


RULES = {"snnsim": _docstrings, "snnsim/kernels": _bundles, "snnsim/nn": _protocols, "tests": _imports}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rules(path):
    assert list(violations(path)) == []


# pytest imports test modules by their names alone
def test_test_modules_have_different_names():
    names = [path.name for path in FILES if path.is_relative_to(ROOT / "tests") and path.name.startswith("test_")]
    assert sorted(set(names)) == sorted(names)


if __name__ == "__main__":
    below = [Path(argument).resolve() for argument in sys.argv[1:]] or [ROOT]
    for file in FILES:
        if any(file.is_relative_to(folder) for folder in below):
            for violation in violations(file):
                print(f"{file.relative_to(ROOT)}:{violation}")  # noqa: T201
