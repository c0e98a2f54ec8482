"""Count rows that were kept, dropped or merged, and count users, items and interactions."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field

__all__ = ["RowCounts", "Summary"]


@dataclass(frozen=True)
class RowCounts:
    """The number of rows of a source, and how many were dropped or merged for each reason.

    After merging, ``read`` is the sum of all other counts. ``str()`` has a line for each count that
    is not zero; it is empty if every row became an interaction of its own.

    Attributes
    ----------
    read : int
        Rows of the source.
    malformed : int
        Lines of text dropped because they are no rows: too few or too many fields, or no object.
    null : int
        Rows dropped because an id, the value or the time is null.
    negative : int
        Rows dropped because their value is negative.
    zero : int
        Rows dropped because their value is 0, and pairs dropped because their merged value is 0.
    unknown : int
        Rows dropped because an id is not on the given axes.
    small : int
        Rows dropped because their value is below the given minimum.
    seen : int
        Test rows dropped because the training set has the same pair.
    repeated : int
        Rows that repeat the pair of another row and were merged with it.
    kept : int
        Rows that are left after merging, each of which is an interaction.

    Examples
    --------
    >>> print(RowCounts(read=5, zero=1, repeated=2, kept=2))
    Rows read: 5
    Rows of value 0, dropped: 1
    Rows that repeat a pair, merged: 2
    Rows kept: 2
    """

    read: int = 0
    malformed: int = 0
    null: int = 0
    negative: int = 0
    zero: int = 0
    unknown: int = 0
    small: int = 0
    seen: int = 0
    repeated: int = 0
    kept: int = 0

    def __add__(self, other: RowCounts) -> RowCounts:
        return RowCounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        if self.read == self.kept:
            return ""
        lines = {
            "Rows read": self.read,
            "Malformed lines, dropped": self.malformed,
            "Rows with nulls, dropped": self.null,
            "Rows of negative value, dropped": self.negative,
            "Rows of value 0, dropped": self.zero,
            "Rows with unknown ids, dropped": self.unknown,
            "Rows of too small value, dropped": self.small,
            "Rows of pairs seen in training, dropped": self.seen,
            "Rows that repeat a pair, merged": self.repeated,
            "Rows kept": self.kept,
        }
        return "\n".join(f"{label}: {count}" for label, count in lines.items() if count)


@dataclass(frozen=True)
class Summary:
    """The size and density of a set of interactions; ``str()`` has a line for each figure.

    Attributes
    ----------
    users, items, interactions : int
    density : float in [0, 1]
        The share of all (user, item) pairs that are interactions.
    rows : RowCounts
        How many rows of the source were kept, dropped or merged.
    idle_users, idle_items : int
        Users and items on the axes that have no interactions.
    dislikes : int
        Interactions of negative value.
    """

    users: int
    items: int
    interactions: int
    density: float
    rows: RowCounts = field(default_factory=RowCounts)
    idle_users: int = 0
    idle_items: int = 0
    dislikes: int = 0

    @property
    def duplicate_rows(self) -> int:
        """Rows of the source that repeated an earlier (user, item) pair."""
        return self.rows.repeated

    def __str__(self) -> str:
        lines = [
            f"Number of users: {self.users}",
            f"Number of items: {self.items}",
            f"Number of interactions: {self.interactions}",
            f"Density: {self.density * 100:4.3f}%",
        ]
        further = {
            "Dislikes among them": self.dislikes,
            "Users without interactions": self.idle_users,
            "Items without interactions": self.idle_items,
        }
        lines += [f"{label}: {count}" for label, count in further.items() if count]
        return "\n".join([*lines, *filter(None, [str(self.rows)])])
