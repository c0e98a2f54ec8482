"""Spark MLlib through pyspark, local[threads]. Its λ is always multiplied by a row's degree n_u.

None of our settings is the same on data whose rows differ in length: with ν = 1, the base of our
exponent also includes α₀·n_items. Where all users have one degree and all items another, it is our
(λ·n_u, λ·n_i), and the proof compares there. In the timings its loss is left out.
"""

import importlib.metadata
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.missing import Missing
from benchmarks.peers import FactorPair, Setting, SweepRecorder


def load() -> str:
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        raise Missing(f"pyspark cannot be imported: {error}") from None
    if shutil.which("java") is None:
        raise Missing("Spark needs Java, and there is none on the PATH")
    return importlib.metadata.version("pyspark")


def start(setting: Setting) -> str:
    return "Spark's own: rows of random direction and length 1"


def regularization(matrix: sparse.csr_matrix, setting: Setting) -> tuple[float, float] | None:
    """Return our (λ of users, λ of items) if each side's rows have equal degrees, else None."""
    degrees = np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=matrix.shape[1])
    if any(np.ptp(side) for side in degrees):
        return None
    of_users, of_items = (float(setting.regularization * side[0]) for side in degrees)
    return of_users, of_items


def session(threads: int) -> Any:
    from pyspark.sql import SparkSession

    options = {
        "spark.driver.memory": "4g",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": str(threads),
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master(f"local[{threads}]").appName("benchmark")
    for name, value in options.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def write_entries(matrix: sparse.csr_matrix, path: Path) -> None:
    entries = matrix.tocoo()
    columns = {
        "user": entries.row.astype(np.int32),
        "item": entries.col.astype(np.int32),
        "rating": entries.data.astype(np.float32),
    }
    pd.DataFrame(columns).to_parquet(path)


def train(matrix: sparse.csr_matrix, setting: Setting, recorder: SweepRecorder) -> None:
    from pyspark.ml.recommendation import ALS

    spark = session(setting.threads)
    with tempfile.TemporaryDirectory() as folder:
        # Without checkpoints, the plan of a hundred sweeps overflows the stack.
        spark.sparkContext.setCheckpointDir(f"file://{folder}/checkpoints")
        path = Path(folder, "entries.parquet")
        write_entries(matrix, path)
        frame = spark.read.parquet(f"file://{path}").repartition(setting.threads).cache()
        frame.count()

        def fit(sweeps: int) -> FactorPair:
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
            # Spark computes nothing before it is asked for a result.
            model.itemFactors.count()
            n_users, n_items = matrix.shape
            return (
                dense(model.userFactors, n_users, setting.factors),
                dense(model.itemFactors, n_items, setting.factors),
            )

        fit(1)  # Let the virtual machine compile the code before it is timed.
        recorder.fits(fit)
    spark.stop()


def dense(rows: Any, n: int, k: int) -> np.ndarray:
    """Return the (n, k) factors of a Spark frame; rows it lacks are zero."""
    factors = np.zeros((n, k), dtype=np.float32)
    for row in rows.collect():
        factors[row["id"]] = row["features"]
    return factors
