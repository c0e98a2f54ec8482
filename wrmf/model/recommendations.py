"""Ranked lists as plain arrays, and as a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Recommendations"]


@dataclass(frozen=True)
class Recommendations:
    """Ranked lists, best first, one row a query. Lists may be short: nothing is made up.

    Attributes
    ----------
    users : ndarray (n,), the ids asked for (items, where neighbours of items were asked for)
    ids : ndarray (n, n_max), recommended ids; −1 (None for object ids) past the end of a list
    scores : float32 (n, n_max), NaN past the end of a list
    rows : int64 (n, n_max), positions of ``ids`` on the model's axis, −1 past the end
    counts : int64 (n,), the length of each list
    """

    users: np.ndarray
    ids: np.ndarray
    scores: np.ndarray
    rows: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(
        cls,
        users: np.ndarray,
        axis_ids: np.ndarray,
        rows: np.ndarray,
        scores: np.ndarray,
        counts: np.ndarray,
    ) -> Recommendations:
        """Attach the ids of an axis to ranked positions."""
        ids = axis_ids[np.maximum(rows, 0)]
        ids[rows < 0] = None if ids.dtype == object else -1
        return cls(users, ids, scores, rows, counts)

    def __len__(self) -> int:
        return len(self.users)

    def to_frame(self) -> pd.DataFrame:
        """Return query, id, score and rank (1 is best), a row a recommendation."""
        real = self.rows >= 0
        query, position = np.nonzero(real)
        return pd.DataFrame(
            {
                "user": self.users[query],
                "item": self.ids[real],
                "score": self.scores[real],
                "rank": position + 1,
            }
        )
