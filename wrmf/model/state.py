"""The state of a fitted model: factors, ids and training data in one frozen record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.guarded import guarded
from wrmf.model.features import NO_FEATURES, SideFeatures
from wrmf.model.prepared import Prepared
from wrmf.numerics.item_weights import ItemWeights
from wrmf.numerics.priors import Prior
from wrmf.numerics.values import FittedValues, ValueRule

__all__ = ["FactorModel", "Factors", "NotFittedError"]

EMPTY = sparse.csr_matrix((0, 0), dtype=np.float32)
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


class NotFittedError(ValueError, AttributeError):
    """Raised if a model is used before it is fitted.

    It is also an ``AttributeError``, so that ``hasattr(model, "user_factors")`` is False.
    """


@dataclass(frozen=True, eq=False, repr=False)
class Factors:
    """The result of training.

    The record is frozen, but further training overwrites the content of the factor arrays, and then
    puts a record in its place that :meth:`after_training` returns.

    Parameters
    ----------
    user_factors, item_factors : ndarray (n_users, k), (n_items, k)
        Both float32 or both float64.
    users, items : ndarray (n_users,), (n_items,), int64 or object
        The external ids of the rows; of a mapped file, ``TextIds``.
    train_matrix : scipy.sparse.csr_matrix (n_users, n_items), or None
        The data that the model was last fitted to; of dtype bool if only the pairs are known and
        not their counts, and None if the model was saved without it.
    iterations_done : int, default 0
    item_names : object (n_items,), optional
        Readable names of the items.
    params : mapping, optional
        The parameters that the model was fitted with, as ``get_params`` returned them.
    automatic : mapping, optional
        What those of them that are "auto" became.
    numbered : bool, default False
        Whether the ids are only positions, since the data was a matrix without ids.
    item_weights : ItemWeights of n_items items, optional
        What items say about other items. They count as much as ``params["item_weight"]`` says.
    saved_values : FittedValues, optional
        What values count in the loss, of a model that was saved without its training data.
    features : (SideFeatures or None, SideFeatures or None)
        Features of users and of items, and the factors of the features.
    prepared : Prepared, optional
        What requests need beside the arrays. ``dataclasses.replace`` passes on what the changes
        leave valid.

    Raises
    ------
    TypeError, ValueError
        If shapes, lengths or dtypes are not consistent.

    Examples
    --------
    >>> import numpy as np, wrmf
    >>> data = wrmf.Interactions.from_matrix(np.eye(3))
    >>> Factors(np.ones((3, 2)), np.ones((3, 2)), data.users, data.items, data.matrix)
    Factors(3 users × 3 items, k=2, float64, iterations_done=0)
    """

    user_factors: np.ndarray
    item_factors: np.ndarray
    users: np.ndarray
    items: np.ndarray
    train_matrix: sparse.csr_matrix | None
    iterations_done: int = 0
    item_names: np.ndarray | None = None
    params: Mapping[str, Any] | None = None
    automatic: Mapping[str, Any] = field(default_factory=dict)
    numbered: bool = False
    item_weights: ItemWeights | None = None
    saved_values: FittedValues | None = None
    features: tuple[SideFeatures | None, SideFeatures | None] = NO_FEATURES
    prepared: Prepared = field(default=None, compare=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        matrix = self.train_matrix
        if matrix is None:
            n_users, n_items = self.shape
        elif sparse.issparse(matrix) and matrix.format == "csr":
            n_users, n_items = matrix.shape
            object.__setattr__(self, "train_matrix", guarded(matrix))
        else:
            raise TypeError(
                f"train_matrix must be a CSR matrix, got {type(matrix).__name__}: "
                "pass the matrix of an Interactions"
            )
        for side, factors, ids, n_rows in (
            ("user", self.user_factors, self.users, n_users),
            ("item", self.item_factors, self.items, n_items),
        ):
            if factors.ndim != 2 or len(factors) != n_rows or factors.dtype not in DTYPES:
                raise ValueError(
                    f"{side} factors must be float32 or float64 of shape ({n_rows}, k), "
                    f"got {factors.dtype} {factors.shape}"
                )
            if len(ids) != n_rows:
                raise ValueError(f"there are {len(ids)} {side} ids for {n_rows} rows")
            # Arrays within a buffer may begin at any byte.
            object.__setattr__(self, f"{side}_factors", np.require(factors, requirements="A"))
        if self.item_names is not None and len(self.item_names) != n_items:
            raise ValueError(f"there are {len(self.item_names)} item names for {n_items} items")
        if self.item_weights is not None and self.item_weights.n_items != n_items:
            raise ValueError(
                f"there are item weights of {self.item_weights.n_items} items for {n_items} items"
            )
        for features, n_rows in zip(self.features, self.shape, strict=True):
            if features is not None:
                features.check(n_rows, self.k, self.dtype)
        if (self.user_factors.shape[1], self.user_factors.dtype) != (self.k, self.dtype):
            raise ValueError(
                "both sides must have the same k and dtype, got "
                f"{self.user_factors.shape[1]} factors of {self.user_factors.dtype} for users and "
                f"{self.k} of {self.dtype} for items"
            )
        object.__setattr__(self, "prepared", Prepared.of(self, self.prepared))

    def __getstate__(self) -> dict[str, Any]:
        return {entry.name: getattr(self, entry.name) for entry in fields(self)} | {
            "prepared": None
        }

    def __setstate__(self, values: dict[str, Any]) -> None:
        vars(self).update(values)
        if self.train_matrix is not None:
            # An array can be written to again once it has been pickled or copied.
            object.__setattr__(self, "train_matrix", guarded(self.train_matrix))
        object.__setattr__(self, "prepared", Prepared.of(self))

    def __repr__(self) -> str:
        return (
            f"Factors({len(self.users)} users × {len(self.items)} items, k={self.k}, {self.dtype}, "
            f"iterations_done={self.iterations_done})"
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and number of items."""
        return len(self.users), len(self.items)

    @property
    def k(self) -> int:
        """Number of latent dimensions."""
        return int(self.item_factors.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The factors' dtype."""
        return self.item_factors.dtype

    @property
    def item_scale(self) -> float:
        """The factor of sums of item weights in scores, in units of scores; 0 for no item term."""
        weights, params = self.item_weights, self.params or {}
        weight = float(params.get("item_weight", 0.0))
        if weights is None or weight == 0 or weights.spread == 0:
            return 0.0
        return weight * float(self.prepared.scores.spread) / weights.spread

    def find_users(self, ids: Any) -> np.ndarray:
        """Return the row indices of one or several user ids; an unknown id raises a ValueError."""
        return self.prepared.user_ids.find(ids)

    def locate_users(self, ids: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return user ids as an array, and the row index of each; −1 for an unknown id."""
        return self.prepared.user_ids.locate(ids)

    def find_items(self, ids: Any) -> np.ndarray:
        """Return the row indices of one or several item ids; an unknown id raises a ValueError.

        A name is taken for the id of the item with that name, unless the name is itself an id.
        """
        return self.prepared.item_ids.find(ids)

    def locate_items(self, ids: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return item ids as an array, and the row index of each; −1 for an unknown id."""
        return self.prepared.item_ids.locate(ids)

    def after_training(self, iterations_done: int) -> Factors:
        """Return a record of the same arrays, whose content training has changed."""
        prepared = self.prepared.without_factors()
        return replace(self, iterations_done=iterations_done, prepared=prepared)

    def train_pairs(self, remedy: str) -> sparse.csr_matrix:
        """Return the training matrix to a caller that needs only its pairs, not their counts.

        Raises
        ------
        ValueError
            If the model was saved without it; the message ends in ``remedy``.
        """
        if self.train_matrix is None:
            raise ValueError(f"this model was saved without its training data: {remedy}")
        return self.train_matrix

    def train_counts(self) -> sparse.csr_matrix:
        """Return the training matrix with its counts; a ValueError if they were not saved."""
        matrix = self.train_pairs("use a file saved with train=True")
        if matrix.dtype == bool:
            raise ValueError(
                "this model was saved without the counts of its training data: use a file saved "
                "with train=True"
            )
        return matrix

    def values(self, rule: ValueRule) -> FittedValues:
        """Return a rule with the constants of the training data.

        Raises
        ------
        ValueError
            If they are neither saved nor can be computed.
        """
        if rule.is_identity:
            return FittedValues.of(rule, EMPTY)
        saved, matrix = self.saved_values, self.train_matrix
        if saved is not None and saved.rule == rule and (matrix is None or matrix.dtype == bool):
            return saved
        self.train_counts()
        return self.prepared.train.values(rule)

    @property
    def negative(self) -> str:
        """What negative values of a matrix are: "dislike" where the training data has dislikes."""
        return "dislike" if self.prepared.train.has_dislikes else "error"

    def prior(self, side: int) -> Prior | None:
        """Return what features say about all users (side 0) or items; None without features."""
        features = self.features[side]
        return None if features is None else features.prior()

    def check_finite(self) -> None:
        """Raise a ``ValueError`` if a factor is NaN or infinite."""
        sides = {"user": self.user_factors, "item": self.item_factors}
        for name, features in zip(("user feature", "item feature"), self.features, strict=True):
            if features is not None:
                sides[name] = features.factors
        for name, factors in sides.items():
            if not np.isfinite(factors).all():
                raise ValueError(f"{name} factors hold NaN or infinite values")


class FactorModel:
    """A model whose fitted state is one :class:`Factors`, or nothing before the first fit."""

    _state: Factors | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether the model has factors."""
        return self._state is not None

    @property
    def state(self) -> Factors:
        """The fitted state; reading it before the first fit raises :class:`NotFittedError`."""
        if self._state is None:
            raise NotFittedError("this model is not fitted yet: call fit(data) first")
        return self._state

    @state.setter
    def state(self, state: Factors) -> None:
        self._state = state

    @property
    def user_factors(self) -> np.ndarray:
        """The users' factors, (n_users, k), read-only. To change them, assign a new array."""
        return _read_only(self.state.user_factors)

    @user_factors.setter
    def user_factors(self, factors: Any) -> None:
        array = _as_replacement(factors, self.state.user_factors, "user_factors")
        self.state = replace(self.state, user_factors=array)

    @property
    def item_factors(self) -> np.ndarray:
        """The items' factors, (n_items, k), read-only. To change them, assign a new array."""
        return _read_only(self.state.item_factors)

    @item_factors.setter
    def item_factors(self, factors: Any) -> None:
        array = _as_replacement(factors, self.state.item_factors, "item_factors")
        self.state = replace(self.state, item_factors=array)

    @property
    def user_feature_factors(self) -> np.ndarray | None:
        """The factors of each feature of users, (n_features, k), read-only; None without features.

        The expected factors of a user are the sum of these, times the user's features.
        """
        features = self.state.features[0]
        return None if features is None else _read_only(features.factors)

    @property
    def item_feature_factors(self) -> np.ndarray | None:
        """The factors of each feature of items, (n_features, k), read-only; None without features.

        The expected factors of an item are the sum of these, times the item's features.
        """
        features = self.state.features[1]
        return None if features is None else _read_only(features.factors)

    @property
    def prepared_bytes(self) -> int:
        """The memory of what has been computed for requests so far; see ``prepare``."""
        return self.state.prepared.nbytes

    @property
    def users(self) -> np.ndarray:
        """The user ids, in the order of ``user_factors``."""
        return np.asarray(self.state.users)

    @property
    def items(self) -> np.ndarray:
        """The item ids, in the order of ``item_factors``."""
        return np.asarray(self.state.items)

    @property
    def item_names(self) -> np.ndarray | None:
        """Readable names of the items, in the order of ``items``, or None."""
        names = self.state.item_names
        return None if names is None else np.asarray(names)

    @property
    def train_matrix(self) -> sparse.csr_matrix | None:
        """The data that the model was last fitted to, a CSR users × items matrix.

        It is None if the model was saved with ``train=False``, and of dtype bool if it was saved
        with ``train="seen"``.
        """
        return self.state.train_matrix

    @property
    def iterations_done(self) -> int:
        """Iterations since the factors were last initialised; 0 before the first fit."""
        return 0 if self._state is None else self._state.iterations_done


def _read_only(factors: np.ndarray) -> np.ndarray:
    """Return a view of factors that cannot be written to.

    What is prepared for requests would not follow if elements were changed one by one.
    """
    view: np.ndarray = factors.view()
    view.flags.writeable = False
    return view


def _as_replacement(factors: Any, current: np.ndarray, name: str) -> np.ndarray:
    """Return a copy of ``factors`` with the dtype and layout that the kernels require."""
    # The next training run writes to the copy, and later changes of the original have no effect.
    array: np.ndarray = np.array(factors, dtype=current.dtype, order="C", copy=True)
    if array.shape != current.shape:
        raise ValueError(
            f"{name} must keep the shape {current.shape}, got {array.shape}: for other users or "
            "items, make a model with WRMF.from_factors"
        )
    return array
