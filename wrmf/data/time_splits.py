"""Split interactions by time: at one moment, or before the last interactions of each user.

Both functions split the rows of the source, before rows of the same (user, item) pair are merged.
Every early row is in the training set, even if its pair occurs again later. A pair may thus be in
both sets: its early rows in ``train``, its late rows in ``test``. For such a pair,
``wrmf.evaluate(exclude_seen=True)`` counts the item as never found; evaluate such splits with
``exclude_seen=False``, or make them with ``seen="drop"``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wrmf.data.checks import as_positive_int, as_share, is_integer
from wrmf.data.choices import as_choice
from wrmf.data.draws import as_count
from wrmf.data.inputs import as_interactions
from wrmf.data.interactions import Interactions
from wrmf.data.split import Split
from wrmf.data.times import parse_cutoff

__all__ = ["split_by_time", "split_last"]


def split_by_time(
    data: Any,
    time: ArrayLike | None = None,
    test_size: float | int | None = None,
    cutoff: Any = None,
    seen: str = "keep",
) -> Split:
    """Move the latest rows to the test set.

    Parameters
    ----------
    data : Interactions, a users × items matrix, a table or histories, as in ``WRMF.fit``
    time : array (n_interactions,), optional
        Dates, datetimes, ISO text or numbers in the order of ``data.to_frame()``; by default the
        times that ``data`` was read with.
    test_size : float in (0, 1), or int ≥ 1, optional
        Number of rows that go to the test set, or their share, rounded down. Rows at the same time
        as the earliest of them go to the test set, too.
    cutoff : number, date, datetime or ISO text, optional
        Instead of ``test_size``: rows at or after this time go to test. Without a time zone, it is
        in UTC.
    seen : {"keep", "drop"}, default "keep"
        What to do with the late rows of a pair that has early rows, too: keep them in ``test``,
        where ``evaluate(exclude_seen=True)`` counts the item as never found, or drop them, which
        ``test.summary()`` counts.

    Returns
    -------
    Split
        Both parts keep rows and times, so that ``train`` can be split again.

    Raises
    ------
    TypeError, ValueError
        If there are no times, if some are missing, or if train or test would be empty.

    Examples
    --------
    >>> import pandas as pd, wrmf
    >>> plays = pd.DataFrame({"user": [1, 1, 1, 2], "item": [5, 6, 5, 5], "day": [3, 9, 9, 4]})
    >>> split = wrmf.split_by_time(wrmf.read_interactions(plays, time="day"), cutoff=5)
    >>> split.train.to_frame()[["user", "item"]].to_numpy().tolist()
    [[1, 5], [2, 5]]
    >>> split.test.to_frame()[["user", "item"]].to_numpy().tolist()
    [[1, 5], [1, 6]]
    """
    data = as_interactions(data)
    if time is not None:
        data = data.with_times(time)
    times = data.row_times()
    if (test_size is None) == (cutoff is None):
        raise ValueError("pass either test_size or cutoff")
    if test_size is not None:
        n_test = max(1, as_count(test_size, len(times), "test_size"))
        cut = np.partition(times, -n_test)[-n_test]
    else:
        cut = parse_cutoff(cutoff, times)
    is_test = times >= cut
    if not is_test.any() or is_test.all():
        raise ValueError(
            f"cut at {cut}, {int(is_test.sum())} of {len(is_test)} interactions are in the test "
            f"set; times run from {times.min()} to {times.max()}"
        )
    return _split_rows(data, is_test, seen)


def split_last(
    data: Any,
    k: int | float = 1,
    min_interactions: int | None = None,
    time: ArrayLike | None = None,
    seen: str = "keep",
) -> Split:
    """Move the last k rows of each user, or a share of them, to the test set.

    Rows at the same time are taken in the order of the source.

    Parameters
    ----------
    data : Interactions, a users × items matrix, a table or histories, as in ``WRMF.fit``
    k : int ≥ 1, or float in (0, 1), default 1
        Number of each user's rows that go to the test set, or their share, rounded down.
    min_interactions : int, optional
        Users with fewer rows stay whole in ``train``. The default is k + 1 if k is a number, and 2
        if it is a share; users whose share is less than one row stay in ``train``, too.
    time, seen : as in :func:`split_by_time`

    Raises
    ------
    TypeError, ValueError
        If there are no times, if some are missing, or if no user has enough rows.

    Examples
    --------
    >>> import pandas as pd, wrmf
    >>> plays = pd.DataFrame({"user": [1, 1, 2, 2], "item": [5, 6, 5, 7], "day": [9, 3, 4, 8]})
    >>> split = wrmf.split_last(wrmf.read_interactions(plays, time="day"))
    >>> split.test.to_frame()[["user", "item"]].to_numpy().tolist()
    [[1, 5], [2, 7]]
    """
    data = as_interactions(data)
    if time is not None:
        data = data.with_times(time)
    times, users = data.row_times(), data.as_rows().user_codes
    counts = np.bincount(users, minlength=data.n_users)
    if is_integer(k):
        n_test = np.full(data.n_users, as_positive_int(k, "k"))
        default = int(k) + 1
    else:
        # Rounded down as in as_count.
        n_test = np.floor(as_share(k, "k") * counts + 1e-9).astype(np.int64)
        default = 2
    least = default
    if min_interactions is not None:
        least = as_positive_int(min_interactions, "min_interactions", default)
    n_test[counts < least] = 0
    if not n_test.any():
        raise ValueError(
            f"no user has at least {least} rows of which {k} can be tested; the most of a user "
            f"are {counts.max()}: lower k or min_interactions"
        )
    # Number the rows of each user backwards: 0 is the last row.
    order = np.lexsort((times, users))
    ends = np.cumsum(counts)
    places = np.empty(len(users), dtype=np.int64)
    places[order] = np.repeat(ends, counts) - 1 - np.arange(len(users))
    return _split_rows(data, places < n_test[users], seen)


def _split_rows(data: Interactions, is_test: np.ndarray, seen: str) -> Split:
    """Split the rows by a bool mask, which is True for test rows."""
    as_choice(seen, "seen", ("keep", "drop"))
    train, test = data.keep_rows(~is_test), data.keep_rows(is_test)
    if seen == "drop":
        test = _without_pairs_of(test, train)
    for name, part in (("train", train), ("test", test)):
        if not part.n_interactions:
            raise ValueError(
                f"no interaction is left in {name}: {part.counts.read} rows, of which "
                f"{part.counts.seen} of pairs that train has, {part.counts.zero} of value 0"
            )
    return Split(train, test)


def _without_pairs_of(test: Interactions, train: Interactions) -> Interactions:
    """Return the test interactions whose pairs are not in ``train``, and count the dropped rows."""
    is_seen = np.zeros(test.n_interactions, dtype=bool)
    # Entries are numbered from 1, as a stored 0 would vanish in the product.
    numbers = test.matrix.astype(np.float64)
    numbers.data = np.arange(1.0, test.n_interactions + 1)
    is_seen[numbers.multiply(train.matrix != 0).tocsr().data.astype(np.int64) - 1] = True
    kept = test.keep_entries(~is_seen)
    n_seen = len(test.as_rows()) - len(kept.as_rows())
    before, n_kept = test.counts, kept.n_interactions
    n_repeated = before.read - before.zero - n_seen - n_kept
    kept.counts = replace(before, seen=n_seen, repeated=n_repeated, kept=n_kept)
    return kept
