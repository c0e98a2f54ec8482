"""Steam: how long users played games."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

from wrmf.data.interactions import Interactions
from wrmf.data.reading import read_interactions
from wrmf.datasets.source import Source, open_member

__all__ = ["STEAM", "fetch_steam"]

URL = "https://mcauleylab.ucsd.edu/public_datasets/data/steam/australian_users_items.json.gz"
MEMBER = "australian_users_items.json"
STEAM = Source(
    title="Games of Australian users of Steam",
    contents="games",
    url=URL,
    terms="research; cite Kang and McAuley 2018.",
    home="https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data",
    megabytes=74,
)
COLUMNS = ["user", "item", "name", "minutes"]


def fetch_steam(
    owned: bool = False, url: str = URL, folder: str | os.PathLike[str] | None = None
) -> Interactions:
    """Return how many minutes each of 88,000 users of Steam played each game.

    The archive is downloaded once; no checksum is published, so that of the first download is
    recorded. Reading it takes some minutes.

    Parameters
    ----------
    owned : bool, default False
        Whether each game that a user owns counts 1. Otherwise games that were never played are
        left out, and others count their minutes.
    url : str
        Address of the archive.
    folder : str or path, optional
        Folder with the archive, or with what it holds; nothing is then downloaded.

    Raises
    ------
    OSError
        If the archive cannot be downloaded or is not as expected.

    References
    ----------
    Wang-Cheng Kang, Julian McAuley: Self-Attentive Sequential Recommendation. ICDM 2018.

    Examples
    --------
    >>> import wrmf
    >>> data = wrmf.datasets.fetch_steam()  # doctest: +SKIP
    """
    import pandas as pd

    with open_member(replace(STEAM, url=url), MEMBER, folder) as file:
        games = pd.DataFrame(_games(file), columns=COLUMNS)
    if not owned:
        games = games[games["minutes"] > 0]
    value = None if owned else "minutes"
    # The lines of some users are repeated.
    return read_interactions(games, value=value, item_name="name", duplicates="max")


def _games(file: IO[bytes]) -> Iterator[tuple[Any, ...]]:
    """Yield user, game, its name and minutes; the lines are literals of Python, not JSON."""
    for number, line in enumerate(file, start=1):
        try:
            user = ast.literal_eval(line.decode())
            for game in user["items"]:
                minutes = game["playtime_forever"]
                yield user["user_id"], game["item_id"], game["item_name"], minutes
        except (SyntaxError, TypeError, KeyError, ValueError) as error:
            raise ValueError(f"line {number} is not of a user: {error}") from None
