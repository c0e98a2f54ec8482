"""The Taste Profile of the Million Song Dataset: how often users played songs."""

from __future__ import annotations

import os
from dataclasses import replace

from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.source import Source, open_member
from wrmf.files import cache_folder

__all__ = ["MILLION_SONGS", "fetch_msd"]

URL = "http://millionsongdataset.com/sites/default/files/challenge/train_triplets.txt.zip"
MEMBER = "train_triplets.txt"
MILLION_SONGS = Source(
    title="Taste Profile of the Million Song Dataset",
    contents="triplets",
    url=URL,
    terms="research; cite the authors.",
    home="http://millionsongdataset.com/tasteprofile/",
    megabytes=512,
)
N_TRIPLETS = 48_373_586  # as published on the page of the data set


def fetch_msd(
    url: str = URL,
    md5: str | None = None,
    n_triplets: int = N_TRIPLETS,
    folder: str | os.PathLike[str] | None = None,
) -> Interactions:
    """Return the Taste Profile of the Million Song Dataset: plays by user id and song id.

    The archive of about 500 MB is downloaded once. Reading it takes about 12 GB of memory.

    Parameters
    ----------
    url : str
        Address of the archive.
    md5 : str, optional
        Expected checksum of the download. None is published, so by default the triplets are
        counted, and the checksum of the first download is recorded.
    n_triplets : int, default 48,373,586
        Expected number of (user, song, plays) triplets.
    folder : str or path, optional
        Folder with the archive, or with what it holds; nothing is then downloaded.

    Raises
    ------
    OSError
        If the archive cannot be downloaded or is not as expected.

    References
    ----------
    Thierry Bertin-Mahieux, Daniel P. W. Ellis, Brian Whitman, Paul Lamere: The Million Song
    Dataset. 2011.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.fetch_msd()  # doctest: +SKIP
    """
    import pandas as pd

    source = replace(MILLION_SONGS, url=url, md5=md5)
    with open_member(source, MEMBER, folder) as file:
        plays = pd.read_csv(
            file,
            sep="\t",
            header=None,
            names=["user", "item", "plays"],
            dtype={"user": "category", "item": "category", "plays": "int32"},
        )
    if len(plays) != n_triplets:
        path = cache_folder() / source.archive if folder is None else folder
        raise OSError(
            f"{path} holds {len(plays)} triplets, not {n_triplets}: delete it, and it is fetched "
            "again"
        )
    return read_interactions(plays, value="plays")
