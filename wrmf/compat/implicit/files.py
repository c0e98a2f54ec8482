"""Files of implicit's models: NumPy archives of arrays and single values, without pickle."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from wrmf.files import replacing

__all__ = ["read_npz", "write_npz"]


def write_npz(target: str | os.PathLike[str] | IO[bytes], values: Mapping[str, Any]) -> None:
    """Write arrays and single values by name, completely or not at all; None is left out."""
    present = {name: np.asarray(value) for name, value in values.items() if value is not None}
    if isinstance(target, (str, os.PathLike)):
        with replacing(_with_suffix(target)) as file:
            np.savez(file, allow_pickle=False, **present)
    else:
        np.savez(target, allow_pickle=False, **present)


def read_npz(source: str | os.PathLike[str] | IO[bytes], names: Collection[str]) -> dict[str, Any]:
    """Return those of the named arrays and values that a file has.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For a file that is damaged, of another format, or whose factors are not matrices.
    """
    if isinstance(source, (str, os.PathLike)):
        source = _with_suffix(source)
    try:
        with np.load(source, allow_pickle=False) as archive:
            values = {name: archive[name] for name in archive.files if name in names}
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, AttributeError, EOFError, OSError, TypeError, ValueError) as error:
        raise ValueError(f"{source} is not a readable model of implicit: {error}") from error
    factors = [values[name] for name in ("user_factors", "item_factors") if name in values]
    if "factors" not in values or any(array.ndim != 2 for array in factors):
        raise ValueError(f"{source} is no factor model of implicit: it has {sorted(values)}")
    return {name: value.item() if value.ndim == 0 else value for name, value in values.items()}


def _with_suffix(path: str | os.PathLike[str]) -> Path:
    """Return a path that ends in ``.npz``, as NumPy makes it when it saves."""
    text = os.fspath(path)
    return Path(text if text.endswith(".npz") else f"{text}.npz")
