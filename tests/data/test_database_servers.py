"""Tables of database servers are read exactly, by SQLAlchemy, ADBC and plain connections.

The environment variable ``WRMF_TEST_DATABASES`` has the addresses of empty databases, separated by
spaces, such as ``postgresql+psycopg2://me@localhost/test mysql+pymysql://me@localhost/test``.
"""

import contextlib
import datetime
import os
import uuid

import pytest
from loading import load, rows

import wrmf

sqlalchemy = pytest.importorskip("sqlalchemy")

ADDRESSES = os.environ.get("WRMF_TEST_DATABASES", "").split()
pytestmark = pytest.mark.skipif(not ADDRESSES, reason="WRMF_TEST_DATABASES names no database")
NOON = datetime.datetime(2026, 1, 31, 12)
ROWS = [
    {"user": "007", "Item": 2**60 + 1, "n": 1.5, "when": NOON, "raw": b"\xff"},
    {"user": "7", "Item": 3, "n": 2, "when": NOON + datetime.timedelta(1), "raw": b"1"},
]


@pytest.fixture(params=ADDRESSES, ids=[address.partition(":")[0] for address in ADDRESSES])
def shop(request):
    """An engine with the only table ``likes``, some of whose columns have names of keywords."""
    engine = sqlalchemy.create_engine(request.param)
    metadata = sqlalchemy.MetaData()
    likes = sqlalchemy.Table(
        "likes",
        metadata,
        sqlalchemy.Column("user", sqlalchemy.String(20)),
        sqlalchemy.Column("Item", sqlalchemy.BigInteger),
        sqlalchemy.Column("n", sqlalchemy.Numeric(20, 3)),
        sqlalchemy.Column("when", sqlalchemy.DateTime),
        sqlalchemy.Column("raw", sqlalchemy.LargeBinary),
    )
    metadata.drop_all(engine)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(likes.insert(), ROWS)
    yield engine
    metadata.drop_all(engine)
    engine.dispose()


def address_of(engine):
    return engine.url.render_as_string(hide_password=False)


def test_tables_and_queries_are_read_exactly(shop):
    address = address_of(shop)
    with shop.connect() as connection, contextlib.closing(shop.raw_connection()) as raw:
        for source in (
            address,
            f"{address}#likes",
            (address, "select * from likes"),
            shop,
            (shop, "likes"),
            (connection, "likes"),
            (raw, "likes"),
            (raw.driver_connection, "select * from likes"),
        ):
            data = wrmf.read_interactions(source, item="Item", value="n", time="when")
            assert data.users.tolist() == ["007", "7"]
            assert data.items.tolist() == [2**60 + 1, 3]
            assert data.matrix.data.tolist() == [1.5, 2]
            assert data.times.tolist() == [row["when"] for row in ROWS]
    assert load(shop, "raw") == {"raw": [b"\xff", b"1"]}


def test_marks_of_parameters_in_texts_of_a_query_are_texts(shop):
    query = "select ':x' as a, '12:30' as b, '%s' as c, '{\"k\":v}' as d from likes where n % 2 = 0"
    expected = [(":x", "12:30", "%s", '{"k":v}')]
    assert rows((address_of(shop), query), "a", "b", "c", "d") == expected


def test_a_missing_table_is_named_beside_the_others(shop):
    for source in (shop, address_of(shop)):
        with pytest.raises(ValueError, match=r"no table 'plays'; the tables are \['likes'\]"):
            load((source, "plays"))
    with (
        contextlib.closing(shop.raw_connection()) as raw,
        pytest.raises(ValueError, match=r"cannot read 'plays': .*plays"),
    ):
        load((raw.driver_connection, "plays"))


def test_a_server_that_cannot_be_reached_is_one_line(shop):
    address = shop.url.set(port=1, password="secret").render_as_string(hide_password=False)
    with pytest.raises(ValueError, match="cannot read 'likes'") as info:
        load(f"{address}#likes")
    assert "\n" not in str(info.value)
    assert "secret" not in str(info.value)


def test_adbc_reads_uuids_and_decimals(shop):
    if shop.dialect.name != "postgresql":
        pytest.skip("ADBC's driver is that of PostgreSQL")
    adbc = pytest.importorskip("adbc_driver_postgresql.dbapi")
    address = shop.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with contextlib.closing(adbc.connect(address)) as connection:
        data = wrmf.read_interactions((connection, "likes"), item="Item", value="n", time="when")
        assert data.items.tolist() == [2**60 + 1, 3]
        assert data.matrix.data.tolist() == [1.5, 2]
        query = "select gen_random_uuid() as user, 1 as item from likes"
        users = wrmf.read_interactions((connection, query)).users
        assert [type(user) for user in users] == [uuid.UUID] * 2
