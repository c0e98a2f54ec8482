"""Ranks items by the number of their users, for comparison with any model, without a pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from wrmf.evaluation.measures import measure_ranks
from wrmf.evaluation.metrics import RankingMetric, Requested
from wrmf.evaluation.rankers import Side
from wrmf.numerics.ranking import NEVER, Ranks

__all__ = ["measure_popularity"]


def measure_popularity(
    requested: Mapping[str, Requested],
    train: sparse.csr_matrix,
    known: sparse.csr_matrix,
    side: Side,
) -> dict[str, np.ndarray]:
    """Return the values of the ranking metrics of each tested user, for the most popular items.

    Those of ``wrmf.Popularity``. Since all users have the same order of items, nothing is scored:
    the cost is that of sorting the known items. ``auc`` and metrics of other kinds are left out.

    Parameters
    ----------
    requested : mapping of metric name to metric and cut-off
    train : CSR (n_users, n_items)
    known : CSR (m, n_items)
        What is left out of the ranking of each user, if ``side.masked``.
    side : Side
    """
    ranking = {
        name: wanted
        for name, wanted in requested.items()
        if isinstance(wanted[0], RankingMetric) and not wanted[0].needs_all
    }
    (values,) = measure_ranks(ranking, _PopularityRanker(train, known), [side])
    return values


@dataclass(frozen=True, eq=False)
class _PopularityRanker:
    train: sparse.csr_matrix
    known: sparse.csr_matrix

    def ranks(self, sides: Sequence[Side], cutoff: int | None) -> list[Ranks]:
        ranked = [self._ranks(side) for side in sides]
        if cutoff is not None:
            for ranks in ranked:
                ranks[ranks >= cutoff] = NEVER
        return [Ranks(ranks, None) for ranks in ranked]

    def lists(self, n: int, masked: bool) -> np.ndarray:
        raise NotImplementedError("only ranks are measured")

    def squared_errors(self, sides: Sequence[Side]) -> Mapping[str, float]:
        raise NotImplementedError("only ranks are measured")

    def _ranks(self, side: Side) -> np.ndarray:
        n_items = self.train.shape[1]
        counts = np.bincount(self.train.indices, minlength=n_items)
        places = np.empty(n_items, dtype=np.int64)
        places[np.argsort(-counts, kind="stable")] = np.arange(n_items)
        held = _cells(side.held_out, places)
        ranks = held % n_items
        if side.masked:
            known = np.sort(_cells(self.known, places))
            first = np.repeat(self.known.indptr[:-1], np.diff(side.held_out.indptr))
            # Each known item that comes earlier moves the item up by one place.
            before = np.searchsorted(known, held)
            ranks = ranks - (before - first)
            if len(known):
                is_known = known[np.minimum(before, len(known) - 1)] == held
                ranks[is_known] = NEVER
        result: np.ndarray = ranks.astype(np.int32)
        return result


def _cells(matrix: sparse.csr_matrix, places: np.ndarray) -> np.ndarray:
    """Return a number for each entry that rises with its row, then with the place of its item."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    cells: np.ndarray = rows * matrix.shape[1] + places[matrix.indices]
    return cells
