"""Sorts items by decreasing norm, cuts them into tiles, and bounds the errors of their scores."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from wrmf._ranking import pack
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import aligned_bytes, as_aligned

__all__ = ["SortedItems", "Tiles", "norm_bounds", "ranking_dtype"]

# The number of items of a tile. A matrix product computes the scores of one group of users and one
# tile; with these sizes, the scores and the factors fill about half of the level-2 cache.
TILE = 256
# The largest number of users of a group.
GROUP = 256
# The maximum size in bytes of the item factors that are packed once, for all users. The items with
# the largest norms are packed, since their tiles are computed for the most users.
PACKED_BYTES = 2**26


@dataclass(frozen=True)
class SortedItems:
    """Items in decreasing order of norm.

    Attributes
    ----------
    items : (n_items, k)
    norms : float64 (n_items,), upper bounds of the items' norms
    order : int32 (n_items,), the positions of the items, the largest norm first
    largest : float, the largest norm, 0 without items
    """

    items: np.ndarray
    norms: np.ndarray
    order: np.ndarray
    largest: float

    @classmethod
    def of(cls, items: np.ndarray) -> SortedItems:
        """Return the items of an array; ``Tiles`` refuses NaN and infinite factors."""
        norms = norm_bounds(items)
        order = np.argsort(-norms).astype(np.int32)
        return cls(items, norms, order, float(norms.max(initial=0)))

    @classmethod
    def as_sorted(cls, items: np.ndarray | SortedItems) -> SortedItems:
        """Return the items sorted, unless they already are."""
        return items if isinstance(items, SortedItems) else cls.of(items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def nbytes(self) -> int:
        """The size of the arrays in bytes, without the items."""
        return self.norms.nbytes + self.order.nbytes

    def order_of(self, allowed: np.ndarray | None) -> np.ndarray:
        """Return the part of ``order`` whose items are allowed."""
        return self.order if allowed is None else self.order[allowed[self.order]]


@dataclass(frozen=True)
class Tiles:
    """Items in decreasing order of norm, cut into tiles, and bounds of the scores' rounding errors.

    The score that the matrix product gives for a user x and an item y differs from the exact score
    by at most relative_error ‖x‖ ‖y‖ + absolute_error.

    Attributes
    ----------
    users, items : (m, k), (n_items, k), of one dtype
    order : int32, the positions of the items to rank
    position : int32 (n_items,), the inverse of ``order``, −1 for items that are not ranked
    user_norms : float64 (m,), upper bounds of the users' norms
    tile_norms : float64 (n_tiles,), an upper bound of the item norms of each tile
    packed : the factors of the first tiles, in the layout that the matrix product reads
    isa : int, the instruction set
    width, group : int, items and users of one matrix product
    """

    users: np.ndarray
    items: np.ndarray
    order: np.ndarray
    position: np.ndarray
    user_norms: np.ndarray
    tile_norms: np.ndarray
    relative_error: float
    absolute_error: float
    packed: np.ndarray
    isa: int
    width: int
    group: int

    @classmethod
    def of(
        cls,
        users: np.ndarray,
        items: np.ndarray | SortedItems,
        allowed: np.ndarray | None = None,
    ) -> Tiles:
        """Return tiles of the ``allowed`` items, by default of all items, without packed factors.

        Raises
        ------
        ValueError
            If the factors are not finite, or so large that scores overflow.
        """
        catalogue = SortedItems.as_sorted(items)
        items, norms = catalogue.items, catalogue.norms
        dtype = ranking_dtype(users, catalogue)
        order = catalogue.order_of(allowed)
        position = np.full(len(items), -1, dtype=np.int32)
        position[order] = np.arange(len(order), dtype=np.int32)
        k = users.shape[1]
        return cls(
            users=as_aligned(users, dtype),
            items=as_aligned(items, dtype),
            order=order,
            position=position,
            user_norms=norm_bounds(users),
            tile_norms=norms[order[::TILE]],
            # Bounds the k roundings of the sum, in any order of summation; see docs/ranking.md.
            relative_error=1.01 * (k + 8) * float(np.finfo(dtype).eps) / 2,
            absolute_error=(k + 8) * float(np.finfo(dtype).tiny),
            packed=np.empty(0, dtype),
            isa=isa_number(),
            width=TILE,
            group=GROUP,
        )

    def with_packed(self, threads: int) -> Tiles:
        """Return the tiles with the factors of the first tiles packed, on a 64-byte boundary."""
        tile = self.width * self.items.shape[1]
        n_tiles = min(len(self.tile_norms), PACKED_BYTES // max(1, tile * self.items.itemsize))
        packed = aligned_bytes(n_tiles * tile * self.items.itemsize).view(self.items.dtype)
        if n_tiles:
            pack(self.isa, self.items, self.order, self.width, packed, threads)
        return dataclasses.replace(self, packed=packed)


def ranking_dtype(users: np.ndarray, catalogue: SortedItems) -> np.dtype:
    """Return the dtype in which the scores of users and items are computed.

    Raises
    ------
    ValueError
        If the factors are not finite, or so large that scores overflow.
    """
    largest = catalogue.largest * norm_bounds(users).max(initial=0)
    if not np.isfinite(largest) or largest > 1e300:
        raise ValueError(
            "the factors hold NaN, infinite or huge values, so nothing can be ranked: "
            "train with more regularization or a smaller alpha"
        )
    # Above this limit, sums in float32 could overflow.
    return (
        np.dtype(np.float64)
        if largest > 1e37
        else np.result_type(users, catalogue.items, np.float32)
    )


def norm_bounds(factors: np.ndarray) -> np.ndarray:
    """Return an upper bound of each row's norm, in float64, that is too large only by rounding."""
    info = np.finfo(np.result_type(factors, np.float32))
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", factors, factors, dtype=info.dtype)
        if not np.isfinite(squares.max(initial=0)):
            squares = np.einsum("ij,ij->i", factors, factors, dtype=np.float64)
    k = factors.shape[1]
    # Each of the k products and sums is rounded; one below the smallest number may become zero.
    error, lost = 1 + (k + 8) * float(info.eps), 2 * k * float(info.tiny)
    bounds: np.ndarray = np.sqrt(squares.astype(np.float64) * error + lost)
    return bounds
