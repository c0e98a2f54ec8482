"""What requests need beside the factors: computed once from them, and kept until they change.

Each part is computed when it is first needed, and then published by one assignment. Threads that
need the same part at the same time may compute it twice, with the same result; none waits for
another. Nothing here is compared, copied, pickled or saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Protocol, TypeVar

import numpy as np
from scipy import sparse

from wrmf.cached import cached_property
from wrmf.data.checks import is_integer
from wrmf.data.dislikes import has_dislikes, likes_of
from wrmf.data.id_index import IdIndex, object_array
from wrmf.model.members import member_blocks
from wrmf.model.names import NameIndex
from wrmf.model.parameters import Parameters
from wrmf.numerics.codes import CodeArrays, Codes
from wrmf.numerics.fold_in import FoldInSystem
from wrmf.numerics.isa import isa_number
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.item_terms import WeightRows
from wrmf.numerics.item_weights import ItemWeights, standard_deviation
from wrmf.numerics.objective import Objective, gram
from wrmf.numerics.offsets import item_rows, offset_scale
from wrmf.numerics.ranking import row_lengths
from wrmf.numerics.threads import kernel_threads
from wrmf.numerics.tiles import SortedItems
from wrmf.numerics.values import FittedValues, ValueRule

__all__ = ["REQUESTS", "AxisFactors", "AxisIds", "Prepared"]

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

# Types of a single id, as requests name it.
ONE = (int, str)

Holder = TypeVar("Holder", bound="Parts")


class Parts:
    """Parts that are computed from some arrays, which are the attributes of ``sources``."""

    sources: tuple[str, ...]

    def unless(self: Holder, other: Holder) -> Holder:
        """Return this holder if it has the same arrays as another one, otherwise the other."""
        same = all(getattr(self, name) is getattr(other, name) for name in self.sources)
        return self if same else other

    @property
    def nbytes(self) -> int:
        """The size of the parts that have been computed so far, in bytes."""
        parts = [
            value
            for name, value in vars(self).items()
            if isinstance(vars(type(self)).get(name), cached_property)
        ]
        return sum(value.nbytes for value in parts)


class AxisIds(Parts):
    """The ids of an axis, and names that stand for them.

    Parameters
    ----------
    axis : {"users", "items"}
    ids : int64 or object (n,)
    names : object (n,), or None
    """

    sources = ("ids", "names")

    def __init__(self, axis: str, ids: np.ndarray, names: np.ndarray | None = None) -> None:
        self.axis, self.ids, self.names = axis, ids, names

    @cached_property
    def index(self) -> IdIndex:
        """The positions of the ids."""
        return IdIndex(self.ids, self.axis)

    @cached_property
    def name_index(self) -> NameIndex:
        """The positions of the names."""
        return NameIndex(self.ids, [] if self.names is None else self.names.tolist())

    def find(self, ids: Any) -> np.ndarray:
        """Return the positions of one or several ids; an unknown id raises a ValueError.

        A name is taken for the id of the item with that name, unless the name is itself an id.
        """
        one = ids[0] if type(ids) is list and len(ids) == 1 else ids
        if type(one) in ONE:
            position = self.index.position(one)
            if position >= 0:
                return np.array([position], dtype=np.int64)
        wanted, positions = self.positions(ids)
        self.index.refuse_unknown(wanted, positions)
        return positions

    def positions(self, ids: Any) -> tuple[Sequence[Any] | np.ndarray, np.ndarray]:
        """Return one or several ids or names as a sequence, and their positions; −1 if unknown."""
        wanted = self.index.listed(ids)
        positions = self.index.positions(wanted)
        if self.names is not None:
            for place in np.flatnonzero(positions < 0):
                positions[place] = self.name_index.position(wanted[place])
        return wanted, positions

    def locate(self, ids: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return ids as an array, and the position of each; −1 for an unknown id."""
        wanted = self.index.listed(ids)
        positions = self.index.positions(wanted)
        whole = self.ids.dtype != object and all(map(is_integer, wanted))
        return np.array(wanted, np.int64) if whole else object_array(list(wanted)), positions


class AxisFactors(Parts):
    """What is computed from the factors of one axis.

    Parameters
    ----------
    factors : ndarray (n, k)
    """

    sources = ("factors",)

    def __init__(self, factors: np.ndarray) -> None:
        self.factors = factors
        self._systems: dict[tuple[Objective, float, int], FoldInSystem] = {}
        self._last_system: tuple[Parameters, FoldInSystem] | None = None
        self._members: dict[int, list[AxisFactors]] = {}
        self._with_offset: tuple[np.ndarray, float, AxisFactors] | None = None

    def fold_in_system(self, params: Parameters, side: int) -> FoldInSystem:
        """Return what new rows of the other axis have in common; it is computed once.

        ``side`` is that of the new rows.
        """
        system = self.last_system(params)
        if system is None:
            objective, regularization = params.objective, params.regularization[side]
            key = objective, regularization, isa_number()
            system = self._systems.get(key)
            if system is None:
                threads = kernel_threads(params.sweep.num_threads)
                system = FoldInSystem.of(self.factors, objective, regularization, threads)
                self._systems[key] = system
            self._last_system = params, system
        return system

    def last_system(self, params: Parameters) -> FoldInSystem | None:
        """Return the system that was last used, if it was for the same record of parameters.

        Comparing parameters takes as long as solving a short row.
        """
        kept = self._last_system
        if kept is None or kept[0] is not params or kept[1].isa != isa_number():
            return None
        return kept[1]

    def members(self, n_models: int, side: int) -> list[AxisFactors]:
        """Return the factors of each member; they are copied once if there are several."""
        if n_models == 1:
            return [self]
        members = self._members.get(n_models)
        if members is None:
            blocks = member_blocks(self.factors, n_models, side)
            members = self._members[n_models] = [AxisFactors(block) for block in blocks]
        return members

    def with_offset(self, offset: np.ndarray, others: AxisFactors) -> tuple[AxisFactors, float]:
        """Return factors whose scores have an offset added, and the scale that users need.

        Those of the offset that was asked for last are kept. ``others`` are the factors of the
        other axis; see :mod:`wrmf.numerics.offsets`.
        """
        kept = self._with_offset
        if kept is None or not np.array_equal(kept[0], offset):
            scale = offset_scale(others.typical_length, self.typical_length, offset)
            rows = item_rows(self.factors, offset, scale)
            kept = self._with_offset = offset.copy(), scale, AxisFactors(rows)
        return kept[2], kept[1]

    @property
    def nbytes(self) -> int:
        """The size of the parts that have been computed so far, in bytes."""
        size = super().nbytes + sum(system.nbytes for system in list(self._systems.values()))
        for members in list(self._members.values()):
            size += sum(member.factors.nbytes + member.nbytes for member in members)
        if (kept := self._with_offset) is not None:
            size += kept[0].nbytes + kept[2].factors.nbytes + kept[2].nbytes
        return size

    @cached_property
    def gram(self) -> np.ndarray:
        """The Gram matrix of the factors, float64 (k, k)."""
        return gram(self.factors)

    @cached_property
    def lengths(self) -> np.ndarray:
        """The norm of each row, of the dtype of the factors."""
        return row_lengths(self.factors)

    @cached_property
    def typical_length(self) -> np.float64:
        """The root mean square of the norms, 0 without rows."""
        lengths = self.lengths.astype(np.float64)
        typical: np.float64 = np.sqrt(np.dot(lengths, lengths) / max(1, len(lengths)))
        return typical

    @cached_property
    def has_length(self) -> np.ndarray:
        """Whether the norm of each row is above zero, bool."""
        known: np.ndarray = self.lengths > 0
        return known

    @cached_property
    def codes(self) -> Codes:
        """The rows rounded to bytes, for requests of few users."""
        return Codes.of(self.factors, self.code_arrays())

    @cached_property
    def by_norm(self) -> SortedItems:
        """The rows in decreasing order of norm."""
        return SortedItems.of(self.factors)

    def code_arrays(self) -> CodeArrays:
        """Return the arrays of ``codes``, those that are kept or new ones."""
        kept: Codes | None = vars(self).get("codes")
        if kept is not None:
            return kept.arrays
        return CodeArrays.of(self.by_norm, self.lengths, kernel_threads())

    def restore_codes(self, arrays: CodeArrays) -> None:
        """Take the arrays of ``codes`` from a file that has them.

        Raises
        ------
        ValueError
            If they cannot be those of the factors.
        """
        arrays.check(self.factors)
        parts: dict[str, Any] = {
            "codes": Codes.of(self.factors, arrays),
            "by_norm": arrays.sorted_items(self.factors),
            "lengths": arrays.lengths,
        }
        vars(self).update(parts)


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
        assert self.matrix is not None
        return ItemLists.of(self.matrix.T.tocsr())

    @property
    def likers_of(self) -> ItemLists:
        """The users of each item, without those who dislike it."""
        return self._likers_of if self.has_dislikes else self.users_of

    @cached_property
    def _likers_of(self) -> ItemLists:
        assert self.matrix is not None
        return ItemLists.of(likes_of(self.matrix).T.tocsr())

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
