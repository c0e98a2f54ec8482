"""Spark MLlib through pyspark, local[threads]. Its λ is always multiplied by a row's degree n_u.

No setting of ours gives that on data whose rows differ in length: with ν = 1 our exponent's base
also holds α₀·n_items. On data where all users have one degree and all items another it is our
(λ·n_u, λ·n_i), and there ``proof.py`` compares. In timings its loss is therefore left out.
"""

import importlib.metadata
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.peers import Missing


def load():
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        raise Missing(f"pyspark cannot be imported: {error}") from None
    if shutil.which("java") is None:
        raise Missing("Spark needs Java, and there is none on the PATH")
    return importlib.metadata.version("pyspark")


def start(setting):
    return "rows of random direction and length 1, its own"


def regularization(matrix, setting):
    """Return our (λ of users, λ of items) where all rows of a side have one degree, else None."""
    degrees = np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=matrix.shape[1])
    if any(np.ptp(side) for side in degrees):
        return None
    return tuple(float(setting.regularization * side[0]) for side in degrees)


def train(matrix, setting, recorder):
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master(f"local[{setting.threads}]")
        .appName("benchmark")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", str(setting.threads))
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    entries = matrix.tocoo()
    with tempfile.TemporaryDirectory() as folder:
        # Without checkpoints the plan of a hundred sweeps overflows the stack.
        spark.sparkContext.setCheckpointDir(f"file://{folder}/checkpoints")
        path = Path(folder, "entries.parquet")
        pd.DataFrame(
            {
                "user": entries.row.astype(np.int32),
                "item": entries.col.astype(np.int32),
                "rating": entries.data.astype(np.float32),
            }
        ).to_parquet(path)
        frame = spark.read.parquet(f"file://{path}").repartition(setting.threads).cache()
        frame.count()

        def fit(sweeps):
            model = ALS(
                rank=setting.factors,
                maxIter=sweeps,
                regParam=setting.regularization,
                alpha=setting.alpha,
                implicitPrefs=True,
                seed=setting.seed,
                numUserBlocks=setting.threads,
                numItemBlocks=setting.threads,
                userCol="user",
                itemCol="item",
                ratingCol="rating",
                checkpointInterval=10,
            ).fit(frame)
            # Lazy until asked for.
            model.itemFactors.count()
            return (
                _dense(model.userFactors, matrix.shape[0], setting.factors),
                _dense(model.itemFactors, matrix.shape[1], setting.factors),
            )

        fit(1)  # the virtual machine compiles what it runs
        recorder.fits(fit)
    spark.stop()


def _dense(rows, n, k):
    out = np.zeros((n, k), dtype=np.float32)
    for row in rows.collect():
        out[row["id"]] = row["features"]
    return out
