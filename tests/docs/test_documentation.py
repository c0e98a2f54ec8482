"""The pages of the documentation name files and modules that exist, and Python that compiles."""

import importlib.util
import re
from pathlib import Path

import pytest

from wrmf.cli.parser import build_parser, parsers_of_verbs

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
FENCED_BLOCK = re.compile(r"^```.*?^```", re.S | re.M)
# A command on a line of its own or in backticks, without what comes after a pipe.
WRMF_COMMAND = re.compile(r"(?:^(?:    |[^|`\n]*\| *)?|`)wrmf ([a-z-][^|>`\n\\]*)", re.M)

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
def test_extras_are_quoted(page):
    # zsh takes brackets for a pattern of files.
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"pip install [^\"'\n`]*\w\[", text), page.name


@every_page
def test_source_files_that_pages_name_exist(page):
    for target in matches(SOURCE_FILE, page):
        assert (ROOT / target).exists(), f"{page.name} names {target}"


@every_page
def test_python_blocks_compile(page):
    for block in matches(PYTHON_BLOCK, page):
        compile(block, str(page), "exec")


@every_page
def test_rows_of_tables_have_as_many_cells_as_their_heads(page):
    # A bar divides cells even within backticks, unless it is escaped.
    text = FENCED_BLOCK.sub("", page.read_text(encoding="utf-8"))
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1, f"{page.name}: {table.splitlines()[0]}"


@every_page
def test_no_page_has_a_place_holder(page):
    assert not re.findall(r"^[A-Z]+_[A-Z_]+$|\bTODO\b", page.read_text(encoding="utf-8"), re.M)


@every_page
def test_options_in_commands_exist(page):
    parsers = parsers_of_verbs()
    for command in matches(WRMF_COMMAND, page):
        parser = parsers.get(command.split()[0], build_parser())
        options = set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", command))
        unknown = options - set(parser._option_string_actions)
        assert not unknown, f"{page.name}: wrmf {command}"


def test_every_page_is_in_the_contents_of_the_site():
    names = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").split()
    pages = {page.stem for page in ROOT.glob("docs/*.md")} - {"index"}
    assert pages <= set(names)
