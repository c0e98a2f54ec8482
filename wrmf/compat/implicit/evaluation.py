"""Splits and ranking metrics by implicit's definitions.

``wrmf.evaluate`` has the usual definitions, exact ties and more metrics. These functions give the
numbers that programs written for implicit have reported so far.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from scipy import sparse

from wrmf.data.checks import RandomStateLike, as_generator, as_positive_int, as_real
from wrmf.data.choices import shown
from wrmf.progress import load_tqdm

__all__ = [
    "AUC_at_k",
    "leave_k_out_split",
    "mean_average_precision_at_k",
    "ndcg_at_k",
    "precision_at_k",
    "ranking_metrics_at_k",
    "train_test_split",
]

# The number of users whose lists are asked for in one call.
BATCH = 1000


class HasRecommend(Protocol):
    """A model with implicit's ``recommend``."""

    def recommend(self, userid: Any, user_items: Any, N: int) -> tuple[np.ndarray, np.ndarray]: ...


def train_test_split(
    ratings: Any, train_percentage: float = 0.8, random_state: RandomStateLike = None
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return a random split of the entries of a matrix into train and test.

    Parameters
    ----------
    ratings : sparse matrix (n_users, n_items)
    train_percentage : float from 0 to 1, default 0.8
        The probability of an entry to be in train.
    random_state : None, int, Generator or RandomState
        The same int gives the same split as implicit.

    Returns
    -------
    train, test : csr_matrix of the same shape
        Negative entries are not in test: they are dislikes.

    Examples
    --------
    >>> from scipy import sparse
    >>> train, test = train_test_split(sparse.eye(100).tocsr(), random_state=0)
    >>> train.nnz + test.nnz, train.shape
    (100, (100, 100))
    """
    share = as_real(train_percentage, "train_percentage")
    if share > 1:
        raise ValueError(f"train_percentage must be from 0 to 1, got {shown(train_percentage)}")
    entries = ratings.tocoo()
    in_train = as_generator(random_state).random(len(entries.data)) < share
    return _part(entries, in_train), _part(entries, ~in_train & (entries.data > 0))


def leave_k_out_split(
    ratings: Any, K: int = 1, train_only_size: float = 0.0, random_state: RandomStateLike = None
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return a split with K random entries of each user in test, and all others in train.

    Users with at most K entries stay in train. (Implicit also leaves out those with K + 1, and does
    not use ``random_state`` to draw the entries.)

    Parameters
    ----------
    ratings : sparse matrix (n_users, n_items)
    K : int ≥ 1, default 1
    train_only_size : float from 0 to below 1, default 0
        The share of users, of those with entries, who stay in train as a whole.
    random_state : None, int, Generator or RandomState

    Returns
    -------
    train, test : csr_matrix of the same shape, whose sum is ``ratings``

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> ratings = sparse.csr_matrix(np.ones((4, 5)))
    >>> train, test = leave_k_out_split(ratings, K=2, random_state=0)
    >>> np.diff(test.indptr).tolist(), int((train + test - ratings).nnz)
    ([2, 2, 2, 2], 0)
    """
    K = as_positive_int(K, "K")
    if not 0.0 <= as_real(train_only_size, "train_only_size") < 1.0:
        raise ValueError(f"train_only_size must be from 0 to below 1, got {shown(train_only_size)}")
    entries = ratings.tocoo()
    generator = as_generator(random_state)
    counts = np.bincount(entries.row, minlength=entries.shape[0])
    is_candidate = counts > K
    if train_only_size > 0:
        users = np.flatnonzero(counts)
        n_kept = max(1, int(len(users) * train_only_size))
        is_candidate[generator.choice(users, n_kept, replace=False)] = False
    # In the order of users and then of random numbers, the first K entries of a user are a sample.
    order = np.lexsort((generator.random(len(entries.data)), entries.row))
    place = np.arange(len(order)) - (np.cumsum(counts) - counts)[entries.row[order]]
    in_test = np.zeros(len(order), dtype=bool)
    in_test[order] = place < K
    in_test &= is_candidate[entries.row]
    return _part(entries, ~in_test), _part(entries, in_test)


def _part(entries: sparse.coo_matrix, chosen: np.ndarray) -> sparse.csr_matrix:
    """Return a matrix of the chosen entries."""
    positions = entries.row[chosen], entries.col[chosen]
    return sparse.csr_matrix((entries.data[chosen], positions), shape=entries.shape)


def ranking_metrics_at_k(
    model: HasRecommend,
    train_user_items: Any,
    test_user_items: Any,
    K: int = 10,
    show_progress: bool = True,
    num_threads: int = 1,
) -> dict[str, float]:
    """Return precision, MAP, NDCG and AUC of lists of K items, by implicit's definitions.

    Parameters
    ----------
    model : a model with implicit's ``recommend``
        It is asked for lists without the items of ``train_user_items``.
    train_user_items, test_user_items : sparse matrices (n_users, n_items)
        Users without entries in test do not count.
    K : int ≥ 1, default 10
    show_progress : bool, default True
    num_threads : int
        Accepted as implicit does; the model's own ``num_threads`` is used.

    Returns
    -------
    dict with "precision", "map", "ndcg" and "auc"
        "precision" is the number of hits of all users, divided by the sum of min(K, held-out items
        of the user). "map" is the mean over users of Σ (hits so far / rank, at each hit), divided
        by min(K, held-out items). "ndcg" is the usual one. "auc" ranks the items beyond the list as
        if in random order; users for whom every item is held out are left out of it.

    Raises
    ------
    ValueError
        If test has no entries, or the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from wrmf.compat.implicit.als import AlternatingLeastSquares
    >>> likes = sparse.csr_matrix(np.indices((8, 8)).sum(axis=0) % 2).tolil()
    >>> likes[0, 1] = 0
    >>> held_out = sparse.csr_matrix(([1.0], ([0], [1])), shape=(8, 8))
    >>> model = AlternatingLeastSquares(factors=2, random_state=0)
    >>> train = likes.tocsr()
    >>> model.fit(train, show_progress=False)
    >>> ranking_metrics_at_k(model, train, held_out, K=2, show_progress=False)["ndcg"]
    1.0
    """
    K = as_positive_int(K, "K")
    train, test = train_user_items.tocsr(), test_user_items.tocsr()
    if train.shape != test.shape:
        raise ValueError(f"train has shape {train.shape}, but test {test.shape}: pass equal shapes")
    users = np.flatnonzero(np.diff(test.indptr))
    if not len(users):
        raise ValueError("test_user_items has no entries: there is no user to evaluate")
    totals = np.zeros(4)
    n_held = n_with_auc = 0
    with load_tqdm()(total=len(users), disable=not show_progress) as progress:
        for start in range(0, len(users), BATCH):
            batch = users[start : start + BATCH]
            ids, _ = model.recommend(batch, train[batch], N=K)
            held = np.diff(test.indptr)[batch]
            sums, n_defined = _sums(_listed(np.asarray(ids), K), test[batch])
            totals += sums
            n_held += int(np.minimum(held, K).sum())
            n_with_auc += n_defined
            progress.update(len(batch))
    hit, precision, gain, area = totals.tolist()
    return {
        "precision": hit / n_held,
        "map": precision / len(users),
        "ndcg": gain / len(users),
        "auc": area / n_with_auc if n_with_auc else float("nan"),
    }


def _listed(ids: np.ndarray, K: int) -> np.ndarray:
    """Return lists of K items, filled up with −1, which stands for no item."""
    listed = np.full((len(ids), K), -1, dtype=np.int64)
    listed[:, : ids.shape[1]] = ids[:, :K]
    return listed


def _sums(ids: np.ndarray, held_out: sparse.csr_matrix) -> tuple[np.ndarray, int]:
    """Return the sums over users of hits, average precision, NDCG and AUC, and the users of AUC."""
    n_lists, K = ids.shape
    n_items, held = held_out.shape[1], np.diff(held_out.indptr)
    rows = np.arange(n_lists, dtype=np.int64)
    pairs = np.repeat(rows, held) * n_items + held_out.indices
    is_item = ids >= 0
    hits = is_item & np.isin(rows[:, None] * n_items + ids, pairs)
    so_far = np.cumsum(hits, axis=1)
    most = np.minimum(held, K)
    average = (hits * so_far / np.arange(1, K + 1)).sum(axis=1) / most
    gains = 1.0 / np.log2(np.arange(2, K + 2))
    ndcg = hits @ gains / np.cumsum(gains)[most - 1]
    misses = is_item & ~hits
    others = n_items - held
    # An item of the list that is no hit stands behind the hits before it. The others that are not
    # in the list stand, on average, behind the hits and half of the held-out items that are not.
    in_order = (misses * so_far).sum(axis=1)
    in_order = in_order + (so_far[:, -1] + held) / 2 * (others - misses.sum(axis=1))
    is_defined = others > 0
    auc = in_order[is_defined] / (held * others)[is_defined]
    sums = np.array([hits.sum(), average.sum(), ndcg.sum(), auc.sum()])
    return sums, int(is_defined.sum())


def precision_at_k(
    model: HasRecommend,
    train_user_items: Any,
    test_user_items: Any,
    K: int = 10,
    show_progress: bool = True,
    num_threads: int = 1,
) -> float:
    """Return the precision of :func:`ranking_metrics_at_k`."""
    return ranking_metrics_at_k(
        model, train_user_items, test_user_items, K, show_progress, num_threads
    )["precision"]


def mean_average_precision_at_k(
    model: HasRecommend,
    train_user_items: Any,
    test_user_items: Any,
    K: int = 10,
    show_progress: bool = True,
    num_threads: int = 1,
) -> float:
    """Return the mean average precision of :func:`ranking_metrics_at_k`."""
    return ranking_metrics_at_k(
        model, train_user_items, test_user_items, K, show_progress, num_threads
    )["map"]


def ndcg_at_k(
    model: HasRecommend,
    train_user_items: Any,
    test_user_items: Any,
    K: int = 10,
    show_progress: bool = True,
    num_threads: int = 1,
) -> float:
    """Return the NDCG of :func:`ranking_metrics_at_k`."""
    return ranking_metrics_at_k(
        model, train_user_items, test_user_items, K, show_progress, num_threads
    )["ndcg"]


def AUC_at_k(
    model: HasRecommend,
    train_user_items: Any,
    test_user_items: Any,
    K: int = 10,
    show_progress: bool = True,
    num_threads: int = 1,
) -> float:
    """Return the AUC of :func:`ranking_metrics_at_k`."""
    return ranking_metrics_at_k(
        model, train_user_items, test_user_items, K, show_progress, num_threads
    )["auc"]
