"""Split interactions into a training and a test set.

Every ``split_*`` function and ``leave_k_out`` takes Interactions, or a users × items matrix that
is wrapped with ids 0, 1, 2, …, and returns a :class:`Split`. Both parts have all users and items,
even those without interactions there. The rows and times of an interaction go to the same part as
the interaction. ``random_state`` is None, an int, a Generator or a RandomState, and the same int
gives the same split.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.checks import (
    RandomStateLike,
    as_generator,
    as_positive_int,
    as_share,
    is_integer,
    is_number,
)
from wrmf.data.choices import as_choice, shown
from wrmf.data.draws import as_count, draw_mask
from wrmf.data.inputs import as_interactions
from wrmf.data.interactions import Interactions, entry_rows
from wrmf.data.split import Split

__all__ = [
    "as_validation",
    "hold_out_users",
    "leave_k_out",
    "random_places",
    "split_at",
    "split_interactions",
    "split_users",
]


def random_places(matrix: sparse.csr_matrix, generator: np.random.Generator) -> np.ndarray:
    """Shuffle the entries of each row, and return the place of each stored entry in it, from 0.

    Entries with a place below k are therefore k random entries of each row.
    """
    order = np.lexsort((generator.random(matrix.nnz), entry_rows(matrix)))
    places = np.empty(matrix.nnz, dtype=np.int64)
    places[order] = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
    return places


def split_at(data: Interactions, is_test: np.ndarray, users: np.ndarray | None = None) -> Split:
    """Split the stored entries by a bool mask, which is True for test entries."""
    return Split(data.keep_entries(~is_test), data.keep_entries(is_test), users)


def _draw_users(eligible: np.ndarray, n: int, generator: np.random.Generator) -> np.ndarray:
    return np.sort(generator.choice(eligible, size=n, replace=False))


def _entries_of(users: np.ndarray, matrix: sparse.csr_matrix) -> np.ndarray:
    """Return a bool mask over the stored entries: those in the rows of ``users``."""
    is_chosen = np.zeros(matrix.shape[0], dtype=bool)
    is_chosen[users] = True
    return np.repeat(is_chosen, np.diff(matrix.indptr))


def leave_k_out(
    data: Any,
    k: int = 5,
    fraction: float | None = None,
    min_interactions: int | None = None,
    random_state: RandomStateLike = None,
) -> Split:
    """Move k random interactions of each test user to the test set.

    Parameters
    ----------
    data : Interactions, a users × items matrix, a table or histories, as in ``WRMF.fit``
    k : int ≥ 1, default 5
    fraction : float in (0, 1], or int ≥ 1, optional
        Share of all users, rounded down, or number of users to test on. They are drawn from the
        eligible ones. By default all eligible users are test users.
    min_interactions : int > k, default 2k
        Users with fewer interactions are not eligible and stay whole in ``train``.
    random_state : None, int, Generator or RandomState

    Raises
    ------
    ValueError
        If fewer users are eligible than asked for, or none.

    References
    ----------
    Ethan Rosenthal: Intro to Implicit Matrix Factorization: Classic ALS with Sketchfab Models.
    2016.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> split = wrmf.leave_k_out(np.ones((4, 6)), k=2, random_state=0)
    >>> split.train.n_interactions, split.test.n_interactions
    (16, 8)
    """
    data = as_interactions(data)
    k = as_positive_int(k, "k")
    if min_interactions is None:
        least = 2 * k
    else:
        least = as_positive_int(min_interactions, "min_interactions", k + 1)
    generator = as_generator(random_state)
    eligible = np.flatnonzero(np.diff(data.matrix.indptr) >= least)
    if fraction is None:
        n_users = len(eligible)
    else:
        n_users = as_count(fraction, data.n_users, "fraction", include_all=True)
    if n_users == 0 and len(eligible):
        raise ValueError(
            f"fraction {fraction} of {data.n_users} users is less than one user: raise it"
        )
    if n_users == 0 or n_users > len(eligible):
        raise ValueError(
            f"{max(n_users, 1)} test users were asked for, {len(eligible)} of {data.n_users} have "
            f"at least {least} interactions: lower k, fraction or min_interactions"
        )
    users = eligible if fraction is None else _draw_users(eligible, n_users, generator)
    is_test = (random_places(data.matrix, generator) < k) & _entries_of(users, data.matrix)
    return split_at(data, is_test, users)


def split_interactions(
    data: Any,
    test_size: float | int = 0.2,
    random_state: RandomStateLike = None,
    by: str = "interactions",
) -> Split:
    """Move random interactions of any users, or a share of each user's, to the test set.

    Parameters
    ----------
    data : Interactions, a users × items matrix, a table or histories, as in ``WRMF.fit``
    test_size : float in (0, 1), or int ≥ 1, default 0.2
        Number of interactions that go to the test set, or their share, rounded down.
    random_state : None, int, Generator or RandomState
    by : {"interactions", "user"}, default "interactions"
        "interactions" draws from all interactions together; "user" draws the share, rounded down,
        from the interactions of each user.

    Raises
    ------
    TypeError, ValueError
        If test or train would be empty.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> split = wrmf.split_interactions(np.ones((4, 5)), test_size=0.3, random_state=0)
    >>> split.train.n_interactions, split.test.n_interactions
    (14, 6)
    """
    data = as_interactions(data)
    generator = as_generator(random_state)
    if as_choice(by, "by", ("interactions", "user")) == "user":
        return split_at(data, _share_of_users(data.matrix, test_size, generator))
    n_test = as_count(test_size, data.n_interactions, "test_size")
    if n_test < 1:
        raise ValueError(
            f"test_size {test_size} of {data.n_interactions} interactions is none: raise it"
        )
    return split_at(data, draw_mask(data.n_interactions, n_test, generator))


def _share_of_users(
    matrix: sparse.csr_matrix, share: float, generator: np.random.Generator
) -> np.ndarray:
    """Return a bool mask that chooses a random share of each user's stored entries."""
    if is_integer(share):
        raise TypeError(
            f'test_size must be a share with by="user", got {share}: leave_k_out takes a number'
        )
    counts = np.diff(matrix.indptr)
    # Rounded down as in as_count.
    n_test = np.floor(as_share(share, "test_size") * counts + 1e-9).astype(np.int64)
    if not n_test.any():
        raise ValueError(
            f"test_size {share} of {counts.max()} interactions, the most of a user, is none: "
            "raise it"
        )
    return random_places(matrix, generator) < np.repeat(n_test, counts)


def split_users(
    data: Any,
    n_test: int | float,
    fold_in: float = 0.8,
    random_state: RandomStateLike = None,
) -> Split:
    """Hold out whole users (strong generalisation, as in Liang et al. 2018).

    Parameters
    ----------
    data : Interactions, a users × items matrix, a table or histories, as in ``WRMF.fit``
    n_test : float in (0, 1), or int ≥ 1
        Share of all users, rounded down, or number of users to hold out. They are drawn from those
        with at least two interactions.
    fold_in : float in (0, 1), default 0.8
        Share of a held-out user's interactions that is known at test time; at least one is known
        and at least one is tested.
    random_state : None, int, Generator or RandomState

    Returns
    -------
    Split
        Held-out users' rows are empty in ``train``; ``fold_in`` and ``test`` hold only them.

    Raises
    ------
    TypeError, ValueError
        If fewer users have two interactions than are asked for.

    References
    ----------
    Dawen Liang, Rahul G. Krishnan, Matthew D. Hoffman, Tony Jebara: Variational Autoencoders for
    Collaborative Filtering. 2018.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> split = wrmf.split_users(np.ones((4, 5)), n_test=1, fold_in=0.6, random_state=0)
    >>> [part.n_interactions for part in (split.train, split.fold_in, split.test)]
    [15, 3, 2]
    """
    data = as_interactions(data)
    n_users = as_count(n_test, data.n_users, "n_test")
    fold_in = as_share(fold_in, "fold_in")
    generator = as_generator(random_state)
    eligible = np.flatnonzero(np.diff(data.matrix.indptr) >= 2)
    if not 1 <= n_users <= len(eligible):
        raise ValueError(
            f"{n_users} test users were asked for, {len(eligible)} of {data.n_users} have at least "
            "two interactions"
        )
    return hold_out_users(data, _draw_users(eligible, n_users, generator), fold_in, generator)


def hold_out_users(
    data: Interactions, users: np.ndarray, fold_in: float, generator: np.random.Generator
) -> Split:
    """Hold out the given users, in increasing order of rows, in the way of ``split_users``."""
    counts = np.diff(data.matrix.indptr)
    is_held_out = _entries_of(users, data.matrix)
    n_known = np.clip(np.round(counts * fold_in).astype(np.int64), 1, np.maximum(counts - 1, 1))
    is_known = random_places(data.matrix, generator) < np.repeat(n_known, counts)
    return Split(
        train=data.keep_entries(~is_held_out),
        test=data.keep_entries(is_held_out & ~is_known),
        users=users,
        fold_in=data.keep_entries(is_held_out & is_known),
    )


def as_validation(split: Split, validation: float | Split, random_state: int) -> Split:
    """Split ``split.train`` into a training and a validation set, to compare settings.

    Parameters
    ----------
    split : Split
    validation : float in (0, 1), or a Split of ``split.train`` made elsewhere
        A share to hold out is one of the interactions or, if ``split`` holds out whole users, one
        of the users. A Split is returned as it is.
    random_state : int

    Raises
    ------
    TypeError, ValueError
        If ``validation`` is neither a share nor a Split, or if it is a Split with interactions
        that are not in ``split.train``.
    """
    if isinstance(validation, Split):
        _check_is_within(validation, split.train)
        return validation
    if not is_number(validation):
        raise TypeError(f"validation must be a share or a Split, got {shown(validation)}")
    share = as_share(validation, "validation")
    if split.fold_in is None:
        return split_interactions(split.train, share, random_state)
    return split_users(split.train, share, random_state=random_state)


def _check_is_within(validation: Split, train: Interactions) -> None:
    """Raise an error if a part of ``validation`` holds interactions that ``train`` does not."""
    if validation.train.shape != train.shape:
        raise ValueError(
            f"validation is {validation.train.shape} users × items, train is {train.shape}"
        )
    allowed = train.matrix.astype(bool)
    parts = {
        "train": validation.train,
        "test": validation.test,
        "fold_in": validation.fold_in,
    }
    for name, part in parts.items():
        if part is None:
            continue
        pairs = part.matrix.astype(bool)
        if pairs.multiply(allowed).nnz < pairs.nnz:
            raise ValueError(
                f"validation.{name} holds interactions that are not in split.train: make it by "
                "splitting split.train"
            )
