"""Sketchfab: which users liked which 3D models."""

from __future__ import annotations

from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.download import download
from wrmf.files import cache_folder

__all__ = ["fetch_sketchfab"]

URL = (
    "https://raw.githubusercontent.com/EthanRosenthal/rec-a-sketch/master/data/"
    "model_likes_anon.psv.7z"
)
ARCHIVE = "model_likes_anon.psv.7z"
MEMBER = "model_likes_anon.psv"


def fetch_sketchfab(url: str = URL) -> Interactions:
    """Return the raw Sketchfab likes of Rosenthal 2016, about 632,000; repeated rows are dropped.

    The archive is downloaded once. Unpacking it needs py7zr, unless it has been unpacked into the
    cache folder by hand.

    Parameters
    ----------
    url : str
        Address of the archive.

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
    likes = cache_folder() / MEMBER
    if not likes.exists():
        try:
            import py7zr
        except ImportError:
            raise ImportError(
                f"the Sketchfab likes are a .7z archive: pip install py7zr, or unpack {url} "
                f"by hand as {likes}"
            ) from None
        with py7zr.SevenZipFile(download(url, ARCHIVE)) as archive:
            archive.extract(path=likes.parent, targets=[likes.name])
    return read_interactions(likes, "uid", "mid", item_name="modelname", duplicates="drop")
