"""Sources of pictures: functions from an item's id to its picture, and fetching from them.

A source returns None for an item that has no picture. The sources of this package never raise for
a single item: a picture that cannot be loaded is None, its reason is counted in
``source.failures`` and logged (logger ``wrmf.pictures``), so a server cannot stop a report.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from wrmf.pictures.picture import Picture

__all__ = ["LOGGER", "CountingSource", "NoPicture", "PictureSource", "fetch_all"]

LOGGER = logging.getLogger("wrmf.pictures")

PictureSource = Callable[[Any], Picture | None]


class NoPicture(Exception):
    """An item has no picture, or it could not be loaded.

    Parameters
    ----------
    reason : str
        A short text that does not name the item, so that equal reasons can be counted.
    lasting : bool
        Whether the next request would fail, too (as after a 404), rather than perhaps succeed (as
        after a timeout).
    """

    def __init__(self, reason: str, lasting: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lasting = lasting


class CountingSource(ABC):
    """A source that counts and logs, from any thread, why items have no picture.

    Attributes
    ----------
    failures : Counter
        Number of failures by reason.
    """

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, item_id: Any) -> Picture | None:
        """Return the picture of one item, or None."""
        try:
            return self._load(item_id)
        except NoPicture as error:
            with self._lock:
                self.failures[error.reason] += 1
            LOGGER.info("no picture for item %r: %s", item_id, error.reason)
            return None

    @abstractmethod
    def _load(self, item_id: Any) -> Picture | None:
        """Return the picture of one item, None where it is known to have none.

        Raises
        ------
        NoPicture
            If there should be a picture, but it cannot be used.
        """


def fetch_all(
    source: PictureSource, ids: Iterable[Hashable], threads: int = 8
) -> dict[Hashable, Picture | None]:
    """Fetch the pictures of many items, several at a time.

    Parameters
    ----------
    source : callable
        From an id to a :class:`Picture` or None. Exceptions are logged and count as None.
    ids : iterable
        Item ids; each is fetched once.
    threads : int, default 8
        Number of items that are fetched at a time.

    Returns
    -------
    dict
        From id to picture or None, in the order of ``ids``.

    Examples
    --------
    >>> from wrmf.pictures import drawn_tile, fetch_all
    >>> pictures = fetch_all(lambda item: drawn_tile(item, "Kite"), ["a", "b", "a"])
    >>> list(pictures)
    ['a', 'b']
    """
    distinct_ids = list(dict.fromkeys(ids))

    def fetch(item_id: Hashable) -> Picture | None:
        try:
            return source(item_id)
        except Exception as error:
            LOGGER.warning("the picture source failed for item %r: %r", item_id, error)
            return None

    pool = ThreadPoolExecutor(max_workers=max(1, threads))
    try:
        pictures = dict(zip(distinct_ids, pool.map(fetch, distinct_ids), strict=True))
    finally:
        # After Ctrl-C, do not fetch the items that have not started.
        pool.shutdown(wait=False, cancel_futures=True)
    n_missing = sum(picture is None for picture in pictures.values())
    if n_missing:
        LOGGER.info("no picture for %d of %d items", n_missing, len(pictures))
    return pictures
