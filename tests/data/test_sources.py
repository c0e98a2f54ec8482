"""Sources are told by type and content: folders, patterns, several files, the standard input."""

import bz2
import gzip
import io
import sys
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loading import load, rows

from wrmf.data.formats.content import MAGIC, sniff_format
from wrmf.data.formats.sources import FORMATS


def parquet(**columns):
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@pytest.fixture
def enter(monkeypatch):
    """Return a function that sets the standard input."""

    def set_input(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return set_input


@pytest.mark.parametrize(
    "content",
    [
        b"user,item\nann,x\n",
        b"user\titem\r\nann\tx\r\n",
        gzip.compress(b"user,item\nann,x\n"),
        bz2.compress(b"user,item\nann,x\n"),
        b'{"user": "ann", "item": "x"}\n',
        gzip.compress(b'[{"user": "ann", "item": "x"}]'),
        parquet(user=["ann"], item=["x"]),
        gzip.compress(parquet(user=["ann"], item=["x"])),
    ],
)
def test_the_standard_input_is_read_by_its_content(enter, content):
    enter(content)
    assert rows("-") == [("ann", "x")]


def test_the_standard_input_may_hold_baskets(enter):
    enter(b"x y\n")
    assert rows("-", layout="baskets") == [(1, "x", 1.0), (1, "y", 1.0)]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "standard input is empty"),
        (gzip.compress(b"user,item\n" * 99)[:-9], "standard input cannot be unpacked"),
        (b"PAR1", "standard input is no parquet file, or damaged"),
    ],
)
def test_errors_name_the_standard_input(enter, content, error):
    enter(content)
    with pytest.raises(ValueError, match=error) as info:
        load("-")
    assert "wrmf-" not in str(info.value)


def test_folders_of_text_may_have_keys_in_their_names(tmp_path):
    for key, text in (("07", "item,n\nx,1\n"), ("7", "n,item\n2,y\n")):
        (tmp_path / f"user={key}").mkdir()
        (tmp_path / f"user={key}" / "part.csv").write_text(text)
    assert rows(tmp_path) == [("07", "x"), ("7", "y")]
    assert rows(str(tmp_path / "*" / "*.csv"), "n", "user") == [("1", "07"), ("2", "7")]


def test_files_of_a_folder_may_be_packed_or_not(tmp_path):
    (tmp_path / "a.csv").write_text("user,item\n1,x\n")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"item,user\ny,2\n"))
    assert rows(tmp_path) == [("1", "x"), ("2", "y")]


def test_files_that_programs_leave_in_folders_are_left_out(tmp_path):
    (tmp_path / "a.csv").write_text("user,item\n1,x\n")
    (tmp_path / "_temporary").mkdir()
    for name in ("_SUCCESS", ".a.csv.crc", "_temporary/b.csv"):
        (tmp_path / name).write_text("")
    for source in (tmp_path, str(tmp_path / "*"), str(tmp_path / "**")):
        assert rows(source) == [("1", "x")]


def test_names_with_characters_of_patterns_are_files_first(tmp_path):
    (tmp_path / "x[1].csv").write_text("user,item\n1,x\n")
    assert rows(tmp_path / "x[1].csv") == [("1", "x")]


def test_home_folders_and_addresses_of_files_are_paths(tmp_path, monkeypatch):
    (tmp_path / "a b.csv").write_text("user,item\n1,x\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert rows("~/a b.csv") == [("1", "x")]
    assert rows((tmp_path / "a b.csv").as_uri()) == [("1", "x")]


def test_folders_of_several_formats_are_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(parquet(user=["ann"], item=["x"]))
    (tmp_path / "README.md").write_text("Likes of 2026\n")
    with pytest.raises(ValueError, match=r"README\.md is text, but .*a\.parquet is parquet: name"):
        load(tmp_path)
    assert rows(str(tmp_path / "*.parquet")) == [("ann", "x")]


def test_an_error_in_one_of_several_files_names_it(tmp_path):
    (tmp_path / "a.csv").write_text("user,item\n1,x\n")
    (tmp_path / "b.csv").write_text("user,thing\n1,x\n")
    with pytest.raises(ValueError, match=r"b\.csv: no column 'item'"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("_delta_log", "is a Delta table"),
        (".hoodie", "is a Hudi table"),
        ("metadata", "is an Iceberg table"),
    ],
)
def test_tables_whose_log_says_which_files_count_are_refused(tmp_path, log, error):
    (tmp_path / log).mkdir()
    (tmp_path / log / "version-hint.text").write_text("1")
    (tmp_path / "a.parquet").write_bytes(parquet(user=["ann"], item=["x"]))
    with pytest.raises(ValueError, match=error):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("x.csv", "no such file: .*x.csv"),
        ("*.csv", r"no file matches .*\*\.csv"),
        ("", "is a folder"),
    ],
)
def test_missing_files_are_named(tmp_path, name, error):
    with pytest.raises(FileNotFoundError, match=error):
        load(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"ORC\x11", "is an ORC file"),
        (b"PARE1234", "is an encrypted parquet file"),
        (b"FEA1", "is a feather file of version 1"),
        (b"\x89HDF\r\n", "is an HDF5 file"),
        (b"12345678DUCK\x40\0", r'is a database of DuckDB: pass \(duckdb.connect\("'),
        (b"\x93NUMPY", "is a NumPy array"),
        (b"\xd0\xcf\x11\xe0\xa1", "is an Excel workbook"),
        (b"\x80\x05\x95\x00", "is a pickle, which may run code"),
    ],
)
def test_known_formats_that_are_not_read_are_refused_with_the_way_out(tmp_path, content, error):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"x\.csv {error}"):
        load(tmp_path / "x.csv")


def test_workbooks_and_archives_of_several_files_are_refused(tmp_path):
    for name in ("[Content_Types].xml", "b.csv"):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr("a.csv", "user,item\n1,x\n")
            archive.writestr(name, "")
        with pytest.raises(ValueError, match=r"x\.zip (is an Excel workbook|holds 2 files)"):
            load(tmp_path / "x.zip")


def test_every_format_that_is_told_has_a_reader(tmp_path):
    assert set(MAGIC.values()) <= set(FORMATS)
    for content in (b"", b"\0", b"\xff\xfe", b"user", b"PK\x03\x04"):
        (tmp_path / "x").write_bytes(content)
        try:
            assert sniff_format(tmp_path / "x") in FORMATS
        except ValueError as error:
            assert "x cannot be unpacked" in str(error)


def test_several_sources_of_different_types_are_joined(tmp_path):
    (tmp_path / "a.csv").write_text("item,user\nx,ann\n")
    frame = pd.DataFrame({"user": ["bob"], "item": ["y"]})
    assert rows([tmp_path / "a.csv", frame]) == [("ann", "x"), ("bob", "y")]
