"""Write recommendations for many users to a file, in blocks of bounded size."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from wrmf.data.checks import as_positive_int, is_integer
from wrmf.data.choices import shown
from wrmf.data.id_index import object_array
from wrmf.files import replacing
from wrmf.model.estimator import Estimator
from wrmf.model.list_files import Axes, writer_for
from wrmf.model.list_options import ListOptions
from wrmf.model.lists import ranked_items
from wrmf.model.queries import users_query
from wrmf.model.state import Factors
from wrmf.progress import load_tqdm

__all__ = ["BulkRecommender", "Written"]

# The largest number of users, and of listed items, of a block.
BLOCK_USERS, BLOCK_ITEMS = 2**16, 2**20


class Written(NamedTuple):
    """What :meth:`WRMF.recommend_to` wrote.

    Attributes
    ----------
    n_users, n_rows : int
        The number of users, and of recommendations, which are the rows of the file.
    n_empty : int
        The number of users without any recommendation, who are not in the file.
    """

    n_users: int
    n_rows: int
    n_empty: int


class BulkRecommender(Estimator):
    """Writes lists for everyone without holding them in memory."""

    def recommend_to(
        self,
        path: str | os.PathLike[str],
        users: Any = None,
        n: int = 10,
        *,
        format: str | None = None,  # noqa: A002
        progress: bool | None = None,
        **filters: Any,
    ) -> Written:
        """Write what ``recommend`` returns to a file, a block of users at a time.

        The file has a row for each recommendation, with the columns of
        :meth:`Recommendations.to_frame`. It is written completely or not at all, and memory is
        bounded whatever the number of users.

        Parameters
        ----------
        path : str or path
        users, n : as in ``recommend``
            By default all users.
        format : {"parquet", "csv", "tsv", "jsonl"}, optional
            By default what the ending of ``path`` says.
        progress : bool, optional
            Whether to show a progress bar; by default if standard error is a terminal.
        **filters
            All other arguments of ``recommend``, such as ``exclude_seen`` and ``fallback``.

        Returns
        -------
        Written
            The number of users, of rows, and of users without a list.

        Raises
        ------
        TypeError, ValueError
            As ``recommend``, and for a format that is not known, or ids of several types in a
            parquet file. The file at ``path`` then stays as it was.
        FileNotFoundError, IsADirectoryError, OSError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile, numpy as np, wrmf
        >>> likes = np.indices((6, 6)).sum(axis=0) % 2
        >>> model = wrmf.WRMF(factors=2, random_state=0).fit(likes)
        >>> path = tempfile.mkdtemp() + "/lists.csv"
        >>> model.recommend_to(path, n=2, exclude_seen=False)
        Written(n_users=6, n_rows=12, n_empty=0)
        >>> print(open(path).readline().strip())
        user,item,score,rank
        """
        state, n = self.state, as_positive_int(n, "n")
        writer = writer_for(path, format)
        options = _as_options(filters)
        asked = np.asarray(state.users) if users is None else _as_array(users, state)
        # An error of the arguments is raised before the file is made.
        users_query(state, asked[:0], options.exclude_seen, options.of_unknown)
        rules = options.resolve(state, self._item_table, asked, few=False)
        size = max(1, min(BLOCK_USERS, BLOCK_ITEMS // min(n, len(state.items))))
        disable = None if progress is None else not progress
        n_rows = n_empty = 0
        with (
            replacing(path) as file,
            writer(file, Axes(asked, np.asarray(state.items))) as write,
            load_tqdm()(total=len(asked), desc="recommend", unit="user", disable=disable) as bar,
        ):
            # At least one block, so that a file without rows has the names of its columns.
            for start in range(0, max(1, len(asked)), size):
                rows = np.arange(start, min(start + size, len(asked)))
                query = users_query(state, asked[rows], options.exclude_seen, options.of_unknown)
                lists = ranked_items(state, query, n, rules.at(rows), self.num_threads)
                frame = lists.to_frame("pandas")
                write(frame)
                n_rows += len(frame)
                n_empty += int((lists.counts == 0).sum())
                bar.update(len(lists))
        return Written(len(asked), n_rows, n_empty)


def _as_options(filters: dict[str, Any]) -> ListOptions:
    """Return arguments of ``recommend`` as options; a TypeError for one that it does not have."""
    names = list(ListOptions.__annotations__)
    others = [name for name in filters if name not in names]
    if others:
        raise TypeError(
            f"recommend_to has no argument {shown(others[0])}; beside its own, it takes "
            f"{', '.join(names)}"
        )
    return ListOptions(**filters)


def _as_array(users: Any, state: Factors) -> np.ndarray:
    """Return ids of users as an array: int64 if they are ints, else objects."""
    listed = state.prepared.user_ids.index.listed(users)
    whole = state.users.dtype != object and all(map(is_integer, listed))
    return np.array(listed, dtype=np.int64) if whole else object_array(listed)
