"""Choose items and people to show that differ from each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wrmf.data.interactions import Interactions
from wrmf.model.wrmf import WRMF
from wrmf.numerics.ranking import unit_rows

__all__ = ["choose_items", "choose_unlike", "item_popularity", "typical_rows"]

# Number of items shown if the caller names none.
N_ITEMS = 6
# Number of rows drawn for each choice, of which the one least similar to earlier choices is taken.
N_CANDIDATES = 12


def choose_unlike(factors: np.ndarray, pools: Sequence[np.ndarray], random_state: int) -> list[int]:
    """Choose a row from each pool, so that the rows differ from each other.

    For each choice, ``N_CANDIDATES`` rows are drawn at random. The first choice is any of them.
    After that, it is the row whose largest cosine with the rows chosen so far is the smallest.

    Parameters
    ----------
    factors : ndarray, shape (n_rows, k)
    pools : sequence of int64 arrays
        The rows to choose from.
    random_state : int
        Seed.

    Returns
    -------
    list of int
        Distinct rows, none from a pool of which all are chosen already.

    Examples
    --------
    >>> choose_unlike(np.eye(3), [np.array([1]), np.array([1, 2])], random_state=0)
    [1, 2]
    """
    random = np.random.default_rng(random_state)
    chosen: list[int] = []
    for rows in pools:
        pool = rows[~np.isin(rows, chosen)]
        if not len(pool):
            continue
        drawn = random.choice(pool, size=min(N_CANDIDATES, len(pool)), replace=False)
        best = drawn[0]
        if chosen:
            candidates, _ = unit_rows(np.asarray(factors[drawn], dtype=float))
            chosen_rows, _ = unit_rows(np.asarray(factors[chosen], dtype=float))
            best = drawn[np.argmin((candidates @ chosen_rows.T).max(axis=1))]
        chosen.append(int(best))
    return chosen


def typical_rows(lengths: np.ndarray) -> np.ndarray:
    """Return the rows whose length is in the middle half of the lengths above zero.

    Examples
    --------
    >>> typical_rows(np.array([0, 1, 5, 6, 7, 90])).tolist()
    [2, 3, 4]
    """
    present = lengths[lengths > 0]
    if not len(present):
        return np.zeros(0, dtype=np.int64)
    low, high = np.quantile(present, (0.25, 0.75), method="inverted_cdf")
    return np.flatnonzero((lengths >= max(low, 1)) & (lengths <= high))


def item_popularity(model: WRMF, data: Interactions | None) -> np.ndarray | None:
    """Return each item's number of users in ``data``, or in what the model was fitted to.

    Returns
    -------
    ndarray of float64, shape (n_items,), or None
        In the order of the model's items, 0 for an item not in ``data``. None if there are no data
        and the model was saved without those it was fitted to.
    """
    if data is None:
        matrix = model.train_matrix
        if matrix is None:
            return None
        return np.bincount(matrix.indices, minlength=len(model.items)).astype(float)
    counts = np.bincount(data.matrix.indices, minlength=data.n_items)
    count_of = dict(zip(data.items.tolist(), counts.tolist(), strict=True))
    return np.array([count_of.get(item, 0) for item in model.items.tolist()], dtype=float)


def choose_items(
    item_factors: np.ndarray,
    popularity: np.ndarray | None,
    random_state: int,
    n_items: int = N_ITEMS,
) -> list[int]:
    """Choose popular items that differ from each other.

    The items are chosen from the most popular tenth, or from the ``10 * n_items`` most popular
    items if these are more.

    Parameters
    ----------
    item_factors : ndarray, shape (n, factors)
    popularity : ndarray, shape (n,), or None
        Number of interactions of each item; items without any are never chosen. None: all items
        are equally popular.
    random_state : int
        Seed.
    n_items : int, default 6
        Number of items to choose.

    Returns
    -------
    list of int
        Positions of the items, fewer than ``n_items`` where there are not so many.

    Examples
    --------
    >>> choose_items(np.eye(3), np.array([0.0, 5.0, 0.0]), random_state=0)
    [1]
    """
    pool = np.arange(len(item_factors))
    if popularity is not None:
        pool_size = max(10 * n_items, len(pool) // 10)
        pool = np.argsort(-popularity, kind="stable")[:pool_size]
        pool = pool[popularity[pool] > 0]
    return choose_unlike(item_factors, [pool] * n_items, random_state)
