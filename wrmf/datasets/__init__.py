"""Data sets: generated, or downloaded, verified and cached.

``DATASETS`` lists them by name, for the command line and the benchmarks. To add a data set, write a
module with a function that returns Interactions, and add a row to ``DATASETS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from wrmf.data.checks import RandomStateLike
from wrmf.data.interactions import Interactions
from wrmf.datasets.lastfm import fetch_lastfm
from wrmf.datasets.million_songs import fetch_msd
from wrmf.datasets.movielens import MOVIELENS_FILES, fetch_movielens
from wrmf.datasets.sketchfab import fetch_sketchfab
from wrmf.datasets.synthetic import synthetic_likes, synthetic_raw_likes, write_likes_file
from wrmf.files import cache_folder

__all__ = [
    "DATASETS",
    "Dataset",
    "cache_folder",
    "fetch_lastfm",
    "fetch_movielens",
    "fetch_msd",
    "fetch_sketchfab",
    "synthetic_likes",
    "synthetic_raw_likes",
    "write_likes_file",
]


@dataclass(frozen=True)
class Dataset:
    """A data set that is loaded by its name in ``DATASETS``.

    Attributes
    ----------
    description : str
        What it holds, in one line.
    loader : callable that returns Interactions
        Called with ``random_state`` if the data set is generated, else without arguments.
    is_generated : bool, default False
        Whether it is generated rather than downloaded.

    Examples
    --------
    >>> from functools import partial
    >>> small = Dataset("A few likes", partial(synthetic_likes, 30, 20, 200), is_generated=True)
    >>> small.load(random_state=0)
    Interactions(30 users × 20 items, 200)
    """

    description: str
    loader: Callable[..., Interactions]
    is_generated: bool = False

    def load(self, random_state: RandomStateLike = 0) -> Interactions:
        """Generate or fetch the data; ``random_state`` matters only if it is generated."""
        if self.is_generated:
            return self.loader(random_state=random_state)
        return self.loader()


DATASETS: dict[str, Dataset] = {
    "synthetic": Dataset(
        "Generated likes with the shape of the Sketchfab likes",
        synthetic_likes,
        is_generated=True,
    ),
    "sketchfab": Dataset("Likes of 3D models, raw (Rosenthal 2016)", fetch_sketchfab),
    "lastfm": Dataset("Plays of artists, Last.fm 360K (Celma 2010)", fetch_lastfm),
    "msd": Dataset(
        "Plays of songs, Taste Profile of the Million Song Dataset (Bertin-Mahieux et al. 2011)",
        fetch_msd,
    ),
    **{
        f"movielens-{size}": Dataset(
            f"Ratings of films with times, MovieLens {size} (Harper and Konstan 2015)",
            partial(fetch_movielens, size),
        )
        for size in MOVIELENS_FILES
    },
}
