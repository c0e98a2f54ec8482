"""Fuzzing: each case ends in a right answer or a documented error; see tests/fuzz/run.py.

``WRMF_FUZZ_CASES`` is the number of cases of each target; by default a slice of some seconds is
run. ``make fuzz`` runs 100,000 cases of each.
"""

import os
from pathlib import Path

import pytest
from fuzz.run import run_cases
from fuzz.sequences import CALLS_OF_CASE
from fuzz.targets import TARGETS

import wrmf

# The cases of a target in the ordinary run of tests.
SLICE = {
    "matrices": 400,
    "tables": 150,
    "models": 60,
    "journals": 150,
    "commands": 40,
    "sequences": 1,
}
N_CASES = os.environ.get("WRMF_FUZZ_CASES")


@pytest.mark.timeout(10**6)
@pytest.mark.parametrize("target", TARGETS)
def test_every_case_ends_in_an_answer_or_a_documented_error(target):
    count = int(N_CASES) if N_CASES else SLICE[target]
    if N_CASES and target == "sequences":
        # Each call counts as a case.
        count = max(1, count // CALLS_OF_CASE)
    report = run_cases(target, 0, count)
    failures = [f"case {number}: {text}" for number, text in report.failures.items()]
    assert not failures, "\n".join(failures[:10])
    assert report.n_cases == count
    # Cases end in several ways, but calls of sequences are only counted.
    assert len(report.outcomes) > (target != "sequences")


# What these cases draw was answered wrongly once: a name of no data set, one column for users and
# items, a damaged size in the metadata of a Parquet column, names of parts of an npz file, a quote,
# items of baskets in the column "user", a field of JSON by name and by position, a curve of 2**63
# epochs in a journal, the place of an error after a quote that only Arrow reads, a λ that is
# infinite for rows that are longer than any, or for all, an explanation by factors that are NaN,
# text after a closing quote among bad lines, an id of thousands of characters.
@pytest.mark.parametrize(
    ("target", "number"),
    [
        ("commands", 500636),
        ("tables", 202426),
        ("tables", 203515),
        ("tables", 204375),
        ("tables", 206503),
        ("tables", 603918),
        ("tables", 638979),
        ("journals", 611898),
        ("tables", 709884),
        ("tables", 817107),
        ("tables", 827979),
        ("matrices", 706099),
        ("models", 717618),
        ("models", 815950),
    ],
)
def test_cases_that_once_failed_succeed(target, number):
    report = run_cases(target, number, 1)
    assert not report.failures


def test_a_relative_path_of_modules_reaches_the_child(monkeypatch):
    """The child runs in a folder of its own, where relative paths would lead elsewhere."""
    monkeypatch.setenv("PYTHONPATH", os.path.relpath(Path(wrmf.__file__).parents[1]))
    report = run_cases("matrices", 0, 2)
    assert (report.n_cases, report.failures) == (2, {})


@pytest.mark.skipif(os.name == "nt", reason="needs the command false")
def test_a_case_that_ends_the_process_is_named_and_the_next_ones_run(monkeypatch):
    monkeypatch.setattr("sys.executable", "false")
    report = run_cases("matrices", 7, 2)
    assert list(report.failures) == [7, 8]
