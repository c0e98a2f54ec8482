"""Tables in files and frames become interactions, and broken ones errors that say why."""

import gzip

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

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
    assert "Rows that repeat a pair, merged: 1" in str(data.summary())
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


TRIPLES = frame(
    user=["ann", "ann", None, "bob", "bob", "cat"],
    item=["x", "y", "x", "x", None, "z"],
    n=[0, -1, 3, 2.5, 1, np.nan],
)


def write(frame, path):
    """Write a frame as text or parquet, by the ending of the path."""
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.fixture(params=["frame", "x.csv", "x.parquet"])
def source_of(request, tmp_path):
    """Return how a frame becomes the source, so that a test claims the same of all."""
    if request.param == "frame":
        return lambda frame: frame
    return lambda frame: write(frame, tmp_path / request.param)


def test_dropped_rows_are_counted_by_their_reason(source_of):
    data = read_interactions(
        source_of(TRIPLES), value="n", nulls="drop", negative="drop", min_value=1
    )
    assert data.to_frame().to_numpy().tolist() == [["bob", "x", 2.5]]
    # No id is left of which no row is.
    assert (data.users.tolist(), data.items.tolist()) == (["bob"], ["x"])
    counts = data.summary().rows
    assert (counts.read, counts.null, counts.negative, counts.small) == (6, 3, 1, 1)


def test_nothing_is_dropped_unasked(source_of):
    with pytest.raises(ValueError, match=r"column 'user' has a null id.* \(1 in all|null id"):
        read_interactions(source_of(TRIPLES), value="n")
    with pytest.raises(ValueError, match=r"-1.*negative=\"drop\""):
        read_interactions(source_of(TRIPLES), value="n", nulls="drop")


def test_rows_of_value_zero_are_counted(source_of):
    data = read_interactions(source_of(frame(user=[1, 1], item=["a", "b"], n=[0, 2])), value="n")
    assert data.summary().rows.zero == 1


def test_no_row_left_is_an_error_that_counts(source_of):
    with pytest.raises(ValueError, match=r"no entries are left of 6 rows.*nulls"):
        read_interactions(source_of(TRIPLES), value="n", nulls="drop", negative="drop", min_value=9)


@pytest.mark.parametrize("word", ["NULL", r"\N", "None", "nan"])
def test_words_for_null_are_no_ids_unless_kept(source_of, word):
    words = frame(user=["ann", word], item=["x", "x"])
    with pytest.raises(ValueError, match=r"null id.*nulls=\"drop\".*nulls=\"keep\""):
        read_interactions(source_of(words))
    assert read_interactions(source_of(words), nulls="drop").users.tolist() == ["ann"]
    assert read_interactions(source_of(words), nulls="keep").users.tolist() == ["ann", word]


def test_events_have_weights(source_of):
    events = frame(
        user=[1, 1, 2, 2], item=["a", "a", "a", "b"], event=["view", "cart", "view", "x"]
    )
    weights = {"view": 1, "cart": 3}
    with pytest.raises(ValueError, match=r"event 'x', which value= gives no weight"):
        read_interactions(source_of(events), value=weights)
    data = read_interactions(source_of(events), value={**weights, "x": 0})
    assert data.matrix.toarray().tolist() == [[4, 0], [1, 0]]
    assert data.summary().rows.zero == 1
    kinds = events.rename(columns={"event": "kind"})
    by_name = read_interactions(source_of(kinds), value={**weights, "x": 1}, event="kind")
    assert by_name.matrix.sum() == 6
    for wrong in ({}, {"view": -1}, {"view": "1"}):
        with pytest.raises((TypeError, ValueError), match="weight"):
            read_interactions(source_of(events), value=wrong)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"event": "kind"}, 'need weights: pass those of yours, as in value={"view": 1'),
        ({"event": "kind", "value": "plays"}, "event='kind' is a column of events"),
        ({"time_format": "ms"}, "time_format='ms' needs the column of times: pass time="),
    ],
)
def test_an_argument_about_a_column_that_is_not_named_is_an_error(arguments, error):
    with pytest.raises(ValueError, match=error):
        read_interactions("absent.csv", **arguments)


def test_a_test_file_is_read_on_the_axes_of_the_train_file(source_of):
    train = read_interactions(frame(user=["ann", "bob"], item=["x", "y"]))
    test = frame(user=["bob", "cat"], item=["y", "x"])
    with pytest.raises(ValueError, match=r"unknown id among users: 'cat'.*unknown=\"drop\""):
        read_interactions(source_of(test), like=train)
    dropped = read_interactions(source_of(test), like=train, unknown="drop")
    assert dropped.matrix.toarray().tolist() == [[0, 0], [0, 1]]
    assert dropped.users.tolist() == ["ann", "bob"]
    assert dropped.summary().rows.unknown == 1
    extended = read_interactions(source_of(test), users=["ann", "bob"], unknown="extend")
    assert extended.users.tolist() == ["ann", "bob", "cat"]
    assert extended.items.tolist() == ["y", "x"]


@pytest.mark.parametrize("train_users", [[1, 2], ["1", "2"], ["1", "2", "x"]])
@pytest.mark.parametrize("test_users", [["2"], ["2", "y"]])
def test_ids_of_text_files_are_of_the_type_of_given_axes(tmp_path, train_users, test_users):
    # One id of text makes text of all ids in its file, not of those in another file.
    path = write(frame(user=test_users, item=["a"] * len(test_users)), tmp_path / "x.csv")
    data = read_interactions(path, users=train_users, unknown="drop")
    assert data.users.tolist() == train_users
    assert data.matrix.toarray()[:, 0].tolist() == [0, 1, 0][: len(train_users)]


def test_names_come_with_the_axes_of_a_model_or_with_the_rows():
    likes = frame(user=[1, 1, 2], item=["a", "b", "a"], name=[None, "Beta", "Alpha"])
    named = read_interactions(likes, item_name="name")
    assert named.item_names.tolist() == ["Alpha", "Beta"]
    again = read_interactions(likes, like=named)
    assert again.item_names.tolist() == ["Alpha", "Beta"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"like": 7}, "like must be Interactions or a fitted model"),
        ({"like": Interactions.from_matrix(np.eye(2)), "users": [1]}, "not both"),
        ({"users": [1, 1]}, "twice"),
        ({"nulls": "skip"}, "nulls must be one of"),
        ({"negative": "keep"}, "negative must be one of"),
        ({"unknown": "skip"}, "unknown must be one of"),
        ({"min_value": "1"}, "min_value must be a number"),
        ({"min_value": 2}, "min_value needs"),
        ({"layout": "tall"}, "layout must be one of"),
    ],
)
def test_errors_name_the_wrong_option(options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        read_interactions(frame(user=[1], item=[2]), **options)


@pytest.mark.parametrize(
    "values",
    [
        pd.to_timedelta([1, 2], unit="D"),
        pd.to_datetime(["2026-01-01", "2026-01-02"]),
        pd.period_range("2026", periods=2),
        [pd.Timestamp("2026-01-01").date(), 2],
        [pd.Timedelta(1), 1],
        [1 + 2j, 1],
        ["1", "many"],
    ],
)
def test_values_that_are_no_numbers_are_refused(values):
    with pytest.raises(ValueError, match="column 'n' must hold numbers"):
        read_interactions(frame(user=[1, 2], item=[1, 2], n=values), value="n")


@pytest.mark.parametrize(
    "values", [[True, False], ["2", "0"], pd.array([2, 1], "Int8"), pd.Categorical([1, 2])]
)
def test_values_of_every_kind_of_number_are_read(values):
    data = read_interactions(frame(user=[1, 1], item=[1, 2], n=values), value="n")
    expected = [float(value) for value in values if float(value)]
    assert data.matrix.data.tolist() == expected


def test_dates_in_a_text_file_are_no_values(tmp_path):
    (tmp_path / "x.csv").write_text("user,item,n\n1,2,2026-01-01\n")
    with pytest.raises(ValueError, match=r"must hold numbers, line 2 of "):
        read_interactions(tmp_path / "x.csv", value="n")


def test_times_of_text_are_parsed_when_they_are_read(tmp_path):
    (tmp_path / "x.csv").write_text("user,item,t\n1,2,31.12.2025 23:59\n1,3,01.01.2026 00:00\n")
    data = read_interactions(tmp_path / "x.csv", time="t", time_format="%d.%m.%Y %H:%M")
    assert data.times.astype(str).tolist()[0].startswith("2025-12-31T23:59")
    with pytest.raises(ValueError, match=r"line 2 of .* no time"):
        read_interactions(tmp_path / "x.csv", time="t")


def test_null_times_are_dropped_and_the_lines_of_others_stay(tmp_path):
    (tmp_path / "x.csv").write_text("user,item,t\n1,1,\n1,2,2026-01-02\n1,3,NULL\n")
    data = read_interactions(tmp_path / "x.csv", time="t", nulls="drop")
    assert data.items.tolist() == [2]
    (tmp_path / "x.csv").write_text("user,item,t\n1,1,\n1,2,2026-01-02\n1,3,soon\n")
    with pytest.raises(ValueError, match=r"line 4 of .*'soon'"):
        read_interactions(tmp_path / "x.csv", time="t", nulls="drop")


def test_columns_of_frames_may_be_named_by_position():
    likes = pd.DataFrame([["ann", "x", 3]], columns=["who", "what", "n"])
    assert read_interactions(likes, user=0, item=1, value=2).matrix.sum() == 3
    assert read_interactions(likes, header=False).users.tolist() == ["ann"]


def test_the_same_table_gives_the_same_data_from_every_source(source_of):
    table = frame(user=[3, 1, 3, 2], item=["b", "a", "b", "c"], n=[1.0, 2.0, 3.0, 4.0])
    before = table.copy()
    data = read_interactions(source_of(table), value="n")
    assert data.users.tolist() == [3, 1, 2]
    assert data.items.tolist() == ["b", "a", "c"]
    assert data.matrix.toarray().tolist() == [[4, 0, 0], [0, 2, 0], [0, 0, 4]]
    pd.testing.assert_frame_equal(table, before)


def test_errors_name_the_line_of_one_of_several_files(tmp_path):
    (tmp_path / "1.csv").write_text("user,item\n1,a\n\n2,b\n")
    (tmp_path / "2.csv").write_text("user,item\n3,a\n,b\n")
    for source in (
        [tmp_path / "1.csv", tmp_path / "2.csv"],
        str(tmp_path / "?.csv"),
        tmp_path,
    ):
        with pytest.raises(ValueError, match=r"null id in line 3 of .*2.csv"):
            read_interactions(source)


def test_the_values_of_a_matrix_need_no_column_to_be_named(tmp_path):
    matrix = sparse.csr_matrix([[0, 2.0], [3, 0]])
    sparse.save_npz(tmp_path / "x.npz", matrix)
    for source in (matrix, tmp_path / "x.npz"):
        data = read_interactions(source)
        assert sorted(data.matrix.data.tolist()) == [2, 3]
        with pytest.raises(ValueError, match="need a table with a row for each interaction"):
            read_interactions(source, time="t")
