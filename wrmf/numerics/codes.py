"""Rounds factors to bytes, so that a request for a few users is answered by a short scan.

A request for one user reads every item once, and is as fast as memory is read. A byte for each
factor is a quarter of a float32. The norm of each item's rounding error bounds the error of its
score, and only items that may be among the best get an exact score. So the lists are the same as
those of ``ranking.top_n``. docs/ranking.md has the mathematics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from wrmf._ranking import RUN
from wrmf._serving import Scanner, encode
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import as_aligned
from wrmf.numerics.tiles import SortedItems

__all__ = ["CodeArrays", "Codes"]

# A scale below LEAST_SCALE is subnormal in float32, or nearly so. It is set to 0, and the item's
# norm becomes its error.
LEAST_SCALE = 1e-30
# The value of the lowest bit of a word, in units of its highest byte; see codes.h.
BYTE_UNIT = 2.0**-24
# Covers the rounding of tiny numbers.
LEAST_SLACK = 1e-18


@dataclass(frozen=True)
class CodeArrays:
    """The rounded factors of items and the bounds of their errors, as plain arrays.

    RUN items are a group, for which words and bounds are kept together. Rows of a group past the
    last item are zeros.

    Attributes
    ----------
    order : int32 (n_items,)
        The positions of the items, the largest norm first. All but ``norms`` and ``lengths`` are in
        this order.
    norms : float64 (n_items,), upper bounds of the items' norms
    lengths : (n_items,) of the items' dtype, their norms
    words : int32 (n_groups, n_words, RUN), four factors in each
    score_scales, cosine_scales : float32 (n_groups · RUN,)
        What a byte of an item is worth, in scores and in cosines.
    score_slack, cosine_slack : float64 (n_groups,), bounds of the errors
    bars : float64 (n_groups,), the largest norm of each group as a share of the largest of all
    """

    order: np.ndarray
    norms: np.ndarray
    lengths: np.ndarray
    words: np.ndarray
    score_scales: np.ndarray
    score_slack: np.ndarray
    bars: np.ndarray
    cosine_scales: np.ndarray
    cosine_slack: np.ndarray

    @classmethod
    def of(cls, catalogue: SortedItems, lengths: np.ndarray, threads: int = 1) -> CodeArrays:
        """Return the arrays of items.

        Parameters
        ----------
        catalogue : SortedItems
        lengths : (n_items,) of the items' dtype, the norms of the items
        """
        items, order = as_aligned(catalogue.items, catalogue.items.dtype), catalogue.order
        n_items, k = items.shape
        n_groups = -(-n_items // RUN)
        words = np.zeros((n_groups, -(-k // 4), RUN), dtype=np.int32)
        codes = np.zeros((n_items, 3))
        encode(isa_number(), items, order, words, codes, threads)
        norms = catalogue.norms[order]
        largest = float(norms[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            bars = norms[::RUN] / largest * (1 + 1e-6) + LEAST_SLACK
        of_scores = _bounds(codes, np.full(n_items, largest), k, n_groups)
        of_cosines = _bounds(codes, lengths[order].astype(np.float64), k, n_groups)
        return cls(order, catalogue.norms, lengths, words, *of_scores, bars, *of_cosines)

    def check(self, items: np.ndarray) -> None:
        """Raise a ValueError unless the arrays have the shapes and dtypes of those of items.

        Positions are compared with the number of items, since kernels do not check them.
        """
        n_items, k = items.shape
        n_groups = -(-n_items // RUN)
        real, single, double, whole = items.dtype, np.float32, np.float64, np.int32
        expected: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
            "order": (whole, (n_items,)),
            "norms": (double, (n_items,)),
            "lengths": (real, (n_items,)),
            "words": (whole, (n_groups, -(-k // 4), RUN)),
            "score_scales": (single, (n_groups * RUN,)),
            "score_slack": (double, (n_groups,)),
            "bars": (double, (n_groups,)),
            "cosine_scales": (single, (n_groups * RUN,)),
            "cosine_slack": (double, (n_groups,)),
        }
        for name, (dtype, shape) in expected.items():
            array = getattr(self, name)
            if (array.dtype, array.shape) != (np.dtype(dtype), shape):
                raise ValueError(
                    f"the codes of {n_items} items have {name} of {array.dtype} {array.shape}"
                )
        if n_items and (self.order.min() < 0 or self.order.max() >= n_items):
            raise ValueError(f"positions of the codes must lie in 0 … {n_items - 1}")

    def check_order(self) -> None:
        """Raise a ValueError unless every position is there once; this reads all of them."""
        if not np.array_equal(np.bincount(self.order), np.ones(len(self.order))):
            raise ValueError("the order of the codes repeats a position")

    def sorted_items(self, items: np.ndarray) -> SortedItems:
        """Return the items in decreasing order of norm."""
        return SortedItems(items, self.norms, self.order, float(self.norms[self.order[0]]))


@dataclass(frozen=True)
class Codes:
    """Scanners of rounded factors, for scores and for cosines.

    Attributes
    ----------
    arrays : CodeArrays
    scores : Scanner
        Finds the items with the highest scores.
    cosines : Scanner
        Finds the items with the highest scores after the factors of each item have been divided by
        its length. Items of length 0 are never found.
    """

    arrays: CodeArrays
    scores: Scanner
    cosines: Scanner

    @classmethod
    def of(cls, items: np.ndarray, arrays: CodeArrays) -> Codes:
        """Return the scanners of items, which :meth:`CodeArrays.check` has compared with them."""
        shared = isa_number(), as_aligned(items, items.dtype), arrays.order, arrays.words
        of_scores = arrays.score_scales, arrays.score_slack, arrays.bars, None
        of_cosines = arrays.cosine_scales, arrays.cosine_slack, None, arrays.lengths
        largest = float(arrays.norms[arrays.order[0]])
        return cls(
            arrays=arrays,
            scores=Scanner(*shared, *of_scores, largest),
            cosines=Scanner(*shared, *of_cosines, 1.0),
        )

    @property
    def nbytes(self) -> int:
        """The size of the arrays in bytes, without those that others need, too."""
        arrays, shared = vars(self.arrays).items(), ("order", "norms", "lengths")
        return sum(array.nbytes for name, array in arrays if name not in shared)


def _bounds(
    codes: np.ndarray, divisors: np.ndarray, k: int, n_groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scales of the items, float32, and the slack of the groups, float64.

    Scores of users of length one are divided by ``divisors``. An item with divisor 0 gets scale 0.
    """
    steps, errors, sizes = codes.T
    scales = np.zeros(n_groups * RUN, dtype=np.float32)
    slack = np.zeros(n_groups * RUN)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exact = np.where(divisors > 0, steps / divisors, 0)
        lost = exact < LEAST_SCALE
        scales[: len(codes)] = np.where(lost, 0, exact * BYTE_UNIT)
        error = (errors + np.where(lost, sizes, 0)) / divisors
        size = sizes / divisors
    # The k products and sums in float32, the rounding of the user, of the scale, of the bytes with
    # their fractions, and of the factors that are divided by lengths.
    rounding = 1.01 * (k + 24) * float(np.finfo(np.float32).eps) / 2
    bound = error * (1 + 1e-5) + rounding * (size + error) + LEAST_SLACK
    slack[: len(codes)] = np.where(divisors > 0, bound, 0)
    return scales, slack.reshape(n_groups, RUN).max(axis=1, initial=0)
