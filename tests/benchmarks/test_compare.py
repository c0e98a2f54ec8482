"""The comparison of two versions: here, the present version is compared with itself."""

import json
import sys

import pytest

pytest.importorskip("benchmarks.guards.compare", reason="run from the root of the source tree")

from benchmarks.data import ROOT
from benchmarks.guards import compare


def test_versions_are_asked_in_turn_and_the_first_changes():
    asked = []

    def ask(version):
        asked.append(version)
        return [1.0 + version, 3.0]

    case = compare.in_turn("sweep", 3, ask)
    assert asked == [0, 1, 1, 0, 0, 1]
    assert case.before == [1.0, 3.0] * 3
    assert case.after == [2.0, 3.0] * 3


def test_the_ratio_is_of_the_medians_after_over_before():
    case = compare.Case("sweep", [0.1, 0.2, 9.0], [0.1, 0.1, 0.1])
    assert case.ratio == pytest.approx(0.5)
    assert case.fastest_ratio == pytest.approx(1.0)
    assert "| sweep | 200.00     | 100.00    | 0.500 " in compare.table([case])


@pytest.mark.slow
def test_the_cases_of_a_small_data_set_are_timed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.data.CACHE", tmp_path)
    path = tmp_path / "times.json"
    options = ["--data", "synthetic-0.01x", "nowhere", "--repeats", "2", "--sweeps", "3"]
    paths = ["--before-path", str(ROOT), "--after-path", str(ROOT), "--out", str(path)]
    status = compare.main([sys.executable, sys.executable, *options, *paths, "--max-ratio", "1e9"])
    assert status == 0
    captured = capsys.readouterr()
    assert f"before: {ROOT / 'wrmf'}" in captured.out
    assert "nowhere: left out" in captured.err
    cases = {case["case"]: case for case in json.loads(path.read_text())["cases"]}
    assert list(cases) == [
        "import wrmf",
        "synthetic-0.01x 64: exact sweep",
        "synthetic-0.01x 64: cg sweep",
        "synthetic-0.01x 64: evaluate",
        "synthetic-0.01x 64: recommend",
    ]
    # Each of the two fits has three sweeps, and the first of these does not count.
    assert len(cases["synthetic-0.01x 64: cg sweep"]["after"]) == 2 * 2
    assert all(min(case["before"] + case["after"]) > 0 for case in cases.values())


def test_a_failing_process_is_an_error(tmp_path):
    worker = compare.Worker(compare.Version(sys.executable, ROOT), tmp_path, 1)
    with pytest.raises(RuntimeError, match="failed at 'load'"):
        worker.ask("load", file=str(tmp_path / "missing.npz"))
    worker.close()
