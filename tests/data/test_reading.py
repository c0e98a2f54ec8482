"""Tables in files and frames become interactions, and broken ones errors that say why."""

import gzip

import numpy as np
import pandas as pd
import pytest

from wrmf import Interactions, read_interactions

# As in the file of Rosenthal 2016: separated by pipes, quoted by backslashes, with a repeated row.
SKETCHFAB_LIKES = r"""modelname|mid|uid
3D fanart Noel|5dce|7ac1
3D fanart Noel|5dce|2b4a
\A | B \\ model\|77aa|7ac1
3D fanart Noel|5dce|7ac1
"""


def frame(**columns):
    return pd.DataFrame(columns)


def test_the_format_of_the_sketchfab_likes_is_read(tmp_path):
    path = tmp_path / "likes.psv"
    path.write_text(SKETCHFAB_LIKES)
    data = read_interactions(path, "uid", "mid", item_name="modelname", duplicates="drop")
    assert data.n_duplicates == 1
    assert data.users.tolist() == ["7ac1", "2b4a"]
    assert data.items.tolist() == ["5dce", "77aa"]
    assert data.names_of([1]) == ["A | B \\ model"]
    assert data.matrix.toarray().tolist() == [[1, 1], [1, 0]]
    assert "Duplicated rows: 1" in str(data.summary())
    assert "Density: 75.000%" in str(data.summary())


def test_backslashes_that_escape_are_told_from_those_that_quote(tmp_path):
    path = tmp_path / "likes.psv"
    path.write_text("modelname|mid|uid\n\\|bar|m1|u1\na\\|b|m2|u1\nplain|m3|u2\n")
    data = read_interactions(path, "uid", "mid", item_name="modelname")
    assert data.item_names.tolist() == ["|bar", "a|b", "plain"]


@pytest.mark.parametrize(("name", "sep"), [("x.csv", ","), ("x.tsv", "\t"), ("x.psv", "|")])
@pytest.mark.parametrize("zipped", [False, True])
def test_text_is_read_with_the_separator_of_its_ending_also_gzipped(tmp_path, name, sep, zipped):
    text = sep.join(["user", "item", "n"]) + "\n" + sep.join(["NA", "x", "2"]) + "\n"
    path = tmp_path / (name + ".gz" if zipped else name)
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    data = read_interactions(path, value="n")
    assert (data.users[0], data.items[0], data.matrix[0, 0]) == ("NA", "x", 2)


def test_parquet_and_frames_agree(tmp_path):
    pytest.importorskip("pyarrow")
    likes = frame(user=[3, 3, 9], item=["a", "b", "a"])
    likes.to_parquet(tmp_path / "x.parquet")
    from_file, from_frame = read_interactions(tmp_path / "x.parquet"), read_interactions(likes)
    assert (from_file.matrix != from_frame.matrix).nnz == 0
    assert from_file.users.tolist() == [3, 9]


def test_tables_of_other_libraries_are_converted_to_pandas():
    class Table:
        def to_pandas(self):
            return frame(user=[1], item=["a"])

    assert read_interactions(Table()).items.tolist() == ["a"]


def test_other_endings_are_read_as_text_whose_lines_show_the_separator(tmp_path):
    (tmp_path / "x.dat").write_text("user,item\n1,a\n")
    assert read_interactions(tmp_path / "x.dat").items.tolist() == ["a"]


def test_ids_may_be_of_any_hashable_type():
    mixed = [("a", 1), 7, "x", 2.0, None]
    data = read_interactions(frame(user=mixed[:4], item=[b"i", ("t",), b"i", "j"]))
    assert data.user_index([("a", 1)]).tolist() == [0]
    assert data.user_index(("a", 1)).tolist() == [0]
    assert data.users.tolist()[3] == 2
    with pytest.raises(ValueError, match="null id in row 4"):
        read_interactions(frame(user=mixed, item=list("abcde")))


def test_duplicates_are_summed_dropped_or_refused():
    plays = frame(user=[1, 1, 1], item=["a", "a", "b"], n=[2.0, 5.0, 1.0])
    assert read_interactions(plays, value="n").matrix.toarray().tolist() == [[7, 1]]
    dropped = read_interactions(plays, value="n", duplicates="drop")
    assert dropped.matrix.toarray().tolist() == [[2, 1]]
    assert dropped.n_duplicates == 1
    with pytest.raises(ValueError, match="1 rows repeat"):
        read_interactions(plays, value="n", duplicates="error")
    with pytest.raises(ValueError, match="duplicates must be one of"):
        read_interactions(plays, duplicates="ignore")


def test_times_are_in_stored_order_and_the_latest_of_a_pair():
    events = frame(user=[2, 1, 2, 2], item=["b", "a", "a", "b"], t=[5, 1, 3, 9])
    data = read_interactions(events, time="t")
    times = data.to_frame().set_index(["user", "item"])["time"].to_dict()
    assert times == {(2, "b"): 9, (2, "a"): 3, (1, "a"): 1}


def test_times_of_pairs_of_value_zero_are_dropped():
    events = frame(user=[1, 1], item=["a", "b"], n=[0, 2], t=[5, 6])
    assert read_interactions(events, value="n", time="t").times.tolist() == [6]


def test_zero_values_are_no_interactions():
    data = read_interactions(frame(user=[1, 2], item=["a", "a"], n=[0, 1]), value="n")
    assert data.n_interactions == 1


@pytest.mark.parametrize(
    ("table", "options", "error"),
    [
        (frame(user=[1], thing=[2]), {}, "no column 'item'"),
        (frame(user=[1], item=[2]), {"value": "n"}, "no column 'n'"),
        (frame(user=[], item=[]), {}, "no rows"),
        (frame(user=[1, None], item=[1, 2]), {}, "null id in row 1"),
        (frame(user=[1], item=[2], n=["many"]), {"value": "n"}, "must hold numbers"),
        (
            frame(user=[1], item=[2], n=[np.nan]),
            {"value": "n"},
            'null value in row 0.*nulls="drop"',
        ),
        (frame(user=[1], item=[2], n=[1 + 1j]), {"value": "n"}, "must hold numbers"),
        (frame(user=[1], item=[2], n=[np.inf]), {"value": "n"}, "finite numbers"),
        (frame(user=[1], item=[2], n=[-1]), {"value": "n"}, "finite numbers"),
        (frame(user=[1], item=[2], n=[0]), {"value": "n"}, "no entries"),
        (pd.DataFrame([[1, 2, 3]], columns=["user", "item", "user"]), {}, "two columns are called"),
    ],
)
def test_errors_name_what_is_wrong_with_a_table(table, options, error):
    with pytest.raises(ValueError, match=error):
        read_interactions(table, **options)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_interactions(tmp_path / "missing.csv")
    with pytest.raises(FileNotFoundError, match="is a folder without files"):
        read_interactions(tmp_path)
    with pytest.raises(TypeError, match="path or a data frame"):
        read_interactions(7)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("empty.csv", b"", "is empty"),
        ("bare.csv", b"user,item\n", "no rows to read"),
        ("open_quote.csv", b'user,item\n1,2\n"3,\n4"', "cannot be read"),
        ("not_utf8.csv", b"user,item\n\xff,1\n", "is not in the encoding utf-8"),
        (
            "cut_off.csv.gz",
            gzip.compress(b"user,item\n1,2\n")[:-9],
            r"cut_off.csv.gz cannot be unpacked",
        ),
        ("names.psv", b"a|b\n1|2\n", r"no column 'user'; the columns are \['a', 'b'\]"),
    ],
)
def test_errors_name_what_is_wrong_with_a_file(tmp_path, name, content, error):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=error):
        read_interactions(tmp_path / name)


@pytest.mark.parametrize("name", ["x.csv", "x.psv"])
@pytest.mark.parametrize(
    ("header", "row", "long_row"),
    [
        (["name", "user"], ["a", "b"], ["1", "2", "3"]),
        (["name", "user"], ["a", "b"], ["1", "2", "3", "4"]),
        (["name", "user", "item"], ["a", "b", "c"], ["Castle", "old", "u1", "i1"]),
    ],
)
def test_lines_with_more_fields_than_the_header_are_refused(tmp_path, name, header, row, long_row):
    # A separator in an unquoted name would otherwise move ids into the wrong columns.
    sep = "," if name == "x.csv" else "|"
    for lines in ([header, row, long_row], [header, long_row, row]):
        (tmp_path / name).write_text("".join(sep.join(line) + "\n" for line in lines))
        with pytest.raises(ValueError, match="cannot be read as text separated by"):
            read_interactions(tmp_path / name, item="name")


def test_a_separator_may_have_several_characters(tmp_path):
    (tmp_path / "x.dat").write_text("user::item\n1::a\n2::b\n")
    assert read_interactions(tmp_path / "x.dat", sep="::").items.tolist() == ["a", "b"]


def test_a_frame_of_interactions_is_read_back_the_same(likes):
    data = Interactions.from_matrix(likes)
    again = read_interactions(data.to_frame(), value="value")
    assert np.array_equal(again.matrix.sum(axis=1).A1, likes[again.users].sum(axis=1).A1)
    assert again.n_interactions == likes.nnz
