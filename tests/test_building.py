"""What the build says where it cannot succeed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytest.importorskip("Cython")
# Older ones cannot read pyproject.toml; pip builds with one of its own.
pytest.importorskip("setuptools", minversion="77")


@pytest.fixture
def sources(tmp_path):
    """Return a copy of what the build reads, without anything that is built."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "licenses", tmp_path / "licenses")
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "_*.c", "__pycache__")
    shutil.copytree(ROOT / "wrmf", tmp_path / "wrmf", ignore=ignored)
    return tmp_path


def build(folder, **environment):
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.skipif(os.name == "nt", reason="the compiler of Windows is not found by PATH")
def test_a_build_without_compiler_says_at_once_what_to_install(sources):
    built = build(sources, PATH=str(sources / "nothing"), CC="missing-cc")
    assert built.returncode
    assert "no C compiler works" in built.stderr
    assert "called as: missing-cc" in built.stderr
    for advice in ("pip install --only-binary wrmf wrmf", "apt-get install gcc", "xcode-select"):
        assert advice in built.stderr
    assert "Traceback" not in built.stderr
    # Nothing was translated before the compiler was tried.
    assert not list(sources.glob("wrmf/_*.c"))


@pytest.mark.skipif(os.name == "nt", reason="the headers come with Python")
def test_a_build_without_headers_says_that_they_are_missing(sources):
    # A compiler that cannot see any header of Python.
    compiler = sources / "cc"
    compiler.write_text(
        '#!/bin/sh\nfor a; do case $a in *.c) grep -q Python.h "$a" && exit 1;; esac; done\n'
    )
    compiler.chmod(0o755)
    built = build(sources, CC=str(compiler))
    assert built.returncode
    assert "Python.h was not found" in built.stderr
    assert "python3-dev" in built.stderr


def test_every_link_of_the_package_page_holds_outside_of_the_repository(sources):
    program = "import setup; print(setup.package_page())"
    page = subprocess.run(
        [sys.executable, "-c", program], cwd=sources, capture_output=True, text=True, check=True
    ).stdout
    targets = re.findall(r"\]\(([^)]*)\)", page)
    assert len(targets) > 10
    assert all(target.startswith("https://") for target in targets)
    assert "](https://raw.githubusercontent.com/wrmf/wrmf/main/docs/report.png)" in page
    assert "](https://github.com/wrmf/wrmf/blob/main/docs/start.md)" in page
    for target in targets:
        path = re.search(r"wrmf/wrmf/(?:blob/)?main/([^#]*)", target)
        assert path is None or (ROOT / path[1]).exists(), target
