"""Sums over the entries that rows have in one place, to be added up over all places.

Where users are divided into shards, the entries of an item lie in all of them. Its system,

    (D + Σ w v vᵀ) t = Σ b v,

is a sum over its entries, apart from the common part D, which is diagonal in the basis of
:class:`Basis`. :func:`normal_sums` returns a shard's part of the system itself, :func:`products`
its part of a product with it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from wrmf._als import MOST_ORDER, multiply
from wrmf._sums import apply_rows, part_size, sum_rows, unpack
from wrmf.numerics.isa import isa_number
from wrmf.numerics.layout import aligned_array, as_aligned, padded, padded_width
from wrmf.numerics.plan import PART_ENTRIES
from wrmf.numerics.side import Side
from wrmf.numerics.sweep import Shared, System
from wrmf.numerics.threads import kernel_threads, single_threaded_blas
from wrmf.numerics.whitening import Frame

__all__ = ["Basis", "Cut", "Shard", "cut_rows", "double_sums", "normal_sums", "products"]


class Cut(NamedTuple):
    """Rows of a side, and their entries cut into parts; ``wrmf._sums`` describes the fields."""

    rows: np.ndarray
    place: np.ndarray
    first: np.ndarray
    last: np.ndarray
    start: np.ndarray


def cut_rows(indptr: np.ndarray, rows: np.ndarray) -> Cut:
    """Return the parts of rows, of at most ``PART_ENTRIES`` entries; a row has one at least."""
    begin, end = indptr[rows], indptr[rows + 1]
    counts = np.maximum(-(-(end - begin) // PART_ENTRIES), 1)
    start = np.concatenate(([0], np.cumsum(counts)))
    place = np.repeat(np.arange(len(rows), dtype=np.int32), counts)
    first = begin[place] + PART_ENTRIES * (np.arange(start[-1]) - start[place])
    last = np.minimum(first + PART_ENTRIES, end[place])
    return Cut(rows.astype(np.int32, copy=False), place, first, last, start)


@dataclass(frozen=True)
class Basis:
    """The part that the systems of all rows share, and the basis in which they are solved.

    Attributes
    ----------
    shared : Shared
    dtype : dtype of the computation: float64 where the basis is too coarse for float32
    isa : str, optional
        The instruction set; by default the active one. Sums of several sets cannot be added.
    """

    shared: Shared
    dtype: np.dtype
    isa: str | None = None

    @classmethod
    def of(
        cls, base: np.ndarray, bounds: tuple[float, float], dtype: DTypeLike, isa: str | None = None
    ) -> Basis:
        """Return the basis for the common part ``base`` + λI; parameters as in ``Frame.of``."""
        frame = Frame.of(base, bounds, dtype)
        dtype = np.dtype(np.float64 if frame.in_double else dtype)
        return cls(Shared(base, replace(frame, in_double=False)), dtype, isa)

    @property
    def k(self) -> int:
        """The number of factors."""
        return len(self.shared.base)

    def part_size(self) -> int:
        """Return how many numbers the sums of one row's normal equations take."""
        return int(part_size(isa_number(self.isa), self.dtype == np.float64, self.k))

    def limited_blas(self) -> AbstractContextManager[None]:
        """Limit BLAS to one thread where the kernels call it."""
        return single_threaded_blas(needed=not isa_number(self.isa) or self.k > MOST_ORDER)

    def system(self, fixed: np.ndarray) -> System:
        """Return what the systems of all rows share, for fixed factors in this basis."""
        return System(fixed, self.k, self.shared.frame.spectrum, 0)

    def common(self, regularization: np.ndarray) -> np.ndarray:
        """Return the diagonal D of the systems of rows, (n, ld) or (1, ld); zeros from k on."""
        spectrum = self.shared.frame.spectrum
        if not len(spectrum):
            return padded(np.ones((1, self.k)), self.dtype)
        strengths = regularization.astype(np.float64)[:, np.newaxis]
        return padded(spectrum + strengths, self.dtype)

    def whitened(self, factors: np.ndarray, num_threads: int = 0) -> np.ndarray:
        """Return fixed factors (n, k) in this basis, (n, ld), 64-byte aligned."""
        factors = as_aligned(factors, self.dtype)
        with self.limited_blas():
            threads = kernel_threads(num_threads)
            return self.shared.frame.whiten(factors, isa_number(self.isa), threads)

    def inward(self, rows: np.ndarray, num_threads: int = 0) -> np.ndarray:
        """Return solutions (n, k) in this basis, (n, ld), 64-byte aligned."""
        out = aligned_array((len(rows), padded_width(self.k)), self.dtype)
        rows, inverse = as_aligned(rows, self.dtype), padded(self.shared.frame.inverse, self.dtype)
        with self.limited_blas():
            multiply(isa_number(self.isa), rows, inverse, out, kernel_threads(num_threads))
        return out

    def start(self, factors: np.ndarray, common: np.ndarray, num_threads: int = 0) -> np.ndarray:
        """Return factors (n, k) as solutions to improve; 0 where D is, as nothing determines it."""
        solutions = self.inward(factors, num_threads)
        solutions[np.broadcast_to(common == 0, solutions.shape)] = 0
        return solutions

    def outward(self, solutions: np.ndarray, num_threads: int = 0) -> np.ndarray:
        """Return solutions (n, ld) of this basis as factors (n, k)."""
        out = np.empty((len(solutions), self.k), self.dtype)
        with self.limited_blas():
            multiply(
                isa_number(self.isa),
                solutions[:, : self.k],
                self.shared.frame.back(self.dtype),
                out,
                kernel_threads(num_threads),
            )
        return out


class Shard(NamedTuple):
    """The entries of all rows in one place.

    Attributes
    ----------
    side : Side
        Its λ is that of the whole rows; see ``counts`` of ``Side.of``.
    fixed : (n_columns, ld), the fixed factors of this place in the basis, from ``Basis.whitened``
    factors : (n_columns, k), the fixed factors themselves
    """

    side: Side
    fixed: np.ndarray
    factors: np.ndarray


def normal_sums(shard: Shard, rows: np.ndarray, basis: Basis, num_threads: int = 0) -> np.ndarray:
    """Return the packed Σ w v vᵀ and Σ b v of each row, (n, ``part_size``).

    The packing is that of the instruction set. Sums of all shards are to be added.
    """
    sums = aligned_array((len(rows), basis.part_size()), basis.dtype)
    side, cut = shard.side.astype(basis.dtype), cut_rows(shard.side.indptr, rows)
    threads = kernel_threads(num_threads)
    with basis.limited_blas():
        sum_rows(isa_number(basis.isa), side, basis.system(shard.fixed), cut, sums, threads)
    return sums


def products(
    shard: Shard,
    rows: np.ndarray,
    vectors: np.ndarray,
    is_residual: bool,
    basis: Basis,
    num_threads: int = 0,
) -> np.ndarray:
    """Return Σ v (b − w v·p) of each row if ``is_residual``, otherwise Σ w v (v·p), (n, ld).

    Parameters
    ----------
    shard : Shard
    rows : int32 (n,)
    vectors : (n, ld), p of each row
    is_residual : bool
    basis : Basis
    num_threads : int, default 0, which uses all available threads
    """
    out = aligned_array(vectors.shape, basis.dtype)
    p = aligned_array(vectors.shape, basis.dtype)
    p[:] = vectors
    side, cut = shard.side.astype(basis.dtype), cut_rows(shard.side.indptr, rows)
    system, threads = basis.system(shard.fixed), kernel_threads(num_threads)
    apply_rows(isa_number(basis.isa), is_residual, side, system, cut, p, out, threads)
    return out


def double_sums(shard: Shard, rows: np.ndarray, basis: Basis, num_threads: int = 0) -> np.ndarray:
    """Return Σ w x xᵀ and Σ b x of each row in float64, (n, k² + k): not packed, and not whitened.

    They are for rows whose systems are singular in float32.
    """
    k = basis.k
    plain = Frame(np.eye(k), np.eye(k), np.empty(0))
    double = Basis(Shared(basis.shared.base, plain), np.dtype(np.float64), basis.isa)
    side, factors = shard.side.at(rows).with_used_columns(shard.factors)
    fixed = aligned_array((len(factors), padded_width(k)), np.float64)
    fixed[:] = padded(factors, np.float64)
    everyone = np.arange(len(rows), dtype=np.int32)
    sums = normal_sums(Shard(side, fixed, factors), everyone, double, num_threads)
    out = np.empty((len(rows), k * k + k))
    for place, packed in enumerate(sums):
        matrix, target = unpack(isa_number(basis.isa), k, packed)
        out[place, : k * k], out[place, k * k :] = matrix.ravel(), target
    return out
