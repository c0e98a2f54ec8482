"""MovieLens: ratings of films, with times."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import pandas as pd

from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.download import archive_errors, download

__all__ = ["MOVIELENS_FILES", "fetch_movielens"]

URL = "https://files.grouplens.org/datasets/movielens/"
COLUMNS = ["user", "item", "rating", "time"]


@dataclass(frozen=True)
class RatingsFile:
    """The text file with the ratings in an archive, and its format."""

    archive: str
    member: str
    sep: str
    has_header: bool = False


MOVIELENS_FILES = {
    "100k": RatingsFile("ml-100k.zip", "ml-100k/u.data", "\t"),
    "1m": RatingsFile("ml-1m.zip", "ml-1m/ratings.dat", "::"),
    "10m": RatingsFile("ml-10m.zip", "ml-10M100K/ratings.dat", "::"),
    "20m": RatingsFile("ml-20m.zip", "ml-20m/ratings.csv", ",", has_header=True),
    "25m": RatingsFile("ml-25m.zip", "ml-25m/ratings.csv", ",", has_header=True),
}


def fetch_movielens(
    size: str = "20m", min_rating: float = 0.0, base_url: str = URL
) -> Interactions:
    """Return MovieLens ratings as interactions of weight 1, with times.

    The archive is downloaded once, and its checksum is compared with the published one.

    Parameters
    ----------
    size : {"100k", "1m", "10m", "20m", "25m"}, default "20m"
    min_rating : float, default 0
        Lower ratings are dropped; 4 is the usual threshold for implicit feedback.
    base_url : str
        Folder of the archives.

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
    if size not in MOVIELENS_FILES:
        raise ValueError(f"size must be one of {tuple(MOVIELENS_FILES)}, got {size!r}")
    ratings = _read_ratings(MOVIELENS_FILES[size], base_url)
    return read_interactions(ratings[ratings["rating"] >= min_rating], time="time")


def _read_ratings(file: RatingsFile, base_url: str) -> pd.DataFrame:
    url = base_url + file.archive
    path = download(url, file.archive, md5_url=f"{url}.md5")
    with archive_errors(path, "ratings"):
        with zipfile.ZipFile(path) as archive:
            text, sep = archive.read(file.member), file.sep
        if len(sep) > 1:
            # The fast parser of pandas only takes separators of one character.
            text, sep = text.replace(sep.encode(), b"\t"), "\t"
        header = 0 if file.has_header else None
        return pd.read_csv(io.BytesIO(text), sep=sep, header=header, names=COLUMNS)
