"""Features of users and items: the forms that callers pass them in, and what a model keeps of them.

A row with features f is expected to have the factors A f, and λ pulls it there instead of to zero;
see :mod:`wrmf.numerics.priors`. A is fitted with the factors, by a ridge regression in each sweep.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from wrmf.data.axes import as_ids
from wrmf.data.checks import as_csr
from wrmf.data.id_index import IdIndex
from wrmf.data.inputs import as_matrix, is_matrix
from wrmf.model.keyed_frame import read_keyed_frame
from wrmf.model.members import member_blocks
from wrmf.model.parameters import Parameters
from wrmf.numerics.priors import Prior

__all__ = [
    "NO_FEATURES",
    "SIDES",
    "FeatureTable",
    "SideFeatures",
    "features_of_new",
    "features_of_training",
    "frame_ids",
    "member_priors",
    "penalised",
    "read_features",
]

SIDES = ("user", "item")


class FeatureTable(NamedTuple):
    """Features of rows.

    Attributes
    ----------
    matrix : canonical CSR (n_rows, n_features), float32
    names : tuple of str, the columns of a frame, or None
    """

    matrix: sparse.csr_matrix
    names: tuple[str, ...] | None


@dataclass(frozen=True, eq=False)
class SideFeatures:
    """The features of the users or the items of a model.

    Attributes
    ----------
    table : FeatureTable of all rows, or None for a model that was saved without its training data
    factors : (n_features, k), Aᵀ; the members side by side, scaled as the factors of the rows
    names : tuple of str, or None
    """

    table: FeatureTable | None
    factors: np.ndarray
    names: tuple[str, ...] | None = None

    def check(self, n_rows: int, k: int, dtype: np.dtype[Any]) -> None:
        """Raise a ValueError for shapes or a dtype that do not fit the factors of the rows."""
        shape = self.factors.shape
        if len(shape) != 2 or (shape[1], self.factors.dtype) != (k, dtype):
            raise ValueError(
                f"factors of features must be {dtype} of shape (n_features, {k}), got "
                f"{self.factors.dtype} {shape}"
            )
        if self.table is not None and self.table.matrix.shape != (n_rows, shape[0]):
            raise ValueError(
                f"features must be of shape ({n_rows}, {shape[0]}), got {self.table.matrix.shape}"
            )

    @classmethod
    def of(cls, table: FeatureTable, k: int, dtype: np.dtype[Any]) -> SideFeatures:
        """Return features before training: their factors are zero."""
        return cls(table, np.zeros((table.matrix.shape[1], k), dtype=dtype), table.names)

    def prior(self, matrix: sparse.csr_matrix | None = None) -> Prior:
        """Return what the features of some rows, by default of all, say about their factors."""
        if matrix is None:
            matrix = self.rows("training continues")
        return Prior(matrix, self.factors)

    def rows(self, purpose: str) -> sparse.csr_matrix:
        """Return the features of all rows; a ValueError if they were not saved."""
        if self.table is None:
            raise ValueError(
                f"this model was saved without its features, by which {purpose}: use a file saved "
                "with train=True"
            )
        return self.table.matrix

    def with_rows(self, matrix: sparse.csr_matrix) -> SideFeatures:
        """Return the same factors with the features of other rows."""
        return replace(self, table=FeatureTable(matrix, self.names))


# The features of users and of items, of a model that has none.
NO_FEATURES: tuple[SideFeatures | None, SideFeatures | None] = (None, None)


def member_priors(prior: Prior | None, n_models: int, side: int) -> list[Prior | None]:
    """Return the prior of each member."""
    if prior is None or n_models == 1:
        return [prior] * n_models
    blocks = member_blocks(prior.factors, n_models, side)
    return [Prior(prior.features, block) for block in blocks]


def penalised(
    factors: tuple[np.ndarray, np.ndarray],
    priors: tuple[Prior | None, Prior | None],
    strengths: tuple[float, float],
) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """Return what λ penalises, the differences x − A f, and the penalty of the factors of features.

    Parameters
    ----------
    factors, priors : of users and of items
    strengths : λ_A of both sides
    """
    deviations, penalty = list(factors), 0.0
    for side, prior in enumerate(priors):
        if prior is not None:
            deviations[side] = factors[side] - prior.expected(1)
            penalty += strengths[side] * float(np.sum(prior.factors.astype(np.float64) ** 2))
    return (deviations[0], deviations[1]), penalty


def features_of_training(
    features: tuple[Any, Any], ids: tuple[np.ndarray, np.ndarray], params: Parameters
) -> tuple[SideFeatures | None, SideFeatures | None]:
    """Return the features of users and of items, before training.

    Raises
    ------
    TypeError, ValueError
        As ``read_features``, and if λ is 0 for a side, so that its features would have no effect.
    """
    of_sides: list[SideFeatures | None] = []
    for side, given in enumerate(features):
        if given is None:
            of_sides.append(None)
            continue
        name = SIDES[side]
        if params.regularization[side] == 0:
            raise ValueError(
                f"{name}_features have no effect with a regularization of 0 for {name}s: pass "
                "regularization above 0"
            )
        table = read_features(given, IdIndex(ids[side], f"{name}s"), side)
        of_sides.append(SideFeatures.of(table, params.n_columns, params.dtype))
    return of_sides[0], of_sides[1]


def features_of_new(
    features: Any, ids: np.ndarray, own: SideFeatures | None, side: int
) -> FeatureTable | None:
    """Return features of new rows; None if there are none.

    Raises
    ------
    TypeError, ValueError
        As ``read_features``, and for features of a side that the model has none of.
    """
    if features is None:
        return None
    if own is None:
        raise ValueError(
            f"the model was fitted without {SIDES[side]}_features, so these have no effect: leave "
            f"them out, or call fit(data, {SIDES[side]}_features=)"
        )
    return read_features(features, IdIndex(ids, f"{SIDES[side]}s"), side, own)


def read_features(
    features: Any, ids: IdIndex, side: int, like: SideFeatures | None = None
) -> FeatureTable:
    """Return features of the rows of an axis.

    Parameters
    ----------
    features : sparse or dense matrix (n_rows, n_features), or a data frame
        The rows of a matrix are in the order of the axis. A frame has the ids in the column "user"
        or "item", or in the index of a frame of pandas, in any order; its other columns are
        numbers. Ids that it does not have get zeros, which a warning counts.
    ids : IdIndex, the axis
    side : {0, 1}, users or items
    like : SideFeatures, optional
        Those of a model, whose number and names of features are required.

    Raises
    ------
    TypeError, ValueError
        For another number of rows or features, for values that are no finite numbers, and for a
        frame without any id of the axis.
    """
    name = f"{SIDES[side]}_features"
    if is_matrix(features):
        table = _of_matrix(as_matrix(features), len(ids), name, SIDES[side])
    else:
        table = _of_frame(features, ids, side, like)
    n_features = table.matrix.shape[1]
    if not n_features:
        raise ValueError(f"{name} have no columns: leave them out")
    if like is not None and n_features != len(like.factors):
        raise ValueError(
            f"{name} have {n_features} columns, the model was fitted with {len(like.factors)}"
        )
    return table


def frame_ids(features: Any, side: int) -> np.ndarray:
    """Return the ids of the rows of a frame of features."""
    name = f"{SIDES[side]}_features"
    return as_ids(read_keyed_frame(features, SIDES[side], name).ids, None, f"{SIDES[side]}s")


def _of_matrix(matrix: Any, n_rows: int, name: str, what: str) -> FeatureTable:
    if matrix.ndim != 2 or matrix.shape[0] != n_rows:
        raise ValueError(
            f"{name} must have a row for each of {n_rows} {what}s, in their order, got shape "
            f"{matrix.shape}: pass a frame with a column {what!r} to match rows by id"
        )
    return FeatureTable(as_csr(matrix, name, allow_empty=True, negative="dislike"), None)


def _of_frame(features: Any, ids: IdIndex, side: int, like: SideFeatures | None) -> FeatureTable:
    what = SIDES[side]
    name = f"{what}_features"
    frame, _, row_ids = read_keyed_frame(features, what, name)
    columns = [column for column in frame.columns if column != what]
    if like is not None and like.names is not None:
        missing = [column for column in like.names if column not in columns]
        if missing:
            raise ValueError(
                f"{name} have no column {missing[0]!r}, with which the model was fitted; they have "
                f"{', '.join(map(repr, columns[:10]))}"
            )
        columns = list(like.names)
    positions = ids.positions(row_ids)
    rows = np.flatnonzero(positions >= 0)
    if not len(rows) and len(ids):
        raise ValueError(
            f"{name} have none of the {what}s: they have ids such as {row_ids[:1]}, the data such "
            f"as {ids.ids[:1].tolist()}"
        )
    if len(rows) < len(ids):
        warnings.warn(
            f"{name} have no row for {len(ids) - len(rows)} of {len(ids)} {what}s, whose features "
            "count as zeros",
            stacklevel=5,
        )
    values = np.zeros((len(ids), len(columns)))
    for place, column in enumerate(columns):
        values[positions[rows], place] = _numbers(frame[column], column, name)[rows]
    matrix = as_csr(values, name, allow_empty=True, negative="dislike")
    return FeatureTable(matrix, tuple(map(str, columns)))


def _numbers(column: Any, label: str, name: str) -> np.ndarray:
    """Return a column of numbers or booleans as float64."""
    import narwhals as nw

    if not column.dtype.is_numeric() and column.dtype != nw.Boolean:
        raise TypeError(
            f"{name} must be numbers, column {label!r} holds {column.dtype}: make columns of "
            "numbers of it, as pandas.get_dummies does"
        )
    if column.null_count():
        raise ValueError(f"{name} have {column.null_count()} nulls in column {label!r}: fill them")
    return np.asarray(column.to_numpy(), dtype=np.float64)
