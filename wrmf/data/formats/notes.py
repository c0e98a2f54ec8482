"""Pass counts on with a table: in the metadata of its schema, or in the attributes of a frame."""

from __future__ import annotations

from collections.abc import Iterable

from wrmf.data.formats.columns import Table

__all__ = ["COUNTS", "IDLE", "MALFORMED", "count_of", "sum_counts", "with_count", "without_counts"]

# The number of rows at the end that stand for users and items without interactions.
IDLE = "wrmf.idle"
# The number of lines of text that were left out as they are no rows.
MALFORMED = "wrmf.malformed"
COUNTS = (IDLE, MALFORMED)


def with_count(table: Table, name: str, count: int) -> Table:
    """Return a table that passes on a count, one of ``COUNTS``."""
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        noted = table.copy(deep=False)
        noted.attrs = {**table.attrs, name: count}
        return noted
    metadata = {**(table.schema.metadata or {}), name.encode(): str(count).encode()}
    return table.replace_schema_metadata(metadata)


def count_of(table: Table, name: str) -> int:
    """Return a count that a table passes on, by default 0."""
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return int(table.attrs.get(name, 0))
    return int((table.schema.metadata or {}).get(name.encode(), 0))


def without_counts(metadata: dict[bytes, bytes] | None) -> dict[bytes, bytes]:
    """Return the metadata of a schema without ``COUNTS``."""
    counts = [name.encode() for name in COUNTS]
    return {key: value for key, value in (metadata or {}).items() if key not in counts}


def sum_counts(joined: Table, parts: Iterable[Table]) -> Table:
    """Return a table that was joined from others, with the sums of their counts."""
    parts = list(parts)
    for name in COUNTS:
        if total := sum(count_of(part, name) for part in parts):
            joined = with_count(joined, name, total)
    return joined
