"""Yelp Open Dataset: ratings of businesses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import IO, Any

from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.source import Source, open_member

__all__ = ["YELP", "fetch_yelp"]

MEMBER = "yelp_academic_dataset_review.json"
YELP = Source(
    title="Yelp Open Dataset",
    contents="reviews",
    # Its owner asks everybody to accept the terms on the page, so it has no address of its own.
    url="",
    terms="academic use, after the terms on the page are accepted.",
    home="https://business.yelp.com/data/resources/open-dataset/",
    megabytes=4350,
)
COLUMNS = ["user", "item", "stars", "time"]


def fetch_yelp(
    min_rating: float = 0.0, folder: str | os.PathLike[str] | None = None
) -> Interactions:
    """Return the ratings of the Yelp Open Dataset as interactions, with times.

    It cannot be downloaded without accepting its terms on its page. Fetch it by hand, unpack it,
    and pass the folder, or save the file ``yelp_academic_dataset_review.json`` in the cache folder.

    Parameters
    ----------
    min_rating : float, default 0
        Lower ratings are dropped.
    folder : str or path, optional
        Folder with ``yelp_academic_dataset_review.json``, or the path of the archive that holds it;
        by default the cache folder.

    Raises
    ------
    OSError
        If the file is not there or not as expected.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.fetch_yelp(4, "yelp_dataset")  # doctest: +SKIP
    """
    import pandas as pd

    with open_member(YELP, MEMBER, folder) as file:
        reviews = pd.DataFrame(_reviews(file), columns=COLUMNS)
    return read_interactions(reviews[reviews["stars"] >= min_rating], time="time")


def _reviews(file: IO[bytes]) -> Iterator[tuple[Any, ...]]:
    """Yield user, business, stars and time, without the texts, which are most of the file."""
    for number, line in enumerate(file, start=1):
        try:
            row = json.loads(line)
            yield row["user_id"], row["business_id"], row["stars"], row["date"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {number} is no review: {error}") from None
