"""The splits of the leaderboard, weak and strong.

Weak generalisation: a fifth of each user's items is scored, the rest is in train. Strong
generalisation: users are held out whole, and four fifths of their items are folded in.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import sparse

import wrmf
from benchmarks.data import matrix_of, read_pairs
from wrmf.data.splitting import as_validation

PROTOCOLS = ("weak", "strong")
# Share of a held-out user's items that is known.
KNOWN_SHARE = 0.8
# Days of decks that are tested on and trained on, and how many decks of each are drawn.
TEST_DAYS, TRAIN_DAYS = 45, 210
TRAIN_DECKS, TEST_DECKS = 30_000, 4_000
# Cards in fewer of the earlier decks are dropped.
CARD_MIN = 5
# From this quantile of the days on, decks that are trained on are in the validation part.
VALIDATION_QUANTILE = 0.85


def draw_decks(meta: pd.DataFrame, generator: np.random.Generator) -> list[np.ndarray]:
    """Return the rows of the earlier and of the later decks, both in rising order."""
    end = int(meta["day"].max()) + 1
    borders = [end - TEST_DAYS - TRAIN_DAYS, end - TEST_DAYS, end]
    drawn = []
    for (first, last), size in zip(pairwise(borders), (TRAIN_DECKS, TEST_DECKS), strict=True):
        rows = meta.loc[(meta["day"] >= first) & (meta["day"] < last), "user"].to_numpy()
        drawn.append(np.sort(generator.permutation(rows)[:size]))
    return drawn


def mtg_decks(protocol: str, seed: int = 0) -> tuple[wrmf.Split, wrmf.Split]:
    """Return (split, validation) of decks by day: the latest are tested on.

    Weak: 80 % of each later deck's cards are in train; strong: they are folded in. Repeated decks
    are dropped, and so are cards that fewer than five of the earlier decks hold.
    """
    meta = read_pairs("mtg_decks_meta")
    meta = meta[meta["repeat"] == 0]
    earlier, later = draw_decks(meta, np.random.default_rng(seed))
    rows = np.concatenate([earlier, later])
    frame = read_pairs("mtg_decks")
    pairs = matrix_of(frame[frame["user"].isin(rows)])[rows]
    card_counts = np.bincount(pairs[: len(earlier)].indices, minlength=pairs.shape[1])
    pairs = pairs[:, card_counts >= CARD_MIN]
    is_later = np.arange(pairs.shape[0]) >= len(earlier)
    split = held_out(pairs, is_later, protocol, seed)
    # Validation is like the test: on the latest of the decks that are trained on.
    day = meta.set_index("user")["day"].loc[earlier]
    is_latest = day.to_numpy() >= day.quantile(VALIDATION_QUANTILE)
    return split, held_out(pairs[: len(earlier)], is_latest, protocol, seed + 1)


def held_out(matrix: sparse.csr_matrix, chosen: np.ndarray, protocol: str, seed: int) -> wrmf.Split:
    """Return a split that scores a fifth of each chosen row.

    Parameters
    ----------
    matrix : CSR (n_users, n_items)
    chosen : bool (n_users,)
    protocol : {"weak", "strong"}
        Whether the rest of a chosen row is in train, or folded in.
    seed : int
    """
    data = wrmf.Interactions.from_matrix(matrix)
    counts = np.diff(data.matrix.indptr)
    candidates = np.flatnonzero(chosen & (counts >= 2))
    inner = wrmf.split_users(
        data.matrix[candidates], len(candidates) - 1, fold_in=KNOWN_SHARE, random_state=seed
    )
    rows = candidates[inner.users]
    # Moves the rows of the inner split to where they are in ``matrix``.
    spread = sparse.csr_matrix(
        (np.ones(len(rows), "f4"), (rows, inner.users)), shape=(len(counts), len(candidates))
    )
    assert inner.fold_in is not None
    test, known = ((spread @ part.matrix).tocsr() for part in (inner.test, inner.fold_in))
    rest = np.ones(len(counts), "f4")
    rest[rows] = 0
    train = (sparse.diags_array(rest) @ data.matrix).tocsr()
    train.eliminate_zeros()
    if protocol == "weak":
        return wrmf.Split(train + known, test, rows)
    return wrmf.Split(train, test, rows, wrmf.Interactions.from_matrix(known))


def leaderboard_split(name: str, protocol: str, seed: int = 0) -> tuple[wrmf.Split, wrmf.Split]:
    """Return (split, validation within its train) of a data set.

    Raises
    ------
    Missing
        If the data set is not here.
    """
    if name == "mtg_decks":
        return mtg_decks(protocol, seed)
    matrix = matrix_of(read_pairs(name))
    if protocol == "weak":
        split = wrmf.split_interactions(matrix, 0.2, random_state=seed)
    else:
        split = wrmf.split_users(matrix, 0.2, fold_in=KNOWN_SHARE, random_state=seed)
    return split, as_validation(split, 0.2, seed + 1)
