"""Which items may be recommended: the filters of a call, resolved to positions of items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from wrmf.data.choices import shown
from wrmf.model.filter_forms import Lookup, OwnLists, is_plain, select, split_filters
from wrmf.model.item_table import ItemTable
from wrmf.numerics.item_lists import ItemLists

__all__ = ["Choice", "ItemFilter"]

# In a call for few users, at most one of SPARSE items is a list, and more are a mask. The exact
# scores of the items in such a list take about as long as a scan of all items.
SPARSE = 32


class Choice(NamedTuple):
    """The items that the users of a query may get.

    A user gets items that are ``allowed`` and ``listed``, where these are not None, except
    ``blocked`` ones.

    Attributes
    ----------
    allowed : bool (n_items,), or None for all items
    blocked : ItemLists of the users of the query
    listed : ItemLists of the users of the query, or None if no user has a list of their own
    has_list : bool (m,), whether ``listed`` applies to a user
    """

    allowed: np.ndarray | None
    blocked: ItemLists
    listed: ItemLists | None
    has_list: np.ndarray

    def at(self, rows: np.ndarray) -> Choice:
        """Return the choice of a part of the users."""
        listed = None if self.listed is None else self.listed.at(rows)
        return Choice(self.allowed, self.blocked.at(rows), listed, self.has_list[rows])

    def without(self, blocked: ItemLists | None) -> Choice:
        """Return the choice without further items of each user."""
        return self if blocked is None else self._replace(blocked=blocked.union(self.blocked))

    def within(self, allowed: np.ndarray) -> Choice:
        """Return the choice of only those items of which ``allowed`` is True."""
        kept = allowed if self.allowed is None else self.allowed & allowed
        return self._replace(allowed=kept)

    def lists(self) -> ItemLists:
        """Return what is left of the lists of users who have one."""
        listed = self.listed
        assert listed is not None
        return listed.within(self.allowed).without(self.blocked)


@dataclass(frozen=True)
class ItemFilter:
    """Which items may be recommended.

    Attributes
    ----------
    exclude, items : a filter, or a list of filters, or None
        ``exclude`` are items never to recommend; ``items`` are the only ones to choose from. A
        filter is ids or a mask of all users, or a mapping of user id to ids or a mask, or a matrix
        users × items.
    where : a condition on ``table``, or None
    table : ItemTable, or None
    names : (str, str)
        What error messages call ``exclude`` and ``items``.
    """

    exclude: Any = None
    items: Any = None
    where: Any = None
    table: ItemTable | None = None
    names: tuple[str, str] = ("exclude", "items")

    def resolve(self, lookup: Lookup, users: np.ndarray, few: bool) -> Choice:
        """Return the choice of some users.

        ``few`` tells that the cost of a mask over all items would matter. A few items that no user
        may get are then blocked for each user, and a few for all users are a list of each user.

        Raises
        ------
        TypeError, ValueError
            For unknown items, and a mapping that names a user who is not among ``users``.
        """
        m = len(users)
        choice = Choice(None, ItemLists.none(m), None, np.zeros(m, dtype=bool))
        chosen, left_out = split_filters(self.items), split_filters(self.exclude)
        if not chosen and not left_out and self.where is None:
            return choice
        self._check_users(users, left_out, chosen)
        resolved = [select(value, self.names[1], lookup, users) for value in chosen]
        if self.where is not None:
            if self.table is None:
                raise ValueError(
                    "where is a condition on a table of items: assign one to model.item_table, or "
                    "pass a mask over model.items as items="
                )
            resolved.append(self.table.mask(self.where, lookup.axis))
        choice = _chosen(choice, resolved, few, len(lookup.axis.ids))
        excluded = [select(value, self.names[0], lookup, users) for value in left_out]
        return _left(choice, excluded, few, len(lookup.axis.ids))

    def _check_users(self, users: np.ndarray, left_out: list[Any], chosen: list[Any]) -> None:
        """Raise a ValueError if a mapping names a user who is not among ``users``."""
        named = [
            (name, value)
            for name, values in zip(self.names, (left_out, chosen), strict=True)
            for value in values
            if not is_plain(value) and isinstance(value, Mapping)
        ]
        if not named:
            return
        asked = set(users.tolist())
        for name, lists in named:
            others = [user for user in lists if user not in asked]
            if others:
                more = f" and {len(others) - 1} more" if len(others) > 1 else ""
                example = f", such as {users.tolist()[0]!r}" if len(users) else ""
                raise ValueError(
                    f"{name} names {shown(others[0])}{more}, but this call is for {len(users)} "
                    f"other users{example}: name only users of the call"
                )


def _chosen(
    choice: Choice, filters: list[np.ndarray | OwnLists], few: bool, n_items: int
) -> Choice:
    """Return a choice that is restricted to what all filters select."""
    allowed: np.ndarray | None = None
    positions: np.ndarray | None = None
    listed, has_list = choice.listed, choice.has_list
    for selected in filters:
        if isinstance(selected, OwnLists):
            listed, has_list = _narrowed(listed, has_list, selected)
        elif selected.dtype == bool:
            allowed = selected if allowed is None else allowed & selected
        elif positions is None:
            positions = selected
        else:
            positions = np.intersect1d(positions, selected, assume_unique=True)
    if positions is not None and allowed is not None:
        positions, allowed = positions[allowed[positions]], None
    elif few and allowed is not None and np.count_nonzero(allowed) * SPARSE <= n_items:
        positions, allowed = np.flatnonzero(allowed), None
    if positions is not None and few and len(positions) * SPARSE <= n_items:
        m = len(has_list)
        same = OwnLists(ItemLists.same(positions, m), np.ones(m, dtype=bool))
        listed, has_list = _narrowed(listed, has_list, same)
    elif positions is not None:
        allowed = np.zeros(n_items, dtype=bool)
        allowed[positions] = True
    return choice._replace(allowed=allowed, listed=listed, has_list=has_list)


def _narrowed(
    listed: ItemLists | None, has_list: np.ndarray, own: OwnLists
) -> tuple[ItemLists, np.ndarray]:
    """Return the lists of users who have to satisfy one more list."""
    if listed is None:
        return own.lists, own.applies
    return listed.narrowed(has_list, own.lists, own.applies), has_list | own.applies


def _left(choice: Choice, filters: list[np.ndarray | OwnLists], few: bool, n_items: int) -> Choice:
    """Return a choice without anything that a filter selects."""
    blocked, allowed = choice.blocked, choice.allowed
    # The mask of an argument is never written to.
    is_own = False
    for selected in filters:
        if isinstance(selected, OwnLists):
            blocked = blocked.union(selected.lists)
        elif few and selected.dtype != bool and len(selected) * SPARSE <= n_items:
            blocked = blocked.union(ItemLists.same(selected, len(choice.has_list)))
        elif selected.dtype == bool:
            allowed, is_own = (~selected if allowed is None else allowed & ~selected), True
        else:
            if not is_own:
                allowed = np.ones(n_items, bool) if allowed is None else allowed.copy()
                is_own = True
            assert allowed is not None
            allowed[selected] = False
    return choice._replace(allowed=allowed, blocked=blocked)
