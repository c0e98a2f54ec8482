"""Splits into a training and a test set, on the same axes."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.checks import as_csr, as_generator, as_positive_int
from wrmf.data.interactions import Interactions

__all__ = [
    "Split",
    "as_validation",
    "check_split",
    "leave_k_out",
    "split_by_time",
    "split_interactions",
    "split_users",
]


@dataclass(frozen=True)
class Split:
    """A training and a test set on the same users × items. One made elsewhere is wrapped by this.

    Parameters
    ----------
    train, test : Interactions, or sparse users × items matrices, of the same shape and ids
    users : int array, optional
        Rows of the users to test on; by default those with test interactions.
    fold_in : Interactions, optional
        What is known of held-out users whose rows in ``train`` are empty (strong generalisation).
    """

    train: Interactions
    test: Interactions
    users: np.ndarray = None  # type: ignore[assignment]
    fold_in: Interactions | None = None

    def __post_init__(self) -> None:
        train = self.train
        if not isinstance(train, Interactions):
            train = Interactions.from_matrix(train)
        parts: dict[str, Any] = {"train": train}
        for name in ("test", "fold_in"):
            part = getattr(self, name)
            if part is None and name == "fold_in":
                continue
            if not isinstance(part, Interactions):
                matrix = as_csr(part, name, allow_empty=True)
                part = (
                    train.with_matrix(matrix)
                    if matrix.shape == train.shape
                    else Interactions(
                        matrix, np.arange(matrix.shape[0]), np.arange(matrix.shape[1])
                    )
                )
            if part.shape != train.shape:
                raise ValueError(f"train is {train.shape} users × items, {name} is {part.shape}")
            for axis in ("users", "items"):
                ours, theirs = getattr(train, axis), getattr(part, axis)
                if ours is not theirs and not np.array_equal(ours, theirs):
                    raise ValueError(f"train and {name} have different {axis}")
            parts[name] = part
        if self.users is None:
            users = np.flatnonzero(np.diff(parts["test"].matrix.indptr))
        else:
            users = np.asarray(self.users)
            if users.ndim != 1 or (len(users) and users.dtype.kind not in "iu"):
                raise TypeError(f"users must be a 1-d array of row numbers, got {users.dtype}")
            if len(users) and (users.min() < 0 or users.max() >= train.n_users):
                raise ValueError(f"users must be rows 0 … {train.n_users - 1}, got {users.max()}")
            if len(np.unique(users)) != len(users):
                raise ValueError("users holds a row twice")
        for name, part in {**parts, "users": users.astype(np.int64)}.items():
            object.__setattr__(self, name, part)


def _rows(matrix: sparse.csr_matrix) -> np.ndarray:
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _keep(data: Interactions, chosen: np.ndarray) -> Interactions:
    """Return the interactions of a mask over stored entries, on the same axes."""
    matrix = data.matrix
    ends = np.concatenate(([0], np.cumsum(chosen)))[matrix.indptr]
    part = sparse.csr_matrix(
        (matrix.data[chosen], matrix.indices[chosen], ends.astype(matrix.indptr.dtype)),
        shape=matrix.shape,
    )
    part.has_canonical_format = True
    return data.with_matrix(part)


def _places(matrix: sparse.csr_matrix, generator: np.random.Generator) -> np.ndarray:
    """Return each entry's place in a random order of its row, 0 first."""
    order = np.lexsort((generator.random(matrix.nnz), _rows(matrix)))
    places = np.empty(matrix.nnz, dtype=np.int64)
    places[order] = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
    return places


def _as_data(data: Any) -> Interactions:
    return data if isinstance(data, Interactions) else Interactions.from_matrix(data)


def _share(value: Any, n: int, name: str, closed: bool = False) -> int:
    """Return a share of n (float) or a number (int) as a number."""
    if isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_)):
        count = int(value)
        if not 1 <= count < n + closed:
            raise ValueError(f"{name} must lie in 1 … {n - 1 + closed}, got {value}")
        return count
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a share or a whole number, got {value!r}")
    share = float(value)
    if not (0 < share < 1 or (closed and share == 1)):
        raise ValueError(f"{name} as a share must lie between 0 and 1, got {value}")
    # floor, as the article; the tiny sum undoes the rounding of products such as 0.29 * 100.
    return math.floor(share * n + 1e-9)


def leave_k_out(
    data: Interactions,
    k: int = 5,
    fraction: float | None = None,
    min_interactions: int | None = None,
    random_state: Any = None,
) -> Split:
    """Move k random interactions of each of some users to the test set.

    Parameters
    ----------
    data : Interactions, or a sparse users × items matrix
    k : int ≥ 1, default 5
    fraction : float in (0, 1], optional
        floor(fraction × number of all users) users are drawn from the eligible ones. Without it,
        all eligible users are taken.
    min_interactions : int > k, default 2k
        Who has fewer is not eligible and stays whole in train.
    random_state : None, int, Generator or RandomState

    Raises
    ------
    ValueError
        Where fewer users are eligible than asked for, or none.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> split = wrmf.leave_k_out(np.ones((4, 6)), k=2, random_state=0)
    >>> split.train.n_interactions, split.test.n_interactions
    (16, 8)
    """
    data = _as_data(data)
    k = as_positive_int(k, "k")
    least = (
        2 * k
        if min_interactions is None
        else as_positive_int(min_interactions, "min_interactions", k + 1)
    )
    generator = as_generator(random_state)
    counts = np.diff(data.matrix.indptr)
    users = np.flatnonzero(counts >= least)
    wanted = (
        len(users) if fraction is None else _share(fraction, data.n_users, "fraction", closed=True)
    )
    if not wanted and len(users):
        raise ValueError(
            f"fraction {fraction} of {data.n_users} users is less than one user: raise it"
        )
    if wanted > len(users) or not wanted:
        raise ValueError(
            f"{max(wanted, 1)} test users were asked for, {len(users)} of {data.n_users} have at "
            f"least {least} interactions: lower k, fraction or min_interactions"
        )
    if fraction is not None:
        users = np.sort(generator.choice(users, size=wanted, replace=False))
    taken = np.zeros(data.n_users, dtype=bool)
    taken[users] = True
    chosen = (_places(data.matrix, generator) < k) & taken[_rows(data.matrix)]
    return Split(_keep(data, ~chosen), _keep(data, chosen), users)


def split_interactions(
    data: Interactions, test_size: float | int = 0.2, random_state: Any = None
) -> Split:
    """Move random interactions to the test set, whoever's they are.

    Parameters
    ----------
    data : Interactions, or a sparse users × items matrix
    test_size : float in (0, 1), or int ≥ 1, default 0.2
        Share, rounded down, or number of interactions that go to test.
    random_state : None, int, Generator or RandomState

    Raises
    ------
    TypeError, ValueError
        Where test or train would be empty.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> split = wrmf.split_interactions(np.ones((4, 5)), test_size=0.3, random_state=0)
    >>> split.train.n_interactions, split.test.n_interactions
    (14, 6)
    """
    data = _as_data(data)
    n_test = _share(test_size, data.n_interactions, "test_size")
    if n_test < 1:
        raise ValueError(f"test_size {test_size} of {data.n_interactions} interactions is none")
    chosen = np.zeros(data.n_interactions, dtype=bool)
    picked = as_generator(random_state).choice(data.n_interactions, size=n_test, replace=False)
    chosen[picked] = True
    return Split(_keep(data, ~chosen), _keep(data, chosen))


def split_by_time(
    data: Interactions, time: Any = None, test_size: float | None = None, cutoff: Any = None
) -> Split:
    """Move the latest interactions to the test set.

    Parameters
    ----------
    data : Interactions
    time : array (n_interactions,), optional
        Numbers or datetimes in the order of ``data.to_frame()``; by default ``data.times``.
    test_size : float or int
        The latest share or number; interactions at the same time stay together, in test.
    cutoff : number or datetime
        Instead of test_size: what is at or after it goes to test.

    Raises
    ------
    TypeError, ValueError
        Without times, for missing ones, or where train or test would be empty.

    Examples
    --------
    >>> import pandas as pd, wrmf
    >>> plays = pd.DataFrame({"user": [1, 1, 2], "item": [5, 6, 5], "day": [3, 9, 4]})
    >>> split = wrmf.split_by_time(wrmf.read_interactions(plays, time="day"), cutoff=5)
    >>> split.test.to_frame()[["user", "item"]].to_numpy().tolist()
    [[1, 6]]
    """
    data = _as_data(data)
    times = data.times if time is None else np.asarray(time)
    if times is None:
        raise ValueError("there are no times: pass time=, or name the column when reading")
    if times.shape != (data.n_interactions,):
        raise ValueError(
            f"time must hold {data.n_interactions} values, one an interaction, got {times.shape}"
        )
    if times.dtype.kind not in "iufM":
        raise TypeError(f"time must hold numbers or datetimes, got dtype {times.dtype}")
    if np.isnat(times).any() if times.dtype.kind == "M" else np.isnan(times).any():
        raise ValueError("time holds missing values: drop these interactions first")
    if (test_size is None) == (cutoff is None):
        raise ValueError("pass either test_size or cutoff")
    if test_size is not None:
        n_test = max(1, _share(test_size, data.n_interactions, "test_size"))
        cutoff = np.sort(times)[-n_test]
    elif times.dtype.kind == "M":
        cutoff = np.datetime64(cutoff)
    chosen = times >= cutoff
    if not chosen.any() or chosen.all():
        raise ValueError(
            f"cut at {cutoff}, {int(chosen.sum())} of {len(chosen)} interactions are in the test "
            f"set; times run from {times.min()} to {times.max()}"
        )
    return Split(_keep(data, ~chosen), _keep(data, chosen))


def split_users(
    data: Interactions, n_test: int | float, fold_in: float = 0.8, random_state: Any = None
) -> Split:
    """Hold out whole users: strong generalisation, as Liang et al. 2018.

    Parameters
    ----------
    data : Interactions
    n_test : int, or float share of all users; drawn from those with at least two interactions
    fold_in : float in (0, 1), default 0.8
        Share of a held-out user's interactions that is known at test time; at least one is known
        and at least one is tested.

    Returns
    -------
    Split
        Held-out users' rows are empty in ``train``; ``fold_in`` and ``test`` have only them.

    Raises
    ------
    TypeError, ValueError
        Where fewer users have two interactions than are asked for.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> split = wrmf.split_users(np.ones((4, 5)), n_test=1, fold_in=0.6, random_state=0)
    >>> [part.n_interactions for part in (split.train, split.fold_in, split.test)]
    [15, 3, 2]
    """
    data = _as_data(data)
    n_users = _share(n_test, data.n_users, "n_test")
    if isinstance(fold_in, bool) or not isinstance(fold_in, numbers.Real) or not 0 < fold_in < 1:
        raise ValueError(f"fold_in must be a share between 0 and 1, got {fold_in!r}")
    generator = as_generator(random_state)
    counts = np.diff(data.matrix.indptr)
    eligible = np.flatnonzero(counts >= 2)
    if not 1 <= n_users <= len(eligible):
        raise ValueError(
            f"{n_users} test users were asked for, {len(eligible)} of {data.n_users} have at least "
            "two interactions"
        )
    users = np.sort(generator.choice(eligible, size=n_users, replace=False))
    held = np.zeros(data.n_users, dtype=bool)
    held[users] = True
    rows = _rows(data.matrix)
    known = np.clip(np.round(counts * fold_in).astype(np.int64), 1, np.maximum(counts - 1, 1))
    first = _places(data.matrix, generator) < known[rows]
    out = held[rows]
    return Split(_keep(data, ~out), _keep(data, out & ~first), users, _keep(data, out & first))


def check_split(split: Any) -> None:
    """Raise a TypeError where it is no Split."""
    if not isinstance(split, Split):
        raise TypeError(
            f"split must be a wrmf.Split, got {type(split).__name__}: make one by "
            "leave_k_out(data), or wrap a train and a test matrix in wrmf.Split(train, test)"
        )


def as_validation(split: Split, validation: Any, random_state: int) -> Split:
    """Return a split of ``split.train`` to choose settings on.

    Parameters
    ----------
    split : Split
    validation : float share, or a Split of ``split.train`` made elsewhere
        Of the interactions; where ``split`` holds out whole users, of the users.
    random_state : int

    Raises
    ------
    ValueError
        Where a given Split holds anything that is not in ``split.train``.
    """
    if not isinstance(validation, Split):
        if isinstance(validation, bool) or not isinstance(validation, numbers.Real):
            raise TypeError(f"validation must be a share or a Split, got {validation!r}")
        if not 0 < float(validation) < 1:
            raise ValueError(f"validation must be a share between 0 and 1, got {validation}")
        if split.fold_in is None:
            return split_interactions(split.train, float(validation), random_state)
        return split_users(split.train, float(validation), random_state=random_state)
    if validation.train.shape != split.train.shape:
        raise ValueError(
            f"validation is {validation.train.shape} users × items, train is {split.train.shape}"
        )
    train = split.train.matrix.astype(bool)
    for name in ("train", "test", "fold_in"):
        part = getattr(validation, name)
        if part is not None and part.matrix.astype(bool).multiply(train).nnz < part.matrix.nnz:
            raise ValueError(
                f"validation.{name} holds interactions that are not in split.train: make it by "
                "splitting split.train"
            )
    return validation
