"""Evaluation of a model on a split, by ranking and error metrics."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wrmf.data.checks import as_positive_int
from wrmf.data.choices import as_choice
from wrmf.data.dislikes import likes_of
from wrmf.data.split import Split, check_split
from wrmf.evaluation.cold import TestPart
from wrmf.evaluation.evaluation import Evaluation, mean_and_error
from wrmf.evaluation.leakage import count_trained_on
from wrmf.evaluation.measures import is_tested, measure_errors, measure_lists, measure_ranks
from wrmf.evaluation.metrics import MetricLike, requested_metrics
from wrmf.evaluation.popularity import measure_popularity
from wrmf.evaluation.rankers import Side, ranker_of

__all__ = ["Evaluation", "evaluate", "evaluate_both", "evaluate_sides"]


def evaluate(
    model: Any,
    split: Split,
    metrics: str | MetricLike | Sequence[str | MetricLike] = (
        "precision@5",
        "recall@20",
        "ndcg@100",
        "mse",
    ),
    exclude_seen: bool = True,
    per_user: bool = False,
    on: str = "test",
    num_threads: int = 0,
    cold: str = "report",
) -> Evaluation:
    """Measure how well a model ranks held-out items.

    The metrics are ``precision@k``, ``recall@k``, ``capped_recall@k``, ``ndcg@k`` (with binary
    gains), ``map@k``, ``hit_rate@k``, ``mrr`` and ``mrr@k``, ``auc``, and ``mse`` over all cells
    of the users' rows; of the lists themselves ``coverage@k``, ``gini@k`` and ``novelty@k``.
    docs/metrics.md has their formulas. All but ``mse``, ``coverage@k`` and ``gini@k`` are means
    over the users with a held-out item. Equal scores are ranked by the items' order. Users
    without interactions, whose factors are all zero, get an empty list as in ``recommend``, so none
    of their held-out items counts as found.

    Parameters
    ----------
    model : WRMF, a baseline, or any other object that recommends
        It has ``user_factors``, of shape (n_users, k), and ``item_factors``, of shape (n_items, k);
        if it also has ids in ``users`` and ``items``, these are matched to the split's ids, in any
        order. Or it has ``recommend(users, n)``, which returns lists of items in one of the forms
        that docs/evaluating.md describes; then only metrics with a cut-off can be computed.
    split : Split
        If it has ``split.fold_in``, users' factors are computed by ``model.fold_in_users``, and
        lists are those of ``model.recommend_new``.
    metrics : sequence of str or Metric, default precision@5, recall@20, ndcg@100 and mse
        The cut-off k is from 1 to the number of items. A :class:`wrmf.Metric` is a metric of one's
        own; a bare function of recommended and held-out ids is one with k = 10.
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
        The values by name. Its ``popularity`` has the same metrics of the most popular items, on
        test, at no more cost than sorting the training items; where the model is no better, the
        result says so.

    Raises
    ------
    TypeError, ValueError
        If a metric is unknown, the model has other users or items than the split, ``cold`` is
        "error" and there are cold users or items, or no user has a held-out item.

    Warns
    -----
    UserWarning
        If the model keeps its training data, and that has test pairs which are not in the split's;
        and if no held-out item is found, and some of them are in the training data.

    Notes
    -----
    A model with an item term (``item_weight``) is measured by its whole scores. ``auc``, ``mrr``
    without a cut-off and ``mse`` then take many times as long as metrics with one, since they need
    the score of every user and item, or of every item that has a term.

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
    as_choice(on, "on", ("test", "train"))
    sides = [(on, exclude_seen)]
    return evaluate_sides(
        model, split, metrics, sides, per_user, num_threads, cold, popularity=on == "test"
    )[0]


def evaluate_both(
    model: Any,
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
    model: Any,
    split: Split,
    metrics: str | MetricLike | Sequence[str | MetricLike],
    sides: Sequence[tuple[str, bool]] = (("train", False), ("test", True), ("test", False)),
    per_user: bool = False,
    num_threads: int = 0,
    cold: str = "report",
    popularity: bool = False,
) -> list[Evaluation]:
    """Return what ``evaluate`` returns for each side, from one pass over the scores.

    Parameters
    ----------
    model, split, metrics, per_user, num_threads, cold : as in ``evaluate``
    sides : sequence of (on, exclude_seen)
        By default on train, on test, and on test with the training items in the ranking.
    popularity : bool, default False
        Whether to measure the most popular items, too.
    """
    check_split(split)
    num_threads = as_positive_int(num_threads, "num_threads", 0)
    requested = requested_metrics(metrics, split.train.n_items)
    if not len(split.users):
        raise ValueError("the split has no test users, so there is nothing to evaluate")
    part = TestPart.of(split, cold)
    depth = max([cutoff for _, cutoff in requested.values() if cutoff is not None], default=0)
    ranker = ranker_of(model, split, part, depth, num_threads)
    matrices = {"train": likes_of(part.known), "test": part.held_out}
    requests = [Side(on, matrices[on], on == "test" and masked) for on, masked in sides]
    by_user = measure_ranks(requested, ranker, requests)
    _warn_if_seen(by_user, requests, part)
    overall = measure_errors(requested, ranker, requests)
    measure_lists(requested, ranker, requests, split, (by_user, overall))
    beside: list[dict[str, float]] = [{} for _ in requests]
    if popularity:
        train = likes_of(split.train.matrix)
        beside = [
            {
                name: mean_and_error(values)[0]
                for name, values in measure_popularity(requested, train, part.known, side).items()
            }
            for side in requests
        ]
    ids = split.train.users[part.users]
    n_trained_on = 0
    if any(side.on == "test" for side in requests):
        n_trained_on = count_trained_on(model, split, part)
        _warn_if_trained_on(n_trained_on, part.held_out.nnz)
    return [
        replace(
            _assemble(requested, values, totals, ids[is_tested(side)], len(ids), per_user),
            n_cold_users=part.n_cold_users,
            n_cold_items=part.n_cold_items,
            n_trained_on=n_trained_on if side.on == "test" else 0,
            n_disliked=part.n_disliked if side.on == "test" else 0,
            popularity=of_popular,
        )
        for side, values, totals, of_popular in zip(requests, by_user, overall, beside, strict=True)
    ]


def _warn_if_trained_on(n_trained_on: int, n_test: int) -> None:
    if n_trained_on:
        warnings.warn(
            f"{n_trained_on} of {n_test} test pairs are in the data that the model was fitted to, "
            "so that its values are too good: fit it on split.train",
            stacklevel=4,
        )


def _warn_if_seen(
    by_user: Sequence[Mapping[str, np.ndarray]], sides: Sequence[Side], part: TestPart
) -> None:
    """Warn where nothing is found, and test pairs are training pairs, which are not looked for."""
    for values, side in zip(by_user, sides, strict=True):
        # Counting these pairs takes a pass over the data, which is spared where items are found.
        if side.masked and values and not any(value.any() for value in values.values()):
            n_seen = (part.held_out != 0).multiply(part.known != 0).nnz
            if n_seen:
                warnings.warn(
                    f"nothing is found, and {n_seen} of {part.held_out.nnz} test pairs are in the "
                    "training data, too, which is left out of the lists: take test data that "
                    "train does not have, or pass exclude_seen=False",
                    stacklevel=4,
                )


def _assemble(
    names: Iterable[str],
    by_user: Mapping[str, np.ndarray],
    overall: Mapping[str, float],
    tested_ids: np.ndarray,
    n_test_users: int,
    per_user: bool,
) -> Evaluation:
    """Return the means over users and the overall values, in the order of ``names``."""
    import pandas as pd

    n_users = len(tested_ids)
    statistics = {name: mean_and_error(values) for name, values in by_user.items()}
    values_by_name = {**{name: mean for name, (mean, _) in statistics.items()}, **overall}
    stderr = {name: error for name, (_, error) in statistics.items()}
    return Evaluation(
        values_by_name={name: values_by_name[name] for name in names},
        n_users=n_users,
        n_skipped=n_test_users - n_users,
        stderr=stderr,
        per_user=pd.DataFrame({"user": tested_ids, **by_user}) if per_user and by_user else None,
    )
