"""Turns a source into shards: items by value counts, users by the shuffle of the engine."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from wrmf.data.rows import Rows
from wrmf.distributed.engine import Engine
from wrmf.distributed.folder import FileRecord, Folder, write_arrays
from wrmf.distributed.frames import (
    columns_of_frame,
    frame_of_parts,
    is_dask_frame,
    kinds_of_frame,
    token_of,
)
from wrmf.distributed.items import (
    PartSummary,
    item_codes,
    item_order,
    merge_summaries,
    write_items,
)
from wrmf.distributed.manifest import TOTALS, Manifest, check_same_data
from wrmf.distributed.shards import (
    ShardRecord,
    item_totals,
    shard_count,
    sum_totals,
    write_shard,
)
from wrmf.distributed.source import (
    Columns,
    Part,
    Source,
    id_kind,
    ids_as_column,
    parquet_source,
    read_part,
    rows_of,
)

__all__ = ["Reader", "ingest", "source_of"]

logger = logging.getLogger("wrmf.distributed")

# The number of a row is that of its part, shifted by ROW_BITS, and its place there.
ROW_BITS = 40
MAX_LENGTH = 2**31 - 1
CHANGED = (
    "the rows of the source were others when they were read again: call fit again once nobody "
    "writes them; a Dask frame must have the same rows each time it is computed"
)


@dataclass(frozen=True)
class Reader:
    """Reads the rows of one part of a source.

    Attributes
    ----------
    columns : Columns
    user_kind, item_kind : {"int", "text"}
    """

    columns: Columns
    user_kind: str
    item_kind: str

    def rows(self, part: Part | pd.DataFrame, number: int) -> tuple[Rows, str]:
        """Return the rows of a part, of a file or of a Dask frame, and what messages call it."""
        if isinstance(part, Part):
            return read_part(part, self.columns), str(part)
        name = f"partition {number}"
        return rows_of(part, self.columns, name), name

    def summary(self, part: Any, partition_info: Any = None) -> pd.DataFrame:
        """Return the summary of a part as a record; all rows of the part are checked."""
        number, part = _numbered(part, partition_info)
        rows, name = self.rows(part, number)
        # Ids of the other kind than those of the other parts are found here, before any is written.
        self._users(rows, name)
        called = _called(self.columns.item, name)
        return as_record(PartSummary.of(rows, number, self.item_kind, called))

    def coded(
        self, part: Any, folder: Folder, items: FileRecord, partition_info: Any = None
    ) -> pd.DataFrame:
        """Return a row for each row of a part, with the place of its item, as shards need them."""
        number, part = _numbered(part, partition_info)
        rows, name = self.rows(part, number)
        users = self._users(rows, name)
        places = item_codes(folder, items, rows.items)
        if places.min(initial=0) < 0:
            raise ValueError(f"{name}: {CHANGED}")
        frame: pd.DataFrame = pd.DataFrame(
            {"user": users[rows.user_codes], "item": places[rows.item_codes].astype(np.int32)}
        )
        if rows.values is not None:
            frame["value"] = rows.values
            frame["row"] = np.arange(len(rows), dtype=np.int64) + (number << ROW_BITS)
        return frame

    def _users(self, rows: Rows, name: str) -> Any:
        return ids_as_column(rows.users, self.user_kind, _called(self.columns.user, name))

    def meta(self) -> pd.DataFrame:
        """Return what ``coded`` returns, without rows."""
        kinds: dict[str, Any] = {"user": _dtype(self.user_kind), "item": np.int32}
        if self.columns.value is not None:
            kinds |= {"value": np.float64, "row": np.int64}
        return _empty(kinds)


def _called(column: Any, name: str) -> str:
    """Return what messages call a column of a part."""
    return f"{name}: column {column!r}"


def _empty(kinds: Mapping[str, Any]) -> pd.DataFrame:
    """Return a frame without rows, by the types of its columns."""
    frame: pd.DataFrame = pd.DataFrame(
        {name: pd.Series(dtype=kind) for name, kind in kinds.items()}
    )
    return frame


def _dtype(kind: str) -> Any:
    return np.dtype(np.int64) if kind == "int" else pd.StringDtype("pyarrow")


def _numbered(part: Any, partition_info: Any) -> tuple[int, Any]:
    """Return the number of a part and the part, of a file or of a Dask frame."""
    return part if isinstance(part, tuple) else (partition_info["number"], part)


# What partitions of records look like.
RECORD = _empty({"record": object})


def source_of(source: Any, columns: Columns) -> Source:
    """Return what is known of a source before its rows are read.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        As ``parquet_source``, and for a column that a Dask frame lacks or that holds no ids.
    """
    if not is_dask_frame(source):
        return parquet_source(source, columns)
    frame = columns_of_frame(source, columns.names)
    kinds = kinds_of_frame(frame)
    of_user, of_item = (
        id_kind(kinds[column], column, "the Dask frame") for column in (columns.user, columns.item)
    )
    return Source((), of_user, of_item, None, token_of(frame), frame=frame)


def ingest(
    engine: Engine, known: Source, columns: Columns, folder: Folder, shards: int | str
) -> Manifest:
    """Return the manifest of a folder, whose files are made if they are not there yet.

    Parameters
    ----------
    engine : Engine
    known : Source, as :func:`source_of` returns it
    columns : Columns
    folder : Folder
    shards : int, or "auto"

    Raises
    ------
    ValueError
        If the folder has the files of other data, and for rows that cannot be read.
    """
    reading = _Reading(engine, known, Reader(columns, known.user_kind, known.item_kind))
    asked = {
        "data": known.fingerprint,
        "stamp": known.stamp,
        "shards": shards,
        **columns.as_json(),
    }
    manifest = Manifest.read(folder)
    if manifest is not None:
        manifest = _known_data(manifest, asked, reading, folder)
        logger.info("the data is in %s already: %s", folder.root, _described(manifest))
        return manifest
    start = time.perf_counter()
    summary = reading.summary()
    total = summary.items
    n_rows = int(total["rows"].sum())
    if not n_rows:
        dropped = str(summary.dropped).replace("\n", "; ")
        raise ValueError(f"no rows are left of the source: {dropped or 'it has none'}")
    ids = item_order(total)
    if len(ids) > MAX_LENGTH:
        raise ValueError(f"there are {len(ids)} items, at most {MAX_LENGTH} are supported")
    items = write_items(folder, ids)
    n_shards = shard_count(n_rows) if shards == "auto" else int(shards)
    coded = reading.coded(folder, items)
    write = partial(_write, folder=folder, n_items=len(ids))
    written = engine.results(engine.shuffled(coded, n_shards, write, RECORD))
    records = [record_in(part) for part in written]
    if sum(shard.counts.read for shard in records) != n_rows:
        raise ValueError(CHANGED)
    filled = [shard for shard in records if shard.n_users]
    manifest = _finish(engine, folder, filled, items, asked, summary)
    manifest.write(folder)
    seconds = time.perf_counter() - start
    logger.info("ingested %s in %.1f s", _described(manifest), seconds)
    return manifest


@dataclass(frozen=True, eq=False)
class _Reading:
    """Reads a source on the cluster: once to check and count its rows, and once to shuffle them."""

    engine: Engine
    source: Source
    reader: Reader

    def summary(self) -> PartSummary:
        """Return the summary of all parts.

        Raises
        ------
        ValueError
            For rows that cannot be read.
        """
        engine, summary, frame = self.engine, self.reader.summary, self.source.frame
        if frame is None:
            numbered = enumerate(self.source.parts)
            parts = [engine.submit("summary", summary, part) for part in numbered]
        else:
            parts = engine.partitions(
                frame.map_partitions(summary, meta=RECORD, enforce_metadata=False)
            )
        (total,) = engine.results([engine.tree("merge-summaries", _merged, parts)])
        merged: PartSummary = record_in(total)
        return merged

    def coded(self, folder: Folder, items: FileRecord) -> Any:
        """Return a Dask frame of all rows, as shards need them."""
        coded, meta = partial(self.reader.coded, folder=folder, items=items), self.reader.meta()
        if self.source.frame is not None:
            return self.source.frame.map_partitions(coded, meta=meta, enforce_metadata=False)
        return frame_of_parts(coded, list(enumerate(self.source.parts)), meta)


def _known_data(
    manifest: Manifest, asked: dict[str, Any], reading: _Reading, folder: Folder
) -> Manifest:
    """Return the manifest of a folder, if its data is that of the source.

    Rows are read only where files are as they were but for their times, or a Dask frame has other
    tasks, as those of delayed objects always are.

    Raises
    ------
    ValueError
        If the folder has the files of other data.
    """
    is_frame = reading.source.frame is not None
    unsure = ("data", "stamp") if is_frame else ("stamp",)
    check_same_data(manifest, {k: v for k, v in asked.items() if k not in unsure}, folder)
    if all(manifest.asked.get(name) == asked[name] for name in unsure):
        return manifest
    logger.info("the rows are read, to compare them with those in %s", folder.root)
    summary = reading.summary()
    if f"{summary.digest:032x}" != manifest.digest:
        check_same_data(replace(manifest, asked={**asked, "data": None}), asked, folder)
    manifest = replace(manifest, asked=asked)
    manifest.write(folder)
    return manifest


def as_record(record: Any) -> pd.DataFrame:
    """Return anything as a frame, which is what partitions must be."""
    frame: pd.DataFrame = pd.DataFrame({"record": pd.Series([record], dtype=object)})
    return frame


def record_in(part: pd.DataFrame) -> Any:
    """Return what :func:`as_record` has made a frame of."""
    return part["record"].iloc[0]


def _merged(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return as_record(merge_summaries([record_in(part) for part in parts]))


def _write(
    frame: pd.DataFrame, folder: Folder, n_items: int, partition_info: Any = None
) -> pd.DataFrame:
    """Write a shard, and return its record in a frame, which is what partitions must be."""
    return as_record(write_shard(folder, partition_info["number"], frame, n_items))


def _finish(
    engine: Engine,
    folder: Folder,
    shards: Sequence[ShardRecord],
    items: FileRecord,
    asked: dict[str, Any],
    summary: PartSummary,
) -> Manifest:
    """Return the manifest, after the numbers of entries of items are added up and written."""
    parts = [engine.submit("item-totals", item_totals, folder, shard) for shard in shards]
    total = engine.tree("sum-totals", sum_totals, parts)
    written = engine.submit("write-totals", _write_totals, folder, total)
    ((record, n_items, bounds),) = engine.results([written])
    manifest = Manifest(
        asked,
        items,
        record,
        n_items,
        bounds,
        list(shards),
        summary.dropped,
        f"{summary.digest:032x}",
    )
    if manifest.shape[0] > MAX_LENGTH:
        raise ValueError(f"there are {manifest.shape[0]} users, at most {MAX_LENGTH} are supported")
    if not manifest.n_entries:
        reasons = str(manifest.counts).replace("\n", "; ")
        raise ValueError(f"no entries are left of the rows: {reasons}")
    return manifest


def _write_totals(
    folder: Folder, totals: tuple[np.ndarray, np.ndarray]
) -> tuple[FileRecord, int, tuple[int, int]]:
    counts, lengths = totals
    record = write_arrays(folder, TOTALS, {"counts": counts, "lengths": lengths})
    return record, len(counts), (int(counts.min()), int(counts.max()))


def _described(manifest: Manifest) -> str:
    n_users, n_items = manifest.shape
    counts = str(manifest.counts).replace("\n", "; ")
    return (
        f"{n_users} users × {n_items} items, {manifest.n_entries} interactions in "
        f"{len(manifest.shards)} shards{'; ' if counts else ''}{counts}"
    )
