"""The modules of the benchmarks form layers, without circular imports."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

pytest.importorskip("benchmarks", reason="run from the root of the source tree")

import benchmarks

ROOT = Path(benchmarks.__file__).parent
STUDIES = {"speed", "quality", "rosenthal2016", "guards"}


def module_name(path):
    """Return the dotted name of a file, such as ``benchmarks.speed.table``."""
    parts = ["benchmarks", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts).removesuffix(".__init__")


SOURCES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}
SHARED = [name for name in SOURCES if len(STUDIES & set(name.split("."))) == 0]


def imported_names(path):
    """Yield (module, name or None) for each import of a file, including those in functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute in the benchmarks"
            yield from ((node.module, alias.name) for alias in node.names)


def imported_modules(path):
    """Return the modules of the benchmarks that a file imports."""
    modules = set()
    for module, name in imported_names(path):
        submodule = f"{module}.{name}"
        modules.add(submodule if submodule in SOURCES else module)
    return {module for module in modules if module in SOURCES}


def test_the_sources_are_found():
    assert {"benchmarks.record", "benchmarks.peers.wrmf", "benchmarks.speed.worker"} <= set(SOURCES)
    assert "benchmarks.peers.wrmf" in SHARED
    assert "benchmarks.speed.worker" not in SHARED
    worker = imported_modules(SOURCES["benchmarks.speed.worker"])
    assert {"benchmarks.machine", "benchmarks.speed.proof"} <= worker


def test_no_modules_import_each_other():
    graph = defaultdict(set)
    for name, path in SOURCES.items():
        graph[name] = imported_modules(path) - {name}
    finished, path_to = set(), []

    def visit(name):
        assert name not in path_to, " → ".join([*path_to[path_to.index(name) :], name])
        if name not in finished:
            path_to.append(name)
            for imported in sorted(graph[name]):
                visit(imported)
            path_to.pop()
            finished.add(name)

    for name in SOURCES:
        visit(name)


@pytest.mark.parametrize("name", SHARED)
def test_peers_and_shared_modules_import_no_study(name):
    for imported in imported_modules(SOURCES[name]):
        assert imported.split(".")[1:2] == [] or imported.split(".")[1] not in STUDIES, imported


# These two modules use the compiled kernels directly, whose modules have a private name.
KERNEL_MODULES = {"benchmarks.speed.phases", "benchmarks.guards.test_kernels"}


@pytest.mark.parametrize("name", sorted(set(SOURCES) - KERNEL_MODULES))
def test_no_underscore_name_of_wrmf_is_imported(name):
    for module, imported in imported_names(SOURCES[name]):
        if module == "wrmf" or module.startswith("wrmf."):
            assert not (imported or "").startswith("_"), f"{module}: {imported}"
