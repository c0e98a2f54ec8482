"""ALS models of Spark are read from their folders, and live ones from their frames."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import wrmf
from wrmf.compat.spark import from_spark

USERS, ITEMS = [3, 0, 12, 7], [40, 5, 21]


def factor_table(ids, seed):
    """Return a table as Spark writes it: an id and a list of float32."""
    factors = np.random.default_rng(seed).standard_normal((len(ids), 2)).astype(np.float32)
    return pa.table({"id": pa.array(ids, pa.int32()), "features": list(factors)})


def write_model(folder, kind="org.apache.spark.ml.recommendation.ALSModel"):
    """Write a model in several Parquet files, as Spark does, and return its tables."""
    tables = {"userFactors": factor_table(USERS, 1), "itemFactors": factor_table(ITEMS, 2)}
    for name, table in tables.items():
        (folder / name).mkdir(parents=True)
        pq.write_table(table[:2], folder / name / "part-00000-a.snappy.parquet")
        pq.write_table(table[2:], folder / name / "part-00001-a.snappy.parquet")
        (folder / name / "_SUCCESS").touch()
    (folder / "metadata").mkdir()
    (folder / "metadata" / "part-00000").write_text(json.dumps({"class": kind, "rank": 2}))
    return tables


@pytest.fixture
def folder(tmp_path):
    write_model(tmp_path / "model")
    return tmp_path / "model"


def test_ids_and_scores_are_those_of_the_files(folder):
    model = from_spark(folder)
    assert model.users.tolist() == sorted(USERS)
    assert model.items.tolist() == sorted(ITEMS)
    x = dict(zip(USERS, factor_table(USERS, 1)["features"].to_pylist(), strict=True))
    y = dict(zip(ITEMS, factor_table(ITEMS, 2)["features"].to_pylist(), strict=True))
    expected = [np.dot(x[12], y[item]) for item in ITEMS]
    np.testing.assert_allclose(model.predict(12, ITEMS), expected, rtol=1e-5)
    best = model.recommend(12, n=1).ids[0, 0]
    assert best == ITEMS[int(np.argmax(expected))]


def test_what_users_have_seen_is_left_out_if_the_data_is_given(folder, tmp_path):
    table = pd.DataFrame({"user": [12, 12], "item": [40, 5]})
    model = from_spark(folder, data=wrmf.read_interactions(table))
    lists = model.recommend(12, n=3)
    assert lists.ids[0, : lists.counts[0]].tolist() == [21]
    model.save(tmp_path / "model.wrmf")
    assert wrmf.load(tmp_path / "model.wrmf").recommend(12, n=1).ids[0, 0] == 21


@pytest.mark.parametrize("method", ["toArrow", "toPandas"])
def test_a_live_model_is_read_from_its_frames(method):
    def frame(table):
        collected = table if method == "toArrow" else table.to_pandas()
        return SimpleNamespace(**{method: lambda: collected})

    live = SimpleNamespace(
        userFactors=frame(factor_table(USERS, 1)), itemFactors=frame(factor_table(ITEMS, 2))
    )
    assert from_spark(live).predict(3, 40).shape == (1,)


def test_other_folders_are_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        from_spark(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="it has no metadata"):
        from_spark(tmp_path / "empty")
    write_model(tmp_path / "other", kind="org.apache.spark.ml.clustering.KMeansModel")
    with pytest.raises(ValueError, match="KMeansModel, from_spark reads ALSModel"):
        from_spark(tmp_path / "other")
    (folder / "userFactors" / "part-00000-a.snappy.parquet").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="not readable as Parquet"):
        from_spark(folder)
    with pytest.raises(TypeError, match="got int"):
        from_spark(3)


@pytest.mark.slow
def test_folding_in_solves_what_spark_solves(tmp_path):
    pytest.importorskip("pyspark")
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import SparkSession

    generator = np.random.default_rng(0)
    pairs = sorted({(int(u), int(i)) for u, i in generator.integers(0, 15, (90, 2))})
    rows = [(user, item, float(1 + (user + item) % 4)) for user, item in pairs]
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    try:
        frame = spark.createDataFrame(rows, ["user", "item", "rating"])
        settings = {"rank": 4, "maxIter": 3, "regParam": 0.1, "alpha": 2.0, "seed": 1}
        theirs = ALS(implicitPrefs=True, **settings).fit(frame)
        theirs.save(str(tmp_path / "model"))
        live = from_spark(theirs)
    finally:
        spark.stop()
    table = pd.DataFrame(rows, columns=["user", "item", "rating"])
    data = wrmf.read_interactions(table, value="rating")
    model = from_spark(tmp_path / "model", data, alpha=2.0, regularization=0.1)
    assert np.array_equal(live.user_factors, model.user_factors)
    # Spark solves the users last, so their factors are exact for those of the items.
    folded = model.fold_in_users(model.train_matrix)
    np.testing.assert_allclose(folded, model.user_factors, rtol=1e-3, atol=1e-4)
