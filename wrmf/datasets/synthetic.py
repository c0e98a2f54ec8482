"""Made-up likes with the shape of real ones: heavy tails, clusters, personal taste, noise.

Items belong to small cells, a style within a theme ("Rusty Tank"); a user likes a few cells, more
strongly the styles of one theme, and now and then anything that is popular.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from wrmf.data.checks import as_generator, as_positive_int
from wrmf.data.interactions import Interactions

__all__ = ["synthetic_likes", "synthetic_raw_likes", "write_likes_file"]

LEAST = 5  # likes of every user and every item
# With these the best of the article's grid is inside it (80 factors, λ 10, α 10), precision near
# the article's. Fewer cells want fewer factors, and steeper popularity a λ beyond the grid.
NOISE = 0.05  # share of likes that follow popularity alone
CELL_WEIGHTS = (3.0, 1.0, 0.6)  # how a user's likes fall to the cells, on average
CELL_SPREAD = ITEM_SPREAD = 0.75  # of log popularity
CELLS_OF_USER = len(CELL_WEIGHTS)
DUPLICATES = 155
RAW_USERS, RAW_ITEMS, RAW_LIKES = 62583, 28806, 631_845

THEMES = (
    "Tank Jeep Cannon Bunker Helmet",
    "Dragon Wyvern Serpent Griffin Phoenix",
    "Castle Keep Drawbridge Gatehouse Rampart",
    "Robot Mech Drone Android Exosuit",
    "Sportscar Roadster Coupe Racer Pickup",
    "Spaceship Shuttle Satellite Rover Lander",
    "Sword Axe Dagger Spear Shield",
    "Skull Ribcage Femur Spine Jawbone",
    "Cottage Barn Windmill Cabin Mill",
    "Wizard Witch Sorcerer Druid Alchemist",
    "Lion Tiger Panther Lynx Leopard",
    "Shark Whale Octopus Ray Squid",
    "Guitar Violin Piano Drum Trumpet",
    "Pistol Rifle Revolver Musket Crossbow",
    "Armchair Sofa Desk Lamp Wardrobe",
    "Statue Bust Relief Column Fountain",
)
STYLES = ("Rusty", "Low Poly", "Cartoon", "Tiny", "Giant", "Golden", "Old", "Paper")


def _hex_ids(n: int, generator: np.random.Generator) -> list[str]:
    text = generator.bytes(16 * n).hex()
    return [text[start : start + 32] for start in range(0, 32 * n, 32)]


def _item_names(theme: np.ndarray, style: np.ndarray, generator: np.random.Generator) -> list[str]:
    nouns = [words.split() for words in THEMES]
    pick = generator.integers(5, size=len(theme))
    seen: dict[str, int] = {}
    names = []
    for t, s, p in zip(theme, style, pick, strict=True):
        name = f"{STYLES[s]} {nouns[t][p]}"
        seen[name] = seen.get(name, 0) + 1
        names.append(f"{name} {seen[name]}")
    return names


def _degrees(n: int, total: int, cap: int, generator: np.random.Generator) -> np.ndarray:
    """Return n heavy-tailed whole numbers from LEAST to cap that sum to about ``total``."""
    excess = generator.lognormal(0.0, 1.35, n)
    for _ in range(50):
        spare = total - LEAST * n
        degrees = np.minimum(LEAST + excess * (spare / excess.sum()), cap)
        missing = total - degrees.sum()
        if missing < 0.001 * total:
            break
        # What the cap cut off goes to the others.
        excess[degrees < cap] *= 1 + missing / max(1.0, (degrees[degrees < cap] - LEAST).sum())
        excess *= (total - LEAST * n) / spare
    return np.floor(degrees + generator.random(n)).astype(np.int64)


class _Sampler:
    """Draws items for users from the users' cells."""

    def __init__(self, n_users: int, n_items: int, generator: np.random.Generator) -> None:
        n_cells = int(np.clip(n_items // 12, 1, len(THEMES) * len(STYLES)))
        self.generator = generator
        cell = generator.integers(n_cells, size=n_items)
        # Ids are random anyway, so items may stand in the order of their cells.
        self.cell = np.sort(cell)
        self.theme, self.style = self.cell // len(STYLES), self.cell % len(STYLES)
        popularity = generator.lognormal(0.0, ITEM_SPREAD, n_items)
        self.cdf = np.concatenate(([0.0], np.cumsum(popularity)))
        self.edges = np.searchsorted(self.cell, np.arange(n_cells + 1))
        filled = np.flatnonzero(np.diff(self.edges))
        # Styles of the user's first theme, then cells of any theme.
        liked = generator.lognormal(0.0, CELL_SPREAD, len(filled))
        liked /= liked.sum()
        first = generator.choice(filled, size=n_users, p=liked)
        cells = generator.choice(filled, size=(n_users, CELLS_OF_USER), p=liked)
        same = first[:, None] // len(STYLES) * len(STYLES) + generator.integers(
            len(STYLES), size=(n_users, 2)
        )
        usable = np.isin(same, filled)
        cells[:, 1:3] = np.where(usable, same, cells[:, 1:3])
        cells[:, 0] = first
        self.cells = cells
        weights = generator.dirichlet(CELL_WEIGHTS, size=n_users)
        self.weights = np.cumsum(weights, axis=1)

    def items_for(self, users: np.ndarray) -> np.ndarray:
        """Return one random item for each entry of ``users``."""
        n = len(users)
        which = (self.generator.random(n)[:, None] > self.weights[users]).sum(axis=1)
        cell = self.cells[users, np.minimum(which, CELLS_OF_USER - 1)]
        low, high = self.cdf[self.edges[cell]], self.cdf[self.edges[cell + 1]]
        noise = self.generator.random(n) < NOISE
        low, high = np.where(noise, 0.0, low), np.where(noise, self.cdf[-1], high)
        at = np.searchsorted(self.cdf, low + self.generator.random(n) * (high - low), "right") - 1
        return np.clip(at, 0, len(self.cell) - 1)

    def users_for(self, items: np.ndarray, degrees: np.ndarray) -> np.ndarray:
        """Return one random user for each item, of those who like its cell where there are any."""
        order = np.argsort(self.cells[:, 0], kind="stable")
        edges = np.searchsorted(self.cells[order, 0], np.arange(len(self.edges)))
        cdf = np.concatenate(([0.0], np.cumsum(degrees[order])))
        cell = self.cell[items]
        low, high = cdf[edges[cell]], cdf[edges[cell + 1]]
        nobody = high <= low
        low, high = np.where(nobody, 0.0, low), np.where(nobody, cdf[-1], high)
        draw = low + self.generator.random(len(items)) * (high - low)
        return order[np.clip(np.searchsorted(cdf, draw, "right") - 1, 0, len(order) - 1)]


def synthetic_likes(
    n_users: int = 15274, n_items: int = 25655, n_likes: int = 547_000, random_state: Any = 0
) -> Interactions:
    """Make likes with the shape of the Sketchfab likes after thresholding.

    Every user and every item has at least five likes, so ``k_core(5, 5)`` changes nothing. Both
    sides are heavy-tailed, items have readable names, and neighbours share words of theirs.

    Parameters
    ----------
    n_users, n_items : int ≥ 5
    n_likes : int, at least 6 × the larger side, at most 40 % of the cells; met exactly
    random_state : None, int, Generator or RandomState, default 0

    Raises
    ------
    ValueError
        For numbers that cannot be had together.

    Examples
    --------
    >>> data = synthetic_likes(300, 200, 4000)
    >>> data
    Interactions(300 users × 200 items, 4000)
    """
    n_users = as_positive_int(n_users, "n_users", LEAST)
    n_items = as_positive_int(n_items, "n_items", LEAST)
    n_likes = as_positive_int(n_likes, "n_likes")
    lower, upper = (LEAST + 1) * max(n_users, n_items), int(0.4 * n_users * n_items)
    if not lower <= n_likes <= upper:
        raise ValueError(
            f"{n_users} users and {n_items} items can have {lower} to {upper} likes, "
            f"got n_likes={n_likes}"
        )
    generator = as_generator(random_state)
    sampler = _Sampler(n_users, n_items, generator)
    cap = max(LEAST + 1, int(0.6 * n_items))
    degrees = _degrees(n_users, n_likes, min(cap, 2000), generator)

    # Likes are keys user · n_items + item. First every item gets its least, then users the rest.
    keys = np.empty(0, dtype=np.int64)
    short = np.arange(n_items)
    for _ in range(200):
        counts = np.bincount(keys % n_items, minlength=n_items)
        short = np.repeat(np.arange(n_items), np.maximum(LEAST - counts, 0))
        if not len(short):
            break
        users = sampler.users_for(short, degrees)
        if _ > 20:
            # A small cell with few fans: anyone will do.
            users = generator.integers(n_users, size=len(short))
        keys = np.union1d(keys, users * n_items + short)
    for attempt in range(200):
        counts = np.bincount(keys // n_items, minlength=n_users)
        missing = np.repeat(np.arange(n_users), np.maximum(degrees - counts, 0))
        if not len(missing) or (attempt > 20 and counts.min() >= LEAST):
            break
        items = sampler.items_for(missing)
        if attempt > 10:
            items = generator.integers(n_items, size=len(missing))
        keys = np.union1d(keys, missing * n_items + items)
    keys = _exactly(keys, n_likes, n_users, n_items, generator)

    indptr = np.searchsorted(keys, np.arange(n_users + 1) * n_items)
    matrix = sparse.csr_matrix(
        (np.ones(len(keys), dtype=np.float32), keys % n_items, indptr), shape=(n_users, n_items)
    )
    shuffle = generator.permutation(n_items)
    names = np.array(_item_names(sampler.theme, sampler.style, generator), dtype=object)
    return Interactions.from_matrix(
        matrix[:, shuffle],
        _hex_ids(n_users, generator),
        _hex_ids(n_items, generator),
        names[shuffle],
    )


def _exactly(
    keys: np.ndarray, n_likes: int, n_users: int, n_items: int, generator: np.random.Generator
) -> np.ndarray:
    """Add or take away random likes until there are ``n_likes``; nobody falls below the least."""
    while len(keys) < n_likes:
        extra = generator.integers(n_users * n_items, size=n_likes - len(keys))
        keys = np.union1d(keys, extra)
    while len(keys) > n_likes:
        users, items = keys // n_items, keys % n_items
        of_users, of_items = (
            np.bincount(side, minlength=n) for side, n in ((users, n_users), (items, n_items))
        )
        spare = (of_users[users] > LEAST) & (of_items[items] > LEAST)
        order = generator.permutation(np.flatnonzero(spare))
        # One a user and one an item in a round, so that the counts above stay true.
        order = order[np.sort(np.unique(users[order], return_index=True)[1])]
        order = order[np.sort(np.unique(items[order], return_index=True)[1])]
        if not len(order):
            # Items with likes to spare have users without: one takes another's like for its own.
            own = generator.choice(np.flatnonzero(of_items[items] > LEAST))
            other = generator.choice(np.flatnonzero(of_users > LEAST))
            item = generator.choice(np.setdiff1d(items[users == other], items[users == users[own]]))
            gone = [keys[own], other * n_items + item]
            keys = np.union1d(np.setdiff1d(keys, gone), users[own] * n_items + item)
            continue
        keys = np.delete(keys, order[: len(keys) - n_likes])
    return keys


def synthetic_raw_likes(random_state: Any = 0) -> pd.DataFrame:
    """Make a raw table of likes, as collected, around ``synthetic_likes(random_state=…)``.

    Returns
    -------
    DataFrame
        modelname, mid, uid: 632,000 rows, 155 of them repeated, of 62,583 users and 28,806
        models. Without the repeats, ``k_core(5, 5)`` leaves exactly the likes of the core: the
        other users have fewer than five likes, the other models only such users.
    """
    core = synthetic_likes(random_state=random_state)
    generator = np.random.default_rng(as_generator(random_state).integers(2**63))
    n_light, n_extra = RAW_USERS - core.n_users, RAW_ITEMS - core.n_items
    n_more = RAW_LIKES - core.n_interactions
    n_items = core.n_items + n_extra

    # Degrees 1 … 4 of the light users with the wanted sum.
    degrees = np.ones(n_light, dtype=np.int64)
    seats = np.repeat(np.arange(n_light), 3)
    degrees += np.bincount(generator.permutation(seats)[: n_more - n_light], minlength=n_light)
    users = np.repeat(np.arange(n_light), degrees)
    popularity = np.bincount(core.matrix.indices, minlength=core.n_items).astype(float)
    items = generator.choice(core.n_items, size=len(users), p=popularity / popularity.sum())
    first = np.concatenate(([0], np.cumsum(degrees)[:-1]))
    extra = np.repeat(np.arange(core.n_items, n_items), LEAST)
    items[generator.permutation(first)[: len(extra)]] = extra
    keys = np.unique(users * n_items + items)
    while len(keys) < n_more:
        # A light user drew the same model twice: draw again.
        counts = np.bincount(keys // n_items, minlength=n_light)
        again = np.repeat(np.arange(n_light), degrees - counts)
        keys = np.union1d(keys, again * n_items + generator.integers(core.n_items, size=len(again)))

    assert core.item_names is not None
    names = np.concatenate(
        [core.item_names, [f"Untitled | draft \\ {n}" for n in range(n_extra)]]
    ).astype(object)
    mids = np.concatenate([core.items, _hex_ids(n_extra, generator)]).astype(object)
    uids = np.concatenate([core.users, _hex_ids(n_light, generator)]).astype(object)
    rows = np.repeat(np.arange(core.n_users), np.diff(core.matrix.indptr))
    user = np.concatenate([rows, keys // n_items + core.n_users])
    item = np.concatenate([core.matrix.indices, keys % n_items])
    repeated = generator.choice(len(user), size=DUPLICATES, replace=False)
    user, item = np.append(user, user[repeated]), np.append(item, item[repeated])
    # As collected: model by model.
    order = np.argsort(item, kind="stable")
    user, item = user[order], item[order]
    return pd.DataFrame({"modelname": names[item], "mid": mids[item], "uid": uids[user]})


def write_likes_file(likes: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table pipe-separated, the backslash as quote where a field needs one."""
    likes.to_csv(Path(path), sep="|", index=False, quoting=csv.QUOTE_MINIMAL, quotechar="\\")
