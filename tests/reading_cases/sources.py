# ruff: noqa: E501 - a case is a line of a table
"""Cases of typed files, frames and databases, and of what is done after reading."""

import pyarrow as pa
import pyarrow.feather

from reading_cases.case import Case, database, parquet_of, two_files, with_keys

SOURCES: dict[str, list[Case]] = {
    "Typed files": [
        Case(
            "parquet",
            "all columns are loaded",
            'read("x.parquet")',
            'error: column \'user\' has a null id in row 1, 1 in all: pass nulls="drop" to leave these rows out, or nulls="keep" if its text is an id',
            parquet_of(user=["ann", None], item=[2**60 + 1, 3]),
        ),
        Case(
            "parquet, rows with nulls left out",
            "",
            'read("x.parquet", nulls="drop")',
            "`'ann' 1152921504606846977 1`; `Rows with nulls, dropped: 1`",
            parquet_of(user=["ann", None], item=[2**60 + 1, 3]),
        ),
        Case(
            "a folder with keys (hive)",
            "keys of folders are lost",
            'read("log", item="day")',
            "`1 '1' 1; 2 '2' 1`",
            with_keys,
        ),
        Case(
            "Arrow and Feather",
            "",
            'read("x.feather")',
            "`'ann' 7 1`",
            lambda path: pa.feather.write_feather(pa.table({"user": ["ann"], "item": [7]}), path),
        ),
        Case(
            "a pattern",
            "columns by position",
            'read("day-*.csv")',
            "`'ann' 'x' 1; 'bob' 'y' 1`",
            two_files,
        ),
        Case(
            "several files",
            "",
            'read(["day-1.csv", "day-2.csv"])',
            "`'ann' 'x' 1; 'bob' 'y' 1`",
            two_files,
        ),
    ],
    "Frames and databases": [
        Case("pandas", "", 'read(pd.DataFrame({"user": ["ann"], "item": [7]}))', "`'ann' 7 1`"),
        Case(
            "polars",
            "a detour through pandas",
            'read(pl.DataFrame({"user": ["ann"], "item": [2**60 + 1]}))',
            "`'ann' 1152921504606846977 1`",
            needs=("polars",),
        ),
        Case(
            "polars, lazy",
            "an error",
            'read(pl.LazyFrame({"user": ["ann"], "item": [7]}))',
            "`'ann' 7 1`",
            needs=("polars",),
        ),
        Case("Arrow", "", 'read(pa.table({"user": ["ann"], "item": [7]}))', "`'ann' 7 1`"),
        Case(
            "a relation of DuckDB",
            "an error",
            "read(duckdb.sql(\"select 'ann' as user, 7 as item\"))",
            "`'ann' 7 1`",
            needs=("duckdb",),
        ),
        Case(
            "anything with `__arrow_c_stream__`",
            "an error",
            'read(Stream(pa.table({"user": ["ann"], "item": [7]})))',
            "`'ann' 7 1`",
        ),
        Case(
            "a table of a database",
            "ints beside a null are rounded",
            'read("sqlite:///shop.db#likes", nulls="drop")',
            "`'007' 1152921504606846977 1`; `Rows with nulls, dropped: 1`",
            database,
        ),
        Case(
            "a query of an open connection",
            "",
            'read((sqlite3.connect("shop.db"), "select user, item from likes where item > 0"))',
            "`'007' 1152921504606846977 1`",
            database,
        ),
        Case(
            "an engine of SQLAlchemy",
            "",
            'read((sqlalchemy.create_engine("sqlite:///shop.db"), "likes"), nulls="drop")',
            "`'007' 1152921504606846977 1`; `Rows with nulls, dropped: 1`",
            database,
            needs=("sqlalchemy",),
        ),
        Case(
            "a connection of ADBC",
            "",
            'read((adbc.connect("shop.db"), "likes"), nulls="drop")',
            "`'007' 1152921504606846977 1`; `Rows with nulls, dropped: 1`",
            database,
            needs=("adbc_driver_sqlite",),
        ),
    ],
    "Axes, names and what comes next": [
        Case(
            "a test file with an unknown item",
            "other columns than in training",
            'read("x.csv", like=board)',
            "error: unknown id among items: 'new'; the axis has 6, such as 'u': pass unknown=\"drop\" or \"extend\"",
            "user,item\na,v\na,new\n",
        ),
        Case(
            "unknown ids, left out",
            "counted nowhere",
            'read("x.csv", like=board, unknown="drop").counts.unknown',
            "`1`",
            "user,item\na,v\na,new\n",
        ),
        Case(
            "unknown ids at the end of the axis",
            "",
            'read("x.csv", like=board, unknown="extend").items[-1]',
            "`'new'`",
            "user,item\na,v\na,new\n",
        ),
        Case(
            "axes that are given",
            "",
            'read("x.csv", users=["bob", "ann"], items=["x", "y"])',
            "`'ann' 'y' 1`; `Users without interactions: 1`; `Items without interactions: 1`",
            "user,item\nann,y\n",
        ),
        Case(
            "names from a second table",
            "lost",
            'fitted(board.with_names({i: f"Film {i}" for i in "uvwxyz"})).similar_items("Film u", n=1).to_frame().shape[0]',
            "`1`",
        ),
        Case(
            "a part by time and user",
            "times are lost",
            'visits.filter(since=10, users=["a"])',
            "`'a' 'x' 1`",
        ),
        Case(
            "a random half of the users",
            "",
            'visits.sample(0.5, by="users", random_state=0).n_users',
            "`1`",
        ),
        Case(
            "days that are joined",
            "ids by position",
            "float(wrmf.Interactions.concat([board, again]).matrix.max())",
            "`2.0`",
        ),
        Case(
            "old interactions count less",
            "",
            "visits.decay(10)",
            "`'a' 'x' 0.633972; 'a' 'y' 0.143587; 'b' 'x' 0.153893; 'b' 'y' 1`",
        ),
    ],
    "Splits": [
        Case(
            "the last of each user",
            "the last of the merged pairs",
            "wrmf.split_last(visits, 1).test",
            "`'a' 'x' 1; 'b' 'y' 1`",
        ),
        Case(
            "a share of each user",
            "users without test items",
            'np.diff(wrmf.split_interactions(board, 1/3, random_state=0, by="user").test.matrix.indptr).tolist()',
            "`[1, 1, 1, 1, 1, 1]`",
        ),
        Case(
            "files given as train and test",
            "matched by position",
            "wrmf.Split(board, again).test.users.tolist() == board.users.tolist()",
            "`True`",
        ),
        Case(
            "folds of interactions",
            "",
            "sum(split.test.n_interactions for split in wrmf.k_folds(board, 3, random_state=0))",
            "`18`",
        ),
        Case(
            "folds of users",
            "",
            'sum(len(split.users) for split in wrmf.k_folds(board, 3, by="users", random_state=0))',
            "`6`",
        ),
        Case(
            "test items that nobody has in training",
            "a mean over lists that cannot be right",
            'wrmf.evaluate(fitted(cold.train), cold, ["hit_rate@1"]).n_cold_items',
            "`1`",
        ),
        Case(
            "the same, refused",
            "",
            'wrmf.evaluate(fitted(cold.train), cold, ["hit_rate@1"], cold="error")',
            'error: 0 users and 1 items of the test part have no training data, such as the item 2: pass cold="drop" to leave them out, or "report"',
        ),
    ],
    "On the command line": [
        Case(
            "a missing column",
            "names of a library's parameters",
            'shell("wrmf fit x.csv --factors 1")',
            "error: no column 'user'; the columns are ['uid', 'item']: name them by --user, … has no header, pass --no-header, --user 0, --item 1",
            "uid,item\nann,x\n",
        ),
        Case(
            "a null",
            "",
            'shell("wrmf fit x.csv --factors 1")',
            "error: column 'user' has a null id in line 3 of x.csv, 1 in all: pass --nulls drop … these rows out, or --nulls keep if its text is an id",
            "user,item\nann,x\nNULL,y\n",
        ),
        Case(
            "a line that was cut off",
            "",
            'shell("wrmf fit x.csv --factors 1")',
            "error: x.csv cannot be read as text separated by ',': line 3 has 1 fields, but line … the fields, --bad-lines drop to leave such lines out",
            "user,item\nann,x\nbob\n",
        ),
        Case(
            "a column by its name, where there are none",
            "",
            'shell("wrmf fit x.csv --no-header --value n")',
            "error: with --no-header columns are positions from 0, as in --user 0 --item 1; got 'n'",
            "ann,x,1\n",
        ),
    ],
}
