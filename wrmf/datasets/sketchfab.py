"""Sketchfab: which users liked which 3D models."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.source import Source, open_member

__all__ = ["SKETCHFAB", "fetch_sketchfab"]

URL = (
    "https://raw.githubusercontent.com/EthanRosenthal/rec-a-sketch/master/data/"
    "model_likes_anon.psv.7z"
)
MEMBER = "model_likes_anon.psv"
SKETCHFAB = Source(
    title="Likes of Sketchfab",
    contents="likes",
    url=URL,
    terms="none are stated by the author, who collected them from the site.",
    home="https://github.com/EthanRosenthal/rec-a-sketch",
    megabytes=8,
)


def fetch_sketchfab(url: str = URL, folder: str | os.PathLike[str] | None = None) -> Interactions:
    """Return the raw Sketchfab likes of Rosenthal 2016, about 632,000; repeated rows are dropped.

    The archive is downloaded once; no checksum is published, so that of the first download is
    recorded. Unpacking it needs py7zr, unless it has been unpacked by hand.

    Parameters
    ----------
    url : str
        Address of the archive.
    folder : str or path, optional
        Folder with the archive, or with what it holds; nothing is then downloaded.

    Raises
    ------
    ImportError
        If py7zr is needed and not installed.
    OSError
        If the archive cannot be downloaded.

    References
    ----------
    Ethan Rosenthal: Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models.
    2016.

    Examples
    --------
    >>> import wrmf
    >>> likes = wrmf.datasets.fetch_sketchfab().k_core(5, 5)  # doctest: +SKIP
    """
    with (
        open_member(replace(SKETCHFAB, url=url), MEMBER, folder) as file,
        tempfile.TemporaryDirectory(prefix="wrmf-") as unpacked,
    ):
        # Its quotes are those of no dialect but that of the reader, which takes a path.
        likes = Path(unpacked) / MEMBER
        likes.write_bytes(file.read())
        return read_interactions(likes, "uid", "mid", item_name="modelname", duplicates="drop")
