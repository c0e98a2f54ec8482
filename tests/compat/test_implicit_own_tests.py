"""implicit's own tests of its ALS pass on ``wrmf.compat.implicit``, but for listed exceptions.

They are not part of this repository. ``WRMF_IMPLICIT_TESTS`` names the folder ``tests`` of a copy
of implicit's repository; without it, this test is skipped.
"""

import os
import sys
from pathlib import Path

import pytest
from implicit_names import as_implicit

FOLDER = os.environ.get("WRMF_IMPLICIT_TESTS", "")
# Tests that expect what docs/moving_over.md lists as a defect, by name.
EXCEPTIONS = {
    "test_rank_items": "filtered items come back at the end of the list",
    "test_rank_items_batch": "filtered items come back at the end of the list",
}


class Recorder:
    """Records the outcome of each test of a run."""

    def __init__(self):
        self.outcomes = {}

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.failed:
            self.outcomes[report.nodeid.split("::", 1)[1]] = report.outcome


@pytest.mark.skipif(not FOLDER, reason="WRMF_IMPLICIT_TESTS names no folder")
@pytest.mark.slow
def test_implicits_own_tests_pass_but_for_the_listed_ones(monkeypatch):
    recorder = Recorder()
    for name in ("recommender_base_test", "als_test"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(FOLDER)
    with as_implicit():
        options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "--import-mode=prepend"]
        module = str(Path(FOLDER) / "als_test.py")
        pytest.main([module, "--rootdir", FOLDER, *options], plugins=[recorder])
    failed = {name.split("::")[-1] for name, kind in recorder.outcomes.items() if kind == "failed"}
    assert failed == set(EXCEPTIONS)
    assert sum(kind == "passed" for kind in recorder.outcomes.values()) >= 39
