"""Rank items for the test users, by a model's factors or by the lists that it recommends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from wrmf.data.split import Split
from wrmf.evaluation.cold import TestPart
from wrmf.evaluation.factors import factors_on_axes, has_factors, terms_on_axes
from wrmf.evaluation.recommenders import ListModel
from wrmf.model.queries import nothing_known
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.objective import observed_scores, squared_errors
from wrmf.numerics.ranking import NEVER, Ranks, rank_held_out, top_n
from wrmf.numerics.term_ranking import ItemTerms, top_n_with_terms
from wrmf.numerics.term_ranks import (
    observed_scores_with_terms,
    rank_held_out_with_terms,
    squared_errors_with_terms,
)

__all__ = ["Ranker", "Side", "ranker_of"]


@dataclass(frozen=True, eq=False)
class Side:
    """What is ranked: held-out items of the test users, with or without the items they know.

    Attributes
    ----------
    on : {"train", "test"}
    held_out : CSR (m, n_items)
    masked : bool
        Whether the known items are left out of the ranking.
    """

    on: str
    held_out: sparse.csr_matrix
    masked: bool


class Ranker(Protocol):
    """Ranks all items for the test users."""

    def ranks(self, sides: Sequence[Side], cutoff: int | None) -> list[Ranks]:
        """Return the ranks of the held-out items of each side; None ranks all items."""
        ...

    def lists(self, n: int, masked: bool) -> np.ndarray:
        """Return the n best items of each test user, int64 (m, n), −1 past the end."""
        ...

    def squared_errors(self, sides: Sequence[Side]) -> Mapping[str, float]:
        """Return the sum of squared errors over all cells, for each ``on`` of the sides."""
        ...


def ranker_of(model: Any, split: Split, part: TestPart, depth: int, num_threads: int) -> Ranker:
    """Return what ranks items by a model: its factors if it has them, else its lists.

    If the split holds out users, and a model cannot fold them in, it may recommend to them.

    Parameters
    ----------
    model, split, num_threads : as in ``evaluate``
    part : TestPart
    depth : int
        The longest list that is needed.
    """
    folds_in = split.fold_in is None or hasattr(model, "fold_in_users")
    if (has_factors(model) and folds_in) or not hasattr(model, "recommend"):
        x, y = factors_on_axes(model, split, part)
        unknown = nothing_known(np.diff(part.known.indptr), x, part.known)
        terms = terms_on_axes(model, split, part)
        return FactorRanker(x, y, part.known, unknown, num_threads, terms)
    return ListRanker(ListModel(model, split, part), part.known, depth)


@dataclass(frozen=True, eq=False)
class FactorRanker:
    """Ranks by the products of factors, and by the item terms of a model that has them.

    Attributes
    ----------
    x, y : ndarray (m, k), (n_items, k), the factors of the test users and of all items
    known : CSR (m, n_items)
    unknown : bool (m,)
        Users of whom nothing is known, so that no item is ranked for them.
    num_threads : int
    terms : ItemTerms of the test users, or None
    """

    x: np.ndarray
    y: np.ndarray
    known: sparse.csr_matrix
    unknown: np.ndarray
    num_threads: int
    terms: ItemTerms | None = None
    # The exact scores of the held-out items by ``on``: ranks and errors need them.
    observed: dict[str, np.ndarray] = field(default_factory=dict)

    def ranks(self, sides: Sequence[Side], cutoff: int | None) -> list[Ranks]:
        result = []
        for side, ranks in zip(sides, self._ranked(sides, cutoff), strict=True):
            ranks.ranks[np.repeat(self.unknown, np.diff(side.held_out.indptr))] = NEVER
            auc = None if ranks.auc is None else np.where(self.unknown, 0.0, ranks.auc)
            result.append(Ranks(ranks.ranks, auc))
        return result

    def _ranked(self, sides: Sequence[Side], cutoff: int | None) -> list[Ranks]:
        if self.terms is None:
            scored = [(side.held_out, self._scores(side), side.masked) for side in sides]
            return rank_held_out(self.x, self.y, scored, self.known, cutoff, self.num_threads)
        pairs = [(side.held_out, side.masked) for side in sides]
        return rank_held_out_with_terms(
            (self.x, self.y), self.terms, pairs, self.known, cutoff, self.num_threads
        )

    def lists(self, n: int, masked: bool) -> np.ndarray:
        blocked = ItemLists.of(self.known) if masked else None
        if self.terms is None:
            items, _, _ = top_n(self.x, self.y, n, blocked, num_threads=self.num_threads)
        else:
            choice = blocked, None
            items, _, _ = top_n_with_terms(self.x, self.y, n, self.terms, choice, self.num_threads)
        items[self.unknown] = -1
        return items

    def squared_errors(self, sides: Sequence[Side]) -> Mapping[str, float]:
        scores = {side.on: self._scores(side) for side in sides}
        values = list(scores.values())
        if self.terms is None:
            sums = squared_errors(values, self.x, self.y, self.num_threads)
        else:
            sums = squared_errors_with_terms(values, self.x, self.y, self.terms, self.num_threads)
        return dict(zip(scores, sums, strict=True))

    def _scores(self, side: Side) -> np.ndarray:
        if side.on not in self.observed:
            factors = side.held_out, self.x, self.y
            self.observed[side.on] = (
                observed_scores(*factors, self.num_threads)
                if self.terms is None
                else observed_scores_with_terms(*factors, self.terms, self.num_threads)
            )
        return self.observed[side.on]


@dataclass(frozen=True, eq=False)
class ListRanker:
    """Ranks by the lists that a model recommends, of ``depth`` items.

    Attributes
    ----------
    model : ListModel
    known : CSR (m, n_items)
    depth : int
    """

    model: ListModel
    known: sparse.csr_matrix
    depth: int
    recommended: dict[bool, np.ndarray] = field(default_factory=dict)

    def ranks(self, sides: Sequence[Side], cutoff: int | None) -> list[Ranks]:
        if cutoff is None:
            raise ValueError(
                f"{self.model.name} only recommends lists, so there are no ranks of all items: "
                "name metrics with a cut-off, such as mrr@20 in place of mrr or auc"
            )
        return [
            Ranks(ranks_in_lists(self.lists(cutoff, side.masked), side.held_out), None)
            for side in sides
        ]

    def lists(self, n: int, masked: bool) -> np.ndarray:
        if masked not in self.recommended:
            known = self.known if masked else None
            self.recommended[masked] = self.model.lists(max(n, self.depth), known)
        return self.recommended[masked][:, :n]

    def squared_errors(self, sides: Sequence[Side]) -> Mapping[str, float]:
        raise ValueError(
            f"{self.model.name} only recommends lists, so it has no scores of all cells: name "
            "metrics of lists, such as ndcg@20, in place of mse"
        )


def ranks_in_lists(lists: np.ndarray, held_out: sparse.csr_matrix) -> np.ndarray:
    """Return the rank of each held-out item in its user's list; ``NEVER`` if it is not listed.

    Parameters
    ----------
    lists : int64 (m, n), items; −1 past the end of a list
    held_out : CSR (m, n_items) with sorted rows

    Returns
    -------
    int32 (n_entries,), 0 for the best

    Examples
    --------
    >>> held_out = sparse.csr_matrix([[1, 0, 1]])
    >>> ranks_in_lists(np.array([[2, 1, -1]]), held_out).tolist() == [NEVER, 0]
    True
    """
    ranks = np.full(held_out.nnz, NEVER, dtype=np.int32)
    if not held_out.nnz:
        return ranks
    n_items = held_out.shape[1]
    users = np.repeat(np.arange(held_out.shape[0], dtype=np.int64), np.diff(held_out.indptr))
    # Entries are sorted by user and item, and so are their numbers.
    cells = users * n_items + held_out.indices.astype(np.int64)
    listed_users, places = np.nonzero(lists >= 0)
    listed = listed_users * n_items + lists[listed_users, places]
    entries = np.minimum(np.searchsorted(cells, listed), len(cells) - 1)
    is_held_out = cells[entries] == listed
    ranks[entries[is_held_out]] = places[is_held_out]
    return ranks
