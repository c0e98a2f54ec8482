"""Item lists, baskets and wide tables are converted to one row for each interaction."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loading import load, rows
from scipy import sparse

from wrmf import read_interactions
from wrmf.data.counts import RowCounts
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.sources import load_source
from wrmf.data.formats.unfolded import is_unfolded

FILES = Path(__file__).parent / "files"
WIDE = pd.DataFrame(
    {"user": ["ann", "bob", "cid"], "x": [1, 0, 0], "y": [0, 2.5, 0], "z": [False, False, False]}
)
WIDE_ROWS = [("ann", "x", 1.0), ("bob", "y", 2.5), ("ann", "z", 0.0), ("cid", "x", 0.0)]


def pairs(source, layout, **options):
    return [row[:2] for row in rows(source, layout=layout, **options)]


def test_one_user_a_line_with_the_items_behind():
    assert rows(FILES / "user_items.txt", layout="user-items") == [
        ("0", "10", 1.0),
        ("0", "11", 1.0),
        ("0", "12", 1.0),
        ("1", "11", 1.0),
        ("3", "10", 1.0),
        ("3", "13", 1.0),
        # A user without items is no interaction, but stays a user.
        ("2", "10", 0.0),
    ]


def test_baskets_have_the_number_of_their_line_as_user():
    assert pairs(FILES / "baskets.csv", "baskets") == [
        (1, "milk"),
        (1, "bread"),
        (2, "bread"),
        (4, "milk"),
        (4, "butter"),
        (4, "eggs"),
    ]
    assert pairs(FILES / "baskets_crlf.dat", "baskets")[-2:] == [(4, "8"), (4, "9")]


def test_items_in_quotes_may_hold_the_separator():
    assert pairs(FILES / "baskets_quoted.csv", "baskets") == [
        (1, "milk, whole"),
        (1, "bread"),
        (2, "milk, whole"),
    ]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("7\ta b\tc\n", {}),
        ("7;a b;c", {}),
        ("7|a b|c\r", {}),
        ("7,a b,c,,\n", {}),
        ("7::a b::c\n", {"sep": "::"}),
        ("7\ta b\tc\n", {"sep": r"\t"}),
        ("# note\n7,a b,c\n", {"comment": "#"}),
    ],
)
def test_the_separator_is_told_by_the_lines_or_given(tmp_path, text, options):
    (tmp_path / "x.txt").write_text(text, newline="")
    assert pairs(tmp_path / "x.txt", "user-items", **options) == [("7", "a b"), ("7", "c")]


@pytest.mark.parametrize("sep", ["", "\n", "a\rb", '"', "\0"])
@pytest.mark.parametrize("layout", ["pairs", "user-items"])
def test_a_text_that_cannot_separate_is_refused(tmp_path, layout, sep):
    (tmp_path / "x.txt").write_text('"user" "item"\n"a" "b"\n')
    with pytest.raises(ValueError, match="sep must be the text between two fields"):
        read_interactions(tmp_path / "x.txt", layout=layout, sep=sep)


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("é 1\n".encode("utf-16"), {}),
        (b"\xef\xbb\xbf" + "é 1\n".encode(), {}),
        (gzip.compress("é 1".encode()), {}),
        ("é 1\n".encode("latin-1"), {"encoding": "latin-1"}),
    ],
)
def test_lines_are_unpacked_and_decoded(tmp_path, content, options):
    (tmp_path / "x").write_bytes(content)
    assert pairs(tmp_path / "x", "baskets", **options) == [(1, "é"), (1, "1")]


def test_baskets_of_several_files_are_different_users(tmp_path):
    (tmp_path / "a.dat").write_text("x\n\n")
    (tmp_path / "b.dat").write_text("x\n")
    assert pairs(tmp_path, "baskets") == [(1, "x"), (3, "x")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a,b;c\n", r"hold \[',', ';'\]: say by sep="),
        ('a,"b\nc,d"\n', "quote that is not closed|cannot be read as lines"),
        ("\n\n", "is empty"),
        ("1\n2\n", "there are no items to read"),
        ("a\x1fb\n", "cannot be read as lines of ids"),
        (b"caf\xe9 1\n", r"line 1 of .* is not utf-8: pass encoding="),
    ],
)
def test_lines_that_cannot_be_read_are_errors(tmp_path, text, error):
    (tmp_path / "x").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=error):
        load(tmp_path / "x", layout="user-items")


def test_columns_of_lists_are_unfolded():
    frame = pd.DataFrame({"user": ["a", "b", "c"], "item": [[1, 2], [], None]})
    expected = [("a", 1, 1.0), ("a", 2, 1.0), ("b", 1, 0.0), ("c", 1, 0.0)]
    for source in (frame, pa.Table.from_pandas(frame)):
        assert rows(source, layout="user-items") == expected
        assert pairs(source, "baskets") == [(1, 1), (1, 2)]


def test_baskets_are_read_from_the_named_column_only(tmp_path):
    """A column of users is neither needed nor looked for: numbers of rows are the users."""
    table = pa.table({"user": [["a", "b"], ["c"]], "more": [["x"], ["y"]]})
    pq.write_table(table, tmp_path / "x.parquet")
    for source in (tmp_path / "x.parquet", table, table.to_pandas()):
        data = read_interactions(source, item="user", layout="baskets")
        assert data.items.tolist() == ["a", "b", "c"]
        assert data.users.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("layout", "columns", "error"),
    [
        ("user-items", {"value": "plays"}, "value= names the column 'plays' .* count 1 each"),
        ("baskets", {"value": "plays"}, "value= names the column 'plays'"),
        ("wide", {"value": 2, "header": False}, "value= names the column 2"),
        ("wide", {"value": {"view": 1}}, "weights of events need a table with a row for each"),
        ("wide", {"time": "when"}, "item_name=, time= and weights of events need"),
        ("baskets", {"user": "who"}, "user= has no meaning: the number of a basket is its user"),
        ("wide", {"item": "sku"}, "item= has no meaning: every column but that of users"),
    ],
)
def test_a_column_that_a_layout_does_not_have_is_an_error_before_reading(layout, columns, error):
    with pytest.raises(ValueError, match=error):
        read_interactions("absent.csv", layout=layout, **columns)


def test_a_matrix_has_no_column_of_values():
    with pytest.raises(ValueError, match="values of matrices and wide tables are their cells"):
        read_interactions(sparse.eye(3, format="csr"), value="plays")


def test_a_user_on_several_lines_gets_no_row_of_value_zero(tmp_path):
    (tmp_path / "x").write_text("1\n1 7\n1\n2\n2\n")
    assert rows(tmp_path / "x", layout="user-items") == [("1", "7", 1.0), ("2", "7", 0.0)]


def test_a_table_with_an_item_in_each_row_has_another_layout():
    with pytest.raises(ValueError, match=r'holds int64; a table .* is layout="pairs"'):
        load({"user": [1], "item": [2]}, layout="user-items")


@pytest.mark.parametrize("convert", [lambda frame: frame, pa.Table.from_pandas])
def test_wide_tables_have_a_column_for_each_item(convert):
    assert rows(convert(WIDE), layout="wide") == WIDE_ROWS
    assert rows(convert(WIDE.rename(columns={"user": "who"})), layout="wide") == WIDE_ROWS
    turned = WIDE[["x", "y", "user", "z"]]
    assert rows(convert(turned), layout="wide") == WIDE_ROWS
    assert rows(convert(turned), "user", "item", layout="wide") == WIDE_ROWS


def test_wide_tables_may_have_users_as_index():
    assert rows(WIDE.set_index("user"), layout="wide") == WIDE_ROWS
    assert rows(WIDE.set_index("user").rename_axis(None), layout="wide") == WIDE_ROWS
    crossed = pd.crosstab(pd.Series(["a", "b"], name="who"), pd.Series([7, 8], name="what"))
    assert rows(crossed, layout="wide") == [("a", 7, 1.0), ("b", 8, 1.0)]
    # Rows that were chosen from a frame have their numbers as index.
    assert rows(WIDE[WIDE.x > 0], layout="wide")[0] == ("ann", "x", 1.0)


def test_wide_text_is_read_with_its_blanks_and_decimals():
    assert rows(FILES / "wide.csv", layout="wide") == [
        ("ann", "007", 1.0),
        ("bob", "7", 2.0),
        ("ann", "empty", 0.0),
        ("cid", "007", 0.0),
    ]
    commas = rows(FILES / "wide_decimal_comma.csv", layout="wide", sep=";", decimal=",")
    assert commas == [("ann", "x", 1.5), ("bob", "y", 2.0)]


@pytest.mark.parametrize(
    ("frame", "columns", "error"),
    [
        (WIDE.assign(x="yes"), ("user", "item"), "column 'x' holds other values: .*'yes'"),
        (WIDE, ("uid", "item"), "no column 'uid'"),
        (WIDE.rename(columns={"x": "y"}), ("user", "item"), "two columns are called 'y'"),
        (WIDE[["user"]], ("user", "item"), "there are no items to read"),
    ],
)
def test_wide_tables_that_cannot_be_read_are_errors(frame, columns, error):
    with pytest.raises(ValueError, match=error):
        load(frame, *columns, layout="wide")


def test_wide_tables_equal_the_pairs_that_they_were_made_of():
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 3, (20, 30)) * generator.integers(0, 2, (20, 30))
    wide = pd.DataFrame(counts, columns=[f"i{number}" for number in range(30)])
    wide.insert(0, "user", np.arange(20) + 100)
    stored = [row for row in rows(wide, layout="wide") if row[2]]
    expected = [
        (int(user) + 100, f"i{item}", float(counts[user, item]))
        for user, item in np.argwhere(counts)
    ]
    assert stored == expected
    assert set(load(wide, layout="wide")["user"]) == set(wide["user"])


@pytest.mark.parametrize("as_matrix", [False, True])
def test_users_and_items_without_interactions_are_no_rows_of_the_summary(as_matrix):
    counts = np.array([[1, 0, 0], [0, 0, 0], [2, 0, 0], [0, 0, 0]])
    frame = pd.DataFrame(counts, columns=["x", "y", "z"])
    source = sparse.csr_matrix(counts) if as_matrix else frame.assign(user=range(4))
    layout = {} if as_matrix else {"layout": "wide", "user": "user"}
    summary = read_interactions(source, **layout).summary()
    assert summary.rows == RowCounts(read=2, kept=2)
    assert (summary.users, summary.items) == (4, 3)
    assert str(summary).split("\n")[4:] == [
        "Users without interactions: 2",
        "Items without interactions: 2",
    ]
    small = read_interactions(source, **layout, min_value=2).summary()
    assert small.rows == RowCounts(read=2, small=1, kept=1)
    with pytest.raises(ValueError, match="no interactions to read: all values are 0"):
        read_interactions(
            type(source)(counts * 0) if as_matrix else frame.mul(0).assign(user=1), **layout
        )


def test_inputs_are_not_changed():
    before = WIDE.copy()
    load(WIDE, layout="wide")
    pd.testing.assert_frame_equal(WIDE, before)


def test_unfolded_tables_say_that_their_columns_are_fixed_and_keep_that_texts_may_be_numbers():
    table = load_source(FILES / "wide.csv", SourceOptions(columns=("a", "b")[:0]), "wide")
    assert is_unfolded(table)
    assert table.schema.metadata[b"wrmf.untyped"] == b"yes"
    assert b"wrmf.untyped" not in load_source(WIDE, SourceOptions(), "wide").schema.metadata


def test_unknown_layouts_are_named():
    with pytest.raises(ValueError, match=r"layout must be one of \('pairs', 'user-items', 'bask"):
        load(WIDE, layout="long")
