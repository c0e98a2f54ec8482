"""The code of pages runs, block after block."""

import re
from pathlib import Path

import pytest

# Blocks of Python, and cells of pages that are run when the site is built.
PYTHON_BLOCK = re.compile(r"```(?:python|\{code-cell\} ipython3)\n(.*?)```", re.S)
DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "index.md": [],
    "start.md": [],
    "article.md": ["matplotlib"],
    "recommending.md": [],
    "filtering.md": [],
    "evaluating.md": [],
    "metrics.md": [],
    "searching.md": [],
    "report.md": [],
    "scikit-learn.md": ["sklearn"],
    "serving.md": [],
    "distributed.md": ["distributed"],
    "weights.md": [],
    "features.md": [],
}


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_a_page_runs(name, tmp_path, monkeypatch):
    for library in PAGES[name]:
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    page = DOCS / name
    namespace = {}
    for block in PYTHON_BLOCK.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, str(page), "exec"), namespace)
