"""Selects the test users of a split, and counts users and items without training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from wrmf.data.choices import as_choice
from wrmf.data.dislikes import likes_of
from wrmf.data.split import Split
from wrmf.distinct import sorted_distinct

__all__ = ["COLD", "TestPart"]

COLD = ("report", "drop", "error")


@dataclass(frozen=True)
class TestPart:
    """The part of a split that is tested, with counts of users and items without training data.

    Attributes
    ----------
    users : int64 (n,)
        The row indices of the test users.
    known, held_out : CSR (n, n_items)
        The training and the test interactions of these users, the latter without dislikes: an
        item that a user dislikes is no hit.
    n_disliked : int
        The number of test interactions that are dislikes.
    n_cold_users, n_cold_items : int
        The number of users and items with test interactions but no training interactions.
    """

    # Otherwise pytest would collect the class as a test, because of its name.
    __test__ = False

    users: np.ndarray
    known: sparse.csr_matrix
    held_out: sparse.csr_matrix
    n_cold_users: int
    n_cold_items: int
    n_disliked: int = 0

    @classmethod
    def of(cls, split: Split, cold: str = "report") -> TestPart:
        """Return the test part of a split.

        With ``cold="drop"``, users and items without training data are left out.

        Raises
        ------
        ValueError
            If ``cold`` is "error" and there are such users or items, or if "drop" leaves no user.
        """
        as_choice(cold, "cold", COLD)
        users = split.users
        known = (split.train if split.fold_in is None else split.fold_in).matrix[users]
        tested = split.test.matrix[users]
        held_out = likes_of(tested)
        n_likes = held_out.nnz
        is_cold = np.zeros(split.train.n_items, dtype=bool)
        is_cold[split.cold_items] = True
        cold_items = sorted_distinct(held_out.indices[is_cold[held_out.indices]])
        counts = len(split.cold_users), len(cold_items)
        if cold == "error" and any(counts):
            ids = split.train.users[split.cold_users], split.train.items[cold_items]
            side, example = ("user", ids[0]) if counts[0] else ("item", ids[1])
            raise ValueError(
                f"{counts[0]} users and {counts[1]} items of the test part have no training data, "
                f"such as the {side} {example.tolist()[0]!r}: "
                'pass cold="drop" to leave them out, or "report"'
            )
        if cold == "drop":
            warm = np.diff(known.indptr) > 0
            if not warm.any():
                raise ValueError(
                    f"none of the {len(users)} test users has training data, so cold='drop' leaves "
                    "nothing to evaluate"
                )
            users, known, held_out = users[warm], known[warm], held_out[warm]
            held_out = _without_items(held_out, cold_items)
        return cls(users, known, held_out, *counts, n_disliked=tested.nnz - n_likes)


def _without_items(matrix: sparse.csr_matrix, left_out: np.ndarray) -> sparse.csr_matrix:
    """Return a CSR matrix without the entries of the columns ``left_out``."""
    kept = np.ones(matrix.shape[1], dtype=bool)
    kept[left_out] = False
    kept = kept[matrix.indices]
    indptr = np.concatenate(([0], np.cumsum(kept)))[matrix.indptr]
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)
