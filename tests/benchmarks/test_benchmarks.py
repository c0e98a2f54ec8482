"""The benchmarks' pure functions: flop counts, tables, targets. Nothing is timed here."""

import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("benchmarks.speed.table", reason="run from the root of the source tree")

from benchmarks import data
from benchmarks.peers import PEERS, Setting, named
from benchmarks.peers.scipy_rows import solve_rows
from benchmarks.speed import flops, targets
from benchmarks.speed.table import Cells, geometric_mean, seconds_until, summary
from benchmarks.speed.worker import Recorder
from wrmf import WRMF, datasets


def record(peer, seconds, data="gowalla", factors=64, threads=2, points=((8, 1.0, 100.0),)):
    return {
        "peer": peer,
        "data": data,
        "factors": factors,
        "threads": threads,
        "seconds_per_sweep": seconds,
        "points": [list(point) for point in points],
    }


def results(*records):
    return {
        "command": "python -m benchmarks",
        "began": "2030-01-01",
        "data": {
            "gowalla": {
                "users": 2,
                "items": 3,
                "entries": 4,
                "flops": {"64": {"necessary": 4e9, "all": 5e9}},
            }
        },
        "machine": {"cpu": "a", "cores": 2},
        "versions": {"kernels": "blas"},
        "calibration": [{"threads": 2, "gflops": rate} for rate in (90.0, 100.0, 400.0)],
        "measurements": list(records),
    }


def test_a_row_takes_the_form_of_its_length():
    k = 4
    dual, primal = 2 * 2 * k + 8 / 3 + 4 * 2 * k, 5 * k * k + k**3 / 3 + 2 * 5 * k
    assert flops.row_flops(np.array([2, 0, 5]), k) == pytest.approx(dual + primal)
    found = flops.sweep_flops((np.array([2]), np.array([1, 1])), k)
    assert found["all"] - found["necessary"] == pytest.approx(2 * 3 * k * k)


def test_cells_are_medians_over_repeats():
    cells = Cells(results(*(record("wrmf-exact", seconds) for seconds in (0.1, 0.2, 9.0))))
    assert cells.seconds("wrmf-exact", "gowalla", 64, 2) == 0.2
    assert cells.gemm_share("gowalla", 64, 2) == pytest.approx(4 / 0.2 / 100)
    assert cells.seconds("implicit-cg", "gowalla", 64, 2) is None


def test_seconds_until_a_loss_is_the_first_time_it_is_reached():
    points = [(1, 1.0, 50.0), (2, 2.0, None), (3, 3.0, 20.0), (4, 4.0, 10.0)]
    assert seconds_until(points, 20.0) == 3.0
    assert seconds_until(points, 5.0) is None
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_summary_tells_ratios_and_why_something_is_missing():
    skipped = {
        "peer": "spark",
        "data": "gowalla",
        "factors": 64,
        "threads": 2,
        "skipped": "Spark needs Java",
    }
    text = summary(results(record("wrmf-exact", 0.1), record("implicit-cg", 0.35), skipped))
    assert "3.50" in text
    assert "spark: Spark needs Java" in text
    assert "GEMM rate" in text


def test_verdicts_take_the_fastest_peer_and_leave_blank_what_is_missing():
    found = [
        record("wrmf-exact", 0.1),
        record("irspack-cholesky", 0.5),
        record("implicit-cholesky", 0.4),
        record("wrmf-exact", 0.19, threads=1),
    ]
    cells = Cells(results(*found))
    assert targets.ratio(cells, "wrmf-exact", targets.EXACT_PEERS, "gowalla", 64) == (
        pytest.approx(4.0)
    )
    text = targets.verdicts(results(*found))
    assert "not all measured" in text
    assert "gowalla 64: 1.90" in text


def test_exponent_of_a_power_law():
    assert targets.exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2.0)


def test_a_library_name_means_all_its_solvers():
    assert named(["irspack", "wrmf-cg"]) == [
        "irspack-cholesky",
        "irspack-cg",
        "irspack-ialspp",
        "wrmf-cg",
    ]
    with pytest.raises(ValueError, match="unknown peer 'nobody'"):
        named(["nobody"])
    for peer in PEERS.values():
        assert callable(peer.module().load)


def test_recorder_takes_medians_after_the_first_sweep_or_differences():
    recorder = Recorder(Setting(sweeps=4), False, lambda *both: 7.0)
    recorder.points = [[1, 5.0, None], [2, 6.0, None], [3, 7.0, None], [4, 20.0, 7.0]]
    assert recorder.seconds_per_sweep == 1.0
    recorder.by_difference = True
    assert recorder.seconds_per_sweep == 5.0
    fitted = []
    recorder = Recorder(Setting(sweeps=6), True, lambda *both: 7.0)
    recorder.fits(lambda sweeps: fitted.append(sweeps) or (0, 0))
    assert fitted == [1, 2, 4, 6]


def test_data_comes_back_as_it_was_prepared(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "CACHE", tmp_path)
    train, test = data.load(data.prepare("synthetic-0.01x", tmp_path))
    assert train.shape == test.shape == (153, 257)
    assert test.nnz == pytest.approx(0.1 * (train.nnz + test.nnz), rel=0.02)
    with pytest.raises(data.Missing, match="WRMF_BENCH_DATA"):
        data.prepare("nothing_of_that_name", tmp_path)


def test_the_baseline_solves_what_we_solve():
    generator = np.random.default_rng(0)
    matrix = sparse.random(30, 20, 0.2, "csr", random_state=0).astype(np.float32)
    model = WRMF(3, 0.5, 4.0, iterations=1, dtype="float64", random_state=0).fit(matrix)
    model.item_factors = generator.standard_normal((20, 3))
    expected = model.fold_in_users(matrix)
    found = solve_rows(4.0 * matrix.astype(np.float64), model.item_factors, 0.5)
    assert np.allclose(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_we_and_implicit_are_the_same(dtype):
    pytest.importorskip("implicit")
    from benchmarks.guards.same_as_implicit import LIMITS, compare

    found = compare(datasets.synthetic_likes(600, 400, 9000), dtype)
    assert found["loss differs by"] < LIMITS[dtype][0]
    assert found["factors differ by"] < LIMITS[dtype][1]
