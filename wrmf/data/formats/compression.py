"""Which files are compressed, and how they are opened."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import BinaryIO, cast

__all__ = ["format_ending", "open_unpacked"]

COMPRESSED = ".gz"


def format_ending(path: Path) -> str:
    """Return the ending of a file name without that of compression: ``.csv`` for ``x.csv.gz``."""
    return Path(path.stem).suffix if path.suffix == COMPRESSED else path.suffix


def open_unpacked(path: Path) -> BinaryIO:
    """Open a file for reading bytes, which are unpacked on the way."""
    return cast(BinaryIO, gzip.open(path)) if path.suffix == COMPRESSED else path.open("rb")
