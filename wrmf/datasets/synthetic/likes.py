"""Generate likes in which every user and every item has enough of them."""

from __future__ import annotations

import numpy as np

from wrmf.data.checks import RandomStateLike, as_generator, as_positive_int
from wrmf.data.interactions import Interactions
from wrmf.datasets.synthetic.naming import draw_ids, draw_names
from wrmf.datasets.synthetic.pairs import Pairs
from wrmf.datasets.synthetic.taste import Taste

__all__ = ["LEAST_LIKES", "synthetic_likes"]

LEAST_LIKES = 5  # of every user and every item
LARGEST_DEGREE = 2000  # of a user, and at most LARGEST_ROW_SHARE of the items
LARGEST_ROW_SHARE = 0.6
LARGEST_DENSITY = 0.4
DEGREE_SPREAD = 1.35  # standard deviation of the log of a user's likes beyond the least
# Pairs that are drawn twice count once, so draws are repeated. Where taste leaves too few pairs to
# draw, any pairs are taken after a number of rounds.
MAX_ROUNDS = 200
ITEM_ROUNDS_BY_TASTE, USER_ROUNDS_BY_TASTE = 20, 10
USER_ROUNDS = 20  # after these, users with LEAST_LIKES are left as they are


def synthetic_likes(
    n_users: int = 15274,
    n_items: int = 25655,
    n_likes: int = 547_000,
    random_state: RandomStateLike = 0,
) -> Interactions:
    """Generate likes with the shape of the Sketchfab likes of Rosenthal 2016 after thresholding.

    Every user and every item has at least five likes, so ``k_core(5, 5)`` changes nothing. The
    likes per user and per item are heavy-tailed. Items have readable names, and similar items
    share words of their names.

    Parameters
    ----------
    n_users, n_items : int ≥ 5, default 15274 and 25655
    n_likes : int, default 547,000
        The exact number of likes: at least 6 times the longer side, at most 40 % of the cells.
    random_state : None, int, Generator or RandomState, default 0

    Returns
    -------
    Interactions
        Values 1, ids of 32 hexadecimal digits, ``item_names``.

    Raises
    ------
    ValueError
        If there cannot be so many likes, or so few.

    References
    ----------
    Ethan Rosenthal: Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models.
    2016.

    Examples
    --------
    >>> import wrmf
    >>> wrmf.datasets.synthetic_likes(300, 200, 4000)
    Interactions(300 users × 200 items, 4000)
    """
    n_users = as_positive_int(n_users, "n_users", LEAST_LIKES)
    n_items = as_positive_int(n_items, "n_items", LEAST_LIKES)
    n_likes = as_positive_int(n_likes, "n_likes")
    fewest = (LEAST_LIKES + 1) * max(n_users, n_items)
    most = int(LARGEST_DENSITY * n_users * n_items)
    if not fewest <= n_likes <= most:
        raise ValueError(
            f"{n_users} users and {n_items} items can have {fewest} to {most} likes, "
            f"got n_likes={n_likes}"
        )
    generator = as_generator(random_state)
    taste = Taste(n_users, n_items, generator)
    largest = min(max(LEAST_LIKES + 1, int(LARGEST_ROW_SHARE * n_items)), LARGEST_DEGREE)
    degrees = _draw_degrees(n_users, n_likes, largest, generator)
    likes = Pairs(n_users, n_items)
    _fill_items(likes, degrees, taste)
    _fill_users(likes, degrees, taste)
    _add_up_to(likes, n_likes, generator)
    _remove_down_to(likes, n_likes, generator)

    # Items are in the order of their cells up to here.
    shuffle = generator.permutation(n_items)
    names = draw_names(taste.item_cells, generator)
    return Interactions.from_matrix(
        likes.to_csr()[:, shuffle],
        users=draw_ids(n_users, generator),
        items=draw_ids(n_items, generator),
        item_names=names[shuffle],
    )


def _draw_degrees(n: int, total: int, largest: int, generator: np.random.Generator) -> np.ndarray:
    """Return n heavy-tailed ints in LEAST_LIKES … ``largest`` that add up to about ``total``."""
    excess = generator.lognormal(0.0, DEGREE_SPREAD, n)
    to_share = total - LEAST_LIKES * n
    for _ in range(50):
        degrees = np.minimum(LEAST_LIKES + excess * (to_share / excess.sum()), largest)
        missing = total - degrees.sum()
        if missing < 0.001 * total:
            break
        # Give what the bound cut off to the users below it.
        is_below = degrees < largest
        excess[is_below] *= 1 + missing / max(1.0, (degrees[is_below] - LEAST_LIKES).sum())
    # Round at random, so that the sum is kept on average.
    rounded: np.ndarray = np.floor(degrees + generator.random(n)).astype(np.int64)
    return rounded


def _fill_items(likes: Pairs, degrees: np.ndarray, taste: Taste) -> None:
    """Add likes until every item has LEAST_LIKES."""
    for attempt in range(MAX_ROUNDS):
        n_missing = np.maximum(LEAST_LIKES - likes.item_counts(), 0)
        items = np.repeat(np.arange(likes.n_items), n_missing)
        if not len(items):
            break
        users = taste.draw_users(items, degrees)
        if attempt > ITEM_ROUNDS_BY_TASTE:
            # The users whose first cell is the item's like it already: take any user.
            users = taste.generator.integers(likes.n_users, size=len(items))
        likes.add(users, items)


def _fill_users(likes: Pairs, degrees: np.ndarray, taste: Taste) -> None:
    """Add likes until every user has the wanted number of them, or nearly so."""
    for attempt in range(MAX_ROUNDS):
        counts = likes.user_counts()
        users = np.repeat(np.arange(likes.n_users), np.maximum(degrees - counts, 0))
        if not len(users) or (attempt > USER_ROUNDS and counts.min() >= LEAST_LIKES):
            break
        items = taste.draw_items(users)
        if attempt > USER_ROUNDS_BY_TASTE:
            # The user likes most items of the liked cells already: take any item.
            items = taste.generator.integers(likes.n_items, size=len(users))
        likes.add(users, items)


def _add_up_to(likes: Pairs, n_likes: int, generator: np.random.Generator) -> None:
    """Add random likes until there are at least ``n_likes``."""
    while len(likes) < n_likes:
        cells = generator.integers(likes.n_users * likes.n_items, size=n_likes - len(likes))
        likes.add(*np.divmod(cells, likes.n_items))


def _remove_down_to(likes: Pairs, n_likes: int, generator: np.random.Generator) -> None:
    """Remove random likes until there are ``n_likes``; every user and item keeps LEAST_LIKES."""
    while len(likes) > n_likes:
        users, items = likes.users, likes.items
        is_spare = (likes.user_counts()[users] > LEAST_LIKES) & (
            likes.item_counts()[items] > LEAST_LIKES
        )
        removable = generator.permutation(np.flatnonzero(is_spare))
        # Remove at most one like of a user and of an item before they are counted again.
        removable = removable[_first_places(users[removable])]
        removable = removable[_first_places(items[removable])]
        if len(removable):
            likes.remove_at(removable[: len(likes) - n_likes])
        else:
            _replace_two_by_one(likes, generator)


def _first_places(values: np.ndarray) -> np.ndarray:
    """Return the positions of the first occurrences of values, ascending."""
    return np.sort(np.unique(values, return_index=True)[1])


def _replace_two_by_one(likes: Pairs, generator: np.random.Generator) -> None:
    """Remove one like where every item with likes to spare is liked by users without.

    Such a user gives up such an item, and takes over a like of a user with likes to spare.
    """
    users, items = likes.users, likes.items
    given_up = generator.choice(np.flatnonzero(likes.item_counts()[items] > LEAST_LIKES))
    user = users[given_up]
    giver = generator.choice(np.flatnonzero(likes.user_counts() > LEAST_LIKES))
    item = generator.choice(np.setdiff1d(items[users == giver], items[users == user]))
    taken_over = np.flatnonzero((users == giver) & (items == item))
    likes.remove_at(np.append(taken_over, given_up))
    likes.add(user, item)
