"""What requests need beside the factors of one axis: norms, codes, systems of fold-ins."""

from __future__ import annotations

from typing import Any

import numpy as np

from wrmf.cached import cached_property
from wrmf.model.limits import check_regularization
from wrmf.model.members import member_blocks
from wrmf.model.parameters import Parameters
from wrmf.model.parts import Parts
from wrmf.numerics.codes import CodeArrays, Codes
from wrmf.numerics.fold_in import FoldInSystem
from wrmf.numerics.isa import isa_number
from wrmf.numerics.objective import Objective, gram
from wrmf.numerics.offsets import item_rows, offset_scale
from wrmf.numerics.ranking import row_lengths
from wrmf.numerics.threads import kernel_threads
from wrmf.numerics.tiles import SortedItems

__all__ = ["AxisFactors"]


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
                # An infinite λ has no system. Rows with entries are checked where they are solved.
                check_regularization(np.zeros(1, np.int64), len(self.factors), params, side)
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
