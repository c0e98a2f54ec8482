"""Packages import only from packages below them, modules never in circles."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

import wrmf

# A package imports only from floors below its own; within a package, see the test for circles.
FLOORS = [
    {
        "_blas",
        "_lapack",
        "_ids",
        "cached",
        "distinct",
        "files",
        "guarded",
        "html_table",
        "progress",
    },
    {"_als"},
    {"_ranking"},
    {"_serving", "_fold_in", "_item_weights", "_sums"},
    {"numerics", "data"},
    {"export"},
    {"model", "datasets"},
    {"evaluation", "baselines"},
    {"search", "pictures", "versions", "compat"},
    {"service"},
    {"report", "distributed"},
    {"cli"},
    {"__main__", "__init__"},
]
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names}
# Most files of Python have some 300 lines (CONTRIBUTING.md); none has more than this.
LONGEST_FILE = 450
ROOT = Path(wrmf.__file__).parent
SOURCES = sorted(path for ending in ("py", "pyx", "pxd") for path in ROOT.rglob(f"*.{ending}"))
COMPILED = {"_als", "_ranking", "_serving", "_fold_in", "_item_weights", "_sums", "_blas"}
COMPILED |= {"_lapack", "_ids"}


def module_of(path):
    """Return the dotted name of a source file within ``wrmf``."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path) for path in SOURCES}
PACKAGES = {module.split(".")[0] for module in MODULES if "." in module}


def imported_names(path):
    """Yield (module, name or None) for every import of a source file, inside functions, too."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        for base, names in re.findall(r"^\s*from ([\w.]+) c?import \(?([^)#\n]+)", text, re.M):
            yield from ((base, name.split(" as ")[0].strip()) for name in names.split(","))
        for modules in re.findall(r"^\s*c?import ([\w.]+)", text, re.M):
            yield modules, None
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ["wrmf", *path.relative_to(ROOT).parts][: -node.level] if node.level else []
            base = ".".join([*package, *filter(None, [node.module])])
            yield from ((base, alias.name) for alias in node.names)


def imports(path):
    """Yield (module within wrmf, name or None): a submodule's import names the submodule."""
    for base, name in imported_names(path):
        if base != "wrmf" and not base.startswith("wrmf."):
            continue
        inner = base.removeprefix("wrmf").removeprefix(".")
        below = f"{inner}.{name}".removeprefix(".")
        yield (below, None) if below in MODULES else (inner or "__init__", name)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_packages_import_only_from_packages_below(path):
    own = module_of(path).split(".")[0]
    assert own in FLOOR, f"give {own} a floor"
    for module, _ in imports(path):
        other = module.split(".")[0]
        if other != own and other in FLOOR:
            assert FLOOR[other] < FLOOR[own], f"{module_of(path)} imports {module}"


def test_no_modules_import_each_other():
    graph = defaultdict(set)
    for path in SOURCES:
        own = module_of(path)
        graph[own] |= {module for module, _ in imports(path) if module in MODULES and module != own}
    visited, path_so_far = set(), []

    def visit(module):
        assert module not in path_so_far, " → ".join([*path_so_far, module])
        if module in visited:
            return
        path_so_far.append(module)
        for other in sorted(graph[module]):
            visit(other)
        path_so_far.pop()
        visited.add(module)

    for module in sorted(graph):
        visit(module)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_no_underscore_name_is_taken_from_another_package(path):
    own = module_of(path).split(".")[0]
    for module, name in imports(path):
        if module.split(".")[0] != own and name is not None:
            assert not name.startswith("_") or name == "__version__", f"{module}: {name}"
    if path.suffix != ".py":
        return
    taken = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wrmf")
        for alias in node.names
    }
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in taken
        ):
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            assert not private, f"{module_of(path)} takes {node.value.id}.{node.attr}"


@pytest.mark.parametrize("path", [path for path in SOURCES if path.suffix == ".py"], ids=module_of)
def test_files_have_at_most_450_lines(path):
    n_lines = len(path.read_text(encoding="utf-8").splitlines())
    assert n_lines <= LONGEST_FILE, f"{module_of(path)} has {n_lines} lines: split it"


def test_no_property_holds_a_lock_that_a_forked_process_could_inherit():
    # That of functools holds one before Python 3.12 for as long as the value is computed.
    theirs = re.compile(r"from functools import.*\bcached_property|@functools\.cached_property")
    for path in ROOT.rglob("*.py"):
        assert not theirs.search(path.read_text(encoding="utf-8")), path
