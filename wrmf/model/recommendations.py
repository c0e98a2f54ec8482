"""Ranked lists as plain arrays, and as a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Recommendations"]


@dataclass(frozen=True)
class Recommendations:
    """Ranked lists, best first, one row for each query. Lists may be shorter than asked for.

    Attributes
    ----------
    users : ndarray (n,)
        The ids of the queries: users, or items if neighbours of items were asked for.
    ids : ndarray (n, n_max)
        Recommended ids; −1 (None for object ids) past the end of a list.
    scores : float32 or float64 (n, n_max)
        NaN past the end of a list.
    rows : int64 (n, n_max)
        Positions of ``ids`` on the model's axis; −1 past the end of a list.
    counts : int64 (n,)
        The length of each list.
    names : object (n, n_max), or None
        Names of the recommended items, if the model has names; None past the end of a list.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> likes = np.indices((6, 6)).sum(axis=0) % 2
    >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
    >>> lists = model.recommend([0, 1], n=2, exclude_seen=False)
    >>> len(lists), lists.ids.shape, lists.counts.tolist()
    (2, (2, 2), [2, 2])
    >>> list(lists.to_frame().columns)
    ['user', 'item', 'score', 'rank']
    """

    users: np.ndarray
    ids: np.ndarray
    scores: np.ndarray
    rows: np.ndarray
    counts: np.ndarray
    names: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        users: np.ndarray,
        axis_ids: np.ndarray,
        rows: np.ndarray,
        scores: np.ndarray,
        counts: np.ndarray,
        axis_names: np.ndarray | None = None,
    ) -> Recommendations:
        """Return the lists whose ids are ``axis_ids[rows]``, and names ``axis_names[rows]``."""
        ids = axis_ids[np.maximum(rows, 0)]
        ids[rows < 0] = None if ids.dtype == object else -1
        names = None
        if axis_names is not None:
            names = axis_names[np.maximum(rows, 0)]
            names[rows < 0] = None
        return cls(users, ids, scores, rows, counts, names)

    def __len__(self) -> int:
        return len(self.users)

    def to_frame(self) -> pd.DataFrame:
        """Return a frame with one row for each recommendation.

        The columns are user, item, name (if the model has names), score and rank (1 is best).
        """
        filled = self.rows >= 0
        query, position = np.nonzero(filled)
        frame: pd.DataFrame = pd.DataFrame(
            {
                "user": self.users[query],
                "item": self.ids[filled],
                **({} if self.names is None else {"name": self.names[filled]}),
                "score": self.scores[filled],
                "rank": position + 1,
            }
        )
        return frame
