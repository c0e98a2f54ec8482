"""Speed: flop counts, the recorder, tables and targets. Nothing is timed here."""

import importlib

import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("benchmarks.speed.table", reason="run from the root of the source tree")

from benchmarks import record
from benchmarks.peers import PEERS, Setting, select_peers
from benchmarks.peers.scipy_rows import solve_rows
from benchmarks.speed import __main__ as command
from benchmarks.speed import flops, one_machine, plots, targets
from benchmarks.speed.jobs import Job, Round, quick_rounds
from benchmarks.speed.measurement import Recorder
from benchmarks.speed.runner import Session
from benchmarks.speed.table import Cell, Cells, Group, Point, geometric_mean, seconds_until, summary
from wrmf import WRMF, datasets
from wrmf.model.state import Factors


def measurement(peer, seconds, data="gowalla", factors=64, threads=2, points=((8, 1.0, 100.0),)):
    return {
        "peer": peer,
        "data": data,
        "factors": factors,
        "threads": threads,
        "seconds_per_sweep": seconds,
        "points": [list(point) for point in points],
    }


def results(*measurements):
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
        "measurements": list(measurements),
    }


def test_a_row_is_counted_in_the_cheaper_form():
    k = 4
    dual, primal = 2 * 2 * k + 8 / 3 + 4 * 2 * k, 5 * k * k + k**3 / 3 + 2 * 5 * k
    assert flops.row_flops(np.array([2, 0, 5]), k) == pytest.approx(dual + primal)
    total = flops.sweep_flops((np.array([2]), np.array([1, 1])), k)
    assert total["all"] - total["necessary"] == pytest.approx(2 * 3 * k * k)


def test_cells_are_medians_over_repeats():
    cells = Cells(results(*(measurement("wrmf-exact", seconds) for seconds in (0.1, 0.2, 9.0))))
    assert cells.seconds("wrmf-exact", "gowalla", 64, 2) == 0.2
    assert cells.gemm_share(Group("gowalla", 64, 2)) == pytest.approx(4 / 0.2 / 100)
    assert cells.seconds("implicit-cg", "gowalla", 64, 2) is None


def test_seconds_until_a_loss_is_the_first_time_it_is_reached():
    points = [Point(1, 1.0, 50.0), Point(2, 2.0, None), Point(3, 3.0, 20.0), Point(4, 4.0, 10.0)]
    assert seconds_until(points, 20.0) == 3.0
    assert seconds_until(points, 5.0) is None
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_the_summary_has_ratios_and_the_reasons_for_what_is_missing():
    skipped = {
        "peer": "spark",
        "data": "gowalla",
        "factors": 64,
        "threads": 2,
        "skipped": "Spark needs Java",
    }
    text = summary(
        results(measurement("wrmf-exact", 0.1), measurement("implicit-cg", 0.35), skipped)
    )
    assert "3.50" in text
    assert "spark: Spark needs Java" in text
    assert "GEMM rate" in text


def test_verdicts_take_the_fastest_peer_and_leave_blank_what_was_not_measured():
    measured = [
        measurement("wrmf-exact", 0.1),
        measurement("irspack-cholesky", 0.5),
        measurement("implicit-cholesky", 0.4),
        measurement("wrmf-exact", 0.19, threads=1),
    ]
    cells = Cells(results(*measured))
    assert targets.ratio(cells, "wrmf-exact", targets.EXACT_PEERS, ("gowalla", 64)) == (
        pytest.approx(4.0)
    )
    text = targets.verdicts(results(*measured))
    assert "not all measured" in text
    assert "gowalla 64: 1.90" in text


def test_the_exponent_of_a_power_law_is_its_power():
    assert targets.exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2.0)


def test_a_library_name_selects_all_its_solvers():
    assert select_peers(["irspack", "wrmf-cg"]) == [
        "irspack-cholesky",
        "irspack-cg",
        "irspack-ialspp",
        "wrmf-cg",
    ]
    with pytest.raises(ValueError, match="unknown peer 'nobody'"):
        select_peers(["nobody"])


@pytest.mark.parametrize("name", PEERS)
def test_every_adapter_has_the_functions_of_a_peer(name):
    adapter = PEERS[name].module()
    for function in ("load", "train", "start"):
        assert callable(getattr(adapter, function))


def test_the_recorder_takes_the_median_over_the_sweeps_after_the_first():
    recorder = Recorder(Setting(sweeps=4), False, lambda *factors: 7.0)
    recorder.points = [[1, 5.0, None], [2, 6.0, None], [3, 7.0, None], [4, 20.0, 7.0]]
    assert recorder.seconds_per_sweep == 1.0
    recorder.by_difference = True
    assert recorder.seconds_per_sweep == 5.0


def test_the_recorder_fits_for_doubling_numbers_of_sweeps():
    fits = []
    recorder = Recorder(Setting(sweeps=6), True, lambda *factors: 7.0)
    recorder.fits(lambda sweeps: fits.append(sweeps) or (0, 0))
    assert fits == [1, 2, 4, 6]
    assert [loss for _, _, loss in recorder.points] == [7.0] * 4


def test_the_quick_set_measures_every_peer():
    jobs = [job for measured in quick_rounds(seed=3) for job in measured.jobs]
    assert {job.peer for job in jobs} == set(PEERS)
    assert {job.setting.seed for job in jobs} == {3}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ([], "quick"),
        (["--targets", "--run", "2"], "targets-2"),
        (["--peer", "wrmf"], "part"),
        (["--prove"], "proof"),
        (["--prove", "--peer", "wrmf"], "proof-part"),
    ],
)
def test_a_study_is_written_under_its_name(monkeypatch, tmp_path, capsys, arguments, name):
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(Session, "run", lambda session, measured: None)
    monkeypatch.setattr(Session, "prove", lambda session, names, threads: True)
    assert command.main(arguments) == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.json"]
    assert f"written to {tmp_path / name}.json" in capsys.readouterr().out


def test_an_unknown_peer_is_an_error(capsys):
    assert command.main(["--peer", "nobody"]) == 2
    assert "unknown peer 'nobody'" in capsys.readouterr().err


def test_a_process_measures_a_job_and_a_missing_data_set_is_skipped(monkeypatch, tmp_path):
    monkeypatch.setattr("benchmarks.data.CACHE", tmp_path)
    monkeypatch.setattr(Session, "calibrate", lambda session, threads: None)
    setting = Setting(factors=4, sweeps=2, threads=1)
    session = Session(["--peer", "wrmf-cg"])
    there = Job("wrmf-cg", "synthetic-0.01x", setting, questions=True)
    session.run(Round([there, Job("wrmf-cg", "nowhere", setting)], 1))
    measured, skipped = session.results["measurements"]
    assert [sweeps for sweeps, _, _ in measured["points"]] == [1, 2]
    assert measured["points"][-1][2] > 0
    assert set(measured["metrics"]) == {"recall@20", "ndcg@20"}
    assert measured["recommend_seconds"] > 0
    assert "WRMF_BENCH_DATA" in skipped["skipped"]
    assert Cells(session.results).value(Cell("wrmf-cg", there.data, 4, 1), "memory") is not None


def test_our_solver_passes_the_proof():
    from benchmarks.speed.proof import prove

    assert prove("wrmf-exact", threads=2)["proved"]


def test_the_plots_are_drawn_from_the_kept_results(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    files = [str(path) for path in sorted(record.RESULTS.glob("*.json"))]
    plots.main([*files, "--out", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "benchmark_scaling.png",
        "benchmark_time_over_factors.png",
        "benchmark_time_to_loss.png",
    ]


def test_the_kept_runs_of_the_targets_have_verdicts(capsys):
    runs = [str(record.RESULTS / f"targets-{run}.json") for run in (1, 2)]
    assert command.main(["--show", *runs]) == 0
    assert capsys.readouterr().out.count("11.29 ×") >= 1


def test_the_baseline_solves_the_same_systems():
    generator = np.random.default_rng(0)
    matrix = sparse.random(30, 20, 0.2, "csr", random_state=0).astype(np.float32)
    model = WRMF(3, 0.5, 4.0, 1, objective="wrmf", dtype="float64", random_state=0).fit(matrix)
    items = generator.standard_normal((20, 3))
    state = Factors(model.user_factors, items, model.users, model.items, matrix, 1)
    expected = WRMF.from_factors(state, **model.get_params()).fold_in_users(matrix)
    solved = solve_rows(4.0 * matrix.astype(np.float64), items, 0.5)
    assert np.allclose(solved, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_equals_implicits_exact_solver(dtype):
    pytest.importorskip("implicit")
    from benchmarks.guards.same_as_implicit import LIMITS, compare

    result = compare(datasets.synthetic_likes(600, 400, 9000), dtype)
    assert result["loss differs by"] < LIMITS[dtype][0]
    assert result["factors differ by"] < LIMITS[dtype][1]


def test_one_machine_writes_both_sides_of_the_same_pairs(tmp_path):
    n_pairs = one_machine.write(tmp_path, 400, 30)
    users, items = (one_machine.open_side(tmp_path, name) for name in one_machine.SIDES)
    assert n_pairs == len(users.indices) == len(items.indices) == len(users.weights)
    shape = (400, 30)
    ones = np.ones(n_pairs)
    by_user = sparse.csr_matrix((ones, users.indices, users.indptr), shape)
    by_item = sparse.csr_matrix((ones, items.indices, items.indptr), shape[::-1])
    assert by_user.has_canonical_format
    assert by_item.has_canonical_format
    assert (by_user != by_item.T).nnz == 0
    assert abs(n_pairs / 400 - one_machine.PAIRS_OF_USER) < one_machine.PAIRS_OF_USER


def test_one_machine_finds_the_files_that_it_has_kept(tmp_path):
    arguments = ["5000", "--folder", str(tmp_path), "--keep", "--only-write"]
    one_machine.main(arguments)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    one_machine.main(arguments)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == files
    with pytest.raises(SystemExit):
        one_machine.main(["5000", "--keep"])


def test_one_machine_measures_a_size_in_this_process(tmp_path):
    row = one_machine.measure(tmp_path, 5000, 8, 1)
    assert row["users"] == 200
    assert row["items"] == 10
    assert len(row["seconds of users"]) == len(row["seconds of items"]) == 1


def test_what_idle_processes_take_is_left_out_of_busy_seconds():
    pytest.importorskip("psutil", reason="benchmarks.speed.cluster needs psutil")
    pytest.importorskip("distributed", reason="needs pip install 'wrmf[distributed]'")
    cluster = importlib.import_module("benchmarks.speed.cluster")
    local = [{"seconds": 2.0, "CPU seconds": 4.0}]
    row = {"seconds": 3.0, "CPU seconds": 6.0, "CPU seconds of workers": 5.0}
    idle = {"CPU seconds": 0.1, "CPU seconds of workers": 0.05}
    summary = cluster.summary(local, [row], idle)
    assert summary["cluster"]["busy CPU seconds"] == pytest.approx(5.7)
    assert summary["ratios"]["seconds"] == 1.5
    assert summary["ratios"]["CPU seconds of workers"] == 1.25
    assert summary["ratios"]["busy CPU seconds"] == pytest.approx(1.425)


def test_the_first_and_the_last_iteration_of_a_round_on_a_cluster_are_left_out():
    pytest.importorskip("psutil", reason="benchmarks.speed.cluster needs psutil")
    pytest.importorskip("distributed", reason="needs pip install 'wrmf[distributed]'")
    cluster = importlib.import_module("benchmarks.speed.cluster")
    spent = iter([0.0, 9.0, 10.0, 12.0, 20.0, 90.0, 91.0, 94.0])
    noted = cluster.Iterations(lambda: {"CPU seconds": next(spent)})
    for _ in range(2):
        for done in range(4):
            noted(None, done)
        noted.end_round()
    assert [row["CPU seconds"] for row in noted.rows] == [9.0, 1.0, 70.0, 1.0]


def test_a_profile_adds_up_the_tasks_of_all_workers():
    pytest.importorskip("psutil", reason="benchmarks.speed.cluster_profile needs psutil")
    pytest.importorskip("distributed", reason="needs pip install 'wrmf[distributed]'")
    profile = importlib.import_module("benchmarks.speed.cluster_profile")
    before = {address: ([], {"CPU seconds of tasks": 1.0}) for address in "ab"}
    after = {
        "a": ([profile.Task("loss", 0.5, 0.6, 10)], {"CPU seconds of tasks": 1.5}),
        "b": ([profile.Task("loss", 0.7, 0.8, 20)] * 2, {"CPU seconds of tasks": 2.4}),
    }
    rows = profile.medians([profile.figures(before, after, 2.0)])
    assert rows["loss"] == {"tasks": 3.0, "cpu": 1.9, "seconds": 2.2, "faults": 50.0}
    assert rows["workers"] == {
        "CPU seconds of tasks": 1.9,
        "seconds without a task": 1.8,
        "seconds of an iteration": 2.0,
    }
