import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wrmf
from wrmf.cli.main import main
from wrmf.versions import PACKAGES, versions

ROOT = Path(__file__).parents[2]


def test_module_and_command_report_the_version():
    ended = subprocess.run(
        [sys.executable, "-m", "wrmf", "--version"], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == f"wrmf {wrmf.__version__}"


@pytest.fixture
def source_file():
    """A function that reads a file at the root of the source tree, or skips the test."""

    def read(name):
        path = ROOT / name
        if not path.exists():
            pytest.skip(f"{name} belongs to the source tree, which is not here")
        return path.read_text(encoding="utf-8")

    return read


def test_the_console_script_calls_main(source_file):
    value = re.search(r'^\[project\.scripts\]\nwrmf = "(.*)"$', source_file("pyproject.toml"), re.M)
    script = importlib.metadata.EntryPoint("wrmf", value[1], "console_scripts")
    assert script.load() is main


def test_the_citation_has_the_version_of_the_package(source_file):
    version = re.search(r'^version: "?([^"\n]+)"?$', source_file("CITATION.cff"), re.M)
    assert version[1] == wrmf.__version__


def test_the_changelog_has_a_section_for_the_version(source_file):
    assert f"## [{wrmf.__version__}]" in source_file("CHANGELOG.md")


def test_pyproject_takes_the_version_from_the_package(source_file):
    text = source_file("pyproject.toml")
    assert 'version = { attr = "wrmf.versions.__version__" }' in text
    assert 'dynamic = ["readme", "version"]' in text
    literal = f'\n__version__ = "{wrmf.__version__}"\n'
    assert literal in source_file("wrmf/versions.py"), "setuptools can only read a literal"


def test_versions_report_this_package_python_and_every_dependency():
    report = versions()
    assert report["wrmf"] == wrmf.__version__
    assert report["python"] == sys.version.split()[0]
    assert set(PACKAGES) < set(report)
    assert report["numpy"] == importlib.metadata.version("numpy")
