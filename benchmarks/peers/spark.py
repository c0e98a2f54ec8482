"""Spark MLlib, run locally through pyspark. It multiplies λ by the degree of each user and item.

If degrees differ, none of our settings has the same loss: with ν = 1, we multiply λ by the degree
of a user plus α₀·n_items. If all users have the same degree n_u, and all items the same degree n_i,
Spark's loss is ours with (λ·n_u, λ·n_i). The proof uses such data; the timings have no loss of
Spark.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import parquet
from scipy import sparse

from benchmarks.missing import Missing
from benchmarks.peers import FactorPair, Setting, SweepRecorder


def load() -> str:
    try:
        import pyspark
    except ImportError as error:
        raise Missing(f"pyspark cannot be imported: {error}") from None
    if shutil.which("java") is None:
        raise Missing("Spark needs Java, and there is none on the PATH")
    return str(pyspark.__version__)


def start(setting: Setting) -> str:
    return "Spark's own: rows of random direction and length 1"


def regularization(matrix: sparse.csr_matrix, setting: Setting) -> tuple[float, float] | None:
    """Return our (λ of users, λ of items) with the same loss, None if degrees of a side differ."""
    degrees = np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=matrix.shape[1])
    if any(np.ptp(side) for side in degrees):
        return None
    of_users, of_items = (float(setting.regularization * side[0]) for side in degrees)
    return of_users, of_items


def session(setting: Setting, folder: str) -> Any:
    """Return a session with the threads of a setting, and a folder for the logs of executors.

    The threads are those of the driver, or each is an executor of its own with as many MB as the
    option ``executor_memory`` says ("local-cluster").
    """
    import pyspark
    from pyspark.sql import SparkSession

    threads, memory = setting.threads, setting.options.get("executor_memory")
    options = {
        "spark.driver.memory": setting.options.get("driver_memory", "4g"),
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": str(threads),
        "spark.log.level": "ERROR",
    }
    master = f"local[{threads}]"
    if memory is not None:
        # Executors find Spark there. A machine with other work is slow to start and answer.
        os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
        os.environ.setdefault("SPARK_WORKER_DIR", folder)
        master = f"local-cluster[{threads},1,{memory}]"
        options["spark.executor.memory"] = f"{memory}m"
        options["spark.network.timeout"] = "3600s"
        options["spark.executor.heartbeatInterval"] = "600s"
        options["spark.storage.blockManagerHeartbeatTimeoutMs"] = "3600000"
    builder = SparkSession.builder.master(master).appName("benchmark")
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

    with tempfile.TemporaryDirectory() as folder:
        spark = session(setting, folder)
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
            # Spark computes the factors only when a result is requested.
            model.itemFactors.count()
            n_users, n_items = matrix.shape
            return (
                dense(model.userFactors, Path(folder, "users"), n_users),
                dense(model.itemFactors, Path(folder, "items"), n_items),
            )

        fit(1)  # Let the virtual machine compile the code before it is timed.
        recorder.fits(fit)
        spark.stop()


def dense(rows: Any, folder: Path, n: int) -> np.ndarray:
    """Return the factors in a Spark frame as an n × k array; rows that the frame lacks are zero.

    They go through files: rows as objects of Python would take ten times their memory.
    """
    rows.write.mode("overwrite").parquet(f"file://{folder}")
    table = parquet.read_table(folder)
    vectors = table["features"].combine_chunks()
    values = np.asarray(vectors.flatten(), dtype=np.float32).reshape(len(table), -1)
    factors = np.zeros((n, values.shape[1]), dtype=np.float32)
    factors[table["id"].to_numpy()] = values
    return factors
