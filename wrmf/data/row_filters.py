"""Convert a table to rows; drop and count null, negative, small and unknown ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wrmf.data.axes import as_ids, check_unknown, map_axis, object_array
from wrmf.data.checks import is_number
from wrmf.data.choices import as_choice, shown
from wrmf.data.ids import NULL_TEXTS, encode_all, is_arrow
from wrmf.data.row_table import Column, RowTable, WantedColumns
from wrmf.data.rows import RowCounts, Rows
from wrmf.data.times import parse_times
from wrmf.data.unicode_texts import check_unicode
from wrmf.data.values import null_rows, parse_values, weigh_events

__all__ = ["Axes", "RowFilters"]

# Matches the usual text of an int of up to 18 digits, all of which int64 can hold.
OWN_FORM = re.compile(r"0|-?[1-9]\d{0,17}")
NULLS = ("error", "drop", "keep")
NEGATIVE = ("error", "drop", "dislike")


@dataclass(frozen=True)
class RowFilters:
    """Which rows are dropped.

    Attributes
    ----------
    nulls : {"error", "drop", "keep"}
        How to treat rows without an id, value or time. "keep" treats texts such as NULL as ids.
    negative : {"error", "drop", "dislike"}
        How to treat rows with a negative value; "dislike" keeps them.
    min_value : float, optional
        Rows with a smaller value, or size of a negative value, are dropped.
    """

    nulls: str = "error"
    negative: str = "error"
    min_value: float | None = None

    def __post_init__(self) -> None:
        as_choice(self.nulls, "nulls", NULLS)
        as_choice(self.negative, "negative", NEGATIVE)
        if self.min_value is not None and not is_number(self.min_value):
            raise TypeError(f"min_value must be a number, got {shown(self.min_value)}")

    def rows(
        self,
        table: RowTable,
        wanted: WantedColumns,
        time_format: str | None,
        *,
        allow_empty: bool = False,
    ) -> Rows:
        """Return the rows of a table that are not dropped.

        Their times are parsed, and each item has the first of its names. With ``allow_empty`` all
        may be dropped, as those of a part of a table.

        Raises
        ------
        TypeError, ValueError
            For invalid ids, values and times, and for null or negative rows if the filter is
            "error".
        """
        try:
            return self._rows(table, wanted, time_format, allow_empty)
        except ValueError as error:
            raise table.placed(error) from None

    def _rows(
        self, table: RowTable, wanted: WantedColumns, time_format: str | None, allow_empty: bool
    ) -> Rows:
        pairs = RowIds.of(table, wanted, ("",) if self.nulls == "keep" else NULL_TEXTS)
        kept = np.ones(len(table), dtype=bool)
        is_header = pairs.repeated_headers(wanted) if table.has_header else None
        if is_header is not None:
            if table.options.bad_lines != "drop":
                raise ValueError(
                    f"row {int(is_header.argmax())} repeats the header, as where files were "
                    'joined: pass bad_lines="drop" to leave such lines out'
                )
            # The names of other columns are neither values nor times.
            kept, table = ~is_header, table.with_nulls(is_header)
        values = _values_of(table, wanted, signed=self.negative == "dislike")
        if values is None and self.min_value is not None:
            raise ValueError("min_value needs the column of values: pass value=")
        # Rows that only keep a user or an item on its axis are at the end, and are not counted.
        n_rows = len(table) - table.n_idle
        counts = RowCounts(
            read=n_rows + table.n_malformed,
            malformed=table.n_malformed + n_rows - int(np.count_nonzero(kept[:n_rows])),
            null=self._drop_nulls(kept, _nulls_of(table, wanted, pairs, values), n_rows),
        )
        if values is not None:
            counts = self._drop_values(kept, values, counts, wanted.value, n_rows)
        n_left = int(np.count_nonzero(kept[:n_rows]))
        if not n_left and not allow_empty:
            reasons = str(counts).replace("\n", "; ")
            raise ValueError(f"no entries are left of {n_rows} rows: {reasons}")
        chosen = None if kept.all() else np.flatnonzero(kept)
        if chosen is not None:
            pairs = pairs.at(chosen)
            values = None if values is None else values[chosen]
        if table.n_idle:
            pairs = pairs.first(n_left)
            values = None if values is None else values[:n_left]
        return Rows(
            pairs.users,
            pairs.items,
            pairs.user_codes,
            pairs.item_codes,
            values,
            _times_of(table, wanted.time, time_format, chosen),
            _names_of(table, wanted.item_name, pairs, chosen),
            counts,
            signed=self.negative == "dislike",
        )

    def _drop_nulls(
        self, kept: np.ndarray, nulls: list[tuple[Column, str, np.ndarray]], n_rows: int
    ) -> int:
        """Set ``kept`` to False for rows with a null; return how many of ``n_rows`` are dropped."""
        n_before = int(np.count_nonzero(kept[:n_rows]))
        for column, kind, is_null in nulls:
            is_null = is_null & kept
            if not is_null.any():
                continue
            if self.nulls != "drop":
                row = int(is_null.argmax())
                hint = ', or nulls="keep" if its text is an id' if kind == "id" else ""
                raise ValueError(
                    f"column {column!r} has a null {kind} in row {row}, {is_null.sum()} in all: "
                    f'pass nulls="drop" to leave these rows out{hint}'
                )
            kept &= ~is_null
        return n_before - int(np.count_nonzero(kept[:n_rows]))

    def _drop_values(
        self,
        kept: np.ndarray,
        values: np.ndarray,
        counts: RowCounts,
        column: Column | None,
        n_rows: int,
    ) -> RowCounts:
        """Set ``kept`` to False for rows with negative or too small values.

        Those among the first ``n_rows`` are counted.
        """
        is_negative = kept & (values < 0 if self.negative != "dislike" else False)
        if is_negative.any() and self.negative != "drop":
            row = int(is_negative.argmax())
            raise ValueError(
                f"column {column!r} must hold finite numbers ≥ 0, row {row} holds {values[row]} "
                f'({is_negative.sum()} rows are negative): pass negative="dislike" if they are '
                'dislikes, negative="drop" to leave them out, or turn them into positive weights'
            )
        kept &= ~is_negative
        counts = replace(counts, negative=int(is_negative.sum()))
        if self.min_value is None:
            return counts
        is_small = kept & (np.abs(values) < self.min_value)
        kept &= ~is_small
        return replace(counts, small=int(is_small[:n_rows].sum()))


@dataclass(frozen=True, eq=False)
class RowIds:
    """The user and the item of each row.

    Attributes
    ----------
    user_codes, item_codes : int (n_rows,)
        Positions in ``users`` and ``items``; -1 for a null.
    users, items : ndarray of distinct ids
    """

    user_codes: np.ndarray
    users: np.ndarray
    item_codes: np.ndarray
    items: np.ndarray

    @classmethod
    def of(cls, table: RowTable, wanted: WantedColumns, null_texts: tuple[str, ...]) -> RowIds:
        """Return the pairs of the columns of ids; texts in ``null_texts`` are nulls."""
        users, items = encode_all(
            [(table.column(column), str(column)) for column in (wanted.user, wanted.item)],
            typed=not table.is_untyped,
            null_texts=null_texts,
        )
        return cls(*users, *items)

    def repeated_headers(self, wanted: WantedColumns) -> np.ndarray | None:
        """Return which rows hold the names of both columns as ids, or None if no row does."""
        is_header: np.ndarray | None = None
        for name, codes, ids in (
            (wanted.user, self.user_codes, self.users),
            (wanted.item, self.item_codes, self.items),
        ):
            # An axis of ints holds no name.
            same = np.flatnonzero(ids == name) if ids.dtype == object else np.empty(0, np.int64)
            if not len(same):
                return None
            holds = codes == same[0]
            is_header = holds if is_header is None else is_header & holds
        return is_header if is_header is not None and is_header.any() else None

    def at(self, rows: np.ndarray) -> RowIds:
        """Return the pairs of some rows, without ids that none of them has."""
        users = _used(self.user_codes[rows], self.users)
        items = _used(self.item_codes[rows], self.items)
        return RowIds(*users, *items)

    def first(self, n_rows: int) -> RowIds:
        """Return the pairs of the first rows, with all ids."""
        return replace(
            self, user_codes=self.user_codes[:n_rows], item_codes=self.item_codes[:n_rows]
        )


def _nulls_of(
    table: RowTable, wanted: WantedColumns, pairs: RowIds, values: np.ndarray | None
) -> list[tuple[Column, str, np.ndarray]]:
    """Return the columns that may have nulls: name, what they hold, and which rows are null."""
    # Most columns of ids have no null, which their least code shows without a mask of all rows.
    nulls = [
        (column, "id", codes < 0)
        for column, codes in ((wanted.user, pairs.user_codes), (wanted.item, pairs.item_codes))
        if codes.min(initial=0) < 0
    ]
    if values is not None and wanted.value is not None:
        nulls.append((wanted.value, "value", np.isnan(values)))
    if wanted.time is not None:
        nulls.append((wanted.time, "time", null_rows(table.column(wanted.time))))
    return nulls


def _values_of(table: RowTable, wanted: WantedColumns, signed: bool) -> np.ndarray | None:
    if wanted.value is None:
        return None
    column = table.column(wanted.value)
    if wanted.weights is not None:
        return weigh_events(column, wanted.value, wanted.weights, signed=signed)
    return parse_values(column, wanted.value)


def _used(codes: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop ids that no row has; return the renumbered codes and the remaining ids."""
    is_used = np.bincount(codes, minlength=len(ids)) > 0
    if is_used.all():
        return codes, ids
    return (np.cumsum(is_used) - 1)[codes], ids[is_used]


def _taken(column: Any, chosen: np.ndarray | None) -> Any:
    """Return the chosen rows of a column; None chooses all."""
    if chosen is None:
        return column
    return column.take(chosen) if is_arrow(column) else column.iloc[chosen]


def _times_of(
    table: RowTable, name: Column | None, time_format: str | None, chosen: np.ndarray | None
) -> np.ndarray | None:
    if name is None:
        return None
    try:
        return parse_times(_taken(table.column(name), chosen), str(name), time_format)
    except ValueError as error:
        raise table.placed(error, chosen) from None


def _names_of(
    table: RowTable,
    name: Column | None,
    pairs: RowIds,
    chosen: np.ndarray | None,
) -> np.ndarray | None:
    """Return the first name of each item, or its id as text where it has none."""
    if name is None:
        return None
    item_codes, items = pairs.item_codes, pairs.items
    column = _taken(table.column(name), chosen)
    rows = np.flatnonzero(~null_rows(column))
    first = np.full(len(items), -1, dtype=np.int64)
    # The rows are assigned in reverse order, so that the first row of each item remains.
    first[item_codes[rows[::-1]]] = rows[::-1]
    has_name = first >= 0
    named = _taken(column, first[has_name])
    names = object_array([str(item) for item in items.tolist()])
    names[has_name] = object_array(
        [str(value) for value in named.to_pylist()]
        if is_arrow(named)
        else [str(value) for value in named]
    )
    check_unicode(names, f"column {name!r}")
    return names


@dataclass(frozen=True)
class Axes:
    """The ids that the axes of the result begin with.

    Attributes
    ----------
    users, items : ndarray of distinct ids, optional
    item_names : ndarray, optional
        The names of ``items``.
    unknown : {"error", "drop", "extend"}
        How to treat rows with other ids.
    """

    users: np.ndarray | None = None
    items: np.ndarray | None = None
    item_names: np.ndarray | None = None
    unknown: str = "error"

    @classmethod
    def of(
        cls, users: Iterable[Any] | None, items: Iterable[Any] | None, like: Any, unknown: str
    ) -> Axes:
        """Return the axes of the given ids, or the axes of ``like``, a model or interactions.

        Raises
        ------
        TypeError, ValueError
            For repeated or null ids, and if ``like`` has no axes.
        """
        check_unknown(unknown)
        names = None
        if like is not None:
            if users is not None or items is not None:
                raise ValueError("pass users= and items=, or like=, not both")
            users, items = getattr(like, "users", None), getattr(like, "items", None)
            names = getattr(like, "item_names", None)
            if users is None or items is None:
                raise TypeError(
                    "like must be Interactions or a fitted model, which have users and items; got "
                    f"{type(like).__name__}"
                )
        return cls(
            None if users is None else as_ids(users, None, "users"),
            None if items is None else as_ids(items, None, "items"),
            names,
            unknown,
        )

    def place(self, rows: Rows, is_untyped: bool) -> Rows:
        """Return rows on these axes; unknown ids are dropped and counted, or extend the axes.

        Raises
        ------
        ValueError
            For ids that are not on the axes, if ``unknown`` is "error".
        """
        if self.users is None and self.items is None:
            return rows
        user_map, item_map = (
            map_axis(
                _alike(ids, onto) if is_untyped and onto is not None else ids,
                ids if onto is None else onto,
                self.unknown,
                name,
            )
            for ids, onto, name in (
                (rows.users, self.users, "users"),
                (rows.items, self.items, "items"),
            )
        )
        placed = rows.on_axes(user_map, item_map)
        if self.item_names is not None and rows.item_names is None:
            new = item_map.ids[len(self.item_names) :].tolist()
            names = object_array([*self.item_names.tolist(), *map(str, new)])
            placed = replace(placed, item_names=names)
        counts = replace(rows.counts, unknown=len(rows) - len(placed))
        return replace(placed, counts=counts)


def _alike(ids: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Convert ids of a text file to the type of the ids of an axis.

    All ids of a file together decide whether they are read as numbers or as text. An axis that
    comes from another file may therefore hold the same ids in the other type.
    """
    if ids.dtype == onto.dtype:
        return ids
    if ids.dtype == np.int64 and all(isinstance(other, str) for other in onto):
        return object_array([str(number) for number in ids.tolist()])
    if onto.dtype == np.int64 and all(isinstance(text, str) for text in ids):
        return object_array([int(text) if OWN_FORM.fullmatch(text) else text for text in ids])
    return ids
