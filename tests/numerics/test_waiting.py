"""Idle threads of OpenMP sleep, whatever is imported first, and the environment stays as it is."""

import os
import sys

import pytest
from running import run_python
from wrmf._als import openmp_threads

from wrmf.numerics.waiting import CHOICES, PASSIVE, sleeping_threads

# libgomp prints its settings to standard error when it is loaded.
IMPORTING = """
import os
os.dup2(1, 2)
before = dict(os.environ)
{first}
assert dict(os.environ) == before
assert {{name: os.environ.get(name) for name in before}} == before
import numpy as np, wrmf
wrmf.WRMF(factors=4, iterations=1).fit(np.eye(30))
with open("/proc/self/maps") as maps:
    print("libgomp" in maps.read())
"""
FIRST = ["import wrmf", "import wrmf.numerics.isa", "import wrmf._serving", "import wrmf.data.rows"]

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not openmp_threads(), reason="needs libgomp"
)


def clean_environment(**variables):
    """Return the environment without a choice of how threads wait, and with other variables."""
    kept = {name: value for name, value in os.environ.items() if name not in CHOICES}
    return {**kept, "OMP_DISPLAY_ENV": "true", **variables}


@linux
@pytest.mark.parametrize("first", FIRST)
def test_idle_threads_sleep_and_the_environment_stays(first):
    printed = run_python(IMPORTING.format(first=first), env=clean_environment())
    if not printed.endswith("True"):
        pytest.skip("this build uses another library of OpenMP")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in printed


@linux
def test_a_choice_of_the_user_stays():
    environment = clean_environment(OMP_WAIT_POLICY="active")
    printed = run_python(IMPORTING.format(first="import wrmf"), env=environment)
    assert "OMP_WAIT_POLICY = 'PASSIVE'" not in printed


# Another package loads libgomp first; a child process inherits none of the threads.
AFTER_ANOTHER = """
import ctypes, os, threading
{first}
import numpy as np, wrmf
from wrmf.numerics.waiting import RESTING
rows = np.random.default_rng(0).random((900, 800)) < 0.05
def factors(num_threads):
    model = wrmf.WRMF(factors=32, iterations=2, num_threads=num_threads, random_state=0)
    return model.fit(rows).user_factors
one = factors(1)
assert not any(thread.name == RESTING for thread in threading.enumerate())
assert np.array_equal(factors(2), one) and np.array_equal(factors(2), one)
child = os.fork()
if not child:
    os._exit(0 if np.array_equal(factors(2), one) else 1)
assert os.waitpid(child, 0)[1] == 0
with open("/proc/self/maps") as maps:
    shared = "libgomp.so.1" in maps.read()
print(shared, sum(thread.name == RESTING for thread in threading.enumerate()))
"""


@linux
@pytest.mark.parametrize(
    ("first", "choice", "resting"),
    [
        ("ctypes.CDLL('libgomp.so.1')", {}, 1),
        ("ctypes.CDLL('libgomp.so.1')", {"OMP_WAIT_POLICY": "active"}, 0),
        ("", {}, 0),
    ],
)
def test_threads_rest_where_another_package_has_loaded_the_library(first, choice, resting):
    printed = run_python(AFTER_ANOTHER.format(first=first), env=clean_environment(**choice))
    if "True" not in printed:
        pytest.skip("this build has a library of OpenMP of its own")
    assert printed.split()[-2:] == ["True", str(resting)]


@pytest.mark.parametrize("choice", CHOICES)
def test_the_environment_is_not_changed_if_it_says_how_threads_wait(choice, monkeypatch):
    for name in CHOICES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(choice, "1")
    before = dict(os.environ)
    with sleeping_threads():
        assert dict(os.environ) == before
    assert dict(os.environ) == before


def test_the_environment_is_restored_after_an_error(monkeypatch):
    for name in CHOICES:
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with pytest.raises(ImportError), sleeping_threads():
        assert {name: os.environ[name] for name in PASSIVE} == PASSIVE
        raise ImportError
    assert dict(os.environ) == before
