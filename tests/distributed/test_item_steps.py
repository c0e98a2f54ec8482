"""What an item step submits and when, and what is saved meanwhile, without a cluster."""

import numpy as np
import pytest
from sharding import InlineTasks, plain_model, rows_of_likes, shards_in, trained

from wrmf.distributed import manifest
from wrmf.distributed.folder import Folder, read_arrays
from wrmf.distributed.starting import start_training
from wrmf.distributed.state import Latest
from wrmf.numerics.isa import active_isa

PARAMETERS = {"wrmf": {}, "singular": {"regularization": 1e-9, "alpha": 1e7, "factors": 40}}


@pytest.fixture(scope="module")
def rows():
    return rows_of_likes(6000, 300, 70)


class Noting(InlineTasks):
    """Notes the names of tasks, and their priorities."""

    def __init__(self):
        super().__init__()
        self.submitted = []
        self.priorities = {}

    def submit(self, name, function, *args, home=None, computes=False, priority=0):
        self.submitted.append(name)
        self.priorities[name] = priority
        return super().submit(
            name, function, *args, home=home, computes=computes, priority=priority
        )


@pytest.mark.parametrize(("name", "times"), [("singular", 3), ("wrmf", 0)])
def test_the_factors_of_users_follow_only_to_blocks_that_need_them(name, times, rows, tmp_path):
    tasks = Noting()
    trained(tmp_path, rows, plain_model(**PARAMETERS[name]), tasks=tasks)
    assert tasks.submitted.count("add-factors") == times
    # The first time, a block shows that it needs them; then they are there at once.
    assert tasks.submitted.count("solve-items") == (4 if times else 3)
    assert tasks.submitted.count("gather-for-blocks") == 3


def test_the_loss_waits_until_users_travel_and_the_next_items_wait_for_the_loss(rows, tmp_path):
    tasks = Noting()
    trained(tmp_path, rows, plain_model(), tasks=tasks)
    names = tasks.submitted
    first = names.index("loss")
    # The step of the second iteration is submitted before the loss of the first one.
    assert names[:first].count("solve-items") == 2
    assert names.count("solve-items") == 3
    assert (
        len({tasks.priorities[name] for name in ("gram-users", "whiten", "gather-for-blocks")}) == 1
    )
    assert tasks.priorities["whiten"] > tasks.priorities["loss"] > tasks.priorities["solve-items"]


@pytest.mark.parametrize("method", ["gather", "split"])
def test_a_worker_reads_several_blocks_of_items_at_once_unless_it_needs_each(
    method, rows, tmp_path, monkeypatch
):
    monkeypatch.setitem(manifest.BLOCK_ENTRIES, method, 1000)
    tasks = Noting()
    # Workers have neighbouring blocks.
    monkeypatch.setattr(tasks, "home", lambda name: f"worker-{int(name[6:]) // 2}")
    sharded = trained(tmp_path, rows, plain_model(iterations=2), tasks=tasks, method=method)
    blocks = sharded._training.latest.blocks
    assert len(blocks) in (3, 4)
    # The start, and two iterations; a task for each of two workers, or for each block.
    assert tasks.submitted.count("load-items") == 3 * (2 if method == "gather" else len(blocks))
    own = [read_arrays(sharded._training.plan.folder, block.file)["factors"] for block in blocks]
    np.testing.assert_array_equal(sharded.item_factors, np.concatenate(own))


class Waiting(InlineTasks):
    """Notes the iteration that is saved whenever results are waited for."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.saved = []

    def results(self, futures):
        latest = Latest.read(Folder(str(self.path)))
        self.saved.append(None if latest is None else latest.iteration)
        return super().results(futures)


def test_item_factors_are_saved_before_their_loss_is_waited_for(rows, tmp_path):
    tasks = Waiting(tmp_path)
    trained(tmp_path, rows, plain_model(), tasks=tasks)
    # Random items; then the items of an iteration, and its loss.
    assert [number for number in tasks.saved if number is not None] == [0, 1, 1, 2, 2, 3]


def test_a_fit_that_stops_early_has_prepared_nothing_that_a_rerun_trusts(rows, tmp_path):
    whole = trained(tmp_path / "whole", rows, plain_model(iterations=4))
    folder, shards = shards_in(tmp_path / "parts", rows)
    arguments = folder, shards, plain_model(), active_isa(), "gather"
    training, _ = start_training(InlineTasks(), *arguments)
    training.run(5, lambda reached: reached.iteration == 2)
    assert Latest.read(folder).iteration == training.iterations_done == 2
    again, _ = start_training(InlineTasks(), *arguments)
    for path in folder.path("items").glob("00003-*"):
        path.write_bytes(b"of a step that was begun")
    again.run(4, lambda reached: None)
    assert again.latest.history[-1].loss == whole.history[-1].loss
