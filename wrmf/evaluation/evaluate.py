"""Evaluating a model on a split: ranking metrics and mean squared error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from wrmf.data.splitting import Split, check_split
from wrmf.evaluation.metrics import METRICS, Ranked, check_metrics
from wrmf.numerics.objective import observed_scores, squared_errors
from wrmf.numerics.ranking import Ranks, rank_held_out

__all__ = ["Evaluation", "evaluate", "evaluate_both", "evaluate_sides"]


@dataclass(frozen=True)
class Evaluation(Mapping[str, float]):
    """Metric values by name, averaged over users.

    Attributes
    ----------
    n_users : int, users that were averaged over
    n_skipped : int, users left out because they have no held-out item
    stderr : dict, standard error of each mean (not of mse)
    per_user : DataFrame with user and a column for each metric (not mse), or None
    """

    values_by_name: dict[str, float]
    n_users: int
    n_skipped: int
    stderr: dict[str, float] = field(default_factory=dict)
    per_user: pd.DataFrame | None = None

    def __getitem__(self, name: str) -> float:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value:.5f}" for name, value in self.items())
        return f"Evaluation({shown}, n_users={self.n_users}, n_skipped={self.n_skipped})"


def evaluate(
    model: Any,
    split: Split,
    metrics: Sequence[str] = ("precision@5", "recall@20", "ndcg@100", "mse"),
    exclude_seen: bool = True,
    per_user: bool = False,
    on: str = "test",
    num_threads: int = 0,
) -> Evaluation:
    """Measure how well a model ranks held-out items.

    With h the user's held-out items among the first k of all items, n of them held out in all:
    ``precision@k`` = h/k; ``recall@k`` = h/n (as the Gowalla tables and trec_eval);
    ``capped_recall@k`` = h/min(k, n) (as Liang et al. 2018); ``ndcg@k`` with binary gains, ideal
    over min(k, n); ``map@k`` normalised by min(k, n); ``hit_rate@k``; ``mrr`` (of the first
    held-out item, optionally @k); ``auc``; ``mse`` over all cells of the users' rows. All but mse
    are means over users. Equal scores are ranked by the items' order.

    Parameters
    ----------
    model : WRMF, or anything with user_factors (n_users, k) and item_factors (n_items, k)
    split : Split
        With ``fold_in``, users' factors come from ``model.fold_in_users``.
    metrics : sequence of str, k from 1 to the number of items
    exclude_seen : bool, default True
        Whether training items are left out of the ranking on test. A held-out item that is also a
        training item of the same user then counts as never found.
    per_user : bool, default False
    on : {"test", "train"}
        "train" ranks the training items themselves, and nothing is left out.

    Raises
    ------
    ValueError
        For unknown metrics, factors that do not fit the split, or no held-out item at all.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> train = np.array([[1, 0, 0], [0, 1, 1]])
    >>> test = np.array([[0, 1, 0], [0, 0, 0]])
    >>> split = wrmf.Split(train, test)
    >>> model = wrmf.WRMF(factors=1, random_state=0).fit(train)
    >>> wrmf.evaluate(model, split, ["hit_rate@2"])["hit_rate@2"]
    1.0
    """
    if on not in ("test", "train"):
        raise ValueError(f"on must be 'test' or 'train', got {on!r}")
    return evaluate_sides(model, split, metrics, [(on, exclude_seen)], per_user, num_threads)[0]


def evaluate_both(
    model: Any,
    split: Split,
    metrics: Sequence[str],
    exclude_seen: bool = True,
    num_threads: int = 0,
) -> tuple[Evaluation, Evaluation]:
    """Return what ``evaluate`` gives on train and on test, from one pass over the scores."""
    sides = [("train", False), ("test", exclude_seen)]
    train, test = evaluate_sides(model, split, metrics, sides, num_threads=num_threads)
    return train, test


def evaluate_sides(
    model: Any,
    split: Split,
    metrics: Sequence[str],
    sides: Sequence[tuple[str, bool]] = (("train", False), ("test", True), ("test", False)),
    per_user: bool = False,
    num_threads: int = 0,
) -> list[Evaluation]:
    """Return what ``evaluate`` gives for each (on, exclude_seen), from one pass over the scores.

    By default on train, on test, and on test with the training items in the ranking.
    """
    check_split(split)
    parsed = check_metrics(metrics, split.train.n_items)
    users = split.users
    if not len(users):
        raise ValueError("the split has no test users, so there is nothing to evaluate")
    known = (split.train if split.fold_in is None else split.fold_in).matrix[users]
    held = {"train": known, "test": split.test.matrix[users]}
    user_factors, item_factors = _factors(model, split, known)

    ranked_metrics = {name: how for name, how in parsed.items() if how[0] != "mse"}
    cutoffs = [k for _, k in ranked_metrics.values()]
    whole = None in cutoffs
    cutoff = None if whole else max((k for k in cutoffs if k is not None), default=1)

    scores = {
        on: observed_scores(held[on], user_factors, item_factors, num_threads)
        for on in dict.fromkeys(on for on, _ in sides)
    }
    ranked: list[Ranks | None] = [None] * len(sides)
    if ranked_metrics:
        wanted = [
            (held[on], scores[on], on == "test" and exclude_seen) for on, exclude_seen in sides
        ]
        ranked = list(rank_held_out(user_factors, item_factors, wanted, known, cutoff, num_threads))
    errors = dict.fromkeys(held, math.nan)
    if "mse" in (kind for kind, _ in parsed.values()):
        found = squared_errors(scores.values(), user_factors, item_factors, num_threads)
        cells = len(users) * len(item_factors)
        errors |= {on: each / cells for on, each in zip(scores, found, strict=True)}
    ids = split.train.users[users]
    return [
        _summarise(ranks, held[on], parsed, ids, per_user, errors[on])
        for (on, _), ranks in zip(sides, ranked, strict=True)
    ]


def _summarise(
    ranks: Ranks | None,
    held: sparse.csr_matrix,
    parsed: dict[str, tuple[str, int | None]],
    ids: np.ndarray,
    per_user: bool,
    mean_squared_error: float,
) -> Evaluation:
    counts = np.diff(held.indptr)
    some = counts > 0
    n_users = int(some.sum())
    if not n_users and ranks is not None:
        raise ValueError("no user has a held-out item, so there is nothing to rank")
    values, errors, columns = {}, {}, {}
    if ranks is not None:
        auc = None if ranks.auc is None else ranks.auc[some]
        found = Ranked.of(ranks.ranks, counts[some], auc)
    for name, (kind, k) in parsed.items():
        if kind == "mse":
            values[name] = mean_squared_error
            continue
        scores = METRICS[kind](found, k)
        columns[name] = scores
        values[name] = float(scores.mean())
        errors[name] = float(scores.std(ddof=1) / np.sqrt(n_users)) if n_users > 1 else np.nan
    frame = pd.DataFrame({"user": ids[some], **columns}) if per_user and columns else None
    return Evaluation(values, n_users, len(counts) - n_users, errors, frame)


def _factors(model: Any, split: Split, known: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors of the split's users and of all items, checked and of one dtype."""
    if not (hasattr(model, "user_factors") and hasattr(model, "item_factors")):
        raise ValueError("the model has no factors: fit it on split.train first")
    shape = len(model.user_factors), len(model.item_factors)
    expected = split.train.shape
    if shape[1] != expected[1] or (split.fold_in is None and shape[0] != expected[0]):
        raise ValueError(
            f"the model has {shape[0]} users × {shape[1]} items, the split "
            f"{split.train.n_users} × {split.train.n_items}: fit it on split.train"
        )
    if split.fold_in is None:
        user_factors = np.asarray(model.user_factors)[split.users]
    else:
        user_factors = model.fold_in_users(known)
    item_factors = np.asarray(model.item_factors)
    for factors, side in ((user_factors, "user"), (item_factors, "item")):
        if not np.isfinite(factors).all():
            raise ValueError(f"the model's {side} factors hold NaN or infinite values")
    dtype = np.result_type(user_factors, item_factors, np.float32)
    return user_factors.astype(dtype, copy=False), item_factors.astype(dtype, copy=False)
