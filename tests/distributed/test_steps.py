"""The steps of a fit, without a cluster: files, state, resuming, and what shards answer."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sharding import (
    InlineTasks,
    assert_same_factors,
    fitted_locally,
    plain_model,
    rows_of_likes,
    shards_in,
    trained,
)

import wrmf
from wrmf.distributed.cost import Size, tasks_of
from wrmf.distributed.folder import Folder, read_arrays, write_arrays
from wrmf.distributed.grams import continue_gram, parts_of_shards, total_gram
from wrmf.distributed.items import count_items, item_order, merge_counts
from wrmf.distributed.manifest import check_same_data, item_blocks
from wrmf.distributed.placing import place
from wrmf.distributed.shards import build_shard, shard_count
from wrmf.distributed.source import Columns, rows_of
from wrmf.distributed.starting import check_supported, start_training
from wrmf.distributed.state import Latest, generator_from, generator_state
from wrmf.distributed.tasks import Stranded
from wrmf.numerics.isa import ISAS, active_isa, isa_number
from wrmf.numerics.objective import gram

PARAMETERS = {
    "wrmf": {},
    "ials": {"objective": "ials", "regularization_exponent": 1.0, "regularization": 0.003},
    "none": {"regularization": 0.0},
    "tfidf": {"weighting": "tfidf", "dtype": "float64"},
    "damped": {"value_damping": (0.5, 0.25), "confidence": "log"},
    "random-users": {"init_scale": 1.0},
    "singular": {"regularization": 1e-9, "alpha": 1e7, "factors": 40},
}


@pytest.fixture(scope="module")
def rows():
    return rows_of_likes(6000, 300, 70)


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("threads", [1, 8])
def test_steps_over_shards_are_bitwise_a_local_fit(name, threads, rows, tmp_path):
    model = plain_model(**PARAMETERS[name])
    sharded = trained(tmp_path, rows, model, tasks=InlineTasks(threads))
    local = sharded.to_local()
    assert_same_factors(fitted_locally(model, local), local)
    assert sharded.history[-1].loss == pytest.approx(local.loss(local.train_matrix), rel=1e-6)


def test_a_fit_goes_on_after_its_last_saved_iteration(rows, tmp_path):
    model = plain_model(iterations=4)
    whole = trained(tmp_path / "whole", rows, model)
    first = trained(tmp_path / "parts", rows, model, iterations=2)
    assert first.iterations_done == 2
    second = trained(tmp_path / "parts", rows, model)
    assert [reached.iteration for reached in second.history] == [1, 2, 3, 4]
    assert_same_factors(whole.to_local(), second.to_local())
    assert [reached.loss for reached in second.history] == [
        reached.loss for reached in whole.history
    ]


@pytest.mark.parametrize("n_before", [1, 3, 4])
def test_a_fit_that_ended_before_the_loss_of_an_iteration_computes_it_first(
    n_before, rows, tmp_path
):
    model = plain_model(iterations=4)
    whole = trained(tmp_path / "whole", rows, model)
    trained(tmp_path / "parts", rows, model, iterations=n_before)
    folder = Folder(str(tmp_path / "parts"))
    latest = Latest.read(folder)
    replace(latest, history=latest.history[:-1]).write(folder)
    resumed = trained(tmp_path / "parts", rows, model)
    assert [reached.iteration for reached in resumed.history] == [1, 2, 3, 4]
    assert [reached.loss for reached in resumed.history] == [
        reached.loss for reached in whole.history
    ]
    assert_same_factors(whole.to_local(), resumed.to_local())


class Stranding(InlineTasks):
    """Results are stranded once: all workers have died."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def results(self, futures):
        self.at -= 1
        if self.at == 0:
            raise Stranded("the workers of some tasks have died")
        return super().results(futures)


@pytest.mark.parametrize("method", ["gather", "split"])
@pytest.mark.parametrize("at", [3, 4, 5, 8])
def test_stranded_tasks_are_made_again(at, method, rows, tmp_path):
    model = plain_model()
    whole = trained(tmp_path / "whole", rows, model, method=method)
    tasks = Stranding(at)
    stranded = trained(tmp_path / "stranded", rows, model, tasks=tasks, method=method)
    assert_same_factors(whole.to_local(), stranded.to_local())
    assert [reached.iteration for reached in stranded.history] == [1, 2, 3]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cuts", [[0, 5000], [0, 1, 130, 131, 2049, 4999, 5000], [0, 2048, 5000]])
def test_gram_matrices_of_parts_are_handed_from_shard_to_shard_bitwise(cuts, isa):
    factors = np.random.default_rng(0).standard_normal((5000, 20)).astype(np.float32)
    number, latest = isa_number(isa), {}
    for first, parts in zip(cuts, parts_of_shards(cuts, 20), strict=False):
        for part in parts:
            rows = factors[first:][part.rows]
            before = None if part.begins else latest[part.part][part.part]
            latest[part.part] = {part.part: continue_gram(before, rows, part.ends, 2, number)}
    assert all(len(latest[part][part].left) == 0 for part in latest)
    total = total_gram([latest[part] for part in range(3)])
    np.testing.assert_array_equal(total, gram(factors, 1, number))


def test_a_seed_from_the_system_is_kept_for_a_rerun(rows, tmp_path):
    model = plain_model(random_state=None, init_scale=1.0)
    first = trained(tmp_path / "one", rows, model, iterations=0)
    second = trained(tmp_path / "one", rows, model)
    other = trained(tmp_path / "two", rows, model)
    assert second.iterations_done == 3
    assert not np.array_equal(second.item_factors, other.item_factors)
    state = json.loads((tmp_path / "one" / "run.json").read_text())["random"]
    generator = generator_from(state)
    generator.standard_normal((first.shape[0], 12))
    again = trained(tmp_path / "three", rows, plain_model(init_scale=1.0, random_state=generator))
    assert again.iterations_done == 3


@pytest.mark.parametrize("bits", ["PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"])
def test_states_of_generators_survive_json(bits):
    generator = np.random.Generator(getattr(np.random, bits)(3))
    generator.standard_normal(3)
    state = json.loads(json.dumps(generator_state(generator)))
    restored = generator_from(state)
    np.testing.assert_array_equal(generator.random(5), restored.random(5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 2.0}, "alpha=3.0, now 2.0"),
        ({"dtype": "float64"}, "dtype='float32', now 'float64'"),
        ({"regularization": (1.0, 2.0)}, "regularization=5.0, now \\[1.0, 2.0\\]"),
        ({"random_state": 8}, "another random_state than 8"),
    ],
)
def test_a_folder_with_other_parameters_is_refused(change, message, rows, tmp_path):
    trained(tmp_path, rows, plain_model(), iterations=1)
    with pytest.raises(ValueError, match=message):
        trained(tmp_path, rows, plain_model(**change))


def test_iterations_and_threads_may_change(rows, tmp_path):
    trained(tmp_path, rows, plain_model(iterations=1))
    assert trained(tmp_path, rows, plain_model(iterations=2, num_threads=3)).iterations_done == 2


def test_other_data_is_refused(rows, tmp_path):
    folder, manifest = shards_in(tmp_path, rows)
    check_same_data(manifest, {"data": "x"}, folder)
    with pytest.raises(ValueError, match="from other data"):
        check_same_data(manifest, {"data": "y"}, folder)
    with pytest.raises(ValueError, match="user='who' is asked for"):
        check_same_data(manifest, {"data": "x", "user": "who"}, folder)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_models": 2}, "n_models=2 is not distributed"),
        ({"item_weight": 0.5}, "item_weight=0.5 is not distributed"),
        ({"solver": "cg"}, 'solver="cg" is not distributed'),
        ({"alpha": -1.0}, "alpha"),
    ],
)
def test_what_is_not_distributed_is_named(params, message):
    with pytest.raises(ValueError, match=message):
        check_supported(plain_model(**params))


def test_weights_beyond_the_dtype_are_refused_before_training(rows, tmp_path):
    with pytest.raises(ValueError, match="the largest count is"):
        trained(tmp_path, rows, plain_model(alpha=1e38))


def trained_in(folder, manifest):
    training, _ = start_training(
        InlineTasks(), folder, manifest, plain_model(), active_isa(), "gather"
    )
    training.run(1, lambda reached: None)


def test_a_file_that_was_written_again_is_not_trusted(tmp_path):
    folder = Folder.prepare(tmp_path)
    record = write_arrays(folder, "data/x.tensors", {"a": np.arange(3)})
    np.testing.assert_array_equal(read_arrays(folder, record)["a"], [0, 1, 2])
    write_arrays(folder, "data/x.tensors", {"a": np.arange(1, 4)})
    with pytest.raises(ValueError, match="another file"):
        read_arrays(folder, record, mapped=True)
    folder.path("data/x.tensors").unlink()
    with pytest.raises(ValueError, match="cannot be used"):
        read_arrays(folder, record)


def test_a_damaged_shard_is_named(rows, tmp_path):
    folder, manifest = shards_in(tmp_path, rows)
    path = folder.path(manifest.shards[1].file.name)
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"shard-00001.tensors cannot be used"):
        trained_in(folder, manifest)


def test_only_two_iterations_stay_in_the_folder(rows, tmp_path):
    sharded = trained(tmp_path, rows, plain_model(iterations=5))
    numbers = {path.name[:5] for path in (tmp_path / "items").glob("*.tensors")}
    assert numbers == {"00004", "00005"}
    assert Latest.read(Folder(str(tmp_path))).history == sharded.history


def test_lists_of_all_users_are_those_of_a_local_model(rows, tmp_path):
    sharded = trained(tmp_path / "fit", rows, plain_model())
    written = sharded.recommend_partitioned(tmp_path / "lists", n=4)
    local = sharded.to_local()
    expected = local.recommend(n=4).to_frame()
    frame = pd.read_parquet(tmp_path / "lists").reset_index(drop=True)
    assert (written.n_users, written.n_rows) == (sharded.shape[0], len(frame))
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)
    assert (tmp_path / "lists" / "_SUCCESS").exists()
    sharded.recommend_partitioned(tmp_path / "lists", n=2, exclude_seen=False)
    assert len(pd.read_parquet(tmp_path / "lists")) == 2 * sharded.shape[0]
    (tmp_path / "lists" / "part-00099.parquet").write_bytes(b"")
    with pytest.raises(ValueError, match="other files"):
        sharded.recommend_partitioned(tmp_path / "lists")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "x"}, "no argument 'path'; beside out and n, it takes exclude_seen, exclude,"),
        ({"users": ["u0001"]}, "no argument 'users'"),
        ({"fallback": "popular"}, "all users are known"),
        ({"exclude": {"u0001": [3]}}, "exclude= differs between users"),
        ({"exclude": [10**9]}, "unknown id among items: 1000000000"),
        ({"min_score": "x"}, "min_score must be a number"),
        ({"out": ""}, "out is an empty text"),
        ({"out": __file__}, "is a file: name a folder"),
    ],
)
def test_arguments_of_lists_are_checked_before_work_begins(arguments, message, rows, tmp_path):
    sharded = trained(tmp_path / "fit", rows, plain_model(iterations=1))
    with pytest.raises((TypeError, ValueError, OSError), match=message):
        sharded.recommend_partitioned(**{"out": tmp_path / "lists", **arguments})
    assert not (tmp_path / "lists").exists()


def test_remains_of_dead_workers_are_swept_from_lists(rows, tmp_path):
    sharded = trained(tmp_path / "fit", rows, plain_model(iterations=1))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / ".part-00000.parquet.ab12.tmp").write_bytes(b"half")
    sharded.recommend_partitioned(tmp_path / "lists")
    names = sorted(path.name for path in (tmp_path / "lists").iterdir())
    assert names == ["_SUCCESS", *(f"part-0000{number}.parquet" for number in range(4))]


def test_a_sharded_model_is_no_pickle(rows, tmp_path):
    with pytest.raises(TypeError, match=r"save to_local\(\), or call fit with the same folder"):
        pickle.dumps(trained(tmp_path, rows, plain_model(iterations=1)))


def test_metrics_of_shards_join_to_those_of_the_whole(rows, tmp_path):
    split = wrmf.split_interactions(wrmf.read_interactions(rows), 0.2, random_state=0)
    train = split.train.to_frame()
    sharded = trained(tmp_path, train, plain_model())
    local = sharded.to_local()
    test = split.test.filter(items=local.items)
    metrics = ["precision@5", "ndcg@20", "auc", "mse"]
    joined = sharded.evaluate(test, metrics, per_user=True)
    data = wrmf.Interactions(local.train_matrix, local.users, local.items)
    whole = wrmf.evaluate(local, wrmf.Split(data, test), metrics, per_user=True)
    assert joined["precision@5"] == whole["precision@5"]
    assert joined["mse"] == pytest.approx(whole["mse"], rel=1e-6)
    assert joined.stderr == whole.stderr
    assert joined.n_users == whole.n_users
    pd.testing.assert_frame_equal(joined.per_user, whole.per_user)
    with pytest.raises(ValueError, match="coverage@5 needs the lists of all users"):
        sharded.evaluate(test, "coverage@5")


def test_test_users_without_training_data_are_an_error(rows, tmp_path):
    sharded = trained(tmp_path, rows, plain_model())
    test = pd.DataFrame({"user": ["u0001", "nobody"], "item": sharded.items[:2]})
    with pytest.raises(ValueError, match="1 of 2 users of test have no training data"):
        sharded.evaluate(test, "mrr")


@pytest.mark.parametrize("name", ["ials", "tfidf", "damped"])
def test_new_users_are_folded_in_as_by_a_local_model(name, rows, tmp_path):
    sharded = trained(tmp_path, rows, plain_model(**PARAMETERS[name]))
    local = sharded.to_local()
    new = local.train_matrix[:5]
    np.testing.assert_array_equal(sharded.fold_in_users(new), local.fold_in_users(new))


def test_rows_of_a_pair_are_added_in_the_order_of_the_source(rows):
    coded = rows.assign(item=rows["item"].astype(np.int32), row=np.arange(len(rows)))
    shuffled = coded.sample(frac=1, random_state=0)
    users, matrix, counts = build_shard(shuffled, 70)
    whole = wrmf.read_interactions(rows, value="value")
    assert users.tolist() == sorted(whole.users)
    assert counts == whole.counts
    expected = wrmf.data.interactions.align(whole, users, np.arange(70), "extend").matrix
    np.testing.assert_array_equal(matrix.data, expected[:, :70].data)


def test_items_are_ordered_by_rows_then_by_id():
    parts = [pd.DataFrame({"item": ["b", "a", "c"], "user": ["x", "y", "z"]}) for _ in range(2)]
    parts.append(pd.DataFrame({"item": ["c"], "user": ["x"]}))
    columns = Columns("user", "item")
    counts = [count_items(rows_of(part, columns, "part"), "text", "item") for part in parts]
    assert item_order(merge_counts(counts)).tolist() == ["c", "a", "b"]


def test_blocks_cover_all_items_and_share_the_work():
    counts = np.sort(np.random.default_rng(0).zipf(1.3, 5000) % 2**22)[::-1]
    blocks = item_blocks(counts, 64, 16)
    assert [block.start for block in blocks[1:]] == [block.stop for block in blocks[:-1]]
    assert (blocks[0].start, blocks[-1].stop) == (0, 5000)
    assert item_blocks(np.array([3]), 64, 16) == [slice(0, 1)]


@pytest.mark.parametrize("n_workers", [1, 3, 4, 50, 64])
def test_things_are_placed_in_order_and_evenly(n_workers):
    sizes = {f"shard-{number}": 100 + number % 7 for number in range(50)}
    workers = [f"w{number:02}" for number in range(n_workers)]
    homes = place(sizes, workers, {})
    assert list(homes.values()) == sorted(homes.values())
    loads = [sum(size for name, size in sizes.items() if homes[name] == w) for w in workers]
    assert max(loads) <= sum(sizes.values()) / n_workers + max(sizes.values())


def test_things_stay_where_they_are():
    sizes = {f"shard-{number}": 10 + number for number in range(8)}
    before = place(sizes, ["a", "b"], {})
    assert place(sizes, ["b", "a"], before) == before
    after = place(sizes, ["a", "c"], before)
    assert {name for name in sizes if after[name] != before[name]} == {
        name for name in sizes if before[name] == "b"
    }


@pytest.mark.parametrize("n_before", [1, 2, 5])
@pytest.mark.parametrize("n_things", [1, 2, 9, 60])
def test_workers_that_join_get_their_share_once(n_things, n_before):
    sizes = {f"shard-{number}": 20 + number % 5 for number in range(n_things)}
    workers = [f"w{number}" for number in range(6)]
    before = place(sizes, workers[:n_before], {})
    after = place(sizes, workers, before)
    loads = [sum(size for name, size in sizes.items() if after[name] == w) for w in workers]
    assert max(loads) <= sum(sizes.values()) / 6 + max(sizes.values())
    assert place(sizes, workers, after) == after


def test_the_number_of_shards_depends_on_the_rows_alone():
    numbers = [shard_count(10**power) for power in range(12)]
    assert numbers == sorted(numbers)
    assert numbers[0] == 1


class Counting(InlineTasks):
    """Counts tasks, and those of trees."""

    n_tasks = 0

    def submit(self, *args, **kwargs):
        self.n_tasks += 1
        return super().submit(*args, **kwargs)

    def tree(self, name, combine, futures, homes=None, root=None):
        level = len(futures)
        while level > 1:
            level = -(-level // 4)
            self.n_tasks += level
        return super().tree(name, combine, futures)


@pytest.mark.parametrize("method", ["gather", "split"])
def test_an_iteration_has_the_tasks_that_the_formula_says(method, rows, tmp_path):
    tasks, n_shards, marks = Counting(), 32, []
    folder, manifest = shards_in(tmp_path, rows, n_shards)
    training, _ = start_training(tasks, folder, manifest, plain_model(), active_isa(), method)
    training.run(3, lambda reached: marks.append(tasks.n_tasks))
    size = Size(*manifest.shape, manifest.n_entries, 12, n_workers=2, n_shards=n_shards)
    expected = tasks_of(size, method)
    # "split" takes fewer steps here, since all of these few items are solved exactly.
    # Not those of the last iteration, which prepares no other.
    n_tasks = marks[1] - marks[0]
    assert (0.4 if method == "split" else 0.85) * expected < n_tasks < 1.15 * expected
