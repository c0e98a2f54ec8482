import gzip

import numpy as np
import pandas as pd
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import interactions

import wrmf
from wrmf import Interactions, read_interactions

ARTICLE = r"""modelname|mid|uid
3D fanart Noel|5dce|7ac1
3D fanart Noel|5dce|2b4a
\A | B \\ model\|77aa|7ac1
3D fanart Noel|5dce|7ac1
"""


def frame(**columns):
    return pd.DataFrame(columns)


def test_the_article_file_is_read_as_it_is(tmp_path):
    path = tmp_path / "likes.psv"
    path.write_text(ARTICLE)
    data = read_interactions(path, "uid", "mid", item_name="modelname", duplicates="drop")
    assert data.n_duplicates == 1
    assert data.users.tolist() == ["7ac1", "2b4a"]
    assert data.items.tolist() == ["5dce", "77aa"]
    assert data.names_of([1]) == ["A | B \\ model"]
    assert data.matrix.toarray().tolist() == [[1, 1], [1, 0]]
    assert "Duplicated rows: 1" in str(data.summary())
    assert "Density: 75.000%" in str(data.summary())


def test_backslash_escapes_are_read_where_they_escape(tmp_path):
    path = tmp_path / "likes.psv"
    path.write_text("modelname|mid|uid\n\\|bar|m1|u1\na\\|b|m2|u1\nplain|m3|u2\n")
    data = read_interactions(path, "uid", "mid", item_name="modelname")
    assert data.item_names.tolist() == ["|bar", "a|b", "plain"]


@pytest.mark.parametrize(("name", "sep"), [("x.csv", ","), ("x.tsv", "\t"), ("x.psv", "|")])
@pytest.mark.parametrize("zipped", [False, True])
def test_every_kind_of_text_file(tmp_path, name, sep, zipped):
    text = sep.join(["user", "item", "n"]) + "\n" + sep.join(["NA", "x", "2"]) + "\n"
    path = tmp_path / (name + ".gz" if zipped else name)
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    data = read_interactions(path, value="n")
    assert (data.users[0], data.items[0], data.matrix[0, 0]) == ("NA", "x", 2)


def test_parquet_and_frames_agree(tmp_path):
    pytest.importorskip("pyarrow")
    likes = frame(user=[3, 3, 9], item=["a", "b", "a"])
    likes.to_parquet(tmp_path / "x.parquet")
    ours, theirs = read_interactions(tmp_path / "x.parquet"), read_interactions(likes)
    assert (ours.matrix != theirs.matrix).nnz == 0
    assert ours.users.tolist() == [3, 9]


def test_ids_of_any_hashable_type():
    mixed = [("a", 1), 7, "x", 2.5, None]
    data = read_interactions(frame(user=mixed[:4], item=[b"i", ("t",), b"i", "j"]))
    assert data.user_index([("a", 1)]).tolist() == [0]
    assert data.user_index(("a", 1)).tolist() == [0]
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


def test_times_follow_the_stored_entries_and_keep_the_latest():
    events = frame(user=[2, 1, 2, 2], item=["b", "a", "a", "b"], t=[5, 1, 3, 9])
    data = read_interactions(events, time="t")
    told = data.to_frame().set_index(["user", "item"])["time"].to_dict()
    assert told == {(2, "b"): 9, (2, "a"): 3, (1, "a"): 1}


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
        (frame(user=[1], item=[2], n=[np.nan]), {"value": "n"}, "finite numbers"),
        (frame(user=[1], item=[2], n=[np.inf]), {"value": "n"}, "finite numbers"),
        (frame(user=[1], item=[2], n=[-1]), {"value": "n"}, "finite numbers"),
        (frame(user=[1], item=[2], n=[0]), {"value": "n"}, "no entries"),
        (pd.DataFrame([[1, 2, 3]], columns=["user", "item", "user"]), {}, "two columns are called"),
    ],
)
def test_bad_tables_are_explained(table, options, error):
    with pytest.raises(ValueError, match=error):
        read_interactions(table, **options)


def test_bad_sources_are_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_interactions(tmp_path / "missing.csv")
    with pytest.raises(TypeError, match="path or a data frame"):
        read_interactions(7)
    (tmp_path / "empty.csv").touch()
    with pytest.raises(ValueError, match="is empty"):
        read_interactions(tmp_path / "empty.csv")
    (tmp_path / "torn.csv").write_text('user,item\n1,2\n"3,4\n')
    with pytest.raises(ValueError, match="cannot be read"):
        read_interactions(tmp_path / "torn.csv")
    (tmp_path / "bare.csv").write_text("user,item\n")
    with pytest.raises(ValueError, match="no rows to read"):
        read_interactions(tmp_path / "bare.csv")
    with pytest.raises(FileNotFoundError, match="is a folder: name a file in it"):
        read_interactions(tmp_path)
    (tmp_path / "bytes.csv").write_bytes(b"user,item\n\xff,1\n")
    with pytest.raises(ValueError, match="cannot be read"):
        read_interactions(tmp_path / "bytes.csv")
    for content in (b"user,item\n1,2\n", gzip.compress(b"user,item\n1,2\n")[:-9]):
        (tmp_path / "torn.csv.gz").write_bytes(content)
        with pytest.raises(ValueError, match=r"torn.csv.gz cannot be unpacked"):
            read_interactions(tmp_path / "torn.csv.gz")
    (tmp_path / "wrong.psv").write_text("a|b\n1|2\n")
    with pytest.raises(ValueError, match=r"no column 'user'; the columns are \['a', 'b'\]"):
        read_interactions(tmp_path / "wrong.psv")


@pytest.mark.parametrize("name", ["x.csv", "x.psv"])
@pytest.mark.parametrize(
    "rows", [["1", "2", "3"], ["1", "2", "3", "4"], ["Castle", "old", "u1", "i1"]]
)
def test_lines_with_more_fields_than_names_are_refused(tmp_path, name, rows):
    # A separator in an unquoted name would otherwise shift ids into each other's places.
    sep = "," if name == "x.csv" else "|"
    lines = (
        [["name", "user"], ["a", "b"], rows]
        if rows[0] == "1"
        else [["name", "user", "item"], ["a", "b", "c"], rows]
    )
    for ordered in (lines, [lines[0], lines[2], lines[1]]):
        (tmp_path / name).write_text("".join(sep.join(line) + "\n" for line in ordered))
        with pytest.raises(ValueError, match="cannot be read as text separated by"):
            read_interactions(tmp_path / name, item="name")


def test_a_separator_of_several_characters_is_read(tmp_path):
    (tmp_path / "x.dat").write_text("user::item\n1::a\n2::b\n")
    assert read_interactions(tmp_path / "x.dat", sep="::").items.tolist() == ["a", "b"]


def test_matrix_is_sorted_summed_and_without_zeros():
    coo = sparse.coo_matrix(([1, 2, 3, 0], ([0, 0, 0, 1], [2, 2, 0, 1])), shape=(2, 3))
    data = Interactions.from_matrix(coo)
    assert data.matrix.indices.tolist() == [0, 2]
    assert data.matrix.data.tolist() == [3, 3]
    assert data.matrix.dtype == np.float32


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"users": [1]}, "users must hold 2 ids"),
        ({"users": [1, 1]}, "holds the id 1 twice"),
        ({"items": ["a", None, "b"]}, "null id at position 1"),
        ({"item_names": ["x"]}, "must hold 3 names"),
        ({"users": "ab"}, "sequence of ids, got the single"),
        ({"users": [["a"], ["b"]]}, "unhashable type"),
    ],
)
def test_bad_ids_are_explained(options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        Interactions.from_matrix(np.ones((2, 3)), **options)


def test_unknown_ids_are_named():
    data = Interactions.from_matrix(np.ones((2, 2)), users=["ann", "bob"])
    with pytest.raises(ValueError, match=r"unknown id among users: 'eve'"):
        data.user_index(["ann", "eve"])
    with pytest.raises(ValueError, match="unknown id among items: -1"):
        data.item_index(-1)


@given(matrix=interactions(), user_min=st.integers(0, 4), item_min=st.integers(0, 4))
def test_k_core_equals_the_article_loop(matrix, user_min, item_min):
    data = Interactions.from_matrix(matrix)
    pairs = list(zip(*(axis.tolist() for axis in matrix.nonzero()), strict=True))
    expected = reference.k_core(pairs, user_min, item_min)
    if not expected:
        with pytest.raises(ValueError, match="no interaction is left"):
            data.k_core(user_min, item_min)
        return
    core = data.k_core(user_min, item_min)
    found = core.to_frame()
    assert set(zip(found["user"], found["item"], strict=True)) == expected
    assert core.summary().users == len({user for user, _ in expected})
    assert np.array_equal(
        found["value"], [matrix[u, i] for u, i in zip(found["user"], found["item"], strict=True)]
    )


def test_frame_and_back_is_the_same(likes):
    data = Interactions.from_matrix(likes)
    again = read_interactions(data.to_frame(), value="value")
    assert np.array_equal(again.matrix.sum(axis=1).A1, likes[again.users].sum(axis=1).A1)
    assert again.n_interactions == likes.nnz


BROKEN = {
    "index too large": ([1.0], [9], [0, 1, 1], "indices run from 9 to 9"),
    "negative index": ([1.0], [-1], [0, 1, 1], "indices run from -1 to -1"),
    "falling indptr": ([1.0], [0], [0, 1, 0], "never fall"),
    "indptr past the end": ([1.0], [0], [0, 1, 5], "indptr ends at 5"),
    "indptr too short": ([1.0], [0], [0, 1], "indptr has 2 entries"),
    "indptr from 1": ([1.0], [0], [1, 1, 1], "must start at 0"),
    "fewer values than indices": ([1.0], [0, 1], [0, 1, 2], "2 indices and 1 values"),
    "indices of floats": ([1.0], [0.0], [0, 1, 1], "integer array, got float64"),
    "NaN": ([np.nan], [0], [0, 1, 1], "holds nan"),
    "inf": ([np.inf], [0], [0, 1, 1], "holds inf"),
    "negative": ([-2.0], [0], [0, 1, 1], "negative value"),
    "all zero": ([0.0], [0], [0, 1, 1], "no entries"),
    "too large": ([1e300], [0], [0, 1, 1], "float32's range"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_matrices_are_errors_not_crashes(case):
    data, indices, indptr, error = BROKEN[case]
    matrix = sparse.csr_matrix((2, 3))
    matrix.data, matrix.indices, matrix.indptr = map(np.array, (data, indices, indptr))
    with pytest.raises(ValueError, match=error):
        wrmf.WRMF().fit(matrix)


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        (np.ones(3), "2-d"),
        (np.ones((2, 2), dtype=complex), "real numbers"),
        (np.array([["a", "b"]]), "real numbers"),
        ([[1, 2]], "scipy.sparse"),
        ("likes.csv", "scipy.sparse"),
        (pd.DataFrame({"user": [1]}), "read_interactions"),
        (np.ones((0, 3)), "is empty"),
        (sparse.csr_matrix((3, 0)), "is empty"),
    ],
)
def test_what_is_no_matrix_is_refused(given_, error):
    with pytest.raises((TypeError, ValueError), match=error):
        wrmf.WRMF().fit(given_)


def test_masked_cells_are_no_interactions():
    masked = np.ma.masked_array(np.ones((2, 2), dtype=np.float16), [[False, True], [False, False]])
    assert Interactions.from_matrix(masked).matrix.toarray().tolist() == [[1, 0], [1, 1]]


def test_broken_coo_and_csc_are_errors(likes):
    coo = likes.tocoo()
    coo.col = coo.col.copy()
    coo.col[0] = 10**6
    csc = likes.tocsc()
    csc.indices = csc.indices.copy()
    csc.indices[0] = -5
    for broken in (coo, csc):
        with pytest.raises(ValueError, match="indices run from"):
            Interactions.from_matrix(broken)
