"""Joins what was measured for several parts of the users."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wrmf.evaluation.evaluation import Evaluation, mean_and_error

__all__ = ["join_evaluations"]


def join_evaluations(parts: Sequence[Evaluation], per_user: bool = False) -> Evaluation:
    """Return the evaluation of all users from those of parts of them.

    Parameters
    ----------
    parts : sequence of Evaluation
        With the values of each user, on the same axis of items. Their order is that of the users.
    per_user : bool, default False
        Whether the result has the values of each user.

    Notes
    -----
    Metrics of all cells, such as ``mse``, are means weighted by the numbers of users. Metrics of
    all lists, such as ``coverage``, do not follow from those of parts.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"user": ["ann"], "mrr": [0.5]})
    >>> part = Evaluation({"mrr": 0.5, "mse": 0.1}, 1, 0, per_user=frame)
    >>> other = Evaluation({"mrr": 1.0, "mse": 0.4}, 1, 1, per_user=frame.assign(mrr=1.0))
    >>> join_evaluations([part, other])
    Evaluation(mrr=0.75000, mse=0.30000, n_users=2, n_skipped=1)
    """
    import pandas as pd

    frames = [part.per_user for part in parts if part.per_user is not None]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    statistics = {
        name: mean_and_error(frame[name].to_numpy()) for name in frame.columns if name != "user"
    }
    n_rows = np.array([part.n_users + part.n_skipped for part in parts], dtype=np.float64)

    def overall(name: str) -> float:
        return float(np.average([part[name] for part in parts], weights=n_rows))

    return Evaluation(
        values_by_name={
            name: statistics[name][0] if name in statistics else overall(name) for name in parts[0]
        },
        n_users=sum(part.n_users for part in parts),
        n_skipped=sum(part.n_skipped for part in parts),
        stderr={name: error for name, (_, error) in statistics.items()},
        per_user=frame if per_user and len(frame.columns) else None,
        n_cold_users=sum(part.n_cold_users for part in parts),
        n_trained_on=sum(part.n_trained_on for part in parts),
        n_disliked=sum(part.n_disliked for part in parts),
    )
