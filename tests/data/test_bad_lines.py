"""Lines that are no rows are an error that names them, or are left out and counted."""

import gzip
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrmf import read_interactions
from wrmf.cli.main import main
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.text import read_text


def read(tmp_path, text, name="x.csv", **options):
    """Return the pairs of a text, and how many of its lines are malformed."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    data = read_interactions(path, bad_lines="drop", **options)
    frame = data.to_frame()
    return list(zip(frame["user"], frame["item"], strict=True)), data.counts.malformed


@pytest.mark.parametrize(
    ("text", "options", "pairs", "malformed"),
    [
        ("user,item,n\nann,x,1\nbob\ncid,y\nann,y,2,3\ncid,y,4\n", {}, "ann-x; cid-y", 3),
        ("ann,x,1\nbob\ncid,y,2\n", {"header": False}, "ann-x; cid-y", 1),
        ("# c\nuser,item\n\nann,x\n   \nbob\n", {"comment": "#"}, "ann-x", 1),
        ("sep=;\nuser;item\nann;x\nbob\n", {}, "ann-x", 1),
        ("user;item\nann;x\nbob\ncid;y\n", {}, "ann-x; cid-y", 1),
        ('user,item\n"Ann, A",x\n"Bob\nCid,y\n', {}, "Ann, A-x; Cid-y", 1),
        ('user,item,t\nann,x,"a\n\nb"\nbob,y\ncid,z,c\n', {"quote": '"'}, "ann-x; cid-z", 1),
        # Text follows a closing quote.
        ('user,item\nann,x\nbob,"q"z\ncid\ndan,"a\nb"\n', {"quote": '"'}, "ann-x; dan-a\nb", 2),
        ("user::item\nann::x\nbob\ncid::y\n", {}, "ann-x; cid-y", 1),
        ("ann x\nbob\ncid  y\n", {"header": False, "sep": r"\s+"}, "ann-x; cid-y", 1),
        ("user,item\r\nann,x\r\nbob\r\n", {}, "ann-x", 1),
        ("user,item\rann,x\rbob\r", {}, "ann-x", 1),
        (gzip.compress(b"user,item\nann,x\nbob\n"), {}, "ann-x", 1),
        ("user,item\nann,x\nbob\n".encode("utf-16"), {}, "ann-x", 1),
        (b"user,item,name\nann,x,caf\xe9\nb\xe9\ncid,y,z\n", {}, "ann-x; cid-y", 1),
        ("user,item\nann,x\n", {}, "ann-x", 0),
    ],
)
def test_lines_with_another_number_of_fields_are_counted(tmp_path, text, options, pairs, malformed):
    expected = [tuple(pair.split("-")) for pair in pairs.split("; ")]
    assert read(tmp_path, text, **options) == (expected, malformed)


def test_the_summary_counts_them_among_the_rows_read(tmp_path):
    (tmp_path / "x.csv").write_text("user,item\nann,x\nbob\nann,x\nNULL,x\n")
    data = read_interactions(tmp_path / "x.csv", bad_lines="drop", nulls="drop")
    assert str(data.summary()).split("\n")[4:] == [
        "Rows read: 4",
        "Malformed lines, dropped: 1",
        "Rows with nulls, dropped: 1",
        "Rows that repeat a pair, merged: 1",
        "Rows kept: 1",
    ]


def test_by_default_they_are_an_error_that_says_how_to_drop_them(tmp_path):
    (tmp_path / "x.csv").write_text("user,item\nann,x\nbob\n")
    for nulls in ("error", "drop"):
        with pytest.raises(ValueError, match=r'line 3 has 1 fields.*bad_lines="drop"'):
            read_interactions(tmp_path / "x.csv", nulls=nulls)
    with pytest.raises(ValueError, match=r"bad_lines must be one of \('error', 'drop'\), got 'no'"):
        read_interactions(tmp_path / "x.csv", bad_lines="no")


def test_the_command_line_drops_and_counts_them(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("user,item\nann,x\nbob,y\nbob\n")
    assert main(["fit", "x.csv"]) == 1
    assert "line 4 has 1 fields" in (message := capfd.readouterr().err)
    assert "--bad-lines drop to leave" in message
    assert main(["fit", "x.csv", "--bad-lines", "drop", "--factors", "1"]) == 0
    assert "Malformed lines, dropped: 1" in capfd.readouterr().err


def test_errors_after_dropped_lines_name_the_right_line(tmp_path):
    with pytest.raises(ValueError, match=r"null id in line 5 of "):
        read(tmp_path, "user,item\nann,x\nbob\n\nNULL,y\n")
    with pytest.raises(ValueError, match=r"line 4 of .* not in the encoding utf-8"):
        read(tmp_path, b"user,item\nann,x\nbob\n\xff,y\n")


def test_no_row_left_is_an_error_with_the_count(tmp_path):
    with pytest.raises(ValueError, match="no rows to read: 2 malformed lines were dropped"):
        read(tmp_path, "user,item\nann\nbob\n")


def test_the_lines_of_several_files_are_added_up(tmp_path):
    (tmp_path / "a.csv").write_text("user,item\n1,x\n2\n")
    (tmp_path / "b.csv").write_text("user,item\n3,y\n4\n5\n")
    (tmp_path / "c.csv").write_text("user,item\n6,y\n")
    data = read_interactions(tmp_path, bad_lines="drop")
    # Ids are numbers, as in a single file.
    assert data.users.tolist() == [1, 3, 6]
    assert data.counts.malformed == 3


def test_lines_of_json_without_an_object_are_counted(tmp_path):
    text = '{"user": 1, "item": 2}\n{"user": 3\n[4]\n{"user": 5, "item": 6}\n'
    assert read(tmp_path, text, "x.jsonl") == ([(1, 2), (5, 6)], 2)
    with pytest.raises(ValueError, match=r'line 2 is not JSON.*pass bad_lines="drop"'):
        read_interactions(tmp_path / "x.jsonl")


FIELDS = st.sampled_from(["a", "", '"q"', '"x,y"', '"', "\\", "é"])


@given(
    st.lists(st.lists(FIELDS, min_size=1, max_size=3), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_rows_of_the_right_width_are_those_that_are_read(rows, line_end):
    lines = ["user,item", *(",".join(row) for row in rows)]
    options = SourceOptions(("user", "item"), sep=",", quote="none", bad_lines="drop")
    expected = [
        tuple(fields) for line in lines[1:] if line.strip() and len(fields := line.split(",")) == 2
    ]
    table = read_text(line_end.join(lines).encode(), options)
    assert list(zip(*table.to_pydict().values(), strict=True)) == expected
    n_lines = sum(bool(line.strip()) for line in lines[1:])
    count = int((table.schema.metadata or {}).get(b"wrmf.malformed", 0))
    assert count == n_lines - len(expected)


def test_nothing_is_printed_for_malformed_lines_in_another_encoding(tmp_path, capfd):
    for line, bad_lines in itertools.product((b"\xff,3,4", b"\xff"), ("error", "drop")):
        (tmp_path / "x.csv").write_bytes(b"user,item\n1,2\n   \n" + line + b"\n")
        try:
            read_interactions(tmp_path / "x.csv", bad_lines=bad_lines)
        except ValueError as error:
            assert "line 4" in str(error)
    assert capfd.readouterr().err == ""
