"""Files in unusual shapes give the data that they hold, or an error of one line that says why."""

import bz2
import gzip
import io
import json
import os
import tarfile
import threading
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wrmf import read_interactions
from wrmf.data.formats.reasons import reason_of

HEAD = "user,item\n"
LIKES = HEAD + "a,x\n"


def pairs(source, **options):
    frame = read_interactions(source, **options).to_frame()
    return list(zip(frame["user"].tolist(), frame["item"].tolist(), strict=True))


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(mode="w"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        archive.addfile(tarfile.TarInfo("likes.csv"))
    return buffer.getvalue()


def parquet(**columns):
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("\ufeff\ufeff" + LIKES, {}, [("a", "x")]),
        (LIKES + "\ufeffa,y\n", {}, [("a", "x"), ("a", "y")]),
        (HEAD + "7,x\n\ufeff8,x\n", {}, [(7, "x"), (8, "x")]),
        (b"user,item\r\na,x\nb,y\rc,z\r\n", {}, [("a", "x"), ("b", "y"), ("c", "z")]),
        (HEAD + 'a,"x\ny"\n', {"quote": '"'}, [("a", "x\ny")]),
        ("user,item,\na,x,\n", {}, [("a", "x")]),
        (HEAD + " a,x\na ,x\n", {}, [(" a", "x"), ("a ", "x")]),
        (HEAD + '",x\n', {}, [('"', "x")]),
        (HEAD + "1e5,x\n100000,x\n", {}, [("1e5", "x"), ("100000", "x")]),
        (HEAD + "2026-01-31,x\n", {}, [("2026-01-31", "x")]),
        (HEAD + "-0,x\n0,x\n", {}, [("-0", "x"), ("0", "x")]),
        (HEAD + "é,x\ne\u0301,x\n", {}, [("é", "x"), ("e\u0301", "x")]),
        (HEAD + "a\x85b,x\n\u2028c,x\n", {}, [("a\x85b", "x"), ("\u2028c", "x")]),
        (gzip.compress(LIKES.encode()) + gzip.compress(b"b,y\n"), {}, [("a", "x"), ("b", "y")]),
        (gzip.compress(LIKES.encode()) + bytes(100), {}, [("a", "x")]),
        (f'[{json.dumps({"user": "a", "item": 1})}]', {}, [("a", 1)]),
        ('{"user": {"id": 3}, "item": 123456789012345678901}', {"user": "user.id"},
         [(3, 123456789012345678901)]),
        (parquet(user=pa.array(["a", None]).dictionary_encode(), item=[1, 2]), {"nulls": "drop"},
         [("a", 1)]),
        (parquet(user=[b"\xff"], item=[1]), {}, [(b"\xff", 1)]),
        (LIKES.encode("cp500"), {"encoding": "cp500"}, [("a", "x")]),
    ],
)  # fmt: skip
def test_what_is_written_is_read(tmp_path, content, options, expected):
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert pairs(path, **options) == expected


DEEP = '{"user": ' + "[" * 100_000 + "]" * 100_000 + ', "item": 1}\n'


@pytest.mark.parametrize(
    ("content", "options", "error"),
    [
        (HEAD + "c\0d,x\n", {}, "holds zero bytes and is no text"),
        (LIKES + HEAD, {}, r"line 3 of .*file repeats the header.*bad_lines=\"drop\""),
        ("   \n \n", {}, "is empty"),
        (HEAD.strip(), {}, "no rows to read"),
        ("# a\n# b\n", {"comment": "#"}, "is empty"),
        ("# a\n" + LIKES, {}, "pass comment='#'"),
        (HEAD + 'a,"x\ny"\n', {}, r"line 3 .*pass quote='\"'"),
        (HEAD + "a,x,\n", {}, "line 2 has 3 fields, but line 1 has 2"),
        (b"user,item\na,x\n\xed\xa0\x80,y\n", {}, "line 3 of .* is not in the encoding utf-8"),
        (LIKES.encode("utf-16-le"), {}, 'pass encoding="utf-16-le"'),
        (LIKES, {"encoding": "base64"}, "unknown encoding 'base64'"),
        (gzip.compress(gzip.compress(LIKES.encode())), {}, "is compressed twice"),
        (zipped(a=bz2.compress(LIKES.encode())), {}, "is compressed twice"),
        (zipped(a=LIKES, b=LIKES), {}, "holds 2 files, not one"),
        (zipped(), {}, "holds 0 files"),
        (tarred(), {}, "is a tar archive"),
        (tarred("w:gz"), {}, "is a tar archive"),
        (gzip.compress(LIKES.encode()) + b"junk", {}, "cannot be unpacked"),
        ("\n<!DOCTYPE HTML>\n<html><body>404, not found</body></html>", {}, "a page of HTML"),
        ('<?xml version="1.0"?><Error/>', {}, "a page of HTML or XML"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", {}, "run git lfs pull"),
        (b"\x80\x03}q\0.", {}, "is a pickle, which may run code"),
        (b"7z\xbc\xaf\x27\x1c", {}, "is a 7z archive"),
        (b"%PDF-1.4", {}, "is a PDF document"),
        ("BEGIN TRANSACTION;\nCREATE TABLE likes(user, item);\n", {}, "is a dump of SQL"),
        ("-- MySQL dump 10.13\n--\n", {}, r"sqlite3 shop\.db < file, and name its table"),
        (DEEP, {}, "line 1 is nested too deeply"),
        ('{"user": "\\ud800", "item": 1}', {}, r"holds '\\ud800', which is no text of Unicode"),
        ('{"user": ["a"], "item": 1}', {}, r'cannot be hashed: .*layout="user-items"'),
        (
            '{"user": {"id": 7, "tags": ["x"]}, "item": 1}',
            {},
            r"an object with the fields \['id', 'tags'\] in row 0, .*: name one of them, such as "
            "'user.id'",
        ),
        (
            '"user","item"\n"a","x\ny"\n"b","y\nz"\n',
            {},
            r"""the columns are \['"user"', '"item"'\].*pass quote='"' if fields in quotes hold""",
        ),
        (
            parquet(user=pa.nulls(2), item=[1, 2]),
            {"nulls": "drop"},
            "no entries are left of 2 rows",
        ),
        (parquet(user=[1.5], item=[1]), {}, "holds the float 1.5, and floats are no ids"),
        ('user,item,n\na,x,"1,234"\n', {"value": "n"}, "line 2 of .*file holds '1,234'"),
        ("user,item,n\na,x,1e400\n", {"value": "n"}, "line 2 of .*file holds inf"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_says_why(tmp_path, content, options, error):
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((TypeError, ValueError), match=error) as info:
        read_interactions(path, **options)
    assert "\n" not in str(info.value)


def test_repeated_headers_may_be_dropped_and_are_counted(tmp_path):
    (tmp_path / "x.csv").write_text(LIKES + HEAD + "b,y\n" + HEAD)
    data = read_interactions(tmp_path / "x.csv", bad_lines="drop")
    assert data.users.tolist() == ["a", "b"]
    assert str(data.counts).split("\n") == [
        "Rows read: 4",
        "Malformed lines, dropped: 2",
        "Rows kept: 2",
    ]
    text = "user,item,n,at\na,x,2,2026-01-31\n"
    (tmp_path / "x.csv").write_text(text + text.replace("a,x", "b,y"))
    options = {"value": "n", "time": "at"}
    with pytest.raises(ValueError, match=r"line 3 of .* repeats the header"):
        read_interactions(tmp_path / "x.csv", **options)
    data = read_interactions(tmp_path / "x.csv", **options, bad_lines="drop")
    assert data.matrix.diagonal().tolist() == [2, 2]
    assert (data.counts.read, data.counts.malformed, data.counts.null) == (3, 1, 0)
    (tmp_path / "x.csv").write_text(text + text + "a,z,,2026-01-31\n")
    with pytest.raises(ValueError, match=r"null value in line 5 of "):
        read_interactions(tmp_path / "x.csv", **options, bad_lines="drop")
    # Only a row that holds the names of both columns is a header.
    (tmp_path / "x.csv").write_text(LIKES + "user,y\na,item\n")
    assert read_interactions(tmp_path / "x.csv").users.tolist() == ["a", "user"]
    assert pairs(tmp_path / "x.csv", header=False)[0] == ("user", "item")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    content = gzip.compress(LIKES.encode())
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[content])
    writer.start()
    assert pairs(tmp_path / "pipe") == [("a", "x")]
    writer.join()


def test_links_to_files_that_are_read_are_left_out(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "day-1.csv").write_text(LIKES)
    try:
        (folder / "a-link.csv").symlink_to(folder / "day-1.csv")
        (folder / "loop").symlink_to(folder)
        (folder / "nowhere.csv").symlink_to(folder / "nowhere.csv")
    except OSError:
        pytest.skip("needs symbolic links")
    for source in (folder, str(folder / "*.csv"), str(folder / "**" / "*.csv")):
        assert read_interactions(source).counts.read == 1
    # A link that is named itself is read.
    assert pairs(folder / "a-link.csv") == [("a", "x")]
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_interactions(folder / "nowhere.csv")


@pytest.mark.parametrize("text", ["", LIKES, "a\0b.csv", "~no-such-user/x.csv"])
def test_texts_that_name_no_file_are_one_line(text):
    with pytest.raises(
        (FileNotFoundError, ValueError), match=r"file|empty text|home folder"
    ) as info:
        read_interactions(text)
    assert "\n" not in str(info.value)


def test_depth_counts_within_lines(tmp_path):
    line = json.dumps({"user": "a:[[[", "item": 1, "tags": [[1], [2]]}) + "\n"
    (tmp_path / "x.jsonl").write_text(line * 1000)
    data = read_interactions(tmp_path / "x.jsonl")
    assert data.counts.read == 1000
    deep = '{"user": 2, "item": ' + '{"a": ' * 100 + "1" + "}" * 100 + "}\n"
    (tmp_path / "x.jsonl").write_text('{"user": 1, "item": {"id": 5}}\n' + deep)
    assert pairs(tmp_path / "x.jsonl", item="item.id", nulls="drop") == [(1, 5)]


def test_a_table_of_many_columns_is_read(tmp_path):
    names = ",".join(f"i{number}" for number in range(5_000))
    (tmp_path / "x.csv").write_text(f"user,{names}\nann,{'1,' * 4_999}0\n")
    summary = read_interactions(tmp_path / "x.csv", layout="wide").summary()
    assert (summary.items, summary.interactions, summary.idle_items) == (5_000, 4_999, 1)


def test_one_column_for_users_and_items_is_an_error():
    table = pa.table({"a": ["x", "y"], "b": ["z", "z"]})
    with pytest.raises(ValueError, match="user= and item= both name the column 'a'"):
        read_interactions(table, user="a", item="a", layout="user-items")


def test_reasons_of_other_libraries_are_one_short_line():
    reason = reason_of(OSError("\n" + "x" * 1000 + "\nsecond line"))
    assert reason == "x" * 200
    assert reason_of(OSError("'\n' expected")) == r"'\n' expected"


def test_a_wide_table_of_several_types_in_a_column_names_the_column():
    table = pd.DataFrame({"user": ["a", "b"], "x": [{"deep": 1}, 2]})
    with pytest.raises(ValueError, match="column 'x' holds values of several types"):
        read_interactions(table, layout="wide")


def test_a_file_that_is_misspelt_is_named_with_one_that_is_alike(tmp_path):
    (tmp_path / "likes.csv").write_text("user,item\nann,x\n")
    for name in ("lieks.csv", " likes.csv", "likes.cvs"):
        with pytest.raises(FileNotFoundError, match=r"did you mean .*likes\.csv\?$"):
            read_interactions(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"no such file: .*plays\.parquet$"):
        read_interactions(tmp_path / "plays.parquet")


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="there is no /dev/zero")
def test_a_device_is_refused():
    with pytest.raises(ValueError, match="/dev/zero is a device, not a file"):
        read_interactions("/dev/zero")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize("target", ["loop.csv", "missing.csv"])
def test_links_that_lead_nowhere_are_named(tmp_path, target):
    link = tmp_path / "loop.csv"
    link.symlink_to(tmp_path / target)
    with pytest.raises(FileNotFoundError, match=r"loop\.csv is a link that leads to none"):
        read_interactions(link)
