"""What a shard answers by itself: lists, and metrics, from a local model of its users."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from wrmf.data.interactions import Interactions
from wrmf.data.split import Split
from wrmf.distributed.folder import FileRecord, Folder, read_arrays
from wrmf.distributed.items import read_items
from wrmf.distributed.shards import ShardRecord, read_shard, read_users
from wrmf.distributed.steps import SolvedUsers
from wrmf.evaluation.evaluate import evaluate_sides
from wrmf.evaluation.evaluation import Evaluation
from wrmf.model.bulk import Written
from wrmf.model.saved_ids import ids_from_arrays
from wrmf.model.state import Factors
from wrmf.model.wrmf import WRMF

__all__ = ["Fitted", "evaluate_shard", "local_model", "part_path", "recommend_shard"]


@dataclass(frozen=True)
class Fitted:
    """What the local models of all shards have in common.

    Attributes
    ----------
    folder : Folder
    items : FileRecord
    iterations_done : int
    params, automatic : mapping, as in ``Factors``
    """

    folder: Folder
    items: FileRecord
    iterations_done: int
    params: Mapping[str, Any]
    automatic: Mapping[str, Any]


@lru_cache(maxsize=1)
def _items(folder: Folder, record: FileRecord) -> np.ndarray:
    return read_items(folder, record)


def local_model(
    fitted: Fitted,
    users: np.ndarray,
    matrix: sparse.csr_matrix,
    factors: np.ndarray,
    item_factors: np.ndarray,
    threads: int = 0,
) -> WRMF:
    """Return a model of some of the users."""
    state = Factors(
        np.ascontiguousarray(factors),
        item_factors,
        users,
        _items(fitted.folder, fitted.items),
        matrix,
        fitted.iterations_done,
        params=fitted.params,
        automatic=fitted.automatic,
    )
    return WRMF.of_state(state, {**fitted.params, "num_threads": threads})


def _of_shard(
    fitted: Fitted,
    record: ShardRecord,
    solved: SolvedUsers,
    blocks: Sequence[np.ndarray],
    threads: int,
) -> WRMF:
    y = np.concatenate(blocks)
    matrix = read_shard(fitted.folder, record, len(y))
    return local_model(
        fitted, read_users(fitted.folder, record), matrix, solved.factors, y, threads
    )


def recommend_shard(
    fitted: Fitted,
    record: ShardRecord,
    solved: SolvedUsers,
    blocks: Sequence[np.ndarray],
    path: str,
    options: Mapping[str, Any],
    threads: int,
) -> Written:
    """Write the lists of all users of a shard to a file."""
    model = _of_shard(fitted, record, solved, blocks, threads)
    return model.recommend_to(path, progress=False, **options)


def evaluate_shard(
    fitted: Fitted,
    record: ShardRecord,
    solved: SolvedUsers,
    blocks: Sequence[np.ndarray],
    held_out: FileRecord,
    options: Mapping[str, Any],
    threads: int,
) -> tuple[int, Evaluation | None]:
    """Return how many of the test users are in a shard, and their evaluation, if any are.

    Parameters
    ----------
    fitted, record, solved, blocks, threads
    held_out : FileRecord
        The ids of test users, and what they have, CSR on the axis of items.
    options : mapping, the arguments of ``evaluate`` by name
    """
    arrays = read_arrays(fitted.folder, held_out)
    tested = np.asarray(ids_from_arrays("users", arrays, lazy=False, verify=False))
    users = read_users(fitted.folder, record)
    if users.dtype != tested.dtype:
        return 0, None
    at = pd.Index(tested).get_indexer(users)
    rows = np.flatnonzero(at >= 0)
    if not len(rows):
        return 0, None
    model = _of_shard(fitted, record, solved, blocks, threads)
    matrix = sparse.csr_matrix(
        (arrays["values"], arrays["indices"], arrays["indptr"]),
        shape=(len(tested), len(model.items)),
    )
    picked = matrix[at[rows]]
    indptr = np.zeros(len(users) + 1, dtype=np.int64)
    indptr[rows + 1] = np.diff(picked.indptr)
    test = sparse.csr_matrix(
        (picked.data, picked.indices, np.cumsum(indptr)), shape=(len(users), matrix.shape[1])
    )
    train = Interactions.from_matrix(model.train_matrix, users, model.items)
    split = Split(train, train.with_matrix(test), users=rows)
    sides = [("test", bool(options["exclude_seen"]))]
    (evaluation,) = evaluate_sides(
        model, split, options["metrics"], sides, per_user=True, num_threads=threads
    )
    return len(rows), evaluation


def part_path(out: str | os.PathLike[str], number: int) -> str:
    """Return the path of the lists of a shard."""
    return str(Path(out) / f"part-{number:05}.parquet")
