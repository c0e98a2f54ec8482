"""Libraries of approximate nearest neighbours: how each builds, writes and searches an index.

All indexes use the library's own inner product, so their scores are those of the model, and no
vector is scaled or extended. Labels of vectors are positions, counted from 0.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["LIBRARIES", "Library"]

# How many neighbours a graph keeps for each vector, and how many candidates are kept while an index
# is built and searched. More give a higher recall and take longer.
NEIGHBOURS = 32
BUILD = 200
SEARCH = 200


@dataclass(frozen=True)
class Library:
    """A library of approximate search.

    Attributes
    ----------
    module : str
        The module to import.
    package : str
        What is installed for it. The extra of ``wrmf`` has the name of the library.
    write : callable(module, vectors, path, **options)
        Builds an index of float32 vectors (n, k) and writes it to a file.
    search : callable(module, path, queries, n, **options)
        Reads the file and returns the labels (m, n) of the highest inner products, best first.
    """

    module: str
    package: str
    write: Callable[..., None]
    search: Callable[..., np.ndarray]

    def load(self, name: str) -> Any:
        """Return the imported module; an ImportError that names the extra."""
        try:
            return importlib.import_module(self.module)
        except ImportError as error:
            raise ImportError(
                f"export to {name} needs {self.package}, which is not installed: "
                f'pip install "wrmf[{name}]"'
            ) from error


def _write_faiss(
    faiss: Any,
    vectors: np.ndarray,
    path: Path,
    *,
    factory: str = f"HNSW{NEIGHBOURS}",
    build: int = BUILD,
    search: int = SEARCH,
) -> None:
    index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    if hasattr(index, "hnsw"):
        index.hnsw.efConstruction, index.hnsw.efSearch = build, search
    if not index.is_trained:
        index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(path))


def _search_faiss(
    faiss: Any, path: Path, queries: np.ndarray, n: int, **options: Any
) -> np.ndarray:
    # The file holds the options of the search, too.
    _, labels = faiss.read_index(str(path)).search(queries, n)
    return np.asarray(labels)


def _write_usearch(
    usearch: Any,
    vectors: np.ndarray,
    path: Path,
    *,
    neighbours: int = NEIGHBOURS,
    build: int = BUILD,
    search: int = SEARCH,
) -> None:
    index = usearch.Index(
        ndim=vectors.shape[1],
        metric="ip",
        dtype="f32",
        connectivity=neighbours,
        expansion_add=build,
        expansion_search=search,
    )
    index.add(np.arange(len(vectors), dtype=np.uint64), vectors)
    index.save(str(path))


def _search_usearch(
    usearch: Any, path: Path, queries: np.ndarray, n: int, *, search: int = SEARCH, **options: Any
) -> np.ndarray:
    index = usearch.Index(ndim=queries.shape[1], metric="ip", dtype="f32", expansion_search=search)
    index.load(str(path))
    labels = index.search(queries, n).keys
    return np.asarray(labels).reshape(len(queries), n).astype(np.int64)


def _write_hnswlib(
    hnswlib: Any,
    vectors: np.ndarray,
    path: Path,
    *,
    neighbours: int = NEIGHBOURS,
    build: int = BUILD,
    search: int = SEARCH,
) -> None:
    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    index.init_index(len(vectors), ef_construction=build, M=neighbours)
    index.add_items(vectors, np.arange(len(vectors)))
    index.save_index(str(path))


def _search_hnswlib(
    hnswlib: Any, path: Path, queries: np.ndarray, n: int, *, search: int = SEARCH, **options: Any
) -> np.ndarray:
    index = hnswlib.Index(space="ip", dim=queries.shape[1])
    index.load_index(str(path))
    # hnswlib does not write this number to the file.
    index.set_ef(max(search, n))
    labels, _ = index.knn_query(queries, n)
    return np.asarray(labels).astype(np.int64)


# The libraries by the name that ``export`` takes.
LIBRARIES: Mapping[str, Library] = {
    "faiss": Library("faiss", "faiss-cpu", _write_faiss, _search_faiss),
    "usearch": Library("usearch.index", "usearch", _write_usearch, _search_usearch),
    "hnswlib": Library("hnswlib", "hnswlib", _write_hnswlib, _search_hnswlib),
}
