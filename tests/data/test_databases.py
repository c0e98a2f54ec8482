"""Databases are read by an address or an open connection, with exact values."""

import builtins
import sqlite3

import pytest
from loading import load, rows

from wrmf.data.formats.databases import is_database

ROWS = [("007", 2**60 + 1, 1.5, b"1"), ("7", None, 2.0, None), ("a", 3, None, b"\xff")]


@pytest.fixture
def path(tmp_path):
    """An SQLite file with one table, whose columns have the names of keywords."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute('create table likes ("user" text, item integer, "order" real, raw blob)')
        connection.executemany("insert into likes values (?, ?, ?, ?)", ROWS)
    connection.close()
    return tmp_path / "shop.db"


@pytest.fixture
def connection(path):
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


@pytest.mark.parametrize("columns", [("item", "user"), ("user", "item", "order", "raw"), (1, 0)])
def test_connections_read_tables_and_queries_exactly(connection, columns):
    names = ["user", "item", "order", "raw"]
    places = [names.index(column) if column in names else column for column in columns]
    expected = [tuple(row[place] for place in places) for row in ROWS]
    for source in (connection, (connection, "likes"), (connection, "main.likes")):
        assert rows(source, *columns) == expected
    assert rows((connection, " -- all\nSELECT * FROM likes"), *columns) == expected
    assert connection.execute("select count(*) from likes").fetchone() == (3,)


def test_addresses_of_sqlite_need_no_other_package(path, monkeypatch):
    original = builtins.__import__

    def without_sqlalchemy(name, *args, **options):
        if name.startswith("sqlalchemy"):
            raise ImportError(name)
        return original(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_sqlalchemy)
    expected = [row[:2] for row in ROWS]
    address = f"sqlite:///{path}"
    for source in (path, str(path), address, f"{address}#likes", (address, "likes")):
        assert rows(source) == expected
    assert rows(f'{address}#select "user", 1 as item from likes where item = 3') == [("a", 1)]
    with pytest.raises(ImportError, match=r'needs SQLAlchemy: pip install "wrmf\[sql\]"') as info:
        load("postgresql://me:secret@localhost/shop#likes")
    assert "secret" not in str(info.value)


@pytest.mark.parametrize("what", [None, "likes", "main.likes", "select * from likes"])
def test_engines_and_connections_of_sqlalchemy_are_read(path, what):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    expected = [row[:2] for row in ROWS]
    assert rows(engine if what is None else (engine, what)) == expected
    with engine.connect() as opened:
        assert rows(opened if what is None else (opened, what), 0, "item") == expected
        assert not opened.closed
    with pytest.raises(ValueError, match="no column 'uid'"):
        load(engine if what is None else (engine, what), "uid")
    engine.dispose()


def test_connections_of_adbc_are_read(path):
    adbc = pytest.importorskip("adbc_driver_sqlite.dbapi")
    with adbc.connect(str(path)) as connection:
        assert rows((connection, "likes")) == [row[:2] for row in ROWS]
        assert rows((connection, 'select item, "user" from likes')) == [row[:2] for row in ROWS]
        with pytest.raises(ValueError, match="which table is to be read"):
            load(connection)


def test_values_of_several_types_in_one_column_stay_what_they_are(connection):
    query = "select 1 as user union all select '1' union all select 2.5 union all select x'31'"
    assert rows((connection, query), "user") == [(1,), ("1",), (2.5,), (b"1",)]


def test_a_query_without_rows_has_its_columns(connection):
    assert load((connection, "select item, 1 as user from likes where 0")) == {
        "user": [],
        "item": [],
    }


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("nolikes", "the database cannot read 'nolikes': no such table: nolikes, the tables are "),
        ("select x from likes", "cannot read 'select x from likes': no such column: x"),
        ("likes; drop table likes", "no such table"),
        ('likes" where 0 --', "no such table"),
    ],
)
def test_errors_of_the_database_are_one_line_that_says_what_to_pass(connection, what, error):
    with pytest.raises(ValueError, match=error) as info:
        load((connection, what))
    assert "\n" not in str(info.value)
    assert 'pass (connection, "likes")' in str(info.value)


def test_a_missing_column_is_not_taken_for_a_text(connection):
    with pytest.raises(ValueError, match=r"no column 'uid'; the columns are \['user', 'item'"):
        load((connection, "likes"), "uid", "item")


def test_several_tables_need_a_name(connection):
    connection.execute("create table plays (user, item)")
    with pytest.raises(ValueError, match=r"has 2 tables \['likes', 'plays'\]: pass \(connection"):
        load(connection)


def test_missing_files_are_not_created(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        load(f"sqlite:///{tmp_path / 'missing.db'}")
    assert not list(tmp_path.iterdir())


def test_unknown_databases_and_missing_drivers_are_errors_without_passwords():
    pytest.importorskip("sqlalchemy")
    for address in ("nosuch://me:secret@host/x#t", "firebird://me:secret@host/x#t"):
        with pytest.raises((ImportError, ValueError), match="cannot be opened: ") as info:
            load(address)
        assert "secret" not in str(info.value)


@pytest.mark.parametrize(
    "path", ["likes.csv", "C:/likes.csv", r"C:\likes.csv", "a/b://c", "file:///x"]
)
def test_paths_are_no_addresses_of_databases(path):
    assert not is_database(path)


@pytest.mark.parametrize("address", ["https://host/x.csv", "s3://bucket/x.parquet"])
def test_files_on_other_machines_are_to_be_downloaded(address):
    with pytest.raises(ValueError, match="is on another machine: download it"):
        load(address)


def test_a_table_that_is_missing_is_an_error_that_names_those_that_there_are(path):
    with pytest.raises(ValueError, match=r"no such table: nothing, the tables are \['"):
        load(f"sqlite:///{path}#nothing")


@pytest.mark.parametrize("table", ["order", "Group", "order lines", "main.select"])
def test_a_table_may_be_called_as_a_word_of_sql(tmp_path, table):
    connection = sqlite3.connect(tmp_path / "shop.db")
    name = table.rpartition(".")[2]
    connection.execute(f'CREATE TABLE "{name}" (user, item)')
    connection.execute(f"INSERT INTO \"{name}\" VALUES ('ann', 7)")
    connection.commit()
    assert rows((connection, table), "user", "item") == [("ann", 7)]
    connection.close()
