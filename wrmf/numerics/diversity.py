"""Chooses lists of items that are good and unlike each other, from the best items of each user."""

from __future__ import annotations

import numpy as np

from wrmf.numerics.ranking import unit_rows

__all__ = ["diversified"]

# The largest size of the factors that are gathered at a time, in bytes.
GATHERED_BYTES = 2**22


def diversified(
    items: np.ndarray,
    lists: tuple[np.ndarray, np.ndarray, np.ndarray],
    n: int,
    weight: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n items of each list by maximal marginal relevance.

    The first item is the best one. Then, one after the other, the item i with the largest

        (1 − weight) r_i − weight max_j cos(i, j)

    is taken, where j are the items taken before and r is the score, scaled so that the best item of
    the list has 1 and the last one 0. Of equal ones, the first of the list is taken.

    Parameters
    ----------
    items : (n_items, k), whose cosines count; the cosine with a row of zeros is 0
    lists : rows, scores and counts, as ``top_n`` returns them
    n : int ≥ 1
    weight : float in [0, 1)

    Returns
    -------
    rows, scores, counts
        In the order in which items were taken.

    References
    ----------
    Carbonell, Goldstein: The Use of MMR, Diversity-Based Reranking for Reordering Documents and
    Producing Summaries. SIGIR 1998.
    """
    rows, scores, counts = lists
    m, width = rows.shape
    n = min(n, width)
    chosen = np.zeros((m, n), dtype=np.int64)
    block = max(1, GATHERED_BYTES // (8 * max(1, width * items.shape[1])))
    for first in range(0, m, block):
        part = slice(first, first + block)
        chosen[part] = _places(items, rows[part], scores[part], counts[part], n, weight)
    taken = np.minimum(counts, n)
    past = np.arange(n) >= taken[:, None]
    best, values = np.take_along_axis(rows, chosen, 1), np.take_along_axis(scores, chosen, 1)
    best[past], values[past] = -1, np.nan
    return best, values, taken


def _places(
    items: np.ndarray,
    rows: np.ndarray,
    scores: np.ndarray,
    counts: np.ndarray,
    n: int,
    weight: float,
) -> np.ndarray:
    """Return the places in each list, in the order in which they are taken."""
    m, width = rows.shape
    users = np.arange(m)
    valid = np.arange(width) < counts[:, None]
    exact = np.where(valid, scores, 0).astype(np.float64)
    unit, _ = unit_rows(items[np.where(valid, rows, 0).ravel()].astype(np.float64))
    unit = unit.reshape(m, width, -1)
    last = exact[users, np.maximum(counts - 1, 0)]
    spread = exact[:, 0] - last
    relevance = (exact - last[:, None]) / np.where(spread > 0, spread, 1)[:, None]
    relevance[spread <= 0] = 1
    gain = np.where(valid, (1 - weight) * relevance, -np.inf)
    nearest = np.full((m, width), -np.inf)
    places = np.zeros((m, n), dtype=np.int64)
    for position in range(1, n):
        taken = places[:, position - 1]
        gain[users, taken] = -np.inf
        # Not a matrix product, whose sums could depend on the number of users.
        cosines = (unit * unit[users, taken][:, None, :]).sum(axis=2)
        np.maximum(nearest, cosines, out=nearest)
        places[:, position] = np.argmax(gain - weight * nearest, axis=1)
    return places
