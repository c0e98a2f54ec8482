"""What requests need beside the arrays of a fitted model."""

from __future__ import annotations

from operator import attrgetter
from typing import Protocol

import numpy as np
from scipy import sparse

from wrmf.cached import cached_property
from wrmf.data.checks import check_indices
from wrmf.data.dislikes import has_dislikes, likes_of
from wrmf.model.axis_factors import AxisFactors
from wrmf.model.axis_ids import AxisIds
from wrmf.model.parameters import Parameters
from wrmf.model.parts import Parts
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.item_terms import WeightRows
from wrmf.numerics.item_weights import ItemWeights, standard_deviation
from wrmf.numerics.values import FittedValues, ValueRule

__all__ = ["REQUESTS", "Prepared"]

# The parts that each kind of request needs.
REQUESTS = {
    "ids": ("user_ids.index", "item_ids.index"),
    "recommend": ("items.codes",),
    "similar_items": ("items.codes",),
    "similar_users": ("users.codes",),
    "recommend_users": ("users.codes", "train.users_of"),
    "fold_in_users": (),
    "fold_in_items": (),
    "explain": ("items.gram",),
    "fallback": ("train.most_popular",),
}
# What requests need in addition, of a model with an item term.
ITEM_TERM = {
    "recommend": ("item_part.by_owner", "scores.spread"),
    "recommend_users": ("train.likers_of", "scores.spread"),
}


class Train(Parts):
    """What is computed from the training data.

    Parameters
    ----------
    matrix : CSR (n_users, n_items), or None for a model that was saved without it
    """

    sources = ("matrix",)

    def __init__(self, matrix: sparse.csr_matrix | None) -> None:
        self.matrix = matrix
        self._values: FittedValues | None = None
        self._has_dislikes: bool | None = None

    @property
    def has_dislikes(self) -> bool:
        """Whether a value is negative; False if values are not known."""
        if self._has_dislikes is None:
            self._has_dislikes = self.matrix is not None and has_dislikes(self.matrix)
        return self._has_dislikes

    def values(self, rule: ValueRule) -> FittedValues:
        """Return a rule with the constants of this data; they are computed once."""
        fitted = self._values
        if fitted is None or fitted.rule != rule:
            assert self.matrix is not None
            fitted = self._values = FittedValues.of(rule, self.matrix)
        return fitted

    @property
    def nbytes(self) -> int:
        """The size of what has been computed so far, in bytes."""
        return super().nbytes + (0 if self._values is None else self._values.nbytes)

    @cached_property
    def popularity(self) -> np.ndarray:
        """The number of users of each item, without those who dislike it, int64."""
        assert self.matrix is not None
        likes = likes_of(self.matrix) if self.has_dislikes else self.matrix
        counts = np.bincount(likes.indices, minlength=likes.shape[1])
        return counts.astype(np.int64, copy=False)

    @cached_property
    def users_of(self) -> ItemLists:
        """The users of each item."""
        return ItemLists.of(self._checked().T.tocsr())

    @property
    def likers_of(self) -> ItemLists:
        """The users of each item, without those who dislike it."""
        return self._likers_of if self.has_dislikes else self.users_of

    @cached_property
    def _likers_of(self) -> ItemLists:
        return ItemLists.of(likes_of(self._checked()).T.tocsr())

    def _checked(self) -> sparse.csr_matrix:
        """Return the matrix after a check of its indices, as data may be changed in place."""
        assert self.matrix is not None
        check_indices(self.matrix, "train_matrix")
        return self.matrix

    @cached_property
    def most_popular(self) -> np.ndarray:
        """The items that have users, those with the most first, and by position among equals."""
        order = np.argsort(-self.popularity, kind="stable")
        return order[: int(np.count_nonzero(self.popularity))]


class Scores(Parts):
    """What is computed from the factors of both axes.

    Parameters
    ----------
    users, items : AxisFactors
    """

    sources = ("users", "items")

    def __init__(self, users: AxisFactors, items: AxisFactors) -> None:
        self.users, self.items = users, items

    @cached_property
    def spread(self) -> np.float64:
        """The standard deviation of the scores x·y of all users and items.

        Their sum is (Σ_u x_u)·(Σ_i y_i), and the sum of their squares ⟨XᵀX, YᵀY⟩.
        """
        x, y = self.users.factors, self.items.factors
        n_cells = max(1, len(x) * len(y))
        total = np.sum(x.sum(axis=0, dtype=np.float64) * y.sum(axis=0, dtype=np.float64))
        squares = np.sum(self.users.gram * self.items.gram)
        spread: np.float64 = np.float64(
            standard_deviation(float(total) / n_cells, float(squares) / n_cells)
        )
        return spread


class ItemPart(Parts):
    """What is computed from the item weights.

    Parameters
    ----------
    weights : ItemWeights, or None for a model without an item term
    """

    sources = ("weights",)

    def __init__(self, weights: ItemWeights | None) -> None:
        self.weights = weights

    @cached_property
    def by_owner(self) -> WeightRows:
        """The weights of the items that a user has in rows."""
        assert self.weights is not None
        return self.weights.by_item.transposed()


class Arrays(Protocol):
    """The arrays of a fitted model, as :class:`wrmf.model.state.Factors` has them."""

    @property
    def user_factors(self) -> np.ndarray: ...
    @property
    def item_factors(self) -> np.ndarray: ...
    @property
    def users(self) -> np.ndarray: ...
    @property
    def items(self) -> np.ndarray: ...
    @property
    def item_names(self) -> np.ndarray | None: ...
    @property
    def train_matrix(self) -> sparse.csr_matrix | None: ...
    @property
    def item_weights(self) -> ItemWeights | None: ...


class Prepared:
    """What is computed from the arrays of one :class:`wrmf.model.state.Factors`.

    Attributes
    ----------
    user_ids, item_ids : AxisIds
    users, items : AxisFactors
    train : Train
    item_part : ItemPart
    scores : Scores
    """

    def __init__(
        self,
        ids: tuple[AxisIds, AxisIds],
        factors: tuple[AxisFactors, AxisFactors],
        train: Train,
        item_part: ItemPart,
    ) -> None:
        self.user_ids, self.item_ids = ids
        self.users, self.items = factors
        self.train, self.item_part = train, item_part
        self.scores = Scores(*factors)
        # The validated parameters of the fit, and the number of threads that they hold.
        self.parameters: tuple[int, Parameters] | None = None

    @classmethod
    def of(cls, arrays: Arrays, earlier: Prepared | None = None) -> Prepared:
        """Return what belongs to some arrays, and of an earlier record what it has in common."""
        users = AxisIds("users", arrays.users)
        items = AxisIds("items", arrays.items, arrays.item_names)
        of_users, of_items = AxisFactors(arrays.user_factors), AxisFactors(arrays.item_factors)
        train, item_part = Train(arrays.train_matrix), ItemPart(arrays.item_weights)
        if earlier is not None:
            users, items = earlier.user_ids.unless(users), earlier.item_ids.unless(items)
            of_users, of_items = earlier.users.unless(of_users), earlier.items.unless(of_items)
            train = earlier.train.unless(train)
            item_part = earlier.item_part.unless(item_part)
        prepared = cls((users, items), (of_users, of_items), train, item_part)
        if earlier is not None:
            prepared.scores = earlier.scores.unless(prepared.scores)
        return prepared

    def without_factors(self) -> Prepared:
        """Return what stays valid once the content of the factor arrays has changed."""
        factors = AxisFactors(self.users.factors), AxisFactors(self.items.factors)
        return Prepared((self.user_ids, self.item_ids), factors, self.train, self.item_part)

    def compute(self, request: str) -> None:
        """Compute what a request of ``REQUESTS`` needs, except the systems of fold-ins."""
        term = ITEM_TERM.get(request, ()) if self.item_part.weights is not None else ()
        for part_of in (*REQUESTS[request], *term):
            # A model that was saved without its training data answers what needs none of it.
            if self.train.matrix is not None or not part_of.startswith("train."):
                attrgetter(part_of)(self)

    @property
    def nbytes(self) -> int:
        """The size of all parts that have been computed so far, in bytes."""
        axes = (self.user_ids, self.item_ids, self.users, self.items)
        holders = (*axes, self.train, self.item_part, self.scores)
        return sum(holder.nbytes for holder in holders)
