"""The pages of the documentation name files and modules that exist, and Python that compiles."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("examples/*/*.md"),
        ROOT / "benchmarks" / "README.md",
    ]
)
# The target of a Markdown link, without the part after "#".
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
BENCHMARK_COMMAND = re.compile(r"python -m (benchmarks[\w.]*)")
SOURCE_FILE = re.compile(r"`((?:wrmf|tests|benchmarks|docs)/[\w./-]+\.(?:pyx|pxd|py|h|c|md))`")
PYTHON_BLOCK = re.compile(r"```python\n(.*?)```", re.S)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def matches(pattern, page):
    """Return what a pattern captures in a page, in order."""
    return pattern.findall(page.read_text(encoding="utf-8"))


@every_page
def test_links_lead_to_files(page):
    for target in matches(LINK, page):
        # Results are written by the commands that the page describes.
        if "://" not in target and "results" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@every_page
def test_modules_in_commands_exist(page, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    for module in matches(BENCHMARK_COMMAND, page):
        spec = importlib.util.find_spec(module)
        assert spec, f"{page.name} runs {module}"
        if spec.submodule_search_locations:
            assert importlib.util.find_spec(f"{module}.__main__"), f"{page.name} runs {module}"


@every_page
def test_source_files_that_pages_name_exist(page):
    for target in matches(SOURCE_FILE, page):
        assert (ROOT / target).exists(), f"{page.name} names {target}"


@every_page
def test_python_blocks_compile(page):
    for block in matches(PYTHON_BLOCK, page):
        compile(block, str(page), "exec")


def test_every_page_is_in_the_contents_of_the_site():
    names = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").split()
    pages = {page.stem for page in ROOT.glob("docs/*.md")} - {"index"}
    assert pages <= set(names)
