"""What the workers must have in common, without a cluster."""

import logging

import pytest

from wrmf.distributed.state import isa_of_run
from wrmf.distributed.tasks import ClusterError
from wrmf.distributed.workers import check_worker, facts_of_process, slowest_isa
from wrmf.numerics.isa import ISAS


def test_a_worker_like_this_process_takes_part():
    check_worker("tcp://w", facts_of_process(), facts_of_process(), ISAS[-1])


@pytest.mark.parametrize("name", ["wrmf", "numpy", "dask", "Python"])
def test_another_version_is_named(name):
    own = facts_of_process()
    with pytest.raises(ClusterError, match=rf"tcp://w has {name} 0\.0, here it is"):
        check_worker("tcp://w", {**own, name: "0.0"}, own)


def test_a_worker_without_wrmf_is_told_what_to_install():
    answer = ModuleNotFoundError("No module named 'wrmf'")
    with pytest.raises(ClusterError, match=r"No module named 'wrmf'.*\[distributed\]"):
        check_worker("tcp://w", answer, facts_of_process())


def test_a_worker_that_joins_without_the_instructions_of_the_fit_is_named():
    own = facts_of_process()
    with pytest.raises(ClusterError, match="has begun with avx9: remove the worker"):
        check_worker("tcp://w", own, own, "avx9")


def test_the_slowest_instruction_set_is_used():
    assert slowest_isa([{"isa": ISAS[-1]}, {"isa": "avx9"}]) == ISAS[-1]
    assert slowest_isa([{"isa": isa} for isa in ISAS]) == ISAS[0]


def test_a_run_goes_on_with_its_instruction_set(caplog):
    with caplog.at_level(logging.WARNING, "wrmf.distributed"):
        assert isa_of_run({"isa": ISAS[0]}, ISAS[-1]) == ISAS[0]
        # A run of an earlier version does not say which it has.
        assert isa_of_run({}, ISAS[-1]) == ISAS[-1]
        assert not caplog.records
        assert isa_of_run({"isa": "avx9"}, ISAS[-1]) == ISAS[-1]
    assert "has begun with the instruction set avx9" in caplog.text
