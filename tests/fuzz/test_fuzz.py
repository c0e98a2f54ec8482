"""Fuzzing: each case ends in a right answer or a documented error; see tests/fuzz/run.py.

``WRMF_FUZZ_CASES`` is the number of cases of each target; by default a slice of some seconds is
run. ``make fuzz`` runs 100,000 cases of each.
"""

import os

import pytest
from fuzz.run import run_cases
from fuzz.sequences import Sequence
from fuzz.targets import TARGETS
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

# The cases of a target in the ordinary run of tests.
SLICE = {"matrices": 400, "tables": 150, "models": 60, "journals": 150, "commands": 40}
N_CASES = os.environ.get("WRMF_FUZZ_CASES")
# A sequence is up to STEPS calls, which count as cases.
STEPS = 20


@pytest.mark.timeout(10**6)
@pytest.mark.parametrize("target", TARGETS)
def test_every_case_ends_in_an_answer_or_a_documented_error(target):
    count = int(N_CASES) if N_CASES else SLICE[target]
    report = run_cases(target, 0, count)
    failures = [f"case {number}: {text}" for number, text in report.failures.items()]
    assert not failures, "\n".join(failures[:10])
    assert report.n_cases == count
    assert len(report.outcomes) > 1


# What these cases draw was answered wrongly once: a name of no data set, one column for users and
# items, a damaged size in the metadata of a Parquet column, names of parts of an npz file, a quote.
@pytest.mark.parametrize(
    ("target", "number"),
    [
        ("commands", 500636),
        ("tables", 202426),
        ("tables", 203515),
        ("tables", 204375),
        ("tables", 206503),
    ],
)
def test_cases_that_once_failed_succeed(target, number):
    report = run_cases(target, number, 1)
    assert not report.failures


@pytest.mark.timeout(10**6)
def test_every_sequence_of_calls_gives_the_dense_answers():
    n = int(N_CASES) // STEPS if N_CASES else 6
    options = settings(max_examples=max(n, 1), stateful_step_count=STEPS, deadline=None)
    run_state_machine_as_test(Sequence, settings=options)
