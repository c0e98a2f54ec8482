"""Metrics of what is recommended, whether or not it was held out, and metrics of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_positive_int, is_number
from wrmf.data.choices import shown
from wrmf.numerics.ranked import Floats, Ints

__all__ = ["ListMetric", "Listed", "Metric", "coverage", "gini", "novelty"]


@dataclass(frozen=True)
class Listed:
    """The best items of m users, and how popular each item is in training.

    Attributes
    ----------
    items : int64 (m, n)
        Best first; −1 past the end of a list.
    popularity : int64 (n_items,)
        The number of training users of each item.
    n_users : int
        The number of users with training interactions.
    """

    items: Ints
    popularity: Ints
    n_users: int

    def best(self, k: int) -> Ints:
        """Return the first k places of each list."""
        return self.items[:, :k]

    def exposure(self, k: int) -> Ints:
        """Return, for each item, in how many of the lists of k items it is."""
        best = self.best(k)
        return np.bincount(best[best >= 0], minlength=len(self.popularity))


def coverage(listed: Listed, k: int) -> float:
    """Return the share of all items that are in at least one list (Herlocker et al. 2004)."""
    return float(np.count_nonzero(listed.exposure(k)) / len(listed.popularity))


def gini(listed: Listed, k: int) -> float:
    """Return the Gini coefficient of how often each of all items is listed.

    It is Σᵢ (2i − n − 1) cᵢ / (n Σᵢ cᵢ), with the n counts c in rising order: 0 if all items are
    listed equally often, near 1 if a few fill all lists; NaN if nothing is listed.
    """
    counts = np.sort(listed.exposure(k))
    n, total = len(counts), counts.sum()
    if not total:
        return np.nan
    return float(((2 * np.arange(1, n + 1) - n - 1) * counts).sum() / (n * total))


def novelty(listed: Listed, k: int) -> Floats:
    """Return the mean of log₂(n_users / popularity) over each list; NaN for empty lists.

    It is the self-information of Zhou et al. 2010. Items without training users count as with one.
    """
    best = listed.best(k)
    information = np.log2(max(listed.n_users, 1) / np.maximum(listed.popularity, 1))
    is_item = best >= 0
    counts = is_item.sum(axis=1)
    sums = np.where(is_item, information[best], 0.0).sum(axis=1)
    means: Floats = np.divide(sums, counts, out=np.full(len(best), np.nan), where=counts > 0)
    return means


@dataclass(frozen=True)
class ListMetric:
    """A metric of the recommended lists.

    Attributes
    ----------
    measure : callable(Listed, cut-off)
        Returns a float over all lists, or, if ``by_user``, float64 (m,), which is averaged.
    by_user : bool
    lower_is_better : bool
    cutoff : "required"
    """

    measure: Callable[[Listed, int], Any]
    by_user: bool = False
    lower_is_better: bool = False
    cutoff: str = "required"


@dataclass(frozen=True)
class Metric:
    """A metric of one's own, to be passed to :func:`wrmf.evaluate` beside names of metrics.

    Parameters
    ----------
    function : callable(recommended, held_out) -> float
        Called once for each user with held-out items. ``recommended`` is an array of the ids of at
        most k items, best first, and ``held_out`` one of the ids of the user's held-out items, in
        no order. NaN leaves the user out of the mean.
    k : int ≥ 1, default 10
        The length of the lists.
    name : str, optional
        The key of the value; by default that of the function followed by ``@k``.
    lower_is_better : bool, default False

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> def first_is_hit(recommended, held_out):
    ...     return float(len(recommended) > 0 and recommended[0] in held_out)
    >>> split = wrmf.Split(np.array([[1, 0, 0], [0, 1, 1]]), np.array([[0, 1, 0], [0, 0, 0]]))
    >>> model = wrmf.WRMF(factors=1, random_state=0).fit(split.train)
    >>> list(wrmf.evaluate(model, split, ["mrr", wrmf.Metric(first_is_hit, k=1)]))
    ['mrr', 'first_is_hit@1']
    """

    function: Callable[[np.ndarray, np.ndarray], float]
    k: int = 10
    name: str | None = None
    lower_is_better: bool = False

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(
                "a metric must be a function of recommended and held-out ids, got "
                f"{shown(self.function)}"
            )
        as_positive_int(self.k, "k")
        if self.name is None:
            title = getattr(self.function, "__name__", type(self.function).__name__)
            object.__setattr__(self, "name", f"{re.sub('[<>]', '', title)}@{self.k}")

    def per_user(self, items: Ints, held_out: sparse.csr_matrix, ids: np.ndarray) -> Floats:
        """Return the value of each user.

        Parameters
        ----------
        items : int64 (m, n), the lists, −1 past the end
        held_out : CSR (m, n_items)
        ids : ndarray (n_items,)

        Raises
        ------
        TypeError
            If the function returns something else than a number.
        """
        values = np.empty(len(items))
        for user, best in enumerate(items[:, : self.k]):
            start, end = held_out.indptr[user : user + 2]
            value = self.function(ids[best[best >= 0]], ids[held_out.indices[start:end]])
            if not is_number(value) and not isinstance(value, (bool, np.bool_)):
                raise TypeError(
                    f"the metric {self.name} must return a number, got {shown(value)} "
                    f"({type(value).__name__})"
                )
            values[user] = float(value)
        return values
