"""Evaluation of a model on a split, by ranking and error metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import sparse

from wrmf.data.checks import as_positive_int
from wrmf.data.split import Split, check_split
from wrmf.evaluation.cold import TestPart
from wrmf.evaluation.factors import HasFactors, factors_on_axes
from wrmf.evaluation.metrics import (
    METRICS,
    ErrorMetric,
    NamedMetric,
    Ranked,
    RankingMetric,
    check_metrics,
)
from wrmf.model.queries import nothing_known
from wrmf.numerics.objective import observed_scores, squared_errors
from wrmf.numerics.ranking import NEVER, rank_held_out

__all__ = ["Evaluation", "evaluate", "evaluate_both", "evaluate_sides"]


@dataclass(frozen=True)
class Evaluation(Mapping[str, float]):
    """The values of metrics, by metric name. Those of ranking metrics are means over users.

    Attributes
    ----------
    values_by_name : dict of metric name to float
    n_users : int
        The number of users that were averaged over.
    n_skipped : int
        The number of users left out because they have no held-out item.
    stderr : dict of metric name to float
        The standard error of each ranking metric.
    per_user : DataFrame, or None
        One row for each user: the column ``user``, and a column for each ranking metric.
    n_cold_users, n_cold_items : int
        The number of users and items with test interactions but no training interactions.

    Examples
    --------
    >>> evaluation = Evaluation({"mrr": 0.5}, n_users=2, n_skipped=0)
    >>> evaluation["mrr"]
    0.5
    >>> evaluation
    Evaluation(mrr=0.50000, n_users=2, n_skipped=0)
    """

    values_by_name: dict[str, float]
    n_users: int
    n_skipped: int
    stderr: dict[str, float] = field(default_factory=dict)
    per_user: pd.DataFrame | None = None
    n_cold_users: int = 0
    n_cold_items: int = 0

    def __getitem__(self, name: str) -> float:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value:.5f}" for name, value in self.items())
        cold = "".join(
            f", {name}={count}"
            for name, count in (
                ("n_cold_users", self.n_cold_users),
                ("n_cold_items", self.n_cold_items),
            )
            if count
        )
        return f"Evaluation({shown}, n_users={self.n_users}, n_skipped={self.n_skipped}{cold})"


def evaluate(
    model: HasFactors,
    split: Split,
    metrics: Sequence[str] = ("precision@5", "recall@20", "ndcg@100", "mse"),
    exclude_seen: bool = True,
    per_user: bool = False,
    on: str = "test",
    num_threads: int = 0,
    cold: str = "report",
) -> Evaluation:
    """Measure how well a model ranks held-out items.

    The metrics are ``precision@k``, ``recall@k``, ``capped_recall@k``, ``ndcg@k`` (with binary
    gains), ``map@k``, ``hit_rate@k``, ``mrr`` and ``mrr@k``, ``auc``, and ``mse`` over all cells
    of the users' rows; ``wrmf.evaluation.metrics`` has their formulas. All but ``mse`` are means
    over the users with a held-out item. Equal scores are ranked by the items' order. Users
    without interactions, whose factors are all zero, get an empty list as in ``recommend``, so none
    of their held-out items counts as found.

    Parameters
    ----------
    model : WRMF, or any object with the attributes below
        ``user_factors``, of shape (n_users, k), and ``item_factors``, of shape (n_items, k). If it
        has ids in ``users`` and ``items``, these are matched to the split's ids, in any order.
    split : Split
        If it has ``split.fold_in``, users' factors are computed by ``model.fold_in_users``.
    metrics : sequence of str, default precision@5, recall@20, ndcg@100 and mse
        The cut-off k is from 1 to the number of items.
    exclude_seen : bool, default True
        Whether training items are left out of the ranking on test. A held-out item that is also a
        training item of the same user then counts as never found.
    per_user : bool, default False
        Whether the result has the values of each user.
    on : {"test", "train"}, default "test"
        "train" ranks the training items themselves, and leaves nothing out.
    num_threads : int ≥ 0, default 0
        0 uses every CPU that this process may use.
    cold : {"report", "drop", "error"}, default "report"
        What to do with users and items of the test part that have no training data. They are
        counted in the result; "drop" leaves these users and test interactions out of the values.

    Returns
    -------
    Evaluation
        The values by name.

    Raises
    ------
    TypeError, ValueError
        If a metric is unknown, the model has other users or items than the split, ``cold`` is
        "error" and there are cold users or items, or no user has a held-out item.

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
    sides = [(on, exclude_seen)]
    return evaluate_sides(model, split, metrics, sides, per_user, num_threads, cold)[0]


def evaluate_both(
    model: HasFactors,
    split: Split,
    metrics: Sequence[str],
    exclude_seen: bool = True,
    num_threads: int = 0,
) -> tuple[Evaluation, Evaluation]:
    """Return what ``evaluate`` returns on train and on test, from one pass over the scores."""
    sides = [("train", False), ("test", exclude_seen)]
    train, test = evaluate_sides(model, split, metrics, sides, num_threads=num_threads)
    return train, test


def evaluate_sides(
    model: HasFactors,
    split: Split,
    metrics: Sequence[str],
    sides: Sequence[tuple[str, bool]] = (("train", False), ("test", True), ("test", False)),
    per_user: bool = False,
    num_threads: int = 0,
    cold: str = "report",
) -> list[Evaluation]:
    """Return what ``evaluate`` returns for each side, from one pass over the scores.

    Parameters
    ----------
    model, split, metrics, per_user, num_threads, cold : as in ``evaluate``
    sides : sequence of (on, exclude_seen)
        By default on train, on test, and on test with the training items in the ranking.
    """
    check_split(split)
    num_threads = as_positive_int(num_threads, "num_threads", 0)
    parsed = check_metrics(metrics, split.train.n_items)
    if not len(split.users):
        raise ValueError("the split has no test users, so there is nothing to evaluate")
    part = TestPart.of(split, cold)
    x, y = factors_on_axes(model, split, part)
    matrices = {"train": part.known, "test": part.held_out}
    held_out = {
        on: _HeldOut(matrices[on], observed_scores(matrices[on], x, y, num_threads))
        for on in dict.fromkeys(on for on, _ in sides)
    }
    requests = [(held_out[on], on == "test" and exclude_seen) for on, exclude_seen in sides]
    unknown = nothing_known(np.diff(part.known.indptr), x)
    ranked = _rank(parsed, (x, y), requests, part.known, unknown, num_threads)
    overall = _measure_errors(parsed, x, y, held_out, num_threads)
    ids = split.train.users[part.users]
    evaluations = [
        _assemble(parsed, by_user, overall[on], ids[held_out[on].counts > 0], len(ids), per_user)
        for (on, _), by_user in zip(sides, ranked, strict=True)
    ]
    return [
        replace(evaluation, n_cold_users=part.n_cold_users, n_cold_items=part.n_cold_items)
        for evaluation in evaluations
    ]


@dataclass(frozen=True)
class _HeldOut:
    """The matrix of the test users' held-out items, and the scores of its stored entries."""

    matrix: sparse.csr_matrix
    scores: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        counts: np.ndarray = np.diff(self.matrix.indptr)
        return counts


def _rank(
    metrics: Mapping[str, NamedMetric],
    factors: tuple[np.ndarray, np.ndarray],
    requests: Sequence[tuple[_HeldOut, bool]],
    known: sparse.csr_matrix,
    unknown: np.ndarray,
    num_threads: int,
) -> list[dict[str, np.ndarray]]:
    """Return, for each request, the values of the ranking metrics of users with held-out items.

    A request consists of the held-out items, and of whether ``known`` items are left out of the
    ranking. ``factors`` are those of the test users and of all items. Held-out items of ``unknown``
    users count as never found.
    """
    ranking = {
        name: (metric.per_user, cutoff)
        for name, (key, cutoff) in metrics.items()
        if isinstance(metric := METRICS[key], RankingMetric)
    }
    if not ranking:
        return [{} for _ in requests]
    cutoffs = [cutoff for _, cutoff in ranking.values() if cutoff is not None]
    # A single metric without a cut-off needs the ranks of all items.
    last = max(cutoffs) if len(cutoffs) == len(ranking) else None
    sides = [(held_out.matrix, held_out.scores, masked) for held_out, masked in requests]
    results = []
    for (held_out, _), ranks in zip(
        requests, rank_held_out(*factors, sides, known, last, num_threads), strict=True
    ):
        counts = held_out.counts
        tested = counts > 0
        if not tested.any():
            raise ValueError(
                "no user has a held-out item, so there is nothing to rank: check split.test"
            )
        ranks.ranks[np.repeat(unknown, counts)] = NEVER
        auc = None if ranks.auc is None else np.where(unknown, 0.0, ranks.auc)[tested]
        ranked = Ranked.of(ranks.ranks, counts[tested], auc)
        results.append({name: score(ranked, cutoff) for name, (score, cutoff) in ranking.items()})
    return results


def _measure_errors(
    metrics: Mapping[str, NamedMetric],
    x: np.ndarray,
    y: np.ndarray,
    held_out: Mapping[str, _HeldOut],
    num_threads: int,
) -> dict[str, dict[str, float]]:
    """Return the values of the error metrics for each key of ``held_out``."""
    errors = {
        name: metric.overall
        for name, (key, _) in metrics.items()
        if isinstance(metric := METRICS[key], ErrorMetric)
    }
    if not errors:
        return {on: {} for on in held_out}
    n_cells = len(x) * len(y)
    sums = squared_errors([part.scores for part in held_out.values()], x, y, num_threads)
    return {
        on: {name: overall(total, n_cells) for name, overall in errors.items()}
        for on, total in zip(held_out, sums, strict=True)
    }


def _assemble(
    names: Iterable[str],
    by_user: Mapping[str, np.ndarray],
    overall: Mapping[str, float],
    tested_ids: np.ndarray,
    n_test_users: int,
    per_user: bool,
) -> Evaluation:
    """Return the means over users and the overall values, in the order of ``names``."""
    n_users = len(tested_ids)
    means = {name: float(values.mean()) for name, values in by_user.items()}
    values_by_name = {**means, **overall}
    stderr = {
        name: float(values.std(ddof=1) / np.sqrt(n_users)) if n_users > 1 else np.nan
        for name, values in by_user.items()
    }
    return Evaluation(
        values_by_name={name: values_by_name[name] for name in names},
        n_users=n_users,
        n_skipped=n_test_users - n_users,
        stderr=stderr,
        per_user=pd.DataFrame({"user": tested_ids, **by_user}) if per_user and by_user else None,
    )
