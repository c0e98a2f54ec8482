"""The values of metrics, as ``evaluate`` returns them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from wrmf.html_table import Cell, format_score, html_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Evaluation", "mean_and_error"]


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
    n_trained_on : int
        The number of test pairs that the model was fitted to, but that are not in ``split.train``.
    n_disliked : int
        The number of test pairs of negative value: dislikes, which are no hits.
    popularity : dict of metric name to float
        The same metrics of the most popular items, which a model must beat. They are measured on
        test, for ranking metrics except auc.

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
    n_trained_on: int = 0
    n_disliked: int = 0
    popularity: dict[str, float] = field(default_factory=dict)

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
                ("n_trained_on", self.n_trained_on),
                ("n_disliked", self.n_disliked),
            )
            if count
        )
        described = f"{shown}, n_users={self.n_users}, n_skipped={self.n_skipped}{cold}"
        beaten = ", ".join(
            f"{name}={self.popularity[name]:.5f}" for name in self.no_better_than_popularity
        )
        return f"Evaluation({described}{beaten and f', no better than popularity: {beaten}'})"

    def _repr_html_(self) -> str:
        """Return a table for notebooks: a row for each metric, beside that of popular items."""
        heads = ["metric", "value", "std. error", *(["popular items"] if self.popularity else [])]
        rows = []
        for name, value in self.items():
            row: list[str | Cell] = [
                name,
                Cell(format_score(value), is_strong=True),
                format_score(self.stderr.get(name, np.nan)),
                format_score(self.popularity.get(name, np.nan)),
            ]
            rows.append(row[: len(heads)])
        counts = [f"means over {self.n_users} users"]
        for count, text in (
            (self.n_skipped, "users without held-out items left out"),
            (self.n_cold_users, "users without training data"),
            (self.n_cold_items, "items without training data"),
            (self.n_trained_on, "test pairs that the model was fitted to"),
            (self.n_disliked, "test pairs of negative value, which are no hits"),
        ):
            if count:
                counts.append(f"{count} {text}")
        if self.no_better_than_popularity:
            names = ", ".join(self.no_better_than_popularity)
            counts.append(f"no better than popular items by {names}")
        return html_table("Evaluation", heads, rows, "; ".join(counts))

    @property
    def no_better_than_popularity(self) -> tuple[str, ...]:
        """The metrics by which the model is not above the most popular items.

        Examples
        --------
        >>> Evaluation({"mrr": 0.1}, 2, 0, popularity={"mrr": 0.2})
        Evaluation(mrr=0.10000, n_users=2, n_skipped=0, no better than popularity: mrr=0.20000)
        """
        return tuple(name for name, value in self.popularity.items() if not self[name] > value)

    def to_frame(self) -> pd.DataFrame:
        """Return a frame with one row for each metric: metric, value, stderr, popularity, n_users.

        The standard error is NaN for metrics that are no means over users, and popularity for those
        that were not measured for the most popular items.

        Examples
        --------
        >>> Evaluation({"mrr": 0.5}, 2, 0, {"mrr": 0.1}, popularity={"mrr": 0.2}).to_frame()
          metric  value  stderr  popularity  n_users
        0    mrr    0.5     0.1         0.2        2
        """
        import pandas as pd

        frame: pd.DataFrame = pd.DataFrame(
            {
                "metric": list(self),
                "value": list(self.values()),
                "stderr": [self.stderr.get(name, np.nan) for name in self],
                "popularity": [self.popularity.get(name, np.nan) for name in self],
                "n_users": self.n_users,
            }
        )
        return frame


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Return the mean of the values that are not NaN, and its standard error."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.nan, np.nan
    error = known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else np.nan
    return float(known.mean()), float(error)
