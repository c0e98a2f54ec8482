"""A fit on a cluster is the fit of one machine, to the last bit."""

import logging

import numpy as np
import pandas as pd
import pytest
from sharding import assert_same_factors, fitted_locally, plain_model

import wrmf
import wrmf.distributed
from wrmf.data.interactions import align

pytest.importorskip("distributed", reason="needs pip install 'wrmf[distributed]'")

CASES = {
    "wrmf": {},
    "ials": {"objective": "ials", "regularization_exponent": 1.0, "regularization": 0.003},
    "sides": {"regularization": (2.0, 9.0), "confidence": "log", "epsilon": 0.5},
    "none": {"regularization": 0.0},
    "float64": {"dtype": "float64"},
    "raw": {"confidence": "raw", "alpha": 1.0},
    "observed": {"regularization_exponent": 0.5, "regularization_counts": "observed"},
    "from-random-users": {"init_scale": 1.0},
    "bm25": {"weighting": "bm25"},
    "damped": {"value_damping": (0.5, 0.25)},
    "many": {"factors": 140},
}


def model_of(case="wrmf", **params):
    return plain_model(**{**CASES[case], **params})


@pytest.mark.parametrize("case", CASES)
def test_a_distributed_fit_is_bitwise_the_local_one(case, client, files, tmp_path):
    model = model_of(case)
    sharded = wrmf.distributed.fit(
        files, model, client=client, value="value", folder=tmp_path, shards=5
    )
    local = sharded.to_local()
    assert_same_factors(fitted_locally(model, local), local)
    assert sharded.iterations_done == 3
    losses = [reached.loss for reached in sharded.history]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(local.loss(local.train_matrix), rel=1e-6)
    assert local.resolved_params == {**sharded.resolved_params, "num_threads": 0}


@pytest.mark.parametrize("n_workers", [2, 4])
def test_numbers_of_workers_and_shards_change_no_bit(n_workers, clients, rows, files, tmp_path):
    model = model_of("ials")
    sharded = wrmf.distributed.fit(
        files, model, client=clients(n_workers), folder=tmp_path, shards=1 + n_workers
    )
    local = sharded.to_local()
    assert_same_factors(fitted_locally(model, local), local)
    users = pd.Index(local.users).get_indexer(np.sort(rows["user"].unique()))
    one = wrmf.distributed.fit(
        files, model, client=clients(n_workers), folder=tmp_path / "one", shards=1
    )
    # The order of users is another one, which the sum of the Gram matrix is rounded by.
    np.testing.assert_allclose(
        local.user_factors[users], one.to_local().user_factors, rtol=2e-2, atol=1e-4
    )


def test_the_data_is_what_read_interactions_reads(client, rows, files, tmp_path):
    sharded = wrmf.distributed.fit(
        files, model_of(iterations=1), client=client, value="value", folder=tmp_path, shards=3
    )
    local, whole = sharded.to_local(), wrmf.read_interactions(rows, value="value")
    expected = align(whole, local.users, local.items).matrix
    np.testing.assert_array_equal(expected.indptr, local.train_matrix.indptr)
    np.testing.assert_array_equal(expected.indices, local.train_matrix.indices)
    np.testing.assert_array_equal(expected.data, local.train_matrix.data)
    assert sharded.counts == whole.counts
    counts = rows["item"].value_counts()
    assert local.items.tolist() == sorted(counts.index, key=lambda item: (-counts[item], item))


def test_automatic_parameters_follow_from_all_shards(client, files, tmp_path):
    model = wrmf.WRMF(factors=4, iterations=1, random_state=0)
    sharded = wrmf.distributed.fit(files, model, client=client, folder=tmp_path, shards=4)
    local = sharded.to_local()
    expected = fitted_locally(model, local).resolved_params
    assert model.alpha == "auto"
    for name in ("alpha", "unobserved_weight", "regularization", "confidence"):
        resolved = sharded.resolved_params[name]
        if isinstance(resolved, float):
            resolved = pytest.approx(resolved, rel=1e-12)
        assert expected[name] == resolved


def test_a_dask_frame_is_fitted_as_its_rows(client, rows, tmp_path):
    dataframe = pytest.importorskip("dask.dataframe")
    frame = dataframe.from_pandas(rows.rename(columns={"user": "who"}), npartitions=3)
    sharded = wrmf.distributed.fit(
        frame, model_of(), client=client, user="who", folder=tmp_path, shards=2
    )
    local = sharded.to_local()
    assert_same_factors(fitted_locally(model_of(), local), local)
    assert sharded.counts == wrmf.read_interactions(rows).counts


def test_an_index_is_a_column_and_objects_are_not_guessed(rows):
    dataframe, dask = pytest.importorskip("dask.dataframe"), pytest.importorskip("dask")
    from wrmf.distributed.frames import columns_of_frame, kinds_of_frame

    indexed = dataframe.from_pandas(rows.set_index("user"), npartitions=2)
    frame = columns_of_frame(indexed, ["user", "item"])
    assert sorted(frame.compute()["user"]) == sorted(rows["user"])
    kinds = kinds_of_frame(frame)
    assert ("string" in str(kinds["user"]), str(kinds["item"])) == (True, "int64")
    with pytest.raises(ValueError, match=r"no column 'uzer' \(did you mean 'user'\?\)"):
        columns_of_frame(frame, ["uzer", "item"])
    with dask.config.set({"dataframe.convert-string": False}):
        objects = dataframe.from_pandas(rows.astype({"user": object}), npartitions=2)
    with pytest.raises(ValueError, match=r"frame\.astype\({'user': \"string\"}\)"):
        kinds_of_frame(objects)


def test_each_shard_stays_on_one_worker_for_ten_iterations(client, files, tmp_path):
    sharded = wrmf.distributed.fit(
        files, model_of(iterations=10), client=client, folder=tmp_path, shards=6
    )
    training = sharded._training
    shards = [future for name, future in training.loaded.items() if name.startswith("shard")]
    holders = client.who_has(shards)
    assert len(shards) == 6
    assert [len(workers) for workers in holders.values()] == [1] * 6
    assert len({worker for (worker,) in holders.values()}) == 2


def test_a_callback_sees_each_iteration_and_stops(client, files, tmp_path, caplog):
    seen = []

    def callback(model, done):
        seen.append((done, model.iterations_done, model.item_factors.shape))
        return done == 2

    with caplog.at_level(logging.INFO, "wrmf.distributed"):
        sharded = wrmf.distributed.fit(
            files, model_of(), client=client, folder=tmp_path, callback=callback, progress=False
        )
    assert [done for done, _, _ in seen] == [1, 2]
    assert sharded.iterations_done == 2
    lines = [record.getMessage() for record in caplog.records]
    assert sum(line.startswith("iteration") and "loss" in line for line in lines) == 2


def test_vanishing_factors_are_warned_of(client, files, tmp_path):
    with pytest.warns(UserWarning, match="every factor is zero"):
        wrmf.distributed.fit(
            files, model_of(regularization=1e9), client=client, folder=tmp_path, shards=2
        )
