"""Takes features of new and known rows into the features of a model."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.axes import map_axis
from wrmf.data.id_index import IdIndex
from wrmf.data.inputs import is_matrix
from wrmf.model.features import SIDES, SideFeatures, frame_ids, read_features
from wrmf.model.growth import GrownAxes, check_id_types
from wrmf.model.saved_ids import check_ids
from wrmf.model.state import Factors

__all__ = ["GrownFeatures"]

NO_ROWS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class GrownFeatures:
    """The features of one side after an update.

    Attributes
    ----------
    axes : GrownAxes
        With the ids that only a frame of features has at the end.
    features : SideFeatures, or None for a model without features of this side
    changed : int64, the known rows whose features have changed
    """

    axes: GrownAxes
    features: SideFeatures | None
    changed: np.ndarray

    @classmethod
    def of(
        cls, given: Any, side: int, state: Factors, axes: GrownAxes, data_ids: np.ndarray | None
    ) -> GrownFeatures:
        """Return the features of a side.

        Parameters
        ----------
        given : matrix or data frame, or None
            The rows of a matrix are those of the data. A frame may have ids that neither the data
            nor the model has.
        side : {0, 1}, users or items
        state : Factors, the model before the update
        axes : GrownAxes of the data
        data_ids : the ids of the data on this side; None if there is no data

        Raises
        ------
        TypeError, ValueError
            As ``read_features``, for features of a side that the model has none of, and for a
            matrix without data.
        """
        own, name = state.features[side], f"{SIDES[side]}_features"
        if own is None:
            if given is not None:
                raise ValueError(
                    f"the model was fitted without {name}, so these have no effect: leave them out"
                )
            return cls(axes, None, NO_ROWS)
        n_known = state.shape[side]
        if given is None:
            n_new = len(axes.ids(side)) - n_known
            if n_new:
                warnings.warn(
                    f"{n_new} new {SIDES[side]}s have no features, which count as zeros: pass "
                    f"{name}",
                    stacklevel=4,
                )
            return cls(axes, own.with_rows(_padded(own.rows("it is updated"), n_new)), NO_ROWS)
        if is_matrix(given):
            if data_ids is None:
                raise ValueError(
                    f"{name} without data must be a frame with a column {SIDES[side]!r}, got a "
                    "matrix, whose rows are those of the data"
                )
            ids = data_ids
        else:
            ids = frame_ids(given, side)
            check_id_types(ids, (state.prepared.user_ids, state.prepared.item_ids)[side].index)
            check_ids(ids, SIDES[side])
            axes = axes.with_ids(side, map_axis(ids, axes.ids(side), "extend", f"{SIDES[side]}s"))
        table = read_features(given, IdIndex(ids, f"{SIDES[side]}s"), side, own)
        places = map_axis(ids, axes.ids(side), "error", f"{SIDES[side]}s").positions
        before = _padded(own.rows("it is updated"), len(axes.ids(side)) - n_known)
        # The rows of what was known, then those that are given.
        source = np.arange(len(axes.ids(side)))
        source[places] = len(source) + np.arange(len(places))
        after = sparse.vstack([before, table.matrix]).tocsr()[source]
        n_without = int(np.count_nonzero(source[n_known:] < len(source)))
        if n_without:
            warnings.warn(
                f"{name} have no row for {n_without} new {SIDES[side]}s, whose features count as "
                "zeros",
                stacklevel=4,
            )
        differing = sparse.csr_matrix(before[:n_known] != after[:n_known])
        changed = np.flatnonzero(np.diff(differing.indptr))
        return cls(axes, own.with_rows(_canonical(after)), changed)


def _padded(matrix: sparse.csr_matrix, n_more: int) -> sparse.csr_matrix:
    """Return features with rows of zeros appended."""
    indptr = np.concatenate([matrix.indptr, np.repeat(matrix.indptr[-1:], n_more)])
    shape = matrix.shape[0] + n_more, matrix.shape[1]
    return _canonical(sparse.csr_matrix((matrix.data, matrix.indices, indptr), shape=shape))


def _canonical(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    indptr_type = np.int32 if matrix.nnz < 2**31 else np.int64
    matrix.indptr = matrix.indptr.astype(indptr_type, copy=False)
    matrix.indices = matrix.indices.astype(np.int32, copy=False)
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix
