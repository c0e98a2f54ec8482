"""What people have, what is recommended to them, and which of their items are the reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.dislikes import likes_of
from wrmf.model.explain import main_reasons
from wrmf.model.wrmf import WRMF

__all__ = ["Person", "describe_people", "histories_of"]

# Reasons are left out if solving the systems of all people takes more operations than this: some
# seconds of one CPU.
MAX_OPERATIONS = 2e11


@dataclass(frozen=True)
class Person:
    """One user of a model; items are given by their positions in ``model.items``.

    Attributes
    ----------
    id : the user's id
    n_had : int
        The number of the user's items.
    had : tuple of int
        Some of them: those that are reasons, then those of the largest values.
    shown : tuple of int
        The recommended items, best first.
    reasons : tuple of tuple of int
        For each recommended item, those of the user's items that add most to its score. Empty if
        they were not computed.
    """

    id: Any
    n_had: int
    had: tuple[int, ...]
    shown: tuple[int, ...]
    reasons: tuple[tuple[int, ...], ...]


def histories_of(model: WRMF) -> sparse.csr_matrix | None:
    """Return the users × items matrix of a model; None if it was saved without its counts."""
    matrix = model.train_matrix
    return None if matrix is None or matrix.dtype == bool else likes_of(matrix)


def describe_people(
    model: WRMF, rows: np.ndarray, n_shown: int, n_had: int, n_reasons: int = 2
) -> list[Person]:
    """Return the history and the recommendations of users, with reasons.

    Parameters
    ----------
    model : WRMF
        Fitted, with its training data.
    rows : int64 (m,)
        Positions in ``model.users``.
    n_shown, n_had, n_reasons : int
        The largest number of recommended items, of items of the history, and of reasons for each
        recommended item.
    """
    matrix = histories_of(model)
    if matrix is None or not len(rows):
        return []
    lists = model.recommend(model.users[rows], n=min(n_shown, len(model.items)))
    state, params = model.state, model.fitted_params()
    operations = len(rows) * params.n_models * (state.k / params.n_models) ** 3 / 3
    people = []
    for row, shown, count in zip(rows.tolist(), lists.rows, lists.counts, strict=True):
        entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
        reasons: tuple[tuple[int, ...], ...] = ()
        if count and operations <= MAX_OPERATIONS:
            positions = main_reasons(state, params, row, shown[:count], n_reasons)
            reasons = tuple(tuple(of_item[of_item >= 0].tolist()) for of_item in positions)
        uses = Counter(item for of_item in reasons for item in of_item)
        own = sorted(
            zip(matrix.indices[entries].tolist(), matrix.data[entries].tolist(), strict=True),
            key=lambda entry: (-uses[entry[0]], -entry[1]),
        )
        people.append(
            Person(
                model.users[[row]].tolist()[0],
                len(own),
                tuple(item for item, _ in own[:n_had]),
                tuple(shown[:count].tolist()),
                reasons,
            )
        )
    return people
