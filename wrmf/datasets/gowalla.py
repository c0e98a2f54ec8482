"""Gowalla: which users checked in at which places."""

from __future__ import annotations

import os
from dataclasses import replace

from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.source import Source, open_member

__all__ = ["GOWALLA", "fetch_gowalla"]

URL = "https://snap.stanford.edu/data/loc-gowalla_totalCheckins.txt.gz"
MEMBER = "loc-gowalla_totalCheckins.txt"
GOWALLA = Source(
    title="Check-ins of Gowalla",
    contents="check-ins",
    url=URL,
    terms="none are stated; cite Cho, Myers and Leskovec 2011.",
    home="https://snap.stanford.edu/data/loc-gowalla.html",
    megabytes=106,
)


def fetch_gowalla(url: str = URL, folder: str | os.PathLike[str] | None = None) -> Interactions:
    """Return the 6.4 million check-ins of Gowalla: how often users were at places, with times.

    These are all check-ins, not the part, with a test set, that articles on recommendation use. The
    file is downloaded once; no checksum is published, so that of the first download is recorded.

    Parameters
    ----------
    url : str
        Address of the file.
    folder : str or path, optional
        Folder with the file, compressed or not; nothing is then downloaded.

    Raises
    ------
    OSError
        If the file cannot be downloaded or is not as expected.

    References
    ----------
    Eunjoon Cho, Seth A. Myers, Jure Leskovec: Friendship and Mobility: User Movement in
    Location-Based Social Networks. KDD 2011.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.fetch_gowalla().k_core(10, 10)  # doctest: +SKIP
    """
    import pandas as pd

    with open_member(replace(GOWALLA, url=url), MEMBER, folder) as file:
        visits = pd.read_csv(
            file,
            sep="\t",
            header=None,
            names=["user", "time", "latitude", "longitude", "item"],
            usecols=["user", "time", "item"],
        )
    return read_interactions(visits, time="time")
