"""The version is stated once, and a release changes every file that repeats it."""

import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

import wrmf

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".ci" / "release"
FILES = ("CITATION.cff", "CHANGELOG.md", "wrmf/versions.py")


def test_the_citation_has_the_version_of_the_package():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", text, re.M) == [wrmf.__version__]


def test_the_project_states_no_version_of_its_own():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["readme", "version"]' in text
    assert 'version = { attr = "wrmf.versions.__version__" }' in text


@pytest.fixture
def repository(tmp_path):
    """Return a git repository of the files that a release changes."""
    if not SCRIPT.exists() or shutil.which("git") is None:
        pytest.skip("needs git and the script, which is in no source distribution")
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    changelog = tmp_path / "CHANGELOG.md"
    text = re.sub(r"^## \[.*$", "## [9.9.0] - unreleased", changelog.read_text("utf-8"), flags=re.M)
    changelog.write_text(text, encoding="utf-8")
    for arguments in (
        ["init", "--quiet"],
        ["config", "user.name", "Maintainer"],
        ["config", "user.email", "maintainer@example.org"],
        ["add", "."],
        ["commit", "--quiet", "--message", "Begin"],
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    return tmp_path


def release(folder, *arguments):
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_release_sets_the_version_everywhere_and_tags_it(repository):
    assert release(repository, "9.9.0").returncode == 0
    texts = {name: (repository / name).read_text("utf-8") for name in FILES}
    assert '__version__ = "9.9.0"' in texts["wrmf/versions.py"]
    assert f"version: 9.9.0\ndate-released: {date.today()}" in texts["CITATION.cff"]
    assert f"## [9.9.0] - {date.today()}" in texts["CHANGELOG.md"]
    shown = subprocess.run(
        ["git", "describe", "--dirty"], cwd=repository, capture_output=True, text=True
    )
    assert shown.stdout.strip() == "v9.9.0"


@pytest.mark.parametrize("arguments", [[], ["v1.0.0"], ["1.0"], ["1.0.0", "2.0.0"]])
def test_what_is_no_version_is_refused(repository, arguments):
    answer = release(repository, *arguments)
    assert answer.returncode
    assert "usage" in answer.stderr


def test_a_release_needs_a_clean_tree(repository):
    (repository / "CHANGELOG.md").write_text("changed", encoding="utf-8")
    answer = release(repository, "9.9.0")
    assert answer.returncode
    assert "commit or stash" in answer.stderr


def test_the_checks_of_a_commit_take_the_versions_of_the_lint():
    config = ROOT / ".pre-commit-config.yaml"
    if not config.exists():
        pytest.skip("it is in no source distribution")
    required = re.findall(r'additional_dependencies: \["([^"]+)"\]', config.read_text("utf-8"))
    (lint,) = re.findall(r"^lint = \[(.*)\]$", (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    for requirement in set(required):
        assert f'"{requirement}"' in lint or requirement.startswith("pre-commit-hooks"), requirement


def test_every_action_of_the_workflows_is_named_by_its_commit():
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    if not workflows:
        pytest.skip("they are in no source distribution")
    lines = [line for path in workflows for line in path.read_text("utf-8").splitlines()]
    actions = [line.split("uses: ")[1] for line in lines if "uses: " in line]
    assert len(actions) > 20
    for action in actions:
        # PyPA keeps a branch of what publishes to PyPI, which has to follow PyPI.
        is_of_pypa = action.startswith("pypa/gh-action-pypi-publish@release/v1 ")
        assert is_of_pypa or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_no_job_of_the_workflows_may_run_for_ever():
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        text = path.read_text("utf-8")
        assert text.count("runs-on:") == text.count("timeout-minutes:"), path.name
