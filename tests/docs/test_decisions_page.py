"""The page about decisions names every package that pyproject.toml names, and every extra."""

import re
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
# The rows of the first table.
CORE = re.findall(r"^\| ([\w-]+) \|", TEXT.partition("`import wrmf`")[0], re.M)


def packages(requirements):
    """Return the names of requirements, and of what they take in brackets, but for our own."""
    for requirement in requirements:
        name, brackets = re.match(r"([\w-]+)(?:\[([\w,]+)\])?", requirement).groups()
        if name != "wrmf":
            yield name
            # dask[dataframe] is a part of dask, not a package of its own.
            yield from {*(brackets or "").split(",")} - {"", "dataframe"}


def test_the_table_has_exactly_the_packages_that_the_library_needs():
    assert CORE[1:] == list(packages(PROJECT["project"]["dependencies"]))


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_page_names_an_extra_and_all_that_it_brings(extra):
    (row,) = re.findall(rf"^\|[^|]*`{extra}`.*\n(?:\| \|.*\n)*", TEXT, re.M)
    for package in packages(EXTRAS[extra]):
        assert re.search(rf"(?<![\w-]){package}(?![\w-])", row), package


def test_the_page_names_what_the_build_needs():
    for package in packages(PROJECT["build-system"]["requires"]):
        assert package in TEXT.lower()
