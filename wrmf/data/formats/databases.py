"""Read tables and queries of databases, by an address or an open connection."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from wrmf.data.formats.columns import Table, choose_columns, positions_of
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.paths import scheme_of
from wrmf.data.formats.reasons import reason_of

__all__ = ["is_connection", "is_database", "read_database"]

QUERY = re.compile(r"\s*(?:--[^\n]*\n\s*)*(select|with|from|values|show|call|exec|execute)\s", re.I)
COLON = re.compile(r"(?<![:\w\\]):(?=\w)")
HOW = (
    'pass (connection, "likes") or (connection, "select … from likes"), or write the table after '
    "the address, as in sqlite:///shop.db#likes"
)


def is_connection(source: object) -> bool:
    """Return whether a source is an open connection of DBAPI, ADBC or SQLAlchemy."""
    return callable(getattr(source, "cursor", None)) or _is_sqlalchemy(source)


def is_database(source: object) -> bool:
    """Return whether :func:`read_database` accepts a source."""
    if isinstance(source, tuple):
        return len(source) == 2 and is_database(source[0])
    if isinstance(source, str):
        return scheme_of(source) not in (None, "file")
    return is_connection(source)


def read_database(source: Any, options: SourceOptions) -> Table:
    """Return the wanted columns of a table or a query.

    Parameters
    ----------
    source : str, connection, or pair of either with a str
        An address such as ``"postgresql://user@host/shop#likes"``, where a table or a query follows
        the ``#``; or the pair of an address or an open connection (DBAPI, ADBC, SQLAlchemy) and a
        table or a query. If neither a table nor a query is named, the database must have only one
        table. Connections stay open. SQLite needs no other package, other addresses need
        SQLAlchemy.
    options : SourceOptions

    Raises
    ------
    ImportError
        Where an address needs a package that is not installed.
    ValueError
        For a database that cannot be reached, a missing table, and a query that fails.
    """
    base, wanted = source if isinstance(source, tuple) else (source, None)
    if isinstance(base, str):
        return _read_address(base, wanted, options)
    return _read_connection(base, wanted, options)


def _read_address(address: str, wanted: str | None, options: SourceOptions) -> Table:
    address, _, fragment = address.partition("#")
    wanted = wanted or fragment or None
    if scheme_of(address) == "sqlite":
        # As in SQLAlchemy: three slashes precede a relative path, four an absolute path.
        path = Path(unquote(address.partition("://")[2].partition("?")[0][1:]))
        return read_sqlite(path, options, wanted)
    try:
        import sqlalchemy
    except ImportError:
        raise ImportError(
            f'{_without_password(address)} needs SQLAlchemy: pip install "wrmf[sql]", and the '
            "driver of the database"
        ) from None
    try:
        engine = sqlalchemy.create_engine(address)
    except (sqlalchemy.exc.ArgumentError, ImportError) as error:
        # The ImportError of SQLAlchemy names the missing driver.
        kind = ImportError if isinstance(error, ImportError) else ValueError
        hint = ": install this package" if kind is ImportError else ""
        if isinstance(error, sqlalchemy.exc.NoSuchModuleError):
            hint = ": install the package that brings it, such as duckdb-engine for duckdb"
        raise kind(f"{_without_password(address)} cannot be opened: {error}{hint}") from None
    try:
        return _read_connection(engine, wanted, options)
    finally:
        engine.dispose()


def read_sqlite(path: Path, options: SourceOptions, wanted: str | None = None) -> Table:
    """Return the wanted columns of a table or a query; the SQLite file is opened read-only."""
    if not path.is_file():
        # The error of SQLite about a missing file is less clear.
        raise FileNotFoundError(f"no such file: {path}")
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return _read_connection(connection, wanted, options)


def _read_connection(connection: Any, wanted: str | None, options: SourceOptions) -> Table:
    try:
        wanted = wanted or _only_table(connection)
        if _is_sqlalchemy(connection):
            return _read_by_sqlalchemy(connection, wanted, options)
        if QUERY.match(wanted):
            return choose_columns(_run(connection, wanted), options.columns)
        return _read_table(connection, wanted, options.columns)
    except Exception as error:
        if isinstance(error, ValueError) and not isinstance(error, UnicodeError):
            # The message is clear already, such as one about a missing column.
            raise
        # Each driver raises exceptions of its own types.
        reason = reason_of(error)
        if isinstance(connection, sqlite3.Connection) and "no such table" in reason:
            reason += f", the tables are {_sqlite_tables(connection)}"
        raise ValueError(
            f"the database cannot read {wanted or 'its tables'!r}: {reason}; {HOW}"
        ) from None


def _run(connection: Any, query: str) -> Table:
    """Return the result of a query on a connection of DBAPI."""
    import pyarrow as pa

    if hasattr(connection, "sql"):
        # DuckDB's relations are arrow streams.
        return pa.table(connection.sql(query))
    with closing(connection.cursor()) as cursor:
        cursor.execute(query)
        if hasattr(cursor, "fetch_arrow_table"):
            # Only cursors of ADBC have this method.
            table: Table = cursor.fetch_arrow_table()
            return table
        return _table_of_rows([column[0] for column in cursor.description], cursor.fetchall())


def _table_of_rows(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """Return rows of Python objects as a table that holds every value exactly.

    The readers of pandas would round large ints in a column with nulls, and convert bytes to text.
    """
    import pandas as pd
    import pyarrow as pa

    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    try:
        return pa.table([pa.array(list(column)) for column in columns], names=list(names))
    except (pa.ArrowException, OverflowError):
        # Arrow holds neither columns of mixed types nor ints of more than 64 bits.
        objects = [pd.Series(list(column), dtype=object) for column in columns]
        frame: pd.DataFrame = pd.concat(objects, axis=1)
        frame.columns = pd.Index(names)
        return frame


def _read_table(connection: Any, table: str, wanted: Sequence[str | int]) -> Table:
    """Return the wanted columns of a table; in SQLite only these are read."""
    is_sqlite = isinstance(connection, sqlite3.Connection)
    # A table may be called as a word of SQL, such as order. Elsewhere quotes would make capitals
    # count.
    quote = _quoted_always if is_sqlite else _quoted
    name = ".".join(map(quote, table.split(".")))
    if not is_sqlite or not wanted:
        # All columns are selected, as databases differ in how names of columns are quoted, and an
        # unquoted ``user`` is a function in PostgreSQL.
        return choose_columns(_run(connection, f"SELECT * FROM {name}"), wanted)
    # SQLite treats the quoted name of a missing column as a text, so names are looked up first.
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"SELECT * FROM {name} WHERE 1 = 0")
        names = [column[0] for column in cursor.description]
    chosen = [names[position] for position in positions_of(names, wanted)]
    columns = ", ".join(map(_quoted_always, dict.fromkeys(chosen)))
    return choose_columns(_run(connection, f"SELECT {columns} FROM {name}"), chosen)


def _quoted(name: str) -> str:
    """Return the name of a table, in quotes if it needs quotes."""
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else _quoted_always(name)


def _quoted_always(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_sqlalchemy(source: object) -> bool:
    return type(source).__module__.startswith("sqlalchemy.") and hasattr(source, "dialect")


def _read_by_sqlalchemy(connection: Any, wanted: str, options: SourceOptions) -> Table:
    import sqlalchemy

    if isinstance(connection, sqlalchemy.Engine):
        with connection.connect() as opened:
            return _read_by_sqlalchemy(opened, wanted, options)
    # A colon before a word would stand for a parameter of the query.
    query: Any = sqlalchemy.text(COLON.sub(r"\:", wanted))
    if not QUERY.match(wanted):
        schema, _, name = wanted.rpartition(".")
        inspector = sqlalchemy.inspect(connection)
        try:
            described = inspector.get_columns(name, schema=schema or None)
        except sqlalchemy.exc.NoSuchTableError:
            names = inspector.get_table_names(schema=schema or None)
            raise ValueError(f"no table {wanted!r}; the tables are {names}: {HOW}") from None
        names = [column["name"] for column in described]
        chosen = [names[position] for position in positions_of(names, options.columns)]
        columns: list[Any] = [sqlalchemy.column(column) for column in dict.fromkeys(chosen)]
        table = sqlalchemy.table(name, *columns, schema=schema or None)
        query = sqlalchemy.select(*columns).select_from(table)
        options = replace(options, columns=tuple(chosen))
    result = connection.execute(query)
    return choose_columns(_table_of_rows(list(result.keys()), result.fetchall()), options.columns)


def _only_table(connection: Any) -> str:
    """Return the name of the only table of a database."""
    if _is_sqlalchemy(connection):
        import sqlalchemy

        names = sqlalchemy.inspect(connection).get_table_names()
    elif isinstance(connection, sqlite3.Connection):
        names = _sqlite_tables(connection)
    else:
        raise ValueError(f"which table is to be read? {HOW}")
    if len(names) != 1:
        raise ValueError(f"the database has {len(names)} tables {names}: {HOW}")
    return str(names[0])


def _sqlite_tables(connection: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    return [name for (name,) in connection.execute(query)]


def _without_password(address: str) -> str:
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:…@", address)
