"""Generate likes so that every user and every item has at least five of them."""

from __future__ import annotations

import numpy as np

from wrmf.data.checks import RandomStateLike, as_generator, as_positive_int
from wrmf.data.interactions import Interactions
from wrmf.datasets.synthetic.naming import draw_ids, draw_names
from wrmf.datasets.synthetic.pairs import PairSet
from wrmf.datasets.synthetic.taste import Taste

__all__ = ["LEAST_LIKES", "synthetic_likes"]

# Every user and every item has at least this many likes.
LEAST_LIKES = 5
# Most likes that are wanted for a user.
LARGEST_DEGREE = 2000
# Most likes that are wanted for a user, as a share of the items.
LARGEST_ROW_SHARE = 0.6
# At most this share of all (user, item) pairs can be likes.
LARGEST_DENSITY = 0.4
# Standard deviation of the logarithm of a user's number of likes beyond LEAST_LIKES.
DEGREE_SPREAD = 1.35
# Most rounds of draws: pairs that are drawn twice count once, so missing likes are drawn again.
MAX_ROUNDS = 200
# After this many rounds, an item's missing likes come from any users: too few have its taste.
ITEM_ROUNDS_BY_TASTE = 20
# After this many rounds, a user's missing likes go to any items: too few fit the user's taste.
USER_ROUNDS_BY_TASTE = 10
# After this many rounds, it is enough if every user has LEAST_LIKES.
USER_ROUNDS = 20


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
        The exact number of likes: at least six times the larger of ``n_users`` and ``n_items``, at
        most 40 % of all (user, item) pairs.
    random_state : None, int, Generator or RandomState, default 0

    Returns
    -------
    Interactions
        All values are 1, ids have 32 hexadecimal digits, and ``item_names`` is set.

    Raises
    ------
    ValueError
        If ``n_likes`` is not within these limits.

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
    likes = PairSet(n_users, n_items)
    _fill_items(likes, degrees, taste)
    _fill_users(likes, degrees, taste)
    _add_up_to(likes, n_likes, generator)
    _remove_down_to(likes, n_likes, generator)

    # Until here, items are sorted by cell.
    shuffle = generator.permutation(n_items)
    names = draw_names(taste.item_cells, generator)
    return Interactions.from_matrix(
        likes.to_csr()[:, shuffle],
        users=draw_ids(n_users, generator),
        items=draw_ids(n_items, generator),
        item_names=names[shuffle],
    )


def _draw_degrees(n: int, total: int, largest: int, generator: np.random.Generator) -> np.ndarray:
    """Return n heavy-tailed ints from LEAST_LIKES to ``largest`` that sum to about ``total``."""
    excess = generator.lognormal(0.0, DEGREE_SPREAD, n)
    to_share = total - LEAST_LIKES * n
    for _ in range(50):
        degrees = np.minimum(LEAST_LIKES + excess * (to_share / excess.sum()), largest)
        missing = total - degrees.sum()
        if missing < 0.001 * total:
            break
        # Redistribute the likes above the bound to the users below it.
        is_below = degrees < largest
        excess[is_below] *= 1 + missing / max(1.0, (degrees[is_below] - LEAST_LIKES).sum())
    # Round up or down at random, so that the expected sum does not change.
    rounded: np.ndarray = np.floor(degrees + generator.random(n)).astype(np.int64)
    return rounded


def _fill_items(likes: PairSet, degrees: np.ndarray, taste: Taste) -> None:
    """Add likes until every item has LEAST_LIKES."""
    for attempt in range(MAX_ROUNDS):
        n_missing = np.maximum(LEAST_LIKES - likes.item_counts(), 0)
        items = np.repeat(np.arange(likes.n_items), n_missing)
        if not len(items):
            break
        users = taste.draw_users(items, degrees)
        if attempt > ITEM_ROUNDS_BY_TASTE:
            # Too few users have the item's cell as their first one, so take any user.
            users = taste.generator.integers(likes.n_users, size=len(items))
        likes.add(users, items)


def _fill_users(likes: PairSet, degrees: np.ndarray, taste: Taste) -> None:
    """Add likes until every user has as many as ``degrees`` says, or nearly as many."""
    for attempt in range(MAX_ROUNDS):
        counts = likes.user_counts()
        users = np.repeat(np.arange(likes.n_users), np.maximum(degrees - counts, 0))
        if not len(users) or (attempt > USER_ROUNDS and counts.min() >= LEAST_LIKES):
            break
        items = taste.draw_items(users)
        if attempt > USER_ROUNDS_BY_TASTE:
            # These users already like most items in the cells of their taste: draw from all items.
            items = taste.generator.integers(likes.n_items, size=len(users))
        likes.add(users, items)


def _add_up_to(likes: PairSet, n_likes: int, generator: np.random.Generator) -> None:
    """Add random likes until there are at least ``n_likes``."""
    while len(likes) < n_likes:
        cells = generator.integers(likes.n_users * likes.n_items, size=n_likes - len(likes))
        likes.add(*np.divmod(cells, likes.n_items))


def _remove_down_to(likes: PairSet, n_likes: int, generator: np.random.Generator) -> None:
    """Remove random likes until there are ``n_likes``; every user and item keeps LEAST_LIKES."""
    while len(likes) > n_likes:
        users, items = likes.users, likes.items
        is_spare = (likes.user_counts()[users] > LEAST_LIKES) & (
            likes.item_counts()[items] > LEAST_LIKES
        )
        removable = generator.permutation(np.flatnonzero(is_spare))
        # Remove at most one like per user and per item in each pass, because the counts are
        # updated only between passes.
        removable = removable[_first_places(users[removable])]
        removable = removable[_first_places(items[removable])]
        if len(removable):
            likes.remove_at(removable[: len(likes) - n_likes])
        else:
            _replace_two_by_one(likes, generator)


def _first_places(values: np.ndarray) -> np.ndarray:
    """Return the positions at which each distinct value occurs first, sorted."""
    return np.sort(np.unique(values, return_index=True)[1])


def _replace_two_by_one(likes: PairSet, generator: np.random.Generator) -> None:
    """Reduce the number of likes by one if no like can simply be removed.

    That is so if every item with more than LEAST_LIKES is only liked by users who have no more than
    LEAST_LIKES. One of these users gives up a like of such an item, and in return takes over a like
    of a user who has more than LEAST_LIKES.
    """
    users, items = likes.users, likes.items
    given_up = generator.choice(np.flatnonzero(likes.item_counts()[items] > LEAST_LIKES))
    user = users[given_up]
    giver = generator.choice(np.flatnonzero(likes.user_counts() > LEAST_LIKES))
    item = generator.choice(np.setdiff1d(items[users == giver], items[users == user]))
    taken_over = np.flatnonzero((users == giver) & (items == item))
    likes.remove_at(np.append(taken_over, given_up))
    likes.add(user, item)
