"""What the best setting finds of the held-out items, beside item neighbours and popular items."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrmf.baselines.neighbours import ItemKNN
from wrmf.baselines.popularity import Popularity
from wrmf.data.dislikes import likes_of
from wrmf.data.split import Split
from wrmf.evaluation.cold import TestPart
from wrmf.evaluation.evaluate import Evaluation, evaluate
from wrmf.evaluation.recommenders import ListModel
from wrmf.model.wrmf import WRMF
from wrmf.search.result import SearchResult

__all__ = ["MODEL", "NEIGHBOURS", "N_SHOWN", "POPULAR", "Comparison", "Contender", "compare"]

# The length of the lists.
N_SHOWN = 10
# Item neighbours are left out, unless asked for, if they take more products of counts than this:
# some seconds of one CPU.
QUICK_PRODUCTS = 1e8
MODEL, NEIGHBOURS, POPULAR = "This model", "Item neighbours", "Popular items"


@dataclass(frozen=True, eq=False)
class Contender:
    """A recommender that was fitted to the training part of a split.

    Attributes
    ----------
    label : str
    evaluation : Evaluation
        precision and hit_rate at the length of the lists, with the values of each user.
    lists : int64 (n_test_users, n_shown)
        Positions of the listed items, −1 past the end of a list.
    """

    label: str
    evaluation: Evaluation
    lists: np.ndarray

    @property
    def n_shown(self) -> int:
        """The length of the lists."""
        return int(self.lists.shape[1])

    @property
    def hits(self) -> np.ndarray:
        """The number of held-out items in the list of each tested user."""
        assert self.evaluation.per_user is not None
        shares = self.evaluation.per_user[f"precision@{self.n_shown}"]
        hits: np.ndarray = np.rint(self.n_shown * shares.to_numpy())
        return hits

    @property
    def share_with_hit(self) -> float:
        """The share of users in whose list is a held-out item."""
        return self.evaluation[f"hit_rate@{self.n_shown}"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The best setting beside baselines, on the test part of a split.

    Attributes
    ----------
    contenders : tuple of Contender
        The model, then the baselines.
    model : WRMF
        The best setting, fitted to the training part.
    split : Split
    part : TestPart
    n_left_out : float
        The products of counts that item neighbours would take; 0 if they were measured.
    """

    contenders: tuple[Contender, ...]
    model: WRMF
    split: Split
    part: TestPart
    n_left_out: float = 0.0

    @property
    def n_shown(self) -> int:
        """The length of the lists."""
        return self.contenders[0].n_shown

    @property
    def n_users(self) -> int:
        """The number of users with a held-out item."""
        return self.contenders[0].evaluation.n_users

    @property
    def tested(self) -> np.ndarray:
        """The rows of the users with a held-out item, in the order of ``hits``."""
        rows: np.ndarray = self.part.users[np.diff(self.part.held_out.indptr) > 0]
        return rows

    @property
    def most_hits(self) -> float:
        """The mean number of items that a perfect list would find."""
        n_held_out = np.diff(self.part.held_out.indptr)
        return float(np.minimum(n_held_out[n_held_out > 0], self.n_shown).mean())

    def advantage(self, other: Contender) -> tuple[float, float]:
        """Return the mean of the model's hits minus those of another, and its standard error.

        Both are measured on the same users, so that the error is that of the differences.
        """
        return mean_and_error(self.contenders[0].hits - other.hits)


def compare(
    result: SearchResult, split: Split, item_knn: bool | None, random_state: int
) -> Comparison:
    """Fit the best setting and the baselines to ``split.train``, and measure them on its test part.

    Parameters
    ----------
    result : SearchResult
    split : Split
    item_knn : bool or None
        Whether to measure item neighbours; None: if that takes some seconds at most.
    random_state : int
        The seed of a model that has none.
    """
    model = result.best_model()
    if model.random_state is None:
        model.set_params(random_state=random_state)
    model.fit(split.train, progress=False)
    lengths = np.diff(likes_of(split.train.matrix).indptr).astype(float)
    products = float((lengths**2).sum())
    with_neighbours = products <= QUICK_PRODUCTS if item_knn is None else item_knn
    part = TestPart.of(split)
    n_shown = min(N_SHOWN, split.train.n_items)
    recommenders: dict[str, Any] = {MODEL: model}
    if with_neighbours:
        recommenders[NEIGHBOURS] = ItemKNN().fit(split.train)
    recommenders[POPULAR] = Popularity().fit(split.train)
    contenders = tuple(
        Contender(
            label,
            evaluate(
                recommender,
                split,
                (f"precision@{n_shown}", f"hit_rate@{n_shown}"),
                per_user=True,
            ),
            ListModel(recommender, split, part).lists(n_shown, part.known),
        )
        for label, recommender in recommenders.items()
    )
    return Comparison(contenders, model, split, part, 0.0 if with_neighbours else products)


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Return the mean of values and its standard error, NaN for a single value.

    Examples
    --------
    >>> mean_and_error(np.array([1.0, 3.0]))
    (2.0, 1.0)
    """
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return float(values.mean()), float(error)
