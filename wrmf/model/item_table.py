"""A table of items, keyed by their ids, and the items whose rows meet a condition."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from wrmf.data.pandas_types import is_pandas_frame, is_pandas_series
from wrmf.model.axis_ids import AxisIds
from wrmf.model.filter_forms import as_bool_column
from wrmf.model.keyed_frame import read_keyed_frame

__all__ = ["ItemTable"]

# The column of ids.
ITEM = "item"
# Masks of the conditions asked for last are kept.
KEPT_MASKS = 8
# What may be compared by a mapping, and kept by its value.
SCALARS = (str, int, float, bool, bytes)
COLLECTIONS = (list, tuple, set, frozenset, range, np.ndarray)


class ItemTable:
    """Properties of items, one row each.

    Parameters
    ----------
    table : data frame
        Of pandas, polars (also lazy), arrow or another library that narwhals knows, or a dict of
        columns. Ids are in the column "item"; without such a column, in the index of a frame of
        pandas. It is not copied.

    Raises
    ------
    TypeError
        For what is no table.
    ValueError
        If there are no ids, or an id has several rows.

    Examples
    --------
    >>> table = ItemTable({"item": ["x", "y"], "genre": ["jazz", "rock"]})
    >>> table.mask({"genre": "jazz"}, AxisIds("items", np.array(["y", "x"], dtype=object)))
    array([False,  True])
    """

    def __init__(self, table: Any) -> None:
        self.frame, self.native, self.ids = read_keyed_frame(table, ITEM, "item_table")
        # The ids of a model, the positions of the rows among them, and masks by their conditions:
        # replaced together, so that threads need no lock.
        self._kept: tuple[np.ndarray, np.ndarray, dict[Any, np.ndarray]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_kept": None}

    def mask(self, where: Any, axis: AxisIds) -> np.ndarray:
        """Return whether each item of a model has a row that meets a condition.

        Parameters
        ----------
        where : mapping, callable, or a column of booleans
            A mapping of column to the value that it must have, or a collection of such values, or
            a function of the column; None stands for a missing value. All columns of a mapping
            must agree. A callable is given the table, and returns a column of booleans. A column of
            booleans has the rows of the table.
        axis : AxisIds of the items of the model

        Returns
        -------
        bool (n_items,), which must not be written to
            False for items without a row, and where the condition is missing.
        """
        places, masks = self._aligned(axis)
        key = _key(where)
        mask = None if key is None else masks.get(key)
        if mask is None:
            rows = self._rows(where)
            # The last place takes the rows of items that the model does not have.
            mask = np.zeros(len(axis.ids) + 1, dtype=bool)
            mask[places] = rows
            mask = mask[:-1]
            if key is not None:
                if len(masks) >= KEPT_MASKS:
                    masks.clear()
                masks[key] = mask
        return mask

    def _aligned(self, axis: AxisIds) -> tuple[np.ndarray, dict[Any, np.ndarray]]:
        """Return the position of each row's item, −1 if the model does not have it, and masks."""
        kept = self._kept
        if kept is None or kept[0] is not axis.ids:
            positions = axis.index.positions(self.ids)
            n_known = int((positions >= 0).sum())
            if not n_known and len(axis.ids):
                raise ValueError(
                    f"item_table has none of the items of the model: it has ids such as "
                    f"{self.ids[:1]}, the model such as {axis.ids[:1].tolist()}"
                )
            if n_known < len(axis.ids):
                warnings.warn(
                    f"item_table has no row for {len(axis.ids) - n_known} of {len(axis.ids)} items "
                    "of the model, which meet no condition of where=",
                    stacklevel=6,
                )
            kept = self._kept = axis.ids, positions, {}
        return kept[1:]

    def _rows(self, where: Any) -> np.ndarray:
        """Return whether each row of the table meets a condition."""
        if isinstance(where, Mapping):
            rows = np.ones(len(self.ids), dtype=bool)
            for name, wanted in where.items():
                rows &= self._meets(name, wanted)
            return rows
        if callable(where):
            return self._checked(where(self.native))
        if as_bool_column(where) is None:
            raise TypeError(
                "where must be a mapping of columns to values, a column of booleans of "
                f"model.item_table, or a function of this table, got a {type(where).__name__}"
            )
        return self._checked(where)

    def _meets(self, name: Any, wanted: Any) -> np.ndarray:
        if name not in self.frame.columns:
            raise ValueError(
                f"item_table has no column {name!r}; it has "
                f"{', '.join(map(repr, self.frame.columns[:20]))}"
            )
        column = self.frame[name]
        if callable(wanted):
            return self._checked(wanted(column.to_native()))
        if wanted is None:
            met = column.is_null()
        elif isinstance(wanted, COLLECTIONS):
            met = column.is_in(list(wanted))
        else:
            met = column == wanted
        return self._checked(met.fill_null(False).to_native())

    def _checked(self, column: Any) -> np.ndarray:
        """Return a column of booleans of this table as an array; missing values are False."""
        import narwhals as nw

        native = self.native
        has_index = is_pandas_series(column) and is_pandas_frame(native)
        if has_index and not column.index.equals(native.index):
            raise ValueError(
                "the rows of a condition must be those of model.item_table, in their order"
            )
        if not isinstance(column, np.ndarray):
            wrapped = nw.from_native(column, series_only=True, pass_through=True)
            if isinstance(wrapped, nw.Series):
                column = wrapped.fill_null(False).to_native() if wrapped.null_count() else column
        rows = as_bool_column(column)
        if rows is None or rows.shape != (len(self.ids),):
            shape = "" if rows is None else f" of {len(rows)}"
            raise ValueError(
                f"a condition must give a boolean for each of the {len(self.ids)} rows of "
                f"model.item_table, got a {type(column).__name__}{shape}"
            )
        return rows


def _key(where: Any) -> Any:
    """Return what tells a condition from others; None for one that cannot be kept."""
    if not isinstance(where, Mapping):
        return None
    if not all(value is None or type(value) in SCALARS for value in where.values()):
        return None
    # 1, 1.0 and True are equal, but need not be so for the library of the table.
    return tuple((name, type(value), value) for name, value in where.items())
