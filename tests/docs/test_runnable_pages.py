"""The code of pages runs, block after block, and prints what the pages show."""

from pathlib import Path

import pytest
from printing import run_page

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
def test_the_code_of_a_page_runs_and_prints_what_is_shown(name, tmp_path, monkeypatch):
    for library in PAGES[name]:
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    run_page(DOCS / name)
