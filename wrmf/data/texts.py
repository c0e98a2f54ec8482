"""Columns of texts as UTF-8 bytes and offsets, which are decoded when they are read.

A model file that is mapped into memory holds ids and names in this form. A million texts are then
ready at once, and processes share them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.cached import cached_property

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TextArray", "TextIds"]

# From this number of lookups on, hashing all ids once takes less time than a search for each.
MANY = 20_000
DAMAGED = "the texts of a mapped file are damaged: replace the file"


class TextArray:
    """A read-only array of texts, used like a NumPy array of dtype object.

    Indexing returns NumPy arrays of the selected texts only; ``np.asarray`` decodes all of them,
    once.

    Parameters
    ----------
    content : uint8 (n_bytes,)
        All texts in UTF-8, without separators.
    offsets : int64 (n + 1,)
        Where each text begins and the last one ends.

    Raises
    ------
    ValueError
        If the offsets do not divide the content.

    Examples
    --------
    >>> texts = TextArray.of(["ann", "bob", "eve"])
    >>> len(texts), texts[1], texts[[2, 0]].tolist()
    (3, 'bob', ['eve', 'ann'])
    """

    dtype = np.dtype(object)
    ndim = 1

    def __init__(self, content: np.ndarray, offsets: np.ndarray) -> None:
        # Arrow does not check offsets, and would read beyond the content.
        if (content.dtype, content.ndim) != (np.dtype(np.uint8), 1):
            raise ValueError(f"the bytes of texts are {content.dtype} {content.shape}")
        if (offsets.dtype, offsets.ndim) != (np.dtype(np.int64), 1) or not len(offsets):
            raise ValueError(f"the offsets of texts are {offsets.dtype} {offsets.shape}")
        if offsets[0] != 0 or offsets[-1] != len(content) or (offsets[1:] < offsets[:-1]).any():
            raise ValueError("the offsets of texts do not divide their bytes")
        self.content = content
        self.offsets = offsets

    @classmethod
    def of(cls, texts: Iterable[str]) -> TextArray:
        """Return the array of given texts; a UnicodeEncodeError for lone surrogates."""
        return cls(*_encode(texts))

    @property
    def shape(self) -> tuple[int]:
        """Number of texts, as the shape of an array."""
        return (len(self),)

    @property
    def size(self) -> int:
        """Number of texts."""
        return len(self)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: Any) -> Any:
        import pyarrow as pa

        if isinstance(index, (int, np.integer)) and not isinstance(index, bool):
            position = range(len(self))[index]
            return _as_objects(self._arrow.slice(position, 1))[0]
        if isinstance(index, slice):
            index = np.arange(len(self))[index]
        rows = np.asarray(index)
        if rows.dtype == bool:
            if rows.shape != self.shape:
                raise IndexError(f"the mask has shape {rows.shape}, the array {self.shape}")
            rows = np.flatnonzero(rows)
        if rows.size and not -len(self) <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"positions must lie in 0 … {len(self) - 1}")
        rows = rows.astype(np.int64)
        taken = self._arrow.take(pa.array(np.where(rows < 0, rows + len(self), rows).ravel()))
        return _as_objects(taken).reshape(rows.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        decoded = self._decoded if dtype in (None, object) else self._decoded.astype(dtype)
        return decoded.copy() if copy else decoded

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} texts)"

    def tolist(self) -> list[str]:
        """Return all texts as a list."""
        texts: list[str] = self._decoded.tolist()
        return texts

    def check(self) -> None:
        """Raise a ValueError if the texts are not valid UTF-8; this reads all of them."""
        import pyarrow as pa

        try:
            self._arrow.validate(full=True)
        except pa.ArrowInvalid as error:
            raise ValueError(f"texts are not valid: {error}") from None

    # Arrow arrays and decoded texts are made again from the bytes, so they are not pickled.
    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("content", "offsets")}

    @cached_property
    def _arrow(self) -> pa.LargeStringArray:
        import pyarrow as pa

        buffers = (
            pa.py_buffer(np.ascontiguousarray(part)) for part in (self.offsets, self.content)
        )
        return pa.LargeStringArray.from_buffers(len(self), *buffers)

    @cached_property
    def _decoded(self) -> np.ndarray:
        texts = _as_objects(self._arrow)
        texts.flags.writeable = False
        return texts


class TextIds(TextArray):
    """Distinct texts with an order, in which a text is looked up without an index in memory.

    Parameters
    ----------
    content, offsets : as of ``TextArray``
    order : int32 (n,)
        The positions of the texts in the order of their bytes.

    Examples
    --------
    >>> ids = TextIds.of(["eve", "ann", "bob"])
    >>> ids.get_indexer(["bob", "zoe", 7]).tolist(), "eve" in ids
    ([2, -1, -1], True)
    """

    def __init__(self, content: np.ndarray, offsets: np.ndarray, order: np.ndarray) -> None:
        super().__init__(content, offsets)
        if (order.dtype, order.shape) != (np.dtype(np.int32), self.shape):
            raise ValueError(
                f"the order of {len(self)} texts is {order.dtype} of shape {order.shape}"
            )
        self.order = order

    @classmethod
    def of(cls, texts: Iterable[str]) -> TextIds:
        """Return the array of given distinct texts; a UnicodeEncodeError for lone surrogates."""
        import pyarrow.compute as pc

        content, offsets = _encode(texts)
        order = pc.array_sort_indices(TextArray(content, offsets)._arrow)
        return cls(content, offsets, order.to_numpy().astype(np.int32))

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self._find(text) >= 0

    def get_indexer(self, wanted: Iterable[Any]) -> np.ndarray:
        """Return the position of each value, int64; -1 for what is not one of the texts.

        The name is that of pandas.

        Raises
        ------
        TypeError
            For a value that is not hashable, as pandas does.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = [_as_text(value) for value in wanted]
        if len(texts) < MANY:
            positions = [-1 if text is None else self._find(text) for text in texts]
            return np.array(positions, dtype=np.int64)
        sought = [text if _has_utf8(text) else None for text in texts]
        places = pc.index_in(pa.array(sought, self._arrow.type), value_set=self._arrow)
        filled: np.ndarray = places.fill_null(-1).to_numpy().astype(np.int64)
        return filled

    def check(self) -> None:
        """Raise a ValueError for invalid UTF-8, repeated texts or a wrong order; reads all."""
        import pyarrow as pa
        import pyarrow.compute as pc

        super().check()
        if not ((self.order >= 0) & (self.order < len(self))).all():
            raise ValueError("the order of texts names positions that do not exist")
        ordered = self._arrow.take(pa.array(self.order))
        rises = pc.less(ordered.slice(0, max(len(self) - 1, 0)), ordered.slice(1))
        if not rises.to_numpy(zero_copy_only=False).all():
            raise ValueError("texts are repeated, or not in the stated order")

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "order": self.order}

    def _find(self, text: str) -> int:
        """Return the position of a text by binary search, or -1."""
        if not _has_utf8(text):
            return -1
        key = text.encode()
        content, offsets, order = self._views
        low, high = 0, len(order)
        while low < high:
            middle = (low + high) // 2
            position = order[middle]
            if not 0 <= position < len(order):
                raise ValueError(DAMAGED)
            present = bytes(content[offsets[position] : offsets[position + 1]])
            if present == key:
                return position
            low, high = (middle + 1, high) if present < key else (low, middle)
        return -1

    @cached_property
    def _views(self) -> tuple[memoryview, memoryview, memoryview]:
        # Elements of a memoryview are read several times as fast as those of an array.
        return self.content.data, self.offsets.data, self.order.data


def _encode(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the UTF-8 bytes and the offsets of texts."""
    import pyarrow as pa

    array = pa.array(texts if isinstance(texts, np.ndarray) else list(texts), pa.large_string())
    _, offsets, content = array.buffers()
    start, length = array.offset, len(array)
    if not length:
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    places = np.frombuffer(offsets, np.int64)[start : start + length + 1]
    size = int(places[-1])
    if not size:
        return np.empty(0, np.uint8), places
    return np.frombuffer(content, np.uint8)[:size], places


def _as_text(value: Any) -> str | None:
    """Return a text itself, and None for another id; what cannot be hashed is a TypeError."""
    hash(value)
    return value if isinstance(value, str) else None


def _has_utf8(text: str | None) -> bool:
    """Return whether a text is one that UTF-8 can hold: not None, and without lone surrogates."""
    try:
        return text is not None and (text.isascii() or bool(text.encode()))
    except UnicodeEncodeError:
        return False


def _as_objects(array: pa.LargeStringArray) -> np.ndarray:
    """Return the texts of an arrow array as a new array of dtype object."""
    import pyarrow as pa

    try:
        texts: np.ndarray = array.to_numpy(zero_copy_only=False).astype(object, copy=False)
    except pa.ArrowException:
        raise ValueError(DAMAGED) from None
    return texts if texts.flags.writeable else texts.copy()
