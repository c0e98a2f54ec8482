"""Writes item vectors as an index of approximate search with its recall, or as plain arrays."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wrmf.data.choices import shown
from wrmf.export.libraries import LIBRARIES, Library
from wrmf.files import replacing, replacing_path, write_atomically

__all__ = ["KINDS", "Export", "Sample", "Vectors", "write_arrays", "write_index"]

# What ``WRMF.export`` can write.
KINDS = (*LIBRARIES, "npz")


@dataclass(frozen=True)
class Vectors:
    """Rows of factors with their ids.

    Attributes
    ----------
    factors : ndarray (n, k)
    ids : sequence of n JSON values
    """

    factors: np.ndarray
    ids: Sequence[Any]


@dataclass(frozen=True)
class Sample:
    """Users by whose lists the recall of an index is measured.

    Attributes
    ----------
    queries : ndarray (m, k)
        Their factors.
    rows : int64 (m, n)
        The positions of the n items with the highest scores for each, exact.
    """

    queries: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class Export:
    """What an export has written.

    Attributes
    ----------
    kind : str
        The library, or "npz".
    path : Path
    ids_path : Path, or None
        The file of the ids, if they are not in the file itself: a JSON list, by position.
    n_items, factors : int
    recall : float, or None
        The share of the exact best items that the index finds, a mean over ``n_users`` users; None
        for plain arrays.
    n_best : int
        The number of best items that are compared for each user.
    n_users : int

    Examples
    --------
    >>> Export("faiss", Path("m.faiss"), Path("m.faiss.ids"), 9, 2, recall=0.98, n_users=50)
    faiss: 9 items × 2 factors in m.faiss, ids in m.faiss.ids, recall@10 0.9800 (50 users)
    """

    kind: str
    path: Path
    ids_path: Path | None
    n_items: int
    factors: int
    recall: float | None = None
    n_best: int = 10
    n_users: int = 0

    def __repr__(self) -> str:
        parts = [f"{self.kind}: {self.n_items} items × {self.factors} factors in {self.path}"]
        if self.ids_path is not None:
            parts.append(f"ids in {self.ids_path}")
        if self.recall is not None:
            parts.append(f"recall@{self.n_best} {self.recall:.4f} ({self.n_users} users)")
        return ", ".join(parts)


def write_index(
    name: str, path: str | os.PathLike[str], items: Vectors, sample: Sample, **options: Any
) -> Export:
    """Write an index of approximate search, and measure its recall.

    Parameters
    ----------
    name : {"faiss", "usearch", "hnswlib"}
    path : str or path
        The ids are written to the same path with ``.ids`` at its end.
    items : Vectors
    sample : Sample
    **options
        Of the library; see :mod:`wrmf.export.libraries`.

    Raises
    ------
    ImportError
        If the library is not installed.
    TypeError
        For an unknown option.
    OSError
        If the library cannot write the file, or not read it again.
    """
    library = LIBRARIES[name]
    _check_options(name, library, options)
    module = library.load(name)
    vectors = np.ascontiguousarray(items.factors, dtype=np.float32)
    ids_path = Path(f"{os.fspath(path)}.ids")
    queries = np.ascontiguousarray(sample.queries, dtype=np.float32)
    m, n = sample.rows.shape
    with replacing_path(path) as temporary:
        try:
            library.write(module, vectors, temporary, **options)
            # Measured by the file that was written, as whoever reads it will search it: hnswlib
            # notices a full disk only then.
            if m and n:
                labels = library.search(module, temporary, queries, n, **options)
        except RuntimeError as error:
            reason = " ".join(str(error).replace(str(temporary), os.fspath(path)).split())
            raise OSError(
                f"{name} cannot write {os.fspath(path)}: {reason}; is the disk full?"
            ) from error
        recall = None
        if m and n:
            pairs = zip(labels, sample.rows, strict=True)
            recall = float(np.mean([len(np.intersect1d(a, b)) / n for a, b in pairs]))
        write_atomically(ids_path, json.dumps(items.ids).encode())
    n_items, factors = vectors.shape
    return Export(name, Path(path), ids_path, n_items, factors, recall, n, m)


def write_arrays(path: str | os.PathLike[str], users: Vectors, items: Vectors) -> Export:
    """Write factors and ids as a ``.npz`` of NumPy.

    The arrays are ``user_factors``, ``item_factors``, and for each axis ``users`` and ``items``,
    int64; ids that are not whole numbers are a JSON list in UTF-8, ``users_json``, ``items_json``.
    """
    arrays: dict[str, Any] = {"user_factors": users.factors, "item_factors": items.factors}
    for name, axis in (("users", users), ("items", items)):
        if all(type(value) is int for value in axis.ids):
            arrays[name] = np.array(axis.ids, dtype=np.int64)
        else:
            arrays[f"{name}_json"] = np.frombuffer(json.dumps(axis.ids).encode(), np.uint8)
    with replacing(path) as file:
        np.savez(file, **arrays)
    n_items, factors = items.factors.shape
    return Export("npz", Path(path), None, n_items, factors)


def _check_options(name: str, library: Library, options: dict[str, Any]) -> None:
    """Raise a TypeError for an option that the library does not have."""
    write: Callable[..., None] = library.write
    parameters = inspect.signature(write).parameters.values()
    known = [entry.name for entry in parameters if entry.kind is entry.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise TypeError(f"unknown option {shown(option)} of {name}; it has {', '.join(known)}")
