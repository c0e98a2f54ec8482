"""ALS models of Spark's MLlib, from their folder or live, as models of this library."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from wrmf.data.interactions import Interactions, align
from wrmf.model.state import Factors
from wrmf.model.wrmf import WRMF

__all__ = ["from_spark"]


def from_spark(
    model_or_path: Any,
    data: Interactions | None = None,
    alpha: float = 1.0,
    regularization: float = 0.1,
) -> WRMF:
    """Return an ALS model of Spark as a :class:`wrmf.WRMF`, ready to be used.

    Users and items keep their ids. Scores, lists and neighbours are those of Spark's factors.

    Spark does not save the parameters of training with a model, so ``alpha`` and ``regularization``
    must be given if users are to be folded in, scores explained or training continued. Then
    ``fold_in_users`` solves what Spark solves in training: its penalty is λ·n_u ‖x_u‖² for a user
    with n_u interactions, ``WRMF(regularization_exponent=1, regularization_counts="observed")``.
    Spark does not count negative ratings in n_u, so users with dislikes differ by their penalty.

    Parameters
    ----------
    model_or_path : str or path of the folder that ``ALSModel.save`` wrote, or an ``ALSModel``
        The folder is read without Spark. It must be on this machine.
    data : Interactions, optional
        What the model was fitted to, so that ``recommend`` can leave out what users have seen.
        Its users and items that the model does not know are refused.
    alpha : float ≥ 0, default 1.0
        ``alpha`` of Spark's ALS with ``implicitPrefs``; the confidence is ``1 + α·|value|`` in
        both.
    regularization : float ≥ 0, default 0.1
        ``regParam``.

    Raises
    ------
    TypeError
        If it is neither a folder nor an ALS model.
    FileNotFoundError
        If there is no such folder.
    ValueError
        For a folder of something else, factors of different lengths, or data of unknown ids.

    Examples
    --------
    >>> import wrmf
    >>> model = wrmf.compat.spark.from_spark("als-model")  # doctest: +SKIP
    >>> model.recommend(17, n=5).to_frame()  # doctest: +SKIP
    """
    if isinstance(model_or_path, (str, os.PathLike)):
        folder = Path(model_or_path)
        _check_metadata(folder)
        users, x = _arrays(_read(folder / "userFactors"), folder)
        items, y = _arrays(_read(folder / "itemFactors"), folder)
    elif hasattr(model_or_path, "userFactors") and hasattr(model_or_path, "itemFactors"):
        name = type(model_or_path).__name__
        users, x = _arrays(_collect(model_or_path.userFactors), name)
        items, y = _arrays(_collect(model_or_path.itemFactors), name)
    else:
        raise TypeError(
            "from_spark takes the folder of a saved ALSModel or an ALSModel, got "
            f"{type(model_or_path).__name__}"
        )
    if not len(users) or not len(items) or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"the model has {len(users)} users with {x.shape[1]} factors and {len(items)} items "
            f"with {y.shape[1]}: both sides must have as many"
        )
    shape = len(users), len(items)
    matrix = sparse.csr_matrix(shape, dtype=np.float32)
    if data is not None:
        matrix = align(data, users, items).matrix
    factors = Factors(x, y, users, items, matrix, iterations_done=1)
    return WRMF.from_factors(
        factors,
        alpha=alpha,
        regularization=regularization,
        objective="wrmf",
        regularization_exponent=1.0,
        regularization_counts="observed",
    )


def _check_metadata(folder: Path) -> None:
    """Raise unless a folder holds an ALS model."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder: {folder}")
    parts = sorted((folder / "metadata").glob("part-*"))
    if not parts:
        raise ValueError(f"{folder} is no model of Spark: it has no metadata")
    try:
        kind = json.loads(parts[0].read_text(encoding="utf-8"))["class"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder} is no model of Spark: its metadata is not readable") from error
    if not str(kind).endswith(".ALSModel"):
        raise ValueError(f"{folder} is a model of {kind}, from_spark reads ALSModel")


def _read(folder: Path) -> pa.Table:
    """Return the table of a folder of Parquet files."""
    if not folder.is_dir():
        raise ValueError(f"{folder.parent} is no whole ALS model: {folder.name} is missing")
    try:
        return pq.read_table(folder, columns=["id", "features"])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"{folder} is not readable as Parquet: {error}") from error


def _collect(frame: Any) -> pa.Table:
    """Return a DataFrame of Spark as a table."""
    if hasattr(frame, "toArrow"):
        return frame.toArrow()
    return pa.Table.from_pandas(frame.toPandas(), preserve_index=False)


def _arrays(table: pa.Table, source: object) -> tuple[np.ndarray, np.ndarray]:
    """Return ids in ascending order, and their factors as float32."""
    ids = table.column("id").to_numpy().astype(np.int64)
    lists = table.column("features").combine_chunks()
    widths = np.unique(np.asarray(lists.value_lengths()))
    if len(widths) > 1 or lists.null_count:
        raise ValueError(f"{source} has factors of different lengths: {widths.tolist()}")
    k = int(widths[0]) if len(widths) else 0
    flat = np.asarray(lists.flatten(), dtype=np.float32)
    order = np.argsort(ids, kind="stable")
    return ids[order], np.ascontiguousarray(flat.reshape(len(ids), k)[order])
