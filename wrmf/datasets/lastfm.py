"""Last.fm 360K: how often users played artists."""

from __future__ import annotations

import csv
import tarfile

import pandas as pd

from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.download import archive_errors, download

__all__ = ["fetch_lastfm"]

URL = "http://mtg.upf.edu/static/datasets/last.fm/lastfm-dataset-360K.tar.gz"
ARCHIVE = "lastfm-dataset-360K.tar.gz"
MEMBER_ENDING = "-artmbid-artname-plays.tsv"


def fetch_lastfm(url: str = URL) -> Interactions:
    """Return the plays of Last.fm 360K by user id and artist name.

    The archive is downloaded once; no checksum of it is published. Rows without an artist name are
    dropped, and plays of artists that share a name are added up.

    Parameters
    ----------
    url : str
        Address of the archive.

    Raises
    ------
    OSError
        If the archive cannot be downloaded or is not as expected.

    References
    ----------
    Òscar Celma: Music Recommendation and Discovery. 2010.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.fetch_lastfm()  # doctest: +SKIP
    """
    path = download(url, ARCHIVE)
    with archive_errors(path, "plays"), tarfile.open(path) as archive:
        members = [name for name in archive.getnames() if name.endswith(MEMBER_ENDING)]
        file = archive.extractfile(members[0]) if members else None
        if file is None:
            raise ValueError(f"no file in it ends in {MEMBER_ENDING}")
        plays = pd.read_csv(
            file,
            sep="\t",
            header=None,
            names=["user", "mbid", "item", "plays"],
            usecols=["user", "item", "plays"],
            quoting=csv.QUOTE_NONE,
        )
    return read_interactions(plays.dropna(), value="plays")
