"""Data sets: made here, or downloaded, checked and cached."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pandas as pd

from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.synthetic import synthetic_likes, synthetic_raw_likes, write_likes_file
from wrmf.files import cache_folder

__all__ = [
    "cache_folder",
    "fetch_lastfm",
    "fetch_movielens",
    "fetch_msd",
    "fetch_sketchfab",
    "synthetic_likes",
    "synthetic_raw_likes",
    "write_likes_file",
]

MOVIELENS = "https://files.grouplens.org/datasets/movielens/"
LASTFM = "http://mtg.upf.edu/static/datasets/last.fm/lastfm-dataset-360K.tar.gz"
SKETCHFAB = (
    "https://raw.githubusercontent.com/EthanRosenthal/rec-a-sketch/master/data/"
    "model_likes_anon.psv.7z"
)
MSD = "http://millionsongdataset.com/sites/default/files/challenge/train_triplets.txt.zip"
MSD_TRIPLETS = 48_373_586  # as its page says
# Where the ratings stand in the archive, their separator and whether there is a header.
MOVIELENS_FILES = {
    "100k": ("ml-100k.zip", "ml-100k/u.data", "\t", None),
    "1m": ("ml-1m.zip", "ml-1m/ratings.dat", "::", None),
    "10m": ("ml-10m.zip", "ml-10M100K/ratings.dat", "::", None),
    "20m": ("ml-20m.zip", "ml-20m/ratings.csv", ",", 0),
    "25m": ("ml-25m.zip", "ml-25m/ratings.csv", ",", 0),
}


def download(url: str, name: str, md5: str | None = None, timeout: float = 30.0) -> Path:
    """Return the cached file of that name, downloaded first where it is not there yet.

    It arrives under another name and is moved into place when it is whole and, where ``md5`` is
    given, as published.
    """
    target = cache_folder() / name
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=target.parent)
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=timeout) as reply:
            size = int(reply.headers.get("Content-Length") or -1)
            while chunk := reply.read(1 << 20):
                file.write(chunk)
                digest.update(chunk)
            received = file.tell()
        if size >= 0 and received != size:
            raise OSError(f"the connection broke off after {received} of {size} bytes")
        if md5 is not None and digest.hexdigest() != md5:
            raise OSError(f"its checksum is {digest.hexdigest()}, published is {md5}")
        Path(temporary).replace(target)
    except (OSError, urllib.error.URLError) as error:
        raise OSError(
            f"could not download {url}: {error}; fetch it by hand and save it as {target}"
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target


def _published_md5(url: str, timeout: float = 30.0) -> str:
    """Return the digest in the .md5 file beside an archive."""
    try:
        with urllib.request.urlopen(f"{url}.md5", timeout=timeout) as reply:
            words = reply.read(4096).decode().replace("=", " ").split()
    except (OSError, ValueError) as error:
        raise OSError(f"could not download {url}.md5: {error}") from error
    for word in words:
        if len(word) == 32 and set(word.lower()) <= set("0123456789abcdef"):
            return word.lower()
    raise OSError(f"{url}.md5 holds no checksum")


def fetch_movielens(
    size: str = "20m", min_rating: float = 0.0, base_url: str = MOVIELENS
) -> Interactions:
    """Return MovieLens ratings of at least ``min_rating`` as interactions of weight 1, with times.

    Parameters
    ----------
    size : {"100k", "1m", "10m", "20m", "25m"}
    min_rating : float, default 0; 4 is the usual threshold for implicit feedback

    Notes
    -----
    F. Maxwell Harper, Joseph A. Konstan: The MovieLens Datasets. 2015. The archive's checksum is
    compared with the published one.
    """
    if size not in MOVIELENS_FILES:
        raise ValueError(f"size must be one of {tuple(MOVIELENS_FILES)}, got {size!r}")
    name, member, sep, header = MOVIELENS_FILES[size]
    cached = (cache_folder() / name).exists()
    url = base_url + name
    path = download(url, name, None if cached else _published_md5(url))
    with zipfile.ZipFile(path) as archive:
        text = archive.read(member)
    if sep == "::":
        text, sep = text.replace(b"::", b"\t"), "\t"
    ratings = pd.read_csv(
        io.BytesIO(text), sep=sep, header=header, names=["user", "item", "rating", "time"]
    )
    return read_interactions(ratings[ratings["rating"] >= min_rating], time="time")


def fetch_lastfm(url: str = LASTFM) -> Interactions:
    """Return the plays of Last.fm 360K (Celma 2010) by user and artist name."""
    path = download(url, "lastfm-dataset-360K.tar.gz")
    with tarfile.open(path) as archive:
        names = archive.getnames()
        member = next(name for name in names if name.endswith("-artmbid-artname-plays.tsv"))
        file = archive.extractfile(member)
        assert file is not None
        plays = pd.read_csv(
            file,
            sep="\t",
            header=None,
            names=["user", "mbid", "item", "plays"],
            usecols=["user", "item", "plays"],
            quoting=3,
        )
    return read_interactions(plays.dropna(), value="plays")


def fetch_msd(
    url: str = MSD, md5: str | None = None, n_triplets: int = MSD_TRIPLETS
) -> Interactions:
    """Return the Million Song Dataset's Taste Profile: plays by user and song id.

    Parameters
    ----------
    md5 : str, optional
        Checksum to compare the download with. None is published, so the triplets are counted.
    n_triplets : int
        How many triplets there must be.

    Notes
    -----
    Thierry Bertin-Mahieux, Daniel P. W. Ellis, Brian Whitman, Paul Lamere: The Million Song
    Dataset. 2011. The archive has about 500 MB; reading it takes some 12 GB of memory.
    """
    path = download(url, "train_triplets.txt.zip", md5)
    try:
        with zipfile.ZipFile(path) as archive, archive.open("train_triplets.txt") as file:
            plays = pd.read_csv(
                file,
                sep="\t",
                header=None,
                names=["user", "item", "plays"],
                dtype={"user": "category", "item": "category", "plays": "int32"},
            )
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise OSError(
            f"{path} is not the archive of triplets ({error}): delete it, and it is fetched again"
        ) from error
    if len(plays) != n_triplets:
        raise OSError(
            f"{path} holds {len(plays)} triplets, not {n_triplets}: delete it, and it is fetched "
            "again"
        )
    return read_interactions(plays, value="plays")


def fetch_sketchfab(url: str = SKETCHFAB) -> Interactions:
    """Return the Sketchfab likes of the article, raw: about 632,000, repeated rows dropped.

    The archive is a .7z, which needs py7zr; or unpack it by hand into the cache folder.
    """
    likes = cache_folder() / "model_likes_anon.psv"
    if not likes.exists():
        try:
            import py7zr
        except ImportError:
            raise ImportError(
                f"the Sketchfab likes are a .7z archive: pip install py7zr, or unpack {url} "
                f"by hand as {likes}"
            ) from None
        path = download(url, "model_likes_anon.psv.7z")
        with py7zr.SevenZipFile(path) as archive:
            archive.extract(path=likes.parent, targets=[likes.name])
    return read_interactions(likes, "uid", "mid", item_name="modelname", duplicates="drop")
