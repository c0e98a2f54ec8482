"""What the files of the data are, and the sizes of the whole that every shard needs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from wrmf.cached import cached_property
from wrmf.data.counts import RowCounts
from wrmf.distributed.folder import FileRecord, Folder, read_arrays
from wrmf.distributed.shards import ShardRecord

__all__ = ["MANIFEST", "TOTALS", "Manifest", "block_count", "check_same_data", "item_blocks"]

MANIFEST, TOTALS = "data/manifest.json", "data/totals.tensors"
# Changes whenever files of one version would mislead another.
FORMAT = 3
# The least number of entries of a block of items, and the largest number of blocks. Each block is a
# task of "gather", and the work is shared evenly if there are several on each worker. Of "split" it
# is a task with each shard, in each step, and the scheduler handles tasks one by one.
BLOCK_ENTRIES = {"gather": 2**20, "split": 2**21}
MOST_BLOCKS = {"gather": 64, "split": 16}


@dataclass(frozen=True)
class Manifest:
    """The files of the data, in the order of the axes.

    The axis of users is that of the first shard, then that of the second, and so on.

    Attributes
    ----------
    asked : dict
        The arguments that the files depend on: the fingerprint of the source and the columns.
    items : FileRecord
        The ids of items.
    totals : FileRecord
        The number of entries of each item, ``counts``, and the sum of their values, ``lengths``.
    n_items : int
    item_count_bounds : (int, int), the smallest and the largest number of entries of an item
    shards : sequence of ShardRecord
    dropped : RowCounts
        The rows that were dropped when the source was read, all of which are in ``read``.
    digest : str
        What tells the rows of the source from others.
    """

    asked: dict[str, Any]
    items: FileRecord
    totals: FileRecord
    n_items: int
    item_count_bounds: tuple[int, int]
    shards: Sequence[ShardRecord]
    dropped: RowCounts = field(default_factory=RowCounts)
    digest: str = ""

    @property
    def shape(self) -> tuple[int, int]:
        """The number of users and of items."""
        return sum(shard.n_users for shard in self.shards), self.n_items

    @property
    def n_entries(self) -> int:
        """The number of interactions."""
        return sum(shard.n_entries for shard in self.shards)

    @property
    def counts(self) -> RowCounts:
        """How many rows of the source were kept, dropped or merged."""
        return sum((shard.counts for shard in self.shards), self.dropped)

    @property
    def largest(self) -> float:
        """The largest value."""
        return max(shard.largest for shard in self.shards)

    @property
    def count_bounds(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The smallest and the largest number of entries of a user, and of an item."""
        least = min(shard.count_bounds[0] for shard in self.shards)
        most = max(shard.count_bounds[1] for shard in self.shards)
        return (least, most), self.item_count_bounds

    @cached_property
    def offsets(self) -> list[int]:
        """The place of the first user of each shard on the axis, and the number of users."""
        return [0, *np.cumsum([shard.n_users for shard in self.shards]).tolist()]

    def write(self, folder: Folder) -> None:
        """Write the manifest; its files must be complete."""
        content = {
            "format": FORMAT,
            "asked": self.asked,
            "items": asdict(self.items),
            "totals": asdict(self.totals),
            "n_items": self.n_items,
            "item_count_bounds": list(self.item_count_bounds),
            "shards": [shard.as_json() for shard in self.shards],
            "dropped": asdict(self.dropped),
            "digest": self.digest,
        }
        folder.write_json(MANIFEST, content)

    @classmethod
    def read(cls, folder: Folder) -> Manifest | None:
        """Return the manifest of a folder, or None if it has none.

        Raises
        ------
        ValueError
            If it is damaged or of another version.
        """

        def build(content: Any) -> Manifest:
            if content.get("format") != FORMAT:
                raise ValueError(
                    f"{folder.path(MANIFEST)} has the format {content.get('format')}, this version "
                    f"of wrmf has {FORMAT}: pass resume=False to begin again"
                )
            return cls(
                content["asked"],
                FileRecord(**content["items"]),
                FileRecord(**content["totals"]),
                content["n_items"],
                tuple(content["item_count_bounds"]),
                [ShardRecord.from_json(shard) for shard in content["shards"]],
                RowCounts(**content["dropped"]),
                content["digest"],
            )

        manifest: Manifest | None = folder.read_json(MANIFEST, build)
        return manifest

    def read_totals(self, folder: Folder) -> dict[str, np.ndarray]:
        """Return the number of entries of each item, and the sum of their values."""
        return read_arrays(folder, self.totals)


def check_same_data(manifest: Manifest, asked: dict[str, Any], folder: Folder) -> None:
    """Raise a ValueError if the files of a folder were made from other data, or otherwise."""
    different = [name for name, value in asked.items() if manifest.asked.get(name) != value]
    if not different:
        return
    if different == ["data"]:
        reason = "from other data: the source has other files, or their content has changed"
    else:
        names = [name for name in different if name != "data"]
        was = ", ".join(f"{name}={manifest.asked.get(name)!r}" for name in names)
        now = ", ".join(f"{name}={asked[name]!r}" for name in names)
        reason = f"with {was}, now {now} is asked for"
    raise ValueError(
        f"{folder.root} holds the data of a fit {reason}. Name another folder, or pass "
        "resume=False to begin again"
    )


def block_count(n_entries: int, method: str) -> int:
    """Return the number of blocks of items for a number of entries.

    Examples
    --------
    >>> [block_count(10**10, method) for method in ("gather", "split")]
    [64, 16]
    """
    return min(MOST_BLOCKS[method], max(1, n_entries // BLOCK_ENTRIES[method]))


def item_blocks(counts: np.ndarray, k: int, n_blocks: int) -> list[slice]:
    """Return ranges of items whose solution takes about the same work each.

    Parameters
    ----------
    counts : int (n_items,), the number of entries of each item
    k : int, the number of factors
    n_blocks : int
        How many there are; fewer if there are fewer items.

    Notes
    -----
    They depend on the data alone; which items are solved together changes no bit of the result.

    Examples
    --------
    >>> item_blocks(np.array([2**22, 2**21, 2**21, 5, 4, 3]), 128, 4)
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None), slice(3, 6, None)]
    """
    work = np.cumsum(counts.astype(np.float64) + k / 2)
    n_blocks = min(n_blocks, len(counts))
    cuts = np.searchsorted(work, work[-1] * np.arange(1, n_blocks) / n_blocks) + 1
    bounds = np.unique([0, *np.minimum(cuts, len(counts)), len(counts)])
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(bounds)]
