"""The arguments of a call for lists, and what they mean for its users."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wrmf.model.filter_forms import Lookup
from wrmf.model.filters import Choice, ItemFilter
from wrmf.model.item_table import ItemTable
from wrmf.model.queries import Fallback
from wrmf.model.scoring import Scoring, resolve_offset
from wrmf.model.state import Factors
from wrmf.numerics.item_lists import ItemLists

__all__ = ["ListOptions", "ListRules"]


# These records are tuples, since making a frozen dataclass takes a request several times as long.
class ListRules(NamedTuple):
    """What the users of a call may get, and how their lists are made.

    Attributes
    ----------
    choice : Choice of the users
    scoring : Scoring
    """

    choice: Choice
    scoring: Scoring

    def at(self, rows: np.ndarray) -> ListRules:
        """Return the rules of a part of the users."""
        return ListRules(self.choice.at(rows), self.scoring)

    def without(self, blocked: ItemLists | None) -> ListRules:
        """Return the rules without further items of each user."""
        return self if blocked is None else self._replace(choice=self.choice.without(blocked))

    def within(self, allowed: np.ndarray) -> ListRules:
        """Return the rules for only those items of which ``allowed`` is True."""
        return self._replace(choice=self.choice.within(allowed))


class ListOptions(NamedTuple):
    """The arguments of ``recommend`` beside the users and the length of lists.

    Attributes
    ----------
    exclude_seen, exclude, items, where, unknown_items, min_score, item_offset, diversify, unknown,
    fallback : as in :meth:`wrmf.WRMF.recommend`
    """

    exclude_seen: bool = True
    exclude: Any = None
    items: Any = None
    unknown: str = "raise"
    fallback: str | None = None
    where: Any = None
    unknown_items: str = "raise"
    min_score: float | None = None
    item_offset: Any = None
    diversify: float = 0.0

    @property
    def of_unknown(self) -> Fallback:
        """What users without interactions get."""
        return Fallback.of(self.unknown, self.fallback)

    def resolve(
        self, state: Factors, table: ItemTable | None, users: np.ndarray, few: bool
    ) -> ListRules:
        """Return the rules for users of a call, and warn of ids that are skipped.

        ``few`` is as in :meth:`ItemFilter.resolve`.
        """
        lookup = Lookup(state.prepared.item_ids, self.unknown_items)
        filters = ItemFilter(self.exclude, self.items, self.where, table)
        choice = filters.resolve(lookup, users, few)
        offset = resolve_offset(self.item_offset, lookup, state.dtype)
        lookup.warn(stacklevel=4)
        return ListRules(choice, Scoring.of(self.min_score, offset, self.diversify))
