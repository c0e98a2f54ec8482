"""MovieLens: ratings of films, with times."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wrmf.data.choices import as_choice
from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.source import Source, open_member

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOVIELENS_FILES", "fetch_movielens"]

URL = "https://files.grouplens.org/datasets/movielens/"
COLUMNS = ["user", "item", "rating", "time"]
TERMS = (
    "research and other uses without profit; neither the data nor a copy of them may be passed on "
    "without permission."
)


@dataclass(frozen=True)
class RatingsFile:
    """The text file with the ratings in an archive, and its format."""

    source: Source
    member: str
    sep: str
    has_header: bool = False


def _source(size: str, megabytes: int, md5: str) -> Source:
    return Source(
        title=f"MovieLens {size}",
        contents="ratings",
        url=f"{URL}ml-{size}.zip",
        terms=TERMS,
        home=f"https://grouplens.org/datasets/movielens/{size}/",
        megabytes=megabytes,
        md5=md5,
    )


# The checksums are those that GroupLens publishes beside the archives.
MOVIELENS_FILES = {
    "100k": RatingsFile(
        _source("100k", 5, "0e33842e24a9c977be4e0107933c0723"), "ml-100k/u.data", "\t"
    ),
    "1m": RatingsFile(
        _source("1m", 6, "c4d9eecfca2ab87c1945afe126590906"), "ml-1m/ratings.dat", "::"
    ),
    "10m": RatingsFile(
        _source("10m", 66, "ce571fd55effeba0271552578f2648bd"), "ml-10M100K/ratings.dat", "::"
    ),
    "20m": RatingsFile(
        _source("20m", 199, "cd245b17a1ae2cc31bb14903e1204af3"),
        "ml-20m/ratings.csv",
        ",",
        has_header=True,
    ),
    "25m": RatingsFile(
        _source("25m", 262, "6b51fb2759a8657d3bfcbfc42b592ada"),
        "ml-25m/ratings.csv",
        ",",
        has_header=True,
    ),
    "32m": RatingsFile(
        _source("32m", 239, "d472be332d4daa821edc399621853b57"),
        "ml-32m/ratings.csv",
        ",",
        has_header=True,
    ),
}


def fetch_movielens(
    size: str = "20m",
    min_rating: float = 0.0,
    base_url: str = URL,
    folder: str | os.PathLike[str] | None = None,
) -> Interactions:
    """Return MovieLens ratings as interactions of weight 1, with times.

    The archive is downloaded once, and its checksum is compared with the published one.

    Parameters
    ----------
    size : {"100k", "1m", "10m", "20m", "25m", "32m"}, default "20m"
    min_rating : float, default 0
        Lower ratings are dropped; 4 is the usual threshold for implicit feedback.
    base_url : str
        Folder of the archives. In another one, a file with ``.md5`` at its end lies beside each.
    folder : str or path, optional
        Folder with the archive, or with what it holds; nothing is then downloaded.

    Raises
    ------
    ValueError
        For another size.
    OSError
        If the archive cannot be downloaded or is not as expected.

    References
    ----------
    F. Maxwell Harper, Joseph A. Konstan: The MovieLens Datasets: History and Context. 2015.

    Examples
    --------
    >>> import wrmf
    >>> wrmf.datasets.fetch_movielens("100k", min_rating=4)  # doctest: +SKIP
    Interactions(942 users × 1447 items, 55375)
    """
    as_choice(size, "size", MOVIELENS_FILES)
    file = MOVIELENS_FILES[size]
    if base_url != URL:
        url = base_url + file.source.archive
        file = replace(file, source=replace(file.source, url=url, md5=None, md5_url=f"{url}.md5"))
    ratings = _read_ratings(file, folder)
    return read_interactions(ratings[ratings["rating"] >= min_rating], time="time")


def _read_ratings(file: RatingsFile, folder: str | os.PathLike[str] | None) -> pd.DataFrame:
    import pandas as pd

    with open_member(file.source, file.member, folder) as content:
        text, sep = content.read(), file.sep
        if len(sep) > 1:
            # The fast parser of pandas only takes separators of one character.
            text, sep = text.replace(sep.encode(), b"\t"), "\t"
        header = 0 if file.has_header else None
        return pd.read_csv(io.BytesIO(text), sep=sep, header=header, names=COLUMNS)
