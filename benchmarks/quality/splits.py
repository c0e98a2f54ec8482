"""The splits of the leaderboard, for weak and for strong generalisation.

For weak generalisation, a fifth of each user's items is scored, and the rest is in train. For
strong generalisation, some users are not in train at all: a fifth of their items is scored, and the
rest is used for fold-in.
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
# Share of a held-out user's items that is not scored, but in train or used for fold-in.
KNOWN_SHARE = 0.8
# Number of days, the latest of all, whose decks are for testing.
TEST_DAYS = 45
# Number of days before them whose decks are for training.
TRAIN_DAYS = 210
# Most decks that are drawn for training.
TRAIN_DECKS = 30_000
# Most decks that are drawn for testing.
TEST_DECKS = 4_000
# Cards that fewer training decks contain are dropped.
CARD_MIN = 5
# Training decks from this quantile of their days on are held out for validation.
VALIDATION_QUANTILE = 0.85
# Number of players that are drawn at random from the 66,190 of mtg_players, so that a trial takes
# seconds.
PLAYERS = 15_000


def draw_decks(meta: pd.DataFrame, generator: np.random.Generator) -> list[np.ndarray]:
    """Draw earlier decks for training and later ones for testing; return their rows, sorted."""
    end = int(meta["day"].max()) + 1
    borders = [end - TEST_DAYS - TRAIN_DAYS, end - TEST_DAYS, end]
    drawn = []
    for (first, last), size in zip(pairwise(borders), (TRAIN_DECKS, TEST_DECKS), strict=True):
        rows = meta.loc[(meta["day"] >= first) & (meta["day"] < last), "user"].to_numpy()
        drawn.append(np.sort(generator.permutation(rows)[:size]))
    return drawn


def mtg_decks(protocol: str, seed: int = 0) -> tuple[wrmf.Split, wrmf.Split]:
    """Split decks by day, the latest for testing; return (split, validation split).

    With ``"weak"``, 80 % of the cards of each later deck are in train; with ``"strong"``, those
    cards are only used for fold-in. Repeated decks are dropped, and so are cards that fewer than
    five of the earlier decks contain.
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
    # As in the test, the latest of the earlier decks are held out for validation.
    day = meta.set_index("user")["day"].loc[earlier]
    is_latest = day.to_numpy() >= day.quantile(VALIDATION_QUANTILE)
    # The later decks stay as users without cards, so that both splits have the same users.
    known = pairs[: len(earlier)]
    known.resize(pairs.shape)
    chosen = np.zeros(pairs.shape[0], bool)
    chosen[: len(earlier)] = is_latest
    return split, held_out(known, chosen, protocol, seed + 1)


def draw_players(seed: int) -> sparse.csr_matrix:
    """Return random rows of mtg_players, without the items that none of these players has."""
    matrix = matrix_of(read_pairs("mtg_players"))
    drawn = np.random.default_rng(seed).permutation(matrix.shape[0])[:PLAYERS]
    matrix = matrix[np.sort(drawn)]
    return matrix[:, np.bincount(matrix.indices, minlength=matrix.shape[1]) > 0]


def held_out(matrix: sparse.csr_matrix, chosen: np.ndarray, protocol: str, seed: int) -> wrmf.Split:
    """Return a split that scores a fifth of each chosen row.

    Parameters
    ----------
    matrix : CSR (n_users, n_items)
    chosen : bool (n_users,)
        The rows of which a fifth is scored, if they have at least two entries.
    protocol : {"weak", "strong"}
        Whether the rest of a chosen row is in train or only used for fold-in.
    seed : int
    """
    data = wrmf.Interactions.from_matrix(matrix)
    counts = np.diff(data.matrix.indptr)
    candidates = np.flatnonzero(chosen & (counts >= 2))
    inner = wrmf.split_users(
        data.matrix[candidates], len(candidates) - 1, fold_in=KNOWN_SHARE, random_state=seed
    )
    rows = candidates[inner.users]
    # Moves each row of the inner split to its position in ``matrix``.
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
    """Return the split of a data set, and a validation split of its train part.

    All pairs of a set are split anew with the seed, also those of a table with a column ``test``.

    Raises
    ------
    Missing
        If the data set is not on this machine.
    """
    if name == "mtg_decks":
        return mtg_decks(protocol, seed)
    matrix = draw_players(seed) if name == "mtg_players" else matrix_of(read_pairs(name))
    if protocol == "weak":
        split = wrmf.split_interactions(matrix, 0.2, random_state=seed)
    else:
        split = wrmf.split_users(matrix, 0.2, fold_in=KNOWN_SHARE, random_state=seed)
    return split, as_validation(split, 0.2, seed + 1)
