"""Encode a column of ids as integer codes and an array of distinct ids, none of them rounded."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.pandas_types import is_pandas_series
from wrmf.data.unicode_texts import check_unicode, refusing_surrogates

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "NULL_NUMBERS",
    "NULL_TEXTS",
    "encode_all",
    "encode_ids",
    "is_arrow",
    "own_form_ints",
]

# Texts by which programs mark a missing value, in columns of any kind.
NULL_TEXTS = ("", r"\N", "NULL", "null", "None", "nan", "NaN", "<NA>", "<null>", "NaT")
# Texts that mark a missing value in columns of numbers and times. As ids, the texts "NA", "N/A",
# "n/a" and "#N/A" are valid.
NULL_NUMBERS = (*NULL_TEXTS, "NA", "N/A", "n/a", "#N/A")
# From this number on, floats cannot hold every whole number, so that different ids may have been
# rounded to the same float.
EXACT_FLOATS = 2**53
# The byte order mark, in text.
MARK = "\ufeff"
# The number of codes that are checked at a time, so that they fit into the cache of the CPU.
PART = 1 << 16
INT64 = np.iinfo(np.int64)


def encode_ids(
    column: Any, name: str, *, typed: bool = True, null_texts: Sequence[str] = NULL_TEXTS
) -> tuple[np.ndarray, np.ndarray]:
    """Return an integer code for the id of each row, and the distinct ids, indexed by code.

    Parameters
    ----------
    column : pandas Series, pyarrow Array or ChunkedArray, or ndarray
    name : str
        What error messages call the column.
    typed : bool, default True
        Whether the source stores types. If not, as in a text file, ids become ints if each of them
        is the usual text of its int, such as "7" but not "07".
    null_texts : sequence of str
        Texts that mark a missing id.

    Returns
    -------
    codes : int32 or int64 (n_rows,)
        The codes count from 0 in the order in which the ids first appear; -1 is null.
    ids : int64 or object (n_ids,)
        int64 if all ids are ints within the range of int64.

    Raises
    ------
    TypeError, ValueError
        For ids that cannot be hashed, floats that are not whole or so large that they may have
        been rounded, a column that holds both a number and its text, such as 7 and "7", and texts
        that UTF-8 cannot hold.

    Examples
    --------
    >>> import pandas as pd
    >>> encode_ids(pd.Series([7.0, None, 9.0]), "user")
    (array([ 0, -1,  1]), array([7, 9]))
    """
    import pandas as pd

    if not is_arrow(column):
        with refusing_surrogates(f"column {name!r}"):
            series = column if is_pandas_series(column) else pd.Series(column)
            encoded = _encode_pandas(series, name)
    else:
        encoded = _encode_arrow(column, name)
    if not typed:
        encoded = encoded.without_marks()
    return encoded.without(null_texts).result(typed)


def encode_all(
    columns: Sequence[tuple[Any, str]],
    *,
    typed: bool = True,
    null_texts: Sequence[str] = NULL_TEXTS,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return what :func:`encode_ids` returns for each of several columns and its name.

    Columns of arrow are encoded at the same time, as arrow and NumPy release the interpreter lock.
    """

    def encode(column: tuple[Any, str]) -> tuple[np.ndarray, np.ndarray]:
        return encode_ids(*column, typed=typed, null_texts=null_texts)

    if not all(is_arrow(column) for column, _ in columns):
        return list(map(encode, columns))
    with ThreadPoolExecutor(len(columns)) as threads:
        return list(threads.map(encode, columns))


def is_arrow(column: Any) -> bool:
    """Return whether a column is an arrow array, without importing pyarrow."""
    return type(column).__module__.partition(".")[0] == "pyarrow"


def own_form_ints(texts: pa.Array) -> np.ndarray | None:
    """Return texts as int64, or None unless each is the usual text of its int ("7", not "07")."""
    import pyarrow as pa

    try:
        numbers = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    return np.asarray(numbers) if numbers.cast(texts.type).equals(texts) else None


@dataclass(frozen=True)
class _Encoded:
    """The code of the id of each row, and the distinct ids, indexed by code.

    The code -1 is null. ``ids`` is an arrow array of texts, or an ndarray.
    """

    codes: np.ndarray
    ids: Any

    def without(self, null_texts: Sequence[str]) -> _Encoded:
        """Drop ids that are one of ``null_texts``; their rows get the code -1."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if isinstance(self.ids, np.ndarray):
            if self.ids.dtype != object:
                return self
            null = np.array([isinstance(i, str) and i in null_texts for i in self.ids], dtype=bool)
            return self._keep(~null) if null.any() else self
        null = np.asarray(pc.is_in(self.ids, value_set=pa.array(null_texts, self.ids.type)))
        return self._keep(~null) if null.any() else self

    def without_marks(self) -> _Encoded:
        """Remove byte order marks, which joining files leaves at the beginnings of texts."""
        import pyarrow.compute as pc

        if isinstance(self.ids, np.ndarray) or not pc.any(pc.starts_with(self.ids, MARK)).as_py():
            return self
        texts = pc.replace_substring_regex(self.ids, f"^{MARK}+", "")
        return _through(self.codes, _encode_arrow(texts, "")).in_order()

    def _keep(self, kept: np.ndarray) -> _Encoded:
        """Keep the ids that the bool mask ``kept`` chooses; rows of other ids get the code -1."""
        new_codes = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
        ids = self.ids[kept] if isinstance(self.ids, np.ndarray) else self.ids.filter(kept)
        return _Encoded(new_codes.astype(self.codes.dtype)[self.codes], ids)

    def in_order(self) -> _Encoded:
        """Renumber the ids by their first appearance, and drop ids that no row has."""
        import pandas as pd

        if self._is_in_order():
            return self
        codes, order = pd.factorize(np.asarray(self.codes, dtype=np.int64))
        null = np.flatnonzero(order < 0)
        if len(null):
            codes = np.where(codes == null[0], -1, codes - (codes > null[0]))
            order = np.delete(order, null)
        ids = self.ids[order] if isinstance(self.ids, np.ndarray) else self.ids.take(order)
        return _Encoded(codes.astype(self.codes.dtype), ids)

    def _is_in_order(self) -> bool:
        n_seen = 0
        # Parts of this length fit into the cache.
        for start in range(0, len(self.codes), PART):
            part = self.codes[start : start + PART]
            new = np.maximum.accumulate(part[part >= n_seen])
            if len(new):
                if new[0] > n_seen or (new[1:] - new[:-1] > 1).any():
                    return False
                n_seen = int(new[-1]) + 1
        return n_seen == len(self.ids)

    def result(self, typed: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the codes, and the ids as int64 where possible, else as objects."""
        if isinstance(self.ids, np.ndarray):
            return self.codes, _ints_or_objects(self.ids)
        ints = None if typed or not len(self.ids) else own_form_ints(self.ids)
        if ints is None:
            return self.codes, np.asarray(self.ids.to_numpy(zero_copy_only=False), dtype=object)
        return self.codes, ints


def _encode_arrow(column: Any, name: str) -> _Encoded:
    import pandas as pd
    import pyarrow as pa

    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if not len(column):
        return _Encoded(np.empty(0, dtype=np.int32), np.empty(0, dtype=object))
    if pa.types.is_null(column.type):
        return _Encoded(np.full(len(column), -1), np.empty(0, dtype=object))
    if pa.types.is_dictionary(column.type):
        return _encode_dictionaries(column, name).in_order()
    try:
        chunks = column.dictionary_encode().chunks
    except pa.ArrowNotImplementedError:
        return _encode_pandas(column.to_pandas(), name)
    codes = np.concatenate([_dictionary_codes(chunk) for chunk in chunks])
    ids = chunks[0].dictionary
    if pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type):
        return _Encoded(codes, ids)
    if pa.types.is_integer(ids.type) or pa.types.is_floating(ids.type):
        return _through(codes, _encode_pandas(pd.Series(np.asarray(ids)), name))
    return _through(codes, _encode_objects(pd.Series(ids.to_pylist(), dtype=object), name))


def _encode_dictionaries(column: pa.ChunkedArray, name: str) -> _Encoded:
    """Encode a dictionary-encoded column; its ids are in the order of the dictionaries.

    Dictionaries of different chunks may differ, and hold nulls and repeated values.
    """
    import pyarrow as pa

    chunks = [chunk for chunk in column.chunks if len(chunk)]
    # Readers share a dictionary between many chunks.
    dictionaries: list[pa.Array] = []
    numbers: list[int] = []
    previous: list[int | None] = []
    for chunk in chunks:
        dictionary = chunk.dictionary
        place = [dictionary.offset, len(dictionary)]
        place += [buffer and buffer.address for buffer in dictionary.buffers()]
        if place != previous:
            dictionaries.append(dictionary)
        numbers.append(len(dictionaries) - 1)
        previous = place
    inner = _encode_arrow(pa.chunked_array(dictionaries), name)
    bounds = np.cumsum([0, *map(len, dictionaries)])
    new_codes = [
        np.append(inner.codes[start:stop], inner.codes.dtype.type(-1))
        for start, stop in itertools.pairwise(bounds)
    ]
    codes = np.empty(len(column), dtype=inner.codes.dtype)
    start = 0
    for chunk, number in zip(chunks, numbers, strict=True):
        codes[start : start + len(chunk)] = new_codes[number][_dictionary_codes(chunk)]
        start += len(chunk)
    return _Encoded(codes, inner.ids)


def _dictionary_codes(chunk: pa.DictionaryArray) -> np.ndarray:
    """Return the indices of a dictionary array as int32 or int64, -1 for null."""
    indices = chunk.indices
    if indices.type.bit_width < 32 or str(indices.type).startswith("u"):
        indices = indices.cast("int64")
    codes: np.ndarray = np.asarray(indices.fill_null(-1) if indices.null_count else indices)
    return codes


def _through(codes: np.ndarray, inner: _Encoded) -> _Encoded:
    """Combine two encodings: ``codes`` are positions of values that ``inner`` has encoded."""
    if np.array_equal(inner.codes, np.arange(len(inner.codes))):
        return _Encoded(
            codes.astype(np.promote_types(codes.dtype, np.int32), copy=False), inner.ids
        )
    return _Encoded(np.append(inner.codes, -1)[codes], inner.ids)


def _encode_pandas(series: pd.Series, name: str) -> _Encoded:
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _encode_pandas(pd.Series(series.cat.categories), name)
        return _through(series.cat.codes.to_numpy(), categories).in_order()
    if isinstance(dtype, (pd.StringDtype, pd.ArrowDtype)):
        import pyarrow as pa

        return _encode_arrow(pa.chunked_array([pa.array(series, from_pandas=True)]), name)
    if dtype.kind == "O" and not pd.api.types.is_extension_array_dtype(dtype):
        return _encode_objects(series, name)
    codes, distinct = pd.factorize(series)
    if dtype.kind == "f":
        floats = np.asarray(distinct, dtype=np.float64)
        _check_floats(floats, name)
        return _Encoded(codes, floats.astype(np.int64))
    if dtype.kind in "iu" and (not len(distinct) or int(distinct.max()) <= INT64.max):
        return _Encoded(codes, np.asarray(distinct, dtype=np.int64))
    return _through(codes, _encode_objects(pd.Series(distinct, dtype=object), name))


def _encode_objects(series: pd.Series, name: str) -> _Encoded:
    """Encode ids of any types; True and False are other ids than 1 and 0."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind == "string":
        import pyarrow as pa

        return _encode_arrow(pa.array(series, pa.large_string(), from_pandas=True), name)
    null = series.isna().to_numpy()
    codes = np.full(len(series), -1, dtype=np.int64)
    ids: dict[tuple[bool, Any], int] = {}
    for row, value in enumerate(series):
        if null[row]:
            continue
        plain = _plain(value, name)
        try:
            codes[row] = ids.setdefault((isinstance(plain, bool), plain), len(ids))
        except TypeError:
            raise TypeError(
                f"column {name!r} holds {_described(value)} in row {row}, which cannot be "
                f"hashed{_advice(value, name)}"
            ) from None
    values = [value for _, value in ids]
    _check_texts_of_numbers(values, name)
    check_unicode(values, f"column {name!r}")
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return _Encoded(codes, array)


def _described(value: Any) -> str:
    """Return what an object is that cannot be hashed, in a few words."""
    if isinstance(value, Mapping):
        return f"an object with the fields {reprlib.repr(list(value))}"
    return reprlib.repr(value.tolist() if isinstance(value, np.ndarray) else value)


def _advice(value: Any, name: str) -> str:
    if not isinstance(value, Mapping):
        return ': lists of items are layout="user-items"'
    return f": name one of them, such as {f'{name}.{next(iter(value))}'!r}" if value else ""


def _ints_or_objects(ids: np.ndarray) -> np.ndarray:
    """Return ids as int64 if all are ints within the range of int64, else unchanged."""
    ints = len(ids) and all(type(i) is int and INT64.min <= i <= INT64.max for i in ids.tolist())
    return ids.astype(np.int64) if ints else ids


def _plain(value: Any, name: str) -> Any:
    """Convert an id to a plain Python value: NumPy scalars are unpacked, floats become ints."""
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if isinstance(value, float):
        _check_floats(np.array([value]), name)
        return int(value)
    if isinstance(value, Decimal) and value == value.to_integral_value():
        # Equal decimals may be written differently, such as 1 and 1.0.
        return Decimal(int(value))
    return value


def _check_floats(values: np.ndarray, name: str) -> None:
    """Raise an error unless all floats are whole numbers that cannot have been rounded."""
    is_whole = np.isfinite(values) & (np.trunc(values) == values)
    if not is_whole.all():
        raise ValueError(
            f"column {name!r} holds the float {float(values[~is_whole][0])!r}, and floats are no "
            "ids: convert the column to text or to whole numbers"
        )
    large = np.abs(values) >= EXACT_FLOATS
    if large.any():
        raise ValueError(
            f"column {name!r} holds the float {float(values[large][0])!r}: above 2**53 floats skip "
            "whole numbers, so different ids may have become one; read the column as integers or "
            "as text"
        )


def _check_texts_of_numbers(values: Sequence[Any], name: str) -> None:
    """Raise an error if the ids hold a number and its text, which most sources mean as one id."""
    texts = {value for value in values if isinstance(value, str)}
    if not texts or len(texts) == len(values):
        return
    for value in values:
        if isinstance(value, int) and not isinstance(value, bool) and str(value) in texts:
            raise ValueError(
                f"column {name!r} holds both {value!r} and {str(value)!r}: convert it to one type, "
                "such as by .astype(str)"
            )
