"""Turn a column of ids into codes and the distinct ids, each exactly what it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NULL_NUMBERS", "NULL_TEXTS", "encode_ids", "is_arrow", "own_form_ints"]

# What programs write for "no value".
NULL_TEXTS = ("", r"\N", "NULL", "null", "None", "nan", "NaN", "<NA>", "<null>", "NaT")
# Among numbers and times, these stand for it, too.
NULL_NUMBERS = (*NULL_TEXTS, "NA", "N/A", "n/a", "#N/A")
# Above it, floats skip whole numbers, so that different ids may have become the same.
EXACT_FLOATS = 2**53
# Codes looked at a time.
PART = 1 << 16
INT64 = np.iinfo(np.int64)


def encode_ids(
    column: Any, name: str, *, typed: bool = True, null_texts: Sequence[str] = NULL_TEXTS
) -> tuple[np.ndarray, np.ndarray]:
    """Return the code of each row's id, and the distinct ids by code.

    Parameters
    ----------
    column : pandas Series, pyarrow Array or ChunkedArray, or ndarray
    name : str
        What error messages call the column.
    typed : bool, default True
        Whether the source has types. Where it has not, as in a text file, ids become ints if each
        of them is the text of its int.
    null_texts : sequence of str
        Texts that are no ids.

    Returns
    -------
    codes : int32 or int64 (n_rows,)
        From 0 in the order of first appearance; -1 for null.
    ids : int64 or object (n_ids,)
        int64 where all ids are ints of that range.

    Raises
    ------
    TypeError, ValueError
        For ids that cannot be hashed, floats that are not whole or so large that they may have
        been rounded, and a column that holds a number and its text.

    Examples
    --------
    >>> encode_ids(pd.Series([7.0, None, 9.0]), "user")
    (array([ 0, -1,  1]), array([7, 9]))
    """
    if not is_arrow(column):
        series = column if isinstance(column, pd.Series) else pd.Series(column)
        encoded = _encode_pandas(series, name)
    else:
        encoded = _encode_arrow(column, name)
    return encoded.without(null_texts).result(typed)


def is_arrow(column: Any) -> bool:
    """Return whether a column is an arrow array; pyarrow is not imported to find out."""
    return type(column).__module__.partition(".")[0] == "pyarrow"


def own_form_ints(texts: pa.Array) -> np.ndarray | None:
    """Return texts as int64 if each is the text of its int, as "7" and not "07", else None."""
    import pyarrow as pa

    try:
        numbers = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    return np.asarray(numbers) if numbers.cast(texts.type).equals(texts) else None


@dataclass(frozen=True)
class _Encoded:
    """Codes of rows, -1 for null, and distinct ids: an arrow array of texts, or an ndarray."""

    codes: np.ndarray
    ids: Any

    def without(self, null_texts: Sequence[str]) -> _Encoded:
        """Return the codes with -1 for ids that are one of these texts."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if isinstance(self.ids, np.ndarray):
            if self.ids.dtype != object:
                return self
            null = np.array([isinstance(i, str) and i in null_texts for i in self.ids], dtype=bool)
            return self._keep(~null) if null.any() else self
        null = np.asarray(pc.is_in(self.ids, value_set=pa.array(null_texts, self.ids.type)))
        return self._keep(~null) if null.any() else self

    def _keep(self, kept: np.ndarray) -> _Encoded:
        """Return the codes with -1 for all but some ids."""
        new_codes = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
        ids = self.ids[kept] if isinstance(self.ids, np.ndarray) else self.ids.filter(kept)
        return _Encoded(new_codes[self.codes], ids)

    def in_order(self) -> _Encoded:
        """Return ids numbered by their first appearance, without those of no row."""
        if self._is_in_order():
            return self
        codes, order = pd.factorize(np.asarray(self.codes, dtype=np.int64))
        null = np.flatnonzero(order < 0)
        if len(null):
            codes = np.where(codes == null[0], -1, codes - (codes > null[0]))
            order = np.delete(order, null)
        ids = self.ids[order] if isinstance(self.ids, np.ndarray) else self.ids.take(order)
        return _Encoded(codes, ids)

    def _is_in_order(self) -> bool:
        n_seen = 0
        # Parts fit into the cache.
        for start in range(0, len(self.codes), PART):
            seen = np.maximum.accumulate(self.codes[start : start + PART])
            np.maximum(seen, n_seen - 1, out=seen)
            if seen[0] > n_seen or (seen[1:] - seen[:-1] > 1).any():
                return False
            n_seen = int(seen[-1]) + 1
        return n_seen == len(self.ids)

    def result(self, typed: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the codes, and the ids as int64 where possible, else as objects."""
        if isinstance(self.ids, np.ndarray):
            return self.codes, _ints_or_objects(self.ids)
        ints = None if typed or not len(self.ids) else own_form_ints(self.ids)
        if ints is None:
            return self.codes, np.array(self.ids.to_pylist(), dtype=object)
        return self.codes, ints


def _encode_arrow(column: Any, name: str) -> _Encoded:
    import pyarrow as pa

    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if pa.types.is_null(column.type):
        return _Encoded(np.full(len(column), -1), np.empty(0, dtype=object))
    if not pa.types.is_dictionary(column.type):
        try:
            column = column.dictionary_encode()
        except pa.ArrowNotImplementedError:
            return _encode_pandas(column.to_pandas(), name)
    if not column.num_chunks:
        return _Encoded(np.empty(0, dtype=np.int64), np.empty(0, dtype=object))
    if not _share_dictionary(column.chunks):
        column = column.unify_dictionaries()
    codes = np.concatenate([_dictionary_codes(chunk.indices) for chunk in column.chunks])
    ids = column.chunk(0).dictionary
    if pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type):
        encoded = _Encoded(codes, ids)
        if ids.null_count or len(ids.unique()) != len(ids):
            encoded = _through(codes, _encode_arrow(ids, name))
        return encoded.in_order()
    if (pa.types.is_integer(ids.type) or pa.types.is_floating(ids.type)) and not ids.null_count:
        return _through(codes, _encode_pandas(pd.Series(np.asarray(ids)), name)).in_order()
    return _through(
        codes, _encode_objects(pd.Series(ids.to_pylist(), dtype=object), name)
    ).in_order()


def _share_dictionary(chunks: Sequence[pa.DictionaryArray]) -> bool:
    """Return whether all chunks have one dictionary, so that it need not be unified again."""
    places = [
        (ids.offset, len(ids), [buffer and buffer.address for buffer in ids.buffers()])
        for ids in (chunk.dictionary for chunk in chunks)
    ]
    return all(place == places[0] for place in places)


def _dictionary_codes(indices: pa.Array) -> np.ndarray:
    """Return the indices of a dictionary array as int32 or int64, -1 for null."""
    if indices.type.bit_width < 32 or str(indices.type).startswith("u"):
        indices = indices.cast("int64")
    codes: np.ndarray = np.asarray(indices.fill_null(-1) if indices.null_count else indices)
    return codes


def _through(codes: np.ndarray, inner: _Encoded) -> _Encoded:
    """Return codes of ids that are encoded themselves."""
    return _Encoded(np.append(inner.codes, -1)[codes], inner.ids)


def _encode_pandas(series: pd.Series, name: str) -> _Encoded:
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
    """Encode ids of any types: a text is another id than its number, a bool than 0 or 1."""
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
        except TypeError as error:
            raise TypeError(
                f"column {name!r} holds {value!r} in row {row}, which cannot be hashed: {error}"
            ) from None
    values = [value for _, value in ids]
    _check_texts_of_numbers(values, name)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return _Encoded(codes, array)


def _ints_or_objects(ids: np.ndarray) -> np.ndarray:
    """Return ids as int64 where all are ints of that range, else as they are."""
    ints = len(ids) and all(type(i) is int and INT64.min <= i <= INT64.max for i in ids.tolist())
    return ids.astype(np.int64) if ints else ids


def _plain(value: Any, name: str) -> Any:
    """Return an id as a plain Python value: a whole float as its int, a NumPy scalar unpacked."""
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if isinstance(value, float):
        _check_floats(np.array([value]), name)
        return int(value)
    if isinstance(value, Decimal) and value == value.to_integral_value():
        # Decimals that are equal may be written differently.
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
    """Raise an error if ids are both a number and its text, which are one id in most sources."""
    texts = {value for value in values if isinstance(value, str)}
    if not texts or len(texts) == len(values):
        return
    for value in values:
        if isinstance(value, int) and not isinstance(value, bool) and str(value) in texts:
            raise ValueError(
                f"column {name!r} holds both {value!r} and {str(value)!r}: convert it to one type, "
                "such as by .astype(str)"
            )
