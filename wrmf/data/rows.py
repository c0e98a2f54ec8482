"""The rows of a source, before rows of the same (user, item) pair are merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse

from wrmf.data.axes import AxisMap, map_axis, object_array
from wrmf.data.checks import as_csr
from wrmf.data.choices import shown
from wrmf.data.counts import RowCounts
from wrmf.data.merging import DUPLICATES, RULES, MergeRule, PairGroups, Pairs, check_duplicates
from wrmf.data.times import is_parsed, parse_times

__all__ = ["DUPLICATES", "Merged", "RowCounts", "Rows", "join_rows"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a source as codes: who interacted with what, how much and when.

    Attributes
    ----------
    users, items : ndarray (n_users,), (n_items,), int64 or object
        The ids of the axes.
    user_codes, item_codes : int array (n_rows,)
        Positions of each row's ids on the axes.
    values : float64 (n_rows,), or None
        Finite and ≥ 0; None counts each row as 1. With ``signed``, negative values are dislikes.
    times : ndarray (n_rows,), or None
        As :func:`wrmf.data.times.parse_times` returns them.
    item_names : object (n_items,), or None
    counts : RowCounts
        How many rows of the source were dropped before these rows were made.
    signed : bool, default False
        Whether values may be negative.

    Raises
    ------
    TypeError, ValueError
        For arrays of different lengths, codes outside the axes, and values that are not finite
        numbers ≥ 0.
    """

    users: np.ndarray
    items: np.ndarray
    user_codes: np.ndarray
    item_codes: np.ndarray
    values: np.ndarray | None = None
    times: np.ndarray | None = None
    item_names: np.ndarray | None = None
    counts: RowCounts = field(default_factory=RowCounts)
    signed: bool = False

    def __post_init__(self) -> None:
        for name in ("user_codes", "item_codes", "values", "times"):
            array = getattr(self, name)
            if array is not None and np.shape(array) != (len(self),):
                raise ValueError(f"{name} must hold {len(self)} values, got {np.shape(array)}")
        for codes, ids, name in (
            (self.user_codes, self.users, "user_codes"),
            (self.item_codes, self.items, "item_codes"),
        ):
            _check_codes(codes, len(ids), name)
        if self.item_names is not None and len(self.item_names) != len(self.items):
            raise ValueError(
                f"item_names must hold {len(self.items)} names, got {len(self.item_names)}"
            )
        if self.values is not None:
            _check_values(self.values, self.signed)

    def __len__(self) -> int:
        return len(self.user_codes)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and number of items."""
        return len(self.users), len(self.items)

    def parsed(self) -> Rows:
        """Return the rows with parsed times."""
        if self.times is None or is_parsed(self.times):
            return self
        return replace(self, times=parse_times(self.times))

    def compact(self) -> Rows:
        """Return the rows with int32 codes, which saves memory if the rows are kept."""
        if self.user_codes.dtype == self.item_codes.dtype == np.int32:
            return self
        return replace(
            self,
            user_codes=self.user_codes.astype(np.int32, copy=False),
            item_codes=self.item_codes.astype(np.int32, copy=False),
        )

    def select(self, chosen: np.ndarray) -> Rows:
        """Return the rows that a bool mask or an array of row numbers chooses, on the same axes."""
        return replace(
            self,
            user_codes=self.user_codes[chosen],
            item_codes=self.item_codes[chosen],
            values=None if self.values is None else self.values[chosen],
            times=None if self.times is None else self.times[chosen],
            counts=RowCounts(),
        )

    def on_axes(self, users: AxisMap, items: AxisMap) -> Rows:
        """Return the rows on other axes; rows with an id not on them are dropped and counted."""
        user_codes, item_codes = users.positions[self.user_codes], items.positions[self.item_codes]
        is_known = (user_codes >= 0) & (item_codes >= 0)
        chosen = self if is_known.all() else self.select(is_known)
        n_unknown = len(self) - len(chosen)
        return replace(
            chosen,
            users=users.ids,
            items=items.ids,
            user_codes=user_codes[is_known],
            item_codes=item_codes[is_known],
            item_names=items.rearrange(self.item_names),
            counts=RowCounts(read=len(self), unknown=n_unknown) if n_unknown else RowCounts(),
        )

    def decayed(self, half_life: Any, now: Any) -> Rows:
        """Return the rows with values halved for each half-life of their age at ``now``."""
        counted = self.filled_values()
        # However old a row is, its value stays above 0, so that no interaction is lost.
        sizes = np.abs(counted) * np.exp2(-((now - self.times) / half_life))
        values = np.copysign(np.maximum(sizes, np.finfo(np.float64).tiny), counted)
        return replace(self, values=np.where(counted != 0, values, 0.0), counts=RowCounts())

    def filled_values(self) -> np.ndarray:
        """Return the value of each row as float64; it is 1 if the rows have no values."""
        if self.values is None:
            return np.ones(len(self))
        return self.values.astype(np.float64, copy=False)

    def pairs(self, by_time: bool = False) -> PairGroups:
        """Group the rows by their pair; rows of one pair stay in order, or are sorted by time."""
        times = self.times if by_time else None
        return PairGroups.of(self.user_codes, self.item_codes, self.shape, times)

    def merge(self, duplicates: str = "sum") -> Merged:
        """Merge rows of the same pair.

        Parameters
        ----------
        duplicates : one of ``DUPLICATES``, default "sum"
            As in :func:`wrmf.read_interactions`.

        Raises
        ------
        ValueError
            For an unknown ``duplicates``, and with "error" for repeated pairs.
        """
        check_duplicates(duplicates)
        if duplicates == "count" and self.values is not None and self.values.min(initial=0) < 0:
            raise ValueError(
                'duplicates="count" counts rows, and there are dislikes, of negative value, among '
                'them: pass duplicates="sum" or "last"'
            )
        rule = RULES[duplicates]
        rows, n_zero = self, 0
        if self.values is not None and not rule.counts_zeros and not self.values.all():
            rows = self.select(self.values != 0)
            n_zero = len(self) - len(rows)
        pairs, values, deciding = rows._merged_pairs(rule, by_time=duplicates == "last")
        if len(pairs) < len(rows) and duplicates == "error":
            raise ValueError(rows._repeat_described())
        matrix = sparse.csr_matrix((values, pairs.indices, pairs.indptr), shape=self.shape)
        return Merged(
            as_csr(matrix, allow_empty=True, negative="dislike"),
            None if rows.times is None else replace(deciding, counts=RowCounts()),
            self._count(n_zero, len(rows), values),
        )

    def _merged_pairs(self, rule: MergeRule, by_time: bool) -> tuple[Pairs, np.ndarray, Rows]:
        """Return the pairs, their merged values, and the rows that decide values other than 0."""
        if self.values is None and (rule.pick is None or self.times is None):
            # The rows of a pair are all alike, so that it suffices to count them.
            pairs = Pairs.count(self.user_codes, self.item_codes, self.shape)
            return pairs, rule.merge_ones(pairs), self
        groups = self.pairs(by_time)
        values = rule.merge_ones(groups) if self.values is None else rule.merge(groups, self.values)
        return groups, values, self if self.times is None else self._deciding(rule, groups, values)

    def _count(self, n_zero: int, n_merged: int, values: np.ndarray) -> RowCounts:
        """Return the counts after ``n_merged`` rows were merged into pairs with these values."""
        n_kept = int(np.count_nonzero(values))
        return replace(
            self.counts,
            read=self.counts.read or len(self),
            zero=self.counts.zero + n_zero + len(values) - n_kept,
            repeated=n_merged - len(values),
            kept=n_kept,
        )

    def _deciding(self, rule: MergeRule, pairs: PairGroups, values: np.ndarray) -> Rows:
        """Return the rows that decide the merged values other than 0, in their order."""
        if rule.pick is None and values.all():
            return self
        is_kept = np.zeros(len(self), dtype=bool)
        if rule.pick is None:
            is_kept = (values != 0)[pairs.entries()]
        else:
            is_kept[rule.pick(pairs)[values != 0]] = True
        return self.select(is_kept)

    def _repeat_described(self) -> str:
        pairs = self.pairs()
        n_repeated = len(self) - len(pairs)
        row = int(np.delete(pairs.order, pairs.starts).min())
        (user,) = self.users[self.user_codes[[row]]].tolist()
        (item,) = self.items[self.item_codes[[row]]].tolist()
        return (
            f"{n_repeated} rows repeat a (user, item) pair, such as "
            f"({shown(user)}, {shown(item)}); "
            f'pass duplicates="sum" or another of {DUPLICATES[:-1]}'
        )


@dataclass(frozen=True, eq=False)
class Merged:
    """Rows after those of the same pair were merged.

    Attributes
    ----------
    matrix : csr_matrix (n_users, n_items), float32, canonical; it may be without any entry
    rows : Rows, or None
        The rows that ``matrix`` is made of, if they have times.
    counts : RowCounts
    """

    matrix: sparse.csr_matrix
    rows: Rows | None
    counts: RowCounts


def join_rows(parts: Sequence[Rows], keep_times: bool = True) -> Rows:
    """Concatenate the rows of all parts, whose ids are matched.

    Parameters
    ----------
    parts : sequence of Rows, at least one
    keep_times : bool, default True
        Whether all parts must have times of one kind, or none; otherwise times are left out.

    Raises
    ------
    ValueError
        If only some of the parts have times, or if times are dates in some and numbers in others.
    """
    users, items = parts[0].users, parts[0].items
    for part in parts[1:]:
        users = map_axis(part.users, users, "extend", "users").ids
        items = map_axis(part.items, items, "extend", "items").ids
    placed = [
        part.on_axes(
            map_axis(part.users, users, "error", "users"),
            map_axis(part.items, items, "error", "items"),
        )
        for part in parts
    ]
    kinds = [None if part.times is None else part.times.dtype.kind == "M" for part in parts]
    if keep_times and len(set(kinds)) > 1:
        names = {None: "no times", True: "dates", False: "numbers as times"}
        listed = ", ".join(names[kind] for kind in kinds)
        raise ValueError(f"the parts have {listed}: read them alike, or pass keep_times=False")
    has_values = any(part.values is not None for part in parts)
    has_times = keep_times and kinds[0] is not None
    return Rows(
        users=users,
        items=items,
        user_codes=np.concatenate([part.user_codes for part in placed]),
        item_codes=np.concatenate([part.item_codes for part in placed]),
        values=np.concatenate([part.filled_values() for part in placed]) if has_values else None,
        times=np.concatenate([part.times for part in placed if part.times is not None])
        if has_times
        else None,
        item_names=_joined_names(parts, items),
        signed=any(part.signed for part in parts),
    )


def _joined_names(parts: Sequence[Rows], items: np.ndarray) -> np.ndarray | None:
    """Return the name of each item in the first part that names it, or else its id as text."""
    named = [part for part in parts if part.item_names is not None]
    if not named:
        return None
    names = object_array([str(item) for item in items.tolist()])
    for part in reversed(named):
        names[map_axis(part.items, items, "error", "items").positions] = part.item_names
    return names


def _check_codes(codes: np.ndarray, n_ids: int, name: str) -> None:
    if not isinstance(codes, np.ndarray) or codes.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an integer array, got {getattr(codes, 'dtype', codes)}")
    if len(codes) and (codes.min() < 0 or codes.max() >= n_ids):
        raise ValueError(
            f"{name} must lie in 0 … {n_ids - 1}, they run from {codes.min()} to {codes.max()}"
        )


def _check_values(values: np.ndarray, signed: bool) -> None:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf":
        raise TypeError(f"values must be numbers, got {getattr(values, 'dtype', values)}")
    least, bound = (np.finfo(np.float64).min, "") if signed else (0.0, " ≥ 0")
    # Comparisons with NaN are False, so this form of the condition finds NaN, too.
    if len(values) and not (values.min() >= least and values.max() < np.inf):
        wrong = int((~((values >= least) & (values < np.inf))).argmax())
        raise ValueError(f"values must be finite numbers{bound}, row {wrong} holds {values[wrong]}")
