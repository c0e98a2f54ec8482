"""Generate a table of raw likes, with repeated rows and with users who have few likes."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

import numpy as np

from wrmf.data.checks import RandomStateLike, as_generator
from wrmf.data.interactions import Interactions, entry_rows
from wrmf.datasets.synthetic.likes import LEAST_LIKES, synthetic_likes
from wrmf.datasets.synthetic.naming import draw_ids
from wrmf.datasets.synthetic.pairs import PairSet
from wrmf.files import replacing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["synthetic_raw_likes", "write_likes_file"]

# Numbers of users, items and distinct likes in the raw data of Rosenthal 2016 ("Intro to Implicit
# Matrix Factorization: Classic ALS with Sketchfab Models").
RAW_USERS, RAW_ITEMS, RAW_LIKES = 62583, 28806, 631_845
# Number of rows of that data that repeat a like.
REPEATED_ROWS = 155


def synthetic_raw_likes(random_state: RandomStateLike = 0) -> pd.DataFrame:
    """Generate a table of raw likes that contains ``synthetic_likes(random_state=…)`` as its core.

    Parameters
    ----------
    random_state : None, int, Generator or RandomState, default 0

    Returns
    -------
    DataFrame
        Columns modelname, mid (the model's id) and uid (the user's): 632,000 rows, 155 of them
        repeated, of 62,583 users and 28,806 models. Without the repeats, ``k_core(5, 5)`` leaves
        exactly the core: the other users have fewer than five likes, and the other models are
        liked by those users only.

    Examples
    --------
    >>> import wrmf
    >>> likes = wrmf.datasets.synthetic_raw_likes()
    >>> list(likes), len(likes)
    (['modelname', 'mid', 'uid'], 632000)
    """
    import pandas as pd

    core = synthetic_likes(random_state=random_state)
    generator = np.random.default_rng(as_generator(random_state).integers(2**63))
    light = _draw_light_likes(core, generator)
    n_extra_items, n_light_users = RAW_ITEMS - core.n_items, RAW_USERS - core.n_users

    drafts = [f"Untitled | draft \\ {number}" for number in range(n_extra_items)]
    names = np.concatenate([np.asarray(core.item_names), drafts]).astype(object)
    mids = np.concatenate([core.items, draw_ids(n_extra_items, generator)]).astype(object)
    uids = np.concatenate([core.users, draw_ids(n_light_users, generator)]).astype(object)

    users = np.concatenate([entry_rows(core.matrix), light.users + core.n_users])
    items = np.concatenate([core.matrix.indices, light.items])
    repeated = generator.choice(len(users), size=REPEATED_ROWS, replace=False)
    users, items = np.append(users, users[repeated]), np.append(items, items[repeated])
    # Raw likes are collected model by model, so the table is sorted by model.
    order = np.argsort(items, kind="stable")
    users, items = users[order], items[order]
    table: pd.DataFrame = pd.DataFrame(
        {"modelname": names[items], "mid": mids[items], "uid": uids[users]}
    )
    return table


def _draw_light_likes(core: Interactions, generator: np.random.Generator) -> PairSet:
    """Return the likes of the users outside the core, who have one to four each.

    Each item outside the core gets LEAST_LIKES of them. All other likes go to items of the core,
    drawn by popularity.
    """
    likes = PairSet(RAW_USERS - core.n_users, RAW_ITEMS)
    n_likes = RAW_LIKES - core.n_interactions
    # Each user gets one like. The rest is distributed at random, at most three more to each user.
    places = np.repeat(np.arange(likes.n_users), LEAST_LIKES - 2)
    dealt = generator.permutation(places)[: n_likes - likes.n_users]
    degrees = 1 + np.bincount(dealt, minlength=likes.n_users)
    users = np.repeat(np.arange(likes.n_users), degrees)
    popularity = np.bincount(core.matrix.indices, minlength=core.n_items).astype(float)
    items = generator.choice(core.n_items, size=len(users), p=popularity / popularity.sum())
    # Only the first like of a user may go to an extra item, so that no such pair is drawn twice.
    first_likes = np.concatenate(([0], np.cumsum(degrees)[:-1]))
    extra_items = np.repeat(np.arange(core.n_items, RAW_ITEMS), LEAST_LIKES)
    items[generator.permutation(first_likes)[: len(extra_items)]] = extra_items
    likes.add(users, items)
    while len(likes) < n_likes:
        # Some users drew an item twice, which counts once, so they draw again.
        again = np.repeat(np.arange(likes.n_users), degrees - likes.user_counts())
        likes.add(again, generator.integers(core.n_items, size=len(again)))
    return likes


def write_likes_file(likes: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table of likes in the format of the Sketchfab likes.

    Fields are separated by pipes. Those that contain a pipe or a backslash are quoted by
    backslashes.
    """
    with replacing(path) as file:
        likes.to_csv(
            file,
            sep="|",
            index=False,
            quoting=csv.QUOTE_MINIMAL,
            quotechar="\\",
            mode="wb",
            lineterminator="\n",
        )
