"""The code of pages runs, block after block."""

import re
from pathlib import Path

import pytest

PYTHON_BLOCK = re.compile(r"```python\n(.*?)```", re.S)
DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "recommending.md": [],
    "filtering.md": [],
    "evaluating.md": [],
    "metrics.md": [],
    "scikit-learn.md": ["sklearn"],
    "serving.md": [],
    "weights.md": [],
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
