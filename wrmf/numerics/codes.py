"""Rounds factors to bytes, so that a request for a few users is answered by a short scan.

A request for one user reads every item once, and is as fast as memory is read. A byte for each
factor is a quarter of a float32. The norm of each item's rounding error bounds the error of its
score, and only items that may be among the best get an exact score. So the lists are the same as
those of ``ranking.top_n``. docs/ranking.md has the mathematics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wrmf._ranking import RUN
from wrmf._serving import Scanner, encode
from wrmf.numerics.isa import isa_number
from wrmf.numerics.tiles import SortedItems

__all__ = ["Codes"]

# A scale below LEAST_SCALE is subnormal in float32, or nearly so. It is set to 0, and the item's
# norm becomes its error.
LEAST_SCALE = 1e-30
# The value of the lowest bit of a word, in units of its highest byte; see codes.h.
BYTE_UNIT = 2.0**-24
# Covers the rounding of tiny numbers.
LEAST_SLACK = 1e-18


@dataclass(frozen=True)
class Codes:
    """The rounded factors of items, and scanners for scores and for cosines.

    Attributes
    ----------
    scores : Scanner
        Finds the items with the highest scores.
    cosines : Scanner
        Finds the items with the highest scores after the factors of each item have been divided by
        its length. Items of length 0 are never found.
    lengths : (n_items,) of the items' dtype
    nbytes : int
        The size of all arrays in bytes, without the factors.
    """

    scores: Scanner
    cosines: Scanner
    lengths: np.ndarray
    nbytes: int

    @classmethod
    def of(cls, catalogue: SortedItems, lengths: np.ndarray, threads: int = 1) -> Codes:
        """Return the codes of items.

        Parameters
        ----------
        catalogue : SortedItems
        lengths : (n_items,) of the items' dtype, the norms of the items
        """
        items, order = np.ascontiguousarray(catalogue.items), catalogue.order
        n_items, k = items.shape
        n_groups = -(-n_items // RUN)
        words = np.zeros((n_groups, -(-k // 4), RUN), dtype=np.int32)
        codes = np.zeros((n_items, 3))
        encode(isa_number(), items, order, words, codes, threads)
        norms = catalogue.norms[order]
        largest = float(norms[0])
        of_scores = _bounds(codes, np.full(n_items, largest), k, n_groups)
        with np.errstate(divide="ignore", invalid="ignore"):
            bars = norms[::RUN] / largest * (1 + 1e-6) + LEAST_SLACK
        of_cosines = _bounds(codes, lengths[order].astype(np.float64), k, n_groups)
        shared = isa_number(), items, order, words
        arrays = words, *of_scores, bars, *of_cosines, lengths
        return cls(
            scores=Scanner(*shared, *of_scores, bars, None, largest),
            cosines=Scanner(*shared, *of_cosines, None, lengths, 1.0),
            lengths=lengths,
            nbytes=sum(array.nbytes for array in arrays),
        )


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
