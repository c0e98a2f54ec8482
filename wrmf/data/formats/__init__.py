"""Read tables of any source; ``FORMATS`` has a row for each format of files."""

from __future__ import annotations

from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.sources import FORMATS, Format, load_source

__all__ = ["FORMATS", "Format", "SourceOptions", "load_source"]
