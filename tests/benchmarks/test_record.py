"""Records: the origin that they state, and the compact JSON in which they are written."""

import json

import numpy as np
import pytest

pytest.importorskip("benchmarks.record", reason="run from the root of the source tree")

from benchmarks import machine, record


def test_a_list_of_records_has_one_line_each():
    trials = [{"params": {"k": k}, "curve": [[1, 0.25], [2, 0.5]]} for k in range(9)]
    content = {"seed": 0, "trials": trials, "values": list(range(200))}
    lines = record.encode(content).splitlines()
    assert lines[0] == "{"
    assert lines[1] == ' "seed": 0,'
    assert len(lines) == 2 + 1 + (9 + 2) + 1
    assert all(json.loads(line.strip().rstrip(",")) for line in lines[3:12])
    assert json.loads("\n".join(lines)) == content


@pytest.mark.parametrize(
    "value",
    [0.1 + 0.2, 5035359068.0, "a → b", None, [], {}, {"deep": {"deeper": [[1.5, None]] * 40}}],
)
def test_values_are_unchanged(value):
    assert json.loads(record.encode({"value": value})) == {"value": value}


def test_numbers_of_numpy_are_written_as_numbers():
    assert record.encode({"a": np.float32(0.5), "b": (np.int64(3),)}) == '{"a": 0.5, "b": [3]}'
    with pytest.raises(TypeError, match="not ndarray"):
        record.encode({"a": np.ones(3)})


def test_a_new_record_replaces_the_old_one(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    for seed in (1, 2):
        path = record.write({"seed": seed}, "quick")
    assert path == tmp_path / "results" / "quick.json"
    assert record.read(path) == {"seed": 2}
    assert list(path.parent.iterdir()) == [path]


def test_a_record_states_where_it_comes_from(monkeypatch):
    monkeypatch.setattr("sys.argv", ["command", "--seed", "3"])
    described = record.described("benchmarks.study", {"seed": 3})
    assert described["command"] == "python -m benchmarks.study --seed 3"
    assert described["machine"]["cores"] >= 1
    assert described["versions"]["numpy"] == np.__version__
    assert described["ended"].endswith("+00:00")
    assert described["seed"] == 3


def test_the_kept_results_are_written_by_this_encoder():
    paths = sorted(record.RESULTS.glob("*.json"))
    assert paths
    for path in paths:
        assert path.read_text(encoding="utf-8") == record.encode(record.read(path)) + "\n", path


def test_peak_memory_is_at_least_what_is_held_now():
    held, peak = machine.resident_memory(), machine.peak_memory()
    if held is None or peak is None:
        pytest.skip("the system does not report memory")
    assert 0 < held <= 1.01 * peak
