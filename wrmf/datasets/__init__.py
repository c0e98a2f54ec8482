"""Data sets: generated, or downloaded, verified and cached.

``DATASETS`` lists them by name, for the command line and the benchmarks. To add a data set, write a
module with a function that returns Interactions, and add a row to ``DATASETS``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from wrmf.data.checks import RandomStateLike
from wrmf.data.interactions import Interactions
from wrmf.datasets.amazon import AMAZON_CATEGORIES, amazon_source, fetch_amazon
from wrmf.datasets.gowalla import GOWALLA, fetch_gowalla
from wrmf.datasets.lastfm import LASTFM_1K, LASTFM_360K, fetch_lastfm, fetch_lastfm_1k
from wrmf.datasets.million_songs import MILLION_SONGS, fetch_msd
from wrmf.datasets.movielens import MOVIELENS_FILES, fetch_movielens
from wrmf.datasets.sketchfab import SKETCHFAB, fetch_sketchfab
from wrmf.datasets.source import Source
from wrmf.datasets.steam import STEAM, fetch_steam
from wrmf.datasets.synthetic import synthetic_likes, synthetic_raw_likes, write_likes_file
from wrmf.datasets.yelp import YELP, fetch_yelp
from wrmf.files import cache_folder

__all__ = [
    "AMAZON_CATEGORIES",
    "DATASETS",
    "Dataset",
    "Source",
    "cache_folder",
    "fetch_amazon",
    "fetch_gowalla",
    "fetch_lastfm",
    "fetch_lastfm_1k",
    "fetch_movielens",
    "fetch_msd",
    "fetch_sketchfab",
    "fetch_steam",
    "fetch_yelp",
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
        Called with ``random_state`` if the data set is generated, else with ``folder`` if one is
        named.
    is_generated : bool, default False
        Whether it is generated rather than downloaded.
    source : Source, optional
        Where it comes from, and under which terms, if it is downloaded.

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
    source: Source | None = None

    def load(
        self, random_state: RandomStateLike = 0, folder: str | os.PathLike[str] | None = None
    ) -> Interactions:
        """Generate or fetch the data.

        Parameters
        ----------
        random_state : None, int, numpy Generator or RandomState, default 0
            Matters only if the data are generated.
        folder : str or path, optional
            Folder with the archive of the data set, or with what it holds; nothing is then
            downloaded. Generated data have none.
        """
        if self.is_generated:
            if folder is not None:
                raise ValueError(f"generated data are read from no folder, got {folder}")
            return self.loader(random_state=random_state)
        return self.loader() if folder is None else self.loader(folder=folder)


DATASETS: dict[str, Dataset] = {
    "synthetic": Dataset(
        "Generated likes with the shape of the Sketchfab likes",
        synthetic_likes,
        is_generated=True,
    ),
    "sketchfab": Dataset(
        "Likes of 3D models, raw (Rosenthal 2016)", fetch_sketchfab, source=SKETCHFAB
    ),
    "lastfm": Dataset(
        "Plays of artists, Last.fm 360K (Celma 2010)", fetch_lastfm, source=LASTFM_360K
    ),
    "lastfm-1k": Dataset(
        "Plays of tracks with times, Last.fm 1K (Celma 2010)", fetch_lastfm_1k, source=LASTFM_1K
    ),
    "msd": Dataset(
        "Plays of songs, Taste Profile of the Million Song Dataset (Bertin-Mahieux et al. 2011)",
        fetch_msd,
        source=MILLION_SONGS,
    ),
    "steam": Dataset(
        "Minutes that users played games, Steam (Kang and McAuley 2018)", fetch_steam, source=STEAM
    ),
    "gowalla-checkins": Dataset(
        "Visits of places with times, Gowalla (Cho et al. 2011)", fetch_gowalla, source=GOWALLA
    ),
    "yelp": Dataset(
        "Ratings of businesses with times, Yelp Open Dataset; fetched by hand",
        fetch_yelp,
        source=YELP,
    ),
    **{
        f"movielens-{size}": Dataset(
            f"Ratings of films with times, MovieLens {size} (Harper and Konstan 2015)",
            partial(fetch_movielens, size),
            source=file.source,
        )
        for size, file in MOVIELENS_FILES.items()
    },
    **{
        f"amazon-{category.lower().replace('_', '-')}": Dataset(
            f"Ratings of products with times, Amazon 2023, {category.replace('_', ' ')} "
            "(Hou et al. 2024)",
            partial(fetch_amazon, category),
            source=amazon_source(category),
        )
        for category in AMAZON_CATEGORIES
    },
}
