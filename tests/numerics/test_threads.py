"""The number of threads that a process should use, and the limit of one BLAS thread."""

import ctypes
import os
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits
from wrmf._als import openmp_threads
from wrmf._lapack import HIDES

import wrmf
from wrmf.numerics import control_groups, threads
from wrmf.numerics.blas_controls import BlasControls
from wrmf.numerics.layout import Workspaces
from wrmf.numerics.objective import Objective
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep
from wrmf.numerics.threads import available_threads, kernel_threads, single_threaded_blas

with_openmp = pytest.mark.skipif(openmp_threads() in (0, 3), reason="needs OpenMP, not 3 threads")


def blas_threads():
    """Return the number of threads of each BLAS library that NumPy and SciPy use.

    Other packages, which other tests load, may bring libraries of their own.
    """
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    folders = ("numpy", "numpy.libs", "scipy", "scipy.libs")
    own = [pool for pool in pools if set(folders) & set(Path(pool["filepath"]).parts)]
    return [pool["num_threads"] for pool in own or pools]


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that fakes a machine of eight CPUs with files of control groups."""

    def fake(files=None, cpus=8):
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cpus)), raising=False)
        monkeypatch.setattr(control_groups, "PROCESS_GROUPS", tmp_path / "proc")
        monkeypatch.setattr(control_groups, "GROUPS", tmp_path / "sys")
        monkeypatch.setattr(threads, "_quota", threads._Quota())

    return fake


@pytest.mark.parametrize("num_threads", [1, 3, 1000])
def test_a_positive_number_of_threads_is_taken_as_it_is(machine, num_threads):
    machine({"sys/cpu.max": "100000 100000"})
    assert available_threads(num_threads) == num_threads
    assert kernel_threads(num_threads) == num_threads


def test_a_negative_number_of_threads_is_refused():
    for number in (available_threads, kernel_threads):
        with pytest.raises(ValueError, match="num_threads must be at least 0, got -1"):
            number(-1)


def test_at_least_one_thread_is_available():
    assert 1 <= available_threads() <= (os.cpu_count() or 1)


def test_the_affinity_mask_limits_the_threads(machine):
    machine(cpus=3)
    assert available_threads() == 3


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, 8, id="no control groups"),
        pytest.param({"sys/cpu.max": "max 100000"}, 8, id="version 2 without quota"),
        pytest.param({"sys/cpu.max": "200000 100000"}, 2, id="version 2"),
        pytest.param({"sys/cpu.max": "150000 100000"}, 2, id="a fraction is rounded up"),
        pytest.param({"sys/cpu.max": "10000 100000"}, 1, id="less than one CPU"),
        pytest.param({"sys/cpu.max": "garbage"}, 8, id="unreadable"),
        pytest.param({"sys/cpu.max": "100000 0"}, 8, id="no period"),
        pytest.param(
            {"proc": "0::/a/b\n", "sys/a/b/cpu.max": "300000 100000"}, 3, id="version 2, own group"
        ),
        pytest.param(
            {
                "proc": "0::/a/b\n",
                "sys/a/b/cpu.max": "max 100000",
                "sys/a/cpu.max": "200000 100000",
            },
            2,
            id="version 2, a group above",
        ),
        pytest.param(
            {"sys/cpu/cpu.cfs_quota_us": "-1", "sys/cpu/cpu.cfs_period_us": "100000"},
            8,
            id="version 1 without quota",
        ),
        pytest.param(
            {"sys/cpu/cpu.cfs_quota_us": "100000", "sys/cpu/cpu.cfs_period_us": "100000"},
            1,
            id="version 1, as a container sees it",
        ),
        pytest.param(
            {
                "proc": "5:cpuset:/\n4:cpu,cpuacct:/docker/x\n",
                "sys/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "250000",
                "sys/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000",
            },
            3,
            id="version 1, own group",
        ),
        pytest.param(
            {
                "proc": "2:cpu:/job\n0::/job\n",
                "sys/cpu/job/cpu.cfs_quota_us": "400000",
                "sys/cpu/job/cpu.cfs_period_us": "100000",
            },
            4,
            id="both versions mounted",
        ),
    ],
)
def test_the_quota_of_the_control_groups_limits_the_threads(machine, files, expected):
    machine(files)
    assert available_threads() == expected


def test_a_changed_quota_counts_after_some_seconds(machine, monkeypatch):
    machine({"sys/cpu.max": "200000 100000"})
    assert available_threads() == 2
    control_groups.GROUPS.joinpath("cpu.max").write_text("500000 100000")
    monkeypatch.setattr(threads, "QUOTA_SECONDS", 0)
    assert available_threads() == 5


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", 1), ("3", 3), ("4,2", 4), ("99", 8), ("", 8), ("0", 8), ("-1", 8), ("all", 8)],
)
def test_omp_num_threads_limits_the_threads(machine, monkeypatch, value, expected):
    machine()
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert available_threads() == expected


@with_openmp
def test_threadpool_limits_limit_the_threads_of_the_python_thread_that_sets_them(machine):
    machine()
    elsewhere = []
    with threadpool_limits(3, user_api="openmp"):
        assert available_threads() == 3
        thread = threading.Thread(target=lambda: elsewhere.append(available_threads()))
        thread.start()
        thread.join()
    assert elsewhere == [8]
    assert available_threads() == 8


@with_openmp
def test_the_end_of_threadpool_limits_leaves_no_limit(machine):
    machine(cpus=4)
    with threadpool_limits(3):
        assert available_threads() == 3
    machine(cpus=8)
    assert available_threads() == 8


def test_blas_gets_its_threads_back_when_the_outer_block_ends():
    before = blas_threads()
    with single_threaded_blas():
        with single_threaded_blas():
            assert set(blas_threads()) <= {1}
        assert set(blas_threads()) <= {1}
    assert blas_threads() == before


def test_blas_gets_its_threads_back_after_an_error():
    before = blas_threads()
    with pytest.raises(RuntimeError, match="in the block"), single_threaded_blas():
        raise RuntimeError("in the block")
    assert blas_threads() == before


def test_blas_is_limited_in_every_python_thread():
    limited = []

    def enter():
        with single_threaded_blas():
            limited.append(set(blas_threads()))

    # threadpoolctl lets only the thread that was the first to set a limit set others.
    with threadpool_limits(2, user_api="blas"):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert limited[0] <= {1}


def test_a_number_of_blas_threads_that_is_set_within_a_block_stays():
    controls = BlasControls.loaded().of_process
    before = [library.get() for library in controls]
    try:
        with single_threaded_blas():
            for library in controls:
                library.set(2)
        assert {library.get() for library in controls} <= {2}
    finally:
        for library, number in zip(controls, before, strict=True):
            library.set(number)


@pytest.fixture
def openblas():
    """Functions that read the threads of each OpenBLAS without giving up the interpreter's lock."""
    functions = []
    for library in ThreadpoolController().select(internal_api="openblas").lib_controllers:
        names = ("openblas_get_num_threads", "scipy_openblas_get_num_threads")
        for name in (f"{name}{suffix}" for name in names for suffix in ("", "64_")):
            if hasattr(library.dynlib, name):
                functions.append(ctypes.PyDLL(library.filepath)[name])
    if not functions:
        pytest.skip("NumPy and SciPy use another BLAS")
    return functions


@pytest.mark.skipif(not HIDES, reason="needs an interpreter with a lock")
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_no_python_thread_sees_fits_change_the_number_of_blas_threads(likes, openblas, exponent):
    before = [read() for read in openblas]
    seen, stop = set(), threading.Event()

    def fit():
        model = wrmf.WRMF(
            factors=16, iterations=2, random_state=0, regularization_exponent=exponent
        )
        while not stop.is_set():
            model.fit(likes, progress=False)

    thread = threading.Thread(target=fit)
    thread.start()
    for _ in range(3000):
        seen.add(tuple(read() for read in openblas))
    stop.set()
    thread.join()
    assert seen == {tuple(before)}


def test_an_interpreter_with_a_lock_hides_the_limit_of_small_decompositions():
    assert HIDES is not bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


@pytest.mark.skipif(HIDES, reason="needs a free-threaded interpreter")
def test_importing_the_modules_leaves_a_free_threaded_interpreter_without_lock():
    program = "import sys, wrmf; wrmf.WRMF; sys.exit(sys._is_gil_enabled())"
    # The variable would keep a lock away that a module asks for.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHON_GIL"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


@pytest.mark.parametrize("factors", [20, 300])
@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_factors_do_not_depend_on_the_threads_of_blas(likes, factors, exponent):
    def fit():
        model = wrmf.WRMF(
            factors=factors, iterations=1, random_state=0, regularization_exponent=exponent
        )
        return model.fit(likes).user_factors

    expected = fit()
    with threadpool_limits(1, user_api="blas"):
        assert np.array_equal(fit(), expected)


def test_computations_that_overlap_have_workspaces_of_their_own():
    workspaces = Workspaces()
    with workspaces.borrow() as outer:
        with workspaces.borrow() as inner:
            a, b = (space.array("a", (2, 3), np.float32) for space in (outer, inner))
            assert not np.shares_memory(a, b)
        with workspaces.borrow() as again:
            assert again is inner
    with workspaces.borrow() as last:
        assert last.array("a", (2, 3), np.float32).ctypes.data == a.ctypes.data


def test_python_threads_that_solve_one_side_at_once_give_the_serial_factors(likes):
    side = Side.of(likes, Objective(10.0, 1.0, "wrmf", "linear", 1.0, 0.0), 1.0, np.float32)
    generator = np.random.default_rng(0)
    fixed = [generator.standard_normal((200, 24)).astype(np.float32) for _ in range(4)]
    expected, results = [], [[] for _ in fixed]
    for factors in fixed:
        expected.append(np.zeros((300, 24), np.float32))
        half_sweep(side, factors, expected[-1], num_threads=1)

    def solve(place):
        for _ in range(10):
            out = np.zeros((300, 24), np.float32)
            half_sweep(side, fixed[place], out, num_threads=2)
            results[place].append(out)

    workers = [threading.Thread(target=solve, args=(place,)) for place in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for place, outs in enumerate(results):
        assert all(np.array_equal(out, expected[place]) for out in outs)


@pytest.mark.parametrize("number", [1025, 40_000, 2**31, 2**63, -1])
def test_more_threads_than_can_start_are_an_error_and_do_not_end_the_process(number):
    split = wrmf.leave_k_out(np.ones((4, 5)), 1, random_state=0)
    model = wrmf.WRMF(factors=1, iterations=1, random_state=0).fit(split.train)
    with pytest.raises(ValueError, match=r"num_threads must be at (most 1024|least 0), got"):
        wrmf.evaluate(model, split, ["precision@1"], num_threads=number)
    with pytest.raises(ValueError, match=r"num_threads must be at (most 1024|least 0), got"):
        wrmf.Popularity(num_threads=number).fit(split.train).recommend()
