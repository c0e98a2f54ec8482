"""Last.fm: how often users played artists and tracks."""

from __future__ import annotations

import csv
import os
from dataclasses import replace

from wrmf.data.choices import as_choice
from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.source import Source, open_member

__all__ = ["LASTFM_1K", "LASTFM_360K", "fetch_lastfm", "fetch_lastfm_1k"]

URL = "http://mtg.upf.edu/static/datasets/last.fm/lastfm-dataset-360K.tar.gz"
URL_1K = "http://mtg.upf.edu/static/datasets/last.fm/lastfm-dataset-1K.tar.gz"
TERMS = "uses that are not commercial, with the permission of Last.fm."
# The checksums are those of the README files in the archives.
LASTFM_360K = Source(
    title="Last.fm 360K",
    contents="plays",
    url=URL,
    terms=TERMS,
    home="http://ocelma.net/MusicRecommendationDataset/lastfm-360K.html",
    megabytes=569,
    member_md5="be672526eb7c69495c27ad27803148f1",
)
LASTFM_1K = Source(
    title="Last.fm 1K",
    contents="plays",
    url=URL_1K,
    terms=TERMS,
    home="http://ocelma.net/MusicRecommendationDataset/lastfm-1K.html",
    megabytes=672,
    member_md5="64747b21563e3d2aa95751e0ddc46b68",
)
MEMBER = "lastfm-dataset-360K/*-artmbid-artname-plays.tsv"
MEMBER_1K = "lastfm-dataset-1K/userid-timestamp-artid-artname-traid-traname.tsv"
# The columns with the ids of an item, and with its name, of each kind of item of Last.fm 1K.
KINDS = {"track": ["artist", "track"], "artist": ["artist"]}


def fetch_lastfm(url: str = URL, folder: str | os.PathLike[str] | None = None) -> Interactions:
    """Return the plays of Last.fm 360K by user id and artist name.

    The archive is downloaded once, and the checksum of its file is compared with the published
    one. Rows without an artist name are dropped, and plays of artists that share a name are added
    up.

    Parameters
    ----------
    url : str
        Address of the archive; at another one than the default, no checksum is known.
    folder : str or path, optional
        Folder with the archive, or with what it holds; nothing is then downloaded.

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
    import pandas as pd

    with open_member(_at(LASTFM_360K, url), MEMBER, folder) as file:
        plays = pd.read_csv(
            file,
            sep="\t",
            header=None,
            names=["user", "mbid", "item", "plays"],
            usecols=["user", "item", "plays"],
            quoting=csv.QUOTE_NONE,
        )
    return read_interactions(plays.dropna(), value="plays")


def fetch_lastfm_1k(
    item: str = "track", url: str = URL_1K, folder: str | os.PathLike[str] | None = None
) -> Interactions:
    """Return the 19 million plays of Last.fm 1K, with times.

    Plays of the same item are counted, and the time is that of the last one. Rows without a name
    are dropped. The archive is downloaded once, and the checksum of its file is compared with the
    published one.

    Parameters
    ----------
    item : {"track", "artist"}, default "track"
        What items are. The id of a track is its artist and its name, with " – " between them.
    url : str
        Address of the archive; at another one than the default, no checksum is known.
    folder : str or path, optional
        Folder with the archive, or with what it holds; nothing is then downloaded.

    Raises
    ------
    ValueError
        For another kind of item.
    OSError
        If the archive cannot be downloaded or is not as expected.

    References
    ----------
    Òscar Celma: Music Recommendation and Discovery. 2010.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.fetch_lastfm_1k("artist")  # doctest: +SKIP
    """
    import pandas as pd

    as_choice(item, "item", KINDS)
    with open_member(_at(LASTFM_1K, url), MEMBER_1K, folder) as file:
        plays = pd.read_csv(
            file,
            sep="\t",
            header=None,
            names=["user", "time", "artist_id", "artist", "track_id", "track"],
            usecols=["user", "time", *KINDS[item]],
            quoting=csv.QUOTE_NONE,
        ).dropna()
    columns = [plays[name] for name in KINDS[item]]
    plays["item"] = columns[0] if len(columns) == 1 else columns[0].str.cat(columns[1], " – ")
    return read_interactions(plays, time="time")


def _at(source: Source, url: str) -> Source:
    """Return a source at an address; a checksum is known for its own only."""
    return source if url == source.url else replace(source, url=url, member_md5=None)
