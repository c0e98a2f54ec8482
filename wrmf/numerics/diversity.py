"""Chooses lists of items that are good and unlike each other, from the best items of each user."""

from __future__ import annotations

import numpy as np

__all__ = ["diversified"]

# The largest size of the factors that are gathered at a time, in bytes.
GATHERED_BYTES = 2**22


def diversified(
    items: np.ndarray,
    lengths: np.ndarray,
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
    items, lengths : (n_items, k), (n_items,)
        Factors, whose cosines count, and their norms. The cosine with a row of zeros is 0.
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
        valid = np.arange(width) < counts[part, None]
        listed = np.where(valid, rows[part], 0)
        relevance = np.where(valid, _relevance(scores[part], counts[part]), -np.inf)
        gain = (1 - weight) * relevance
        with np.errstate(divide="ignore"):
            inverse = 1 / lengths[listed].astype(np.float64)
        inverse[~np.isfinite(inverse)] = 0
        chosen[part] = _places(items[listed].astype(np.float64), inverse, gain, n, weight)
    taken = np.minimum(counts, n)
    past = np.arange(n) >= taken[:, None]
    best, values = np.take_along_axis(rows, chosen, 1), np.take_along_axis(scores, chosen, 1)
    best[past], values[past] = -1, np.nan
    return best, values, taken


def _relevance(scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the scores of lists, scaled so that the first has 1 and the last 0."""
    exact = scores.astype(np.float64)
    last = exact[np.arange(len(counts)), np.maximum(counts - 1, 0)][:, None]
    spread = exact[:, :1] - last
    return np.where(spread > 0, (exact - last) / np.where(spread > 0, spread, 1), 1.0)


def _places(
    factors: np.ndarray, inverse: np.ndarray, gain: np.ndarray, n: int, weight: float
) -> np.ndarray:
    """Return n places of each list, in the order in which they are taken.

    Parameters
    ----------
    factors : float64 (m, width, k)
    inverse, gain : float64 (m, width)
        One over the norms of the factors, and (1 − weight) r, which is −∞ past the end of a list
        and is overwritten.
    """
    m, width, _ = factors.shape
    users = np.arange(m)
    nearest = np.full((m, width), -np.inf)
    places = np.zeros((m, n), dtype=np.int64)
    for position in range(1, n):
        taken = places[:, position - 1]
        gain[users, taken] = -np.inf
        # Not a matrix product of BLAS, whose sums could depend on the number of users.
        products = np.einsum("uik,uk->ui", factors, factors[users, taken])
        cosines = products * inverse * inverse[users, taken][:, None]
        np.maximum(nearest, cosines, out=nearest)
        places[:, position] = np.argmax(gain - weight * nearest, axis=1)
    return places
