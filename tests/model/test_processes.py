"""Fits and lists in forked children, threads, signal handlers and at the end of a process."""

import os
import threading

import numpy as np
import pytest
from running import run_python

from wrmf.numerics.threads import available_threads

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and POSIX signals")

PREPARED = """
import os, signal, sys, threading, time, warnings
import numpy as np
import wrmf
from scipy import sparse

warnings.simplefilter("ignore", DeprecationWarning)
likes = sparse.random(400, 300, 0.05, format="csr", random_state=0, dtype=np.float32)

def fit(iterations=2, num_threads=2):
    model = wrmf.WRMF(
        factors=FACTORS, iterations=iterations, random_state=0, num_threads=num_threads
    )
    return model.fit(likes, progress=False)
"""


def prepared(factors, code):
    """Return code that runs after ``fit`` and ``likes`` are defined."""
    return PREPARED.replace("FACTORS", str(factors)) + code


@posix
@pytest.mark.parametrize("factors", [16, pytest.param(300, marks=pytest.mark.slow)])
def test_children_forked_while_another_thread_fits_give_the_same_factors(factors):
    code = """
expected = fit().user_factors
stop = threading.Event()

def keep_fitting():
    while not stop.is_set():
        fit()

thread = threading.Thread(target=keep_fitting)
thread.start()
codes = []
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(not np.array_equal(fit().user_factors, expected))
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
thread.join()
print(sum(map(abs, codes)))
"""
    assert run_python(prepared(factors, code)) == "0"


@posix
@pytest.mark.parametrize(("factors", "rows"), [(64, 50_000), (300, 1000)])
def test_ctrl_c_leaves_the_factors_before_or_after_a_half_sweep(factors, rows):
    code = """
from wrmf.numerics.objective import Objective
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import half_sweep

generator = np.random.default_rng(0)
indices = generator.integers(0, 300, 5 * ROWS)
many = sparse.csr_matrix((np.ones(5 * ROWS, "f4"), indices, np.arange(0, 5 * ROWS + 1, 5)))
many.sum_duplicates()
side = Side.of(many, Objective(10.0, 1.0, "wrmf", "linear", 1.0, 0.0), 1.0, np.float32)
fixed = generator.standard_normal((300, FACTORS)).astype("f4")
before, out, after = (np.full((ROWS, FACTORS), 7, "f4") for _ in range(3))
started = time.perf_counter()
half_sweep(side, fixed, after, num_threads=2)
seconds = time.perf_counter() - started
signal.signal(signal.SIGINT, signal.default_int_handler)
for share in (0.1, 0.3, 0.5, 0.7, 0.9):
    out[:] = before
    try:
        timer = threading.Timer(share * seconds, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        half_sweep(side, fixed, out, num_threads=2)
        timer.join()
    except KeyboardInterrupt:
        pass
    assert np.array_equal(out, before) or np.array_equal(out, after)
print("done")
"""
    code = code.replace("ROWS", str(rows)).replace("FACTORS", str(factors))
    assert run_python(prepared(factors, code)) == "done"


@posix
def test_a_signal_handler_may_recommend_and_fit_during_a_fit():
    code = """
other = fit()
lists, factors = other.recommend(n=5).ids, fit(iterations=100).user_factors
depth = []

def answer(*_):
    depth.append(None)
    # A signal that arrives within the handler is handled within it.
    if len(depth) < 4:
        signal.raise_signal(signal.SIGUSR1)
    assert np.array_equal(other.recommend(n=5).ids, lists)
    assert np.array_equal(fit().user_factors, other.user_factors)

signal.signal(signal.SIGUSR1, answer)
timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
timer.start()
interrupted = fit(iterations=100).user_factors
timer.join()
assert len(depth) in (0, 4)
print(np.array_equal(interrupted, factors))
"""
    assert run_python(prepared(16, code)) == "True"


@pytest.mark.parametrize("factors", [16, 300])
def test_a_process_ends_while_a_daemon_thread_fits(factors):
    code = """
thread = threading.Thread(target=lambda: fit(iterations=10**6), daemon=True)
thread.start()
time.sleep(0.3)
print("done")
"""
    assert run_python(prepared(factors, code)) == "done"


def test_models_that_several_threads_fit_have_the_serial_factors(likes, small):
    expected = [small(random_state=seed, num_threads=1).fit(likes) for seed in range(4)]
    models = [small(random_state=seed, num_threads=2) for seed in range(4)]
    threads = [threading.Thread(target=model.fit, args=(likes,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model, serial in zip(models, expected, strict=True):
        assert np.array_equal(model.user_factors, serial.user_factors)
        assert np.array_equal(model.item_factors, serial.item_factors)


def test_one_model_gives_many_threads_the_serial_answers(likes, small):
    model = small(num_threads=2).fit(likes)

    def answers():
        return [
            model.recommend(n=7).ids,
            model.similar_items(model.items, n=5).scores,
            model.fold_in_users(likes[:40]),
            model.recommend_new(likes[:40], n=3).ids,
            model.predict([0, 1], [1, 2]),
        ]

    expected, wrong = answers(), []

    def ask():
        for _ in range(5):
            given = answers()
            if not all(map(lambda a, b: np.array_equal(a, b, True), given, expected)):
                wrong.append(given)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(("workers", "inner", "expected"), [(2, 1, 1), (2, None, None)])
def test_workers_of_joblib_share_the_cpus(workers, inner, expected):
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config("loky", n_jobs=workers, inner_max_num_threads=inner):
        counts = joblib.Parallel()(joblib.delayed(available_threads)() for _ in range(2))
    assert set(counts) == {expected or max(1, joblib.cpu_count() // workers)}
