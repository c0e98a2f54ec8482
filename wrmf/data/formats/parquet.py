"""Read Parquet files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

__all__ = ["read_parquet"]


def read_parquet(path: Path, sep: str | None = None) -> pd.DataFrame:
    """Return all columns of a Parquet file; ``sep`` is ignored. Needs the extra ``parquet``."""
    try:
        return pd.read_parquet(path)
    except ImportError:
        raise ImportError('parquet files need pyarrow: pip install "wrmf[parquet]"') from None
