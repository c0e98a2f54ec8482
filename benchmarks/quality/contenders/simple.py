"""The contenders that are not ALS: popularity, neighbours, EASE and truncated SVD.

They are not trained in epochs. So ``curve`` ignores the checkpoints and yields a single model, as
epoch 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse.linalg import svds

import wrmf
from benchmarks.missing import Missing
from benchmarks.quality.contenders.treatment import (
    CHECKPOINTS,
    SEED,
    TREATMENTS,
    item_degrees,
    treated,
)
from benchmarks.quality.rankers import FactorRanker, ScoreRanker
from wrmf import Range


class Popularity:
    """Recommends the items that have the most users to everyone."""

    name, als = "popularity", False
    space: Mapping[str, Any] = {}
    starts: Sequence[Mapping[str, Any]] = ({},)

    def curve(
        self,
        params: Mapping[str, Any],
        split: wrmf.Split,
        checkpoints: Sequence[int] = CHECKPOINTS,
    ) -> Iterator[tuple[int, FactorRanker]]:
        degrees = item_degrees(split.train.matrix).astype(np.float32)[:, None]
        ones = np.ones((split.train.n_users, 1), np.float32)
        yield 1, FactorRanker(ones, degrees, lambda known: np.ones((known.shape[0], 1), np.float32))


def keep_largest(matrix: sparse.csr_matrix, n: int) -> None:
    """Remove all but the n largest values of each row, in place."""
    keep = np.zeros(matrix.nnz, bool)
    for start, stop in pairwise(matrix.indptr):
        size = min(n, stop - start)
        if size:
            keep[start + np.argpartition(-matrix.data[start:stop], size - 1)[:size]] = True
    matrix.data[~keep] = 0
    matrix.eliminate_zeros()


class ItemKNN:
    """Scores an item by its cosine similarities to the user's items, added up.

    Only similarities to the item's nearest neighbours count.
    """

    name, als = "item-kNN cosine", False
    space: Mapping[str, Any] = {
        "neighbours": Range(10, 2000, log=True),
        "shrink": Range(0.1, 1000.0, log=True),
        "values": ["binary", "log"],
    }
    starts: Sequence[Mapping[str, Any]] = ({"neighbours": 100, "shrink": 10.0, "values": "binary"},)

    def curve(
        self,
        params: Mapping[str, Any],
        split: wrmf.Split,
        checkpoints: Sequence[int] = CHECKPOINTS,
    ) -> Iterator[tuple[int, ScoreRanker]]:
        degrees = item_degrees(split.train.matrix)
        values = treated(split.train.matrix, params["values"], degrees)
        similarity = (values.T @ values).tocsr()
        norms = np.sqrt(similarity.diagonal())
        rows = np.repeat(np.arange(similarity.shape[0]), np.diff(similarity.indptr))
        similarity.data /= norms[rows] * norms[similarity.indices] + params["shrink"]
        similarity.data[rows == similarity.indices] = 0
        keep_largest(similarity, params["neighbours"])
        weights = similarity.T.tocsr()

        def scores(known: sparse.csr_matrix) -> np.ndarray:
            return (treated(known, params["values"], degrees) @ weights).toarray()

        yield 1, ScoreRanker(scores)


def inverse_of(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of a symmetric positive definite matrix, by half the work of ``inv``.

    The matrix is overwritten.
    """
    factor, failed = lapack.spotrf(matrix.T, lower=True, overwrite_a=True)
    inverse, also_failed = lapack.spotri(factor, lower=True, overwrite_c=True)
    if failed or also_failed:
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    # Only one triangle is computed; the other is copied in blocks, as no other matrix is as large.
    for start in range(0, len(inverse), 512):
        rows = slice(start, start + 512)
        block = inverse[start:, rows]
        block[:512] = np.tril(block[:512]) + np.tril(block[:512], -1).T
        inverse[rows, start + 512 :] = block[512:].T
    return inverse.T


class EASE:
    """EASE of Steck 2019: B = I − P / diag(P) with P = (XᵀX + λI)⁻¹.

    If there are fewer users than items, K = (XXᵀ + λI)⁻¹ is computed instead, and
    P = (I − XᵀKX) / λ.
    """

    name, als = "EASE", False
    space: Mapping[str, Any] = {"regularization": Range(1.0, 10_000.0, log=True)}
    starts: Sequence[Mapping[str, Any]] = tuple(
        {"regularization": strength} for strength in (200.0, 50.0, 800.0)
    )
    max_items = 25_000

    def curve(
        self,
        params: Mapping[str, Any],
        split: wrmf.Split,
        checkpoints: Sequence[int] = CHECKPOINTS,
    ) -> Iterator[tuple[int, ScoreRanker]]:
        x, strength = split.train.matrix.astype(np.float32), params["regularization"]
        x.data[:] = 1
        n_items = x.shape[1]
        if n_items > self.max_items:
            raise Missing(f"EASE is limited to {self.max_items:,} items, this data has {n_items:,}")
        users = np.flatnonzero(np.diff(x.indptr))
        if len(users) < n_items:
            x = x[users]
            kernel = inverse_of((x @ x.T).toarray() + strength * np.eye(len(users), dtype="f4"))
            inverse = x.T @ np.ascontiguousarray((x.T @ kernel).T)
            inverse /= -strength
            inverse[np.diag_indices(n_items)] += 1 / strength
        else:
            gram = (x.T @ x).toarray()
            gram[np.diag_indices(n_items)] += strength
            inverse = inverse_of(gram)
        # Computed in place, because no other matrix is as large.
        weights = inverse
        weights /= -np.diag(inverse).copy()
        weights[np.diag_indices(n_items)] = 0

        def scores(known: sparse.csr_matrix) -> np.ndarray:
            ones = known.astype(np.float32)
            ones.data = np.ones_like(ones.data)
            return ones @ weights

        yield 1, ScoreRanker(scores)


class SVD:
    """Truncated SVD: a user's factors are the user's row times the right singular vectors."""

    name, als = "truncated SVD", False
    space: Mapping[str, Any] = {"factors": Range(8, 512, log=True), "values": TREATMENTS}
    starts: Sequence[Mapping[str, Any]] = ({"factors": 64, "values": "binary"},)

    def curve(
        self,
        params: Mapping[str, Any],
        split: wrmf.Split,
        checkpoints: Sequence[int] = CHECKPOINTS,
    ) -> Iterator[tuple[int, FactorRanker]]:
        train, degrees = split.train.matrix, item_degrees(split.train.matrix)
        values = treated(train, params["values"], degrees)
        k = min(params["factors"], min(train.shape) - 1)
        _, _, right = svds(values, k=k, rng=SEED)
        items = np.ascontiguousarray(right.T)

        def fold_in(known: sparse.csr_matrix) -> np.ndarray:
            return treated(known, params["values"], degrees) @ items

        yield 1, FactorRanker(values @ items, items, fold_in)
