"""Read data frames of pandas, polars, arrow, DuckDB and other libraries that export to arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wrmf.data.formats.columns import Table, choose_columns, positions_of
from wrmf.data.formats.options import SourceOptions
from wrmf.data.unicode_texts import refusing_surrogates

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["is_frame", "not_a_table", "read_frame"]


def is_frame(source: object) -> bool:
    """Return whether :func:`read_frame` accepts a source."""
    import pandas as pd

    return (
        isinstance(source, (pd.DataFrame, pd.Series, np.ndarray, dict))
        or hasattr(source, "__arrow_c_stream__")
        or hasattr(source, "to_pandas")
        or hasattr(source, "collect")
        or _is_narwhals(source)
    )


def read_frame(source: Any, options: SourceOptions) -> Table:
    """Return the wanted columns of a table in memory; it is not changed.

    Parameters
    ----------
    source : data frame
        A frame of pandas, in which named levels of the index count as columns; an eager or lazy
        frame of any library that narwhals supports, such as polars, DuckDB, modin or dask; any
        object with ``__arrow_c_stream__`` or ``to_pandas()``; a 2-d array; or a dict of columns.
    options : SourceOptions

    Raises
    ------
    TypeError
        For an array that is no table.
    ValueError
        For a column that is missing or occurs twice.
    """
    import pandas as pd

    if isinstance(source, pd.Series):
        source = source.to_frame(source.name if source.name is not None else "value")
    if isinstance(source, dict):
        with refusing_surrogates("the table"):
            source = pd.DataFrame(source)
    if isinstance(source, np.ndarray):
        source = _frame_of_array(source)
    if isinstance(source, pd.DataFrame):
        return choose_columns(_with_index(source, options), options.columns)
    import pyarrow as pa

    # Tables of arrow may have nested columns and repeated names, which narwhals refuses.
    if not isinstance(source, pa.Table) and _is_narwhals(source):
        return _read_narwhals(source, options)
    if hasattr(source, "__arrow_c_stream__"):
        try:
            table = source if isinstance(source, pa.Table) else pa.table(source)
        except (TypeError, ValueError) as error:
            raise not_a_table(source) from error
        return choose_columns(table, options.columns)
    return read_frame(source.to_pandas(), options)


def not_a_table(source: object) -> TypeError:
    """Return the error about an object of arrow or polars that holds no columns by name."""
    return TypeError(
        f"a {type(source).__name__} is no table: pass a table with a row for each interaction and "
        "columns such as user and item"
    )


def _frame_of_array(array: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    if array.dtype.names is None and array.ndim != 2:
        raise TypeError(
            f"source is an array of shape {array.shape}: pass a 2-d array with a row for each "
            "interaction, and columns by position, as user=0, item=1"
        )
    frame: pd.DataFrame = pd.DataFrame(array)
    return frame


def _with_index(frame: pd.DataFrame, options: SourceOptions) -> pd.DataFrame:
    """Return a frame; if a named level of its index is wanted, named levels become columns."""
    levels = [name for name in frame.index.names if name is not None and name not in frame.columns]
    if any(name in options.columns for name in levels):
        others = [name for name in frame.index.names if name not in levels]
        kept = frame.reset_index(level=others, drop=True) if others else frame
        with_levels: pd.DataFrame = kept.reset_index()
        return with_levels
    return frame


def _is_narwhals(source: object) -> bool:
    """Return whether narwhals knows the type of a source."""
    import narwhals as nw

    try:
        frame = nw.from_native(source, pass_through=True)
    except ImportError:
        # This release of narwhals does not support the installed release of a library.
        return False
    return isinstance(frame, (nw.DataFrame, nw.LazyFrame))


def _read_narwhals(source: Any, options: SourceOptions) -> Table:
    import narwhals as nw
    import pandas as pd

    frame = nw.from_native(source)
    names = frame.collect_schema().names()
    # A dotted name may be a field of a nested column, which arrow finds.
    needed = [
        column.partition(".")[0] if isinstance(column, str) and column not in names else column
        for column in options.columns
    ]
    chosen = [names[position] for position in positions_of(names, needed)]
    frame = frame.select(list(dict.fromkeys(chosen)))
    wanted = tuple(
        column if isinstance(column, str) else name
        for column, name in zip(options.columns, chosen, strict=False)
    )
    # Arrow holds neither Python objects nor ints of 128 bits.
    exotic = (nw.Object, nw.Int128, nw.UInt128)
    as_objects = any(kind == other for kind in frame.collect_schema().dtypes() for other in exotic)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect(backend=None if as_objects else "pyarrow")
    if as_objects:
        lists = {name: frame[name].to_list() for name in frame.columns}
        objects = {name: pd.Series(values, dtype=object) for name, values in lists.items()}
        return choose_columns(pd.DataFrame(objects), wanted)
    return choose_columns(frame.to_arrow(), wanted)
