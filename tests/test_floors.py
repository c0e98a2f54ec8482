"""A module imports only from floors below its own."""

import ast
from pathlib import Path

import pytest

import wrmf

FLOORS = [
    {"_als", "_ranking"},
    {"checks", "threads", "plots"},
    {"objective", "interactions"},
    {"reading", "recommendations", "sweep", "split", "synthetic"},
    {"ranking", "training"},
    {"questions"},
    {"model", "datasets", "metrics", "versions"},
    {"persistence", "selection", "space"},
    {"search_result"},
    {"journal"},
    {"search_run"},
    {"search", "halving", "tuning"},
    {"cli_options", "cli_search"},
    {"picture_download", "picture_drawing", "report_charts", "report_template"},
    {"pictures"},
    {"report_search", "report_neighbours"},
    {"report_effects"},
    {"report"},
    {"demo"},
    {"cli"},
    {"__main__", "__init__"},
]
FLOOR = {module: height for height, modules in enumerate(FLOORS) for module in modules}
# Methods that call up: the model saves itself, results draw themselves. Imported where used.
UPWARD = {("model", "persistence")}
FOLDER = Path(wrmf.__file__).parent


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level or node.module == "wrmf":
                base = (node.module or "") if node.level else ""
                yield from [base] if base else [alias.name for alias in node.names]
            elif node.module and node.module.startswith("wrmf."):
                yield node.module.split(".")[1]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_imports_only_point_down(path):
    assert path.stem in FLOOR, f"give {path.stem} a floor"
    for module in imports(path):
        if module in FLOOR and (path.stem, module) not in UPWARD:
            assert FLOOR[module] < FLOOR[path.stem], f"{path.stem} imports {module}"


def test_importing_it_loads_no_extra():
    import subprocess
    import sys

    code = "import sys, wrmf; print({'matplotlib', 'pyarrow', 'optuna', 'dask'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() in ("set()", "{'pyarrow'}")
