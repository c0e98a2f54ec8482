"""Detect the format of a file by its first bytes; its ending only tells JSON from other text."""

from __future__ import annotations

import zipfile
from pathlib import Path

from wrmf.data.formats.compression import open_unpacked, unpacking

__all__ = ["sniff_format"]

# The format of a file by its first bytes; ``sniff_format`` recognises further formats.
MAGIC = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\xff\xff\xff\xff": "arrow",
    b"SQLite format 3\0": "sqlite",
    b"%%MatrixMarket": "matrix-market",
}
PICKLE = "is a pickle, which may run code: save the table as csv or parquet"
# The first bytes of formats that are not supported, and the end of the error message.
REFUSED = {
    b"FEA1": "is a feather file of version 1: read it with an old pyarrow, and write it as parquet",
    b"ORC": "is an ORC file: pass pyarrow.orc.read_table(…) of it",
    b"PARE": "is an encrypted parquet file: pass pyarrow.parquet.read_table(…) of it",
    b"\x89HDF": "is an HDF5 file: pass pandas.read_hdf(…) of it",
    b"\x93NUMPY": "is a NumPy array: pass a data frame of it",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook: pass pandas.read_excel(…) of it",
    **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04\x95", b"\x80\x05\x95"), PICKLE),
    b"version https://git-lfs": "is a pointer of Git LFS, not the data: run git lfs pull",
    b"7z\xbc\xaf": "is a 7z archive: unpack it, and name a file of it",
    b"Rar!": "is a RAR archive: unpack it, and name a file of it",
    b"\x04\x22\x4d\x18": "is compressed by lz4: unpack it first",
    b"\x1f\x9d": "is compressed by compress: unpack it first",
    b"Obj\x01": "is an Avro file: pass a data frame of it",
    b"%PDF": "is a PDF document: save its table as csv",
}
# DuckDB's files begin with a checksum.
DUCKDB = 8, b"DUCK"
# The beginnings of pages, which servers send in place of a file, in lower case.
PAGES = (b"<!doctype html", b"<html", b"<?xml", b"<error")
# The beginnings of dumps of databases, in lower case.
DUMPS = (
    b"-- mysql dump",
    b"-- mariadb dump",
    b"/*m!999999",
    b"--\n-- postgresql database dump",
    b"pragma foreign_keys",
    b"begin transaction;",
    b"create table ",
    b"drop table ",
    b"insert into ",
)
# The number of bytes at the beginning of a file by which its format is recognised.
LONGEST = 4096
JSON_ENDINGS = (".json", ".jsonl", ".ndjson")


def sniff_format(path: Path) -> str:
    """Return the format of a file: a name in ``MAGIC``, "npz", "json" or "text".

    Raises
    ------
    ValueError
        For a known format that is not supported.
    """
    with path.open("rb") as file:
        start = file.read(LONGEST)
    if start.startswith(b"PK") and zipfile.is_zipfile(path):
        with unpacking(path), zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if "[Content_Types].xml" in names:
            raise ValueError(
                f"{path} is an Excel workbook: save it as csv, or pass pandas.read_excel(…) of it"
            )
        if names and all(name.endswith(".npy") for name in names):
            return "npz"
    kind = _by_magic(path, start)
    if kind is None:
        with unpacking(path), open_unpacked(path) as unpacked:
            start = unpacked.read(LONGEST)
        kind = _by_magic(path, start)
    return kind or ("json" if _is_json(path, start) else "text")


def _by_magic(path: Path, start: bytes) -> str | None:
    for magic, reason in REFUSED.items():
        if start.startswith(magic):
            raise ValueError(f"{path} {reason}")
    if start.startswith(DUCKDB[1], DUCKDB[0]):
        raise ValueError(
            f'{path} is a database of DuckDB: pass (duckdb.connect("{path.name}"), "likes") with '
            "the name of a table, or write the table to a file by COPY likes TO 'likes.parquet'"
        )
    words = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:40].lower()
    if words.startswith(DUMPS):
        raise ValueError(
            f"{path} is a dump of SQL, not a table: load it into a database, as by "
            f"sqlite3 shop.db < {path.name}, and name its table, as in sqlite:///shop.db#likes"
        )
    if words.startswith(PAGES):
        raise ValueError(
            f"{path} is a page of HTML or XML, such as a server's message about an error: open it "
            "in a browser, and get the file again"
        )
    return next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), None)


def _is_json(path: Path, start: bytes) -> bool:
    """Return whether text holds JSON objects, judged by the file's endings or its first bytes.

    The first bytes do not count if the file is named like csv, tsv or psv.
    """
    endings = [ending.lower() for ending in path.suffixes]
    if any(ending in JSON_ENDINGS for ending in endings):
        return True
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith((b'{"', b'[{"')) and not {".csv", ".tsv", ".psv"} & set(endings)
