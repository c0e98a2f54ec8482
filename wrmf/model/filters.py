"""Which items may be recommended: the filters of a call, resolved to positions of items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wrmf.model.queries import Query
from wrmf.model.state import Factors
from wrmf.numerics.item_lists import ItemLists, sorted_distinct

__all__ = ["Choice", "ItemFilter"]


@dataclass(frozen=True)
class Choice:
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
    exclude, items : ids, or mapping of user id to ids, or None
        ``exclude`` are items never to recommend; ``items`` are the only ones to choose from. Ids
        apply to all users, a mapping only to the users that it names.
    """

    exclude: Any = None
    items: Any = None

    def resolve(self, state: Factors, query: Query, few: bool) -> Choice:
        """Return the choice of the users of a query.

        ``few`` tells that the cost of a mask over all items would matter. Items that no user may
        get are then blocked for each user, and a list for all users is a list of each user.

        Raises
        ------
        TypeError, ValueError
            For unknown items, and a mapping that names a user who is not in the query.
        """
        m = len(query.users)
        blocked = ItemLists.none(m) if query.seen is None else query.seen
        if self.exclude is None and self.items is None:
            return Choice(None, blocked, None, np.zeros(m, dtype=bool))
        self.check_users(query.users)
        allowed, listed, has_list = None, None, np.zeros(m, dtype=bool)
        if isinstance(self.items, Mapping):
            listed, has_list = _per_user(state, query.users, self.items)
        elif self.items is not None:
            chosen = sorted_distinct(state.find_items(self.items))
            if few:
                listed, has_list = ItemLists.same(chosen, m), np.ones(m, dtype=bool)
            else:
                allowed = np.zeros(len(state.items), dtype=bool)
                allowed[chosen] = True
        if isinstance(self.exclude, Mapping):
            blocked = blocked.union(_per_user(state, query.users, self.exclude)[0])
        elif self.exclude is not None:
            excluded = sorted_distinct(state.find_items(self.exclude))
            if few:
                blocked = blocked.union(ItemLists.same(excluded, m))
            else:
                allowed = np.ones(len(state.items), dtype=bool) if allowed is None else allowed
                allowed[excluded] = False
        return Choice(allowed, blocked, listed, has_list)

    def check_users(self, users: np.ndarray) -> None:
        """Raise a ValueError if a mapping names a user who is not among ``users``."""
        if not any(isinstance(lists, Mapping) for lists in (self.exclude, self.items)):
            return
        asked = set(users.tolist())
        for name, lists in (("exclude", self.exclude), ("items", self.items)):
            others = (
                [user for user in lists if user not in asked] if isinstance(lists, Mapping) else []
            )
            if others:
                more = f" and {len(others) - 1} more" if len(others) > 1 else ""
                example = f", such as {users.tolist()[0]!r}" if len(users) else ""
                raise ValueError(
                    f"{name} names {others[0]!r}{more}, but this call is for {len(users)} other "
                    f"users{example}: name only users of the call"
                )


def _per_user(
    state: Factors, users: np.ndarray, lists: Mapping[Any, Any]
) -> tuple[ItemLists, np.ndarray]:
    """Return the items that a mapping names for each user, and whether it names the user.

    The ids of all users are looked up at once.
    """
    user_ids = users.tolist()
    has_list = np.array([user in lists for user in user_ids], dtype=bool)
    listed = state.prepared.item_ids.index.listed
    named = [listed(lists[user_ids[row]]) for row in np.flatnonzero(has_list)]
    owners = np.repeat(np.flatnonzero(has_list), [len(ids) for ids in named])
    if named and all(isinstance(ids, np.ndarray) and ids.dtype.kind == "i" for ids in named):
        positions = state.find_items(np.concatenate(named))
    else:
        positions = state.find_items([id_ for ids in named for id_ in ids])
    return ItemLists.of_pairs(owners, positions, len(users)), has_list
