# ruff: noqa: E501 - a case is a line of a table
"""Cases of text: its layouts, encodings and compressions."""

import bz2
import gzip
import lzma

import numpy as np
import pyarrow as pa
import pyarrow.feather
from scipy import sparse

from reading_cases.case import LIKES, Case, zip_of

TEXT_FILES: dict[str, list[Case]] = {
    "Text": [
        Case(
            "MovieLens 100K",
            "the first row is a header",
            'read("u.data", header=False, value=2)',
            "`196 242 3; 186 302 3`",
            "196\t242\t3\t881250949\n186\t302\t3\t891717742\n",
        ),
        Case(
            "MovieLens 1M",
            "a regular expression, slowly",
            'read("ratings.dat", header=False, value=2)',
            "`1 1193 5; 1 661 3`",
            "1::1193::5::978300760\n1::661::3::978302109\n",
        ),
        Case(
            "spaces",
            "",
            'read("x.txt", header=False, value=2)',
            "`'ann' 'x' 3; 'bob' 'y' 1`",
            "ann x 3\nbob y 1\n",
        ),
        Case(
            "aligned by spaces",
            "empty columns",
            'read("x.txt", header=False, sep=r"\\s+", value=2)',
            "`'ann' 'x' 3; 'bob' 'yy' 1`",
            "ann   x 3\nbob  yy 1\n",
        ),
        Case(
            "another separator",
            "a regular expression",
            'read("x.txt", sep="||")',
            "`'ann' 'x' 1`",
            "user||item\nann||x\n",
        ),
        Case(
            "a byte order mark",
            "a column called `\\ufeffuser`",
            'read("x.csv")',
            "`'ann' 'x' 1; 'bob' 'y' 1`",
            LIKES.encode("utf-8-sig"),
        ),
        Case(
            "UTF-16 with a mark",
            "an error",
            'read("x.csv")',
            "`'ann' 'x' 1; 'bob' 'y' 1`",
            LIKES.encode("utf-16"),
        ),
        Case(
            "Latin-1",
            "an error without a line",
            'read("x.csv")',
            'error: line 2 of x.csv is not in the encoding utf-8; pass its own, such as encoding="cp1252" (Windows) or encoding="latin-1"',
            "user,item\nJosé,x\n".encode("latin-1"),
        ),
        Case(
            "Latin-1, said",
            "",
            'read("x.csv", encoding="latin-1")',
            "`'José' 'x' 1`",
            "user,item\nJosé,x\n".encode("latin-1"),
        ),
        Case(
            "Windows, said",
            "",
            'read("x.csv", encoding="cp1252")',
            "`'“Ann”' 'x' 1`",
            "user,item\n“Ann”,x\n".encode("cp1252"),
        ),
        Case(
            "decimal commas",
            "text, or two columns",
            'read("x.csv", value="n", decimal=",")',
            "`'ann' 'x' 2.5`",
            "user;item;n\nann;x;2,5\n",
        ),
        Case(
            "decimal commas, not said",
            "",
            'read("x.csv", value="n")',
            "error: column 'n' must hold numbers, line 2 of x.csv holds '2,5'; pass decimal=\",\" if a comma is the decimal mark",
            "user;item;n\nann;x;2,5\n",
        ),
        Case(
            "comments",
            "a row",
            'read("x.csv", comment="#")',
            "`'ann' 'x' 1`",
            "# exported\nuser,item\nann,x\n",
        ),
        Case(
            "Excel's first line",
            "a header",
            'read("x.csv")',
            "`'ann' 'x' 1`",
            "sep=;\nuser;item\nann;x\n",
        ),
        Case(
            "CR LF",
            "ids that end in CR",
            'read("x.csv")',
            "`'ann' 'x' 1`",
            "user,item\r\nann,x\r\n",
        ),
        Case(
            "CR alone",
            "one line",
            'read("x.csv")',
            "`'ann' 'x' 1; 'bob' 'y' 1`",
            "user,item\rann,x\rbob,y\r",
        ),
        Case(
            "a line that was cut off",
            "a null, or a guess",
            'read("x.csv")',
            "error: x.csv cannot be read as text separated by ',': line 3 has 1 fields, but line … the fields, bad_lines=\"drop\" to leave such lines out",
            "user,item\nann,x\nbob\n",
        ),
        Case(
            "a line that was cut off, left out",
            "counted nowhere",
            'read("x.csv", bad_lines="drop")',
            "`'ann' 'x' 1`; `Malformed lines, dropped: 1`",
            "user,item\nann,x\nbob\n",
        ),
        Case(
            "errors after blank lines",
            "the line of the table",
            'read("x.csv", value="n")',
            "error: column 'n' must hold numbers, line 5 of x.csv holds 'two'",
            "user,item,n\n\nann,x,1\n\nbob,y,two\n",
        ),
        Case(
            "RecBole's header",
            "columns called `user_id:token`",
            'read("x.inter", user="user_id", item="item_id")',
            "`7 12 1`",
            "user_id:token\titem_id:token\n7\t12\n",
        ),
        Case(
            "events with weights",
            "",
            'read("x.csv", value={"view": 1, "cart": 3})',
            "`'ann' 'x' 4`",
            "user,item,event\nann,x,view\nann,x,cart\n",
        ),
        Case(
            "an event without a weight",
            "0, or a null",
            'read("x.csv", value={"view": 1})',
            "error: column 'event' holds the event 'cart', which value= gives no weight (nor 0 … weight 0 to leave it out; the weights are {'view': 1}",
            "user,item,event\nann,x,view\nann,x,cart\n",
        ),
        Case("standard input", "", 'typed("user,item\\nann,x\\n")', "`'ann' 'x' 1`"),
    ],
    "Compressed": [
        Case(
            "gzip, called csv",
            "an error",
            'read("x.csv")',
            "`'ann' 'x' 1; 'bob' 'y' 1`",
            gzip.compress(LIKES.encode()),
        ),
        Case(
            "csv, called gz",
            "an error",
            'read("x.csv.gz")',
            "`'ann' 'x' 1; 'bob' 'y' 1`",
            LIKES.encode(),
        ),
        Case(
            "bzip2",
            "",
            'read("x.csv.bz2")',
            "`'ann' 'x' 1; 'bob' 'y' 1`",
            bz2.compress(LIKES.encode()),
        ),
        Case(
            "xz",
            "",
            'read("x.csv.xz")',
            "`'ann' 'x' 1; 'bob' 'y' 1`",
            lzma.compress(LIKES.encode()),
        ),
        Case(
            "zstd",
            "",
            'read("x.csv.zst")',
            "`'ann' 'x' 1; 'bob' 'y' 1`",
            pa.compress(LIKES.encode(), "zstd", asbytes=True),
        ),
        Case("zip", "", 'read("x.zip")', "`'ann' 'x' 1; 'bob' 'y' 1`", zip_of("x.csv")),
        Case(
            "zip of two files",
            "the first one",
            'read("x.zip")',
            "error: x.zip holds 2 files, not one: ['a.csv', 'b.csv']: unpack one of them",
            zip_of("a.csv", "b.csv"),
        ),
        Case(
            "a download that was cut off",
            "the rows up to there, or a traceback",
            'read("x.csv.gz")',
            "error: x.csv.gz cannot be unpacked, it is damaged or cut off: Compressed file ended before the end-of-stream marker was reached",
            gzip.compress(LIKES.encode())[:-9],
        ),
    ],
    "Lists and tables": [
        Case(
            "a user in each line (LightGCN)",
            "rows of different lengths",
            'read("train.txt", layout="user-items")',
            "`0 12 1; 0 7 1; 1 7 1`",
            "0 12 7\n1 7\n",
        ),
        Case(
            "a basket in each line",
            "",
            'read("x.csv", layout="baskets")',
            "`1 'bread' 1; 1 'milk' 1; 2 'milk' 1`",
            "bread,milk\nmilk\n",
        ),
        Case(
            "a column for each item",
            "",
            'read("x.csv", layout="wide")',
            "`'ann' 'bread' 1`; `Users without interactions: 1`; `Items without interactions: 1`",
            "user,bread,milk\nann,1,0\nbob,0,0\n",
        ),
        Case(
            "JSON lines",
            "dates become times",
            'read("x.jsonl")',
            "`'ann' '2026-01-31' 1`",
            '{"user": "ann", "item": "2026-01-31"}\n',
        ),
        Case(
            "JSON with nested fields and large ints",
            "ids are rounded",
            'read("x.jsonl", user="user.id")',
            "`9007199254740993 7 1`",
            '{"user": {"id": 9007199254740993}, "item": 7}\n',
        ),
        Case(
            "a sparse matrix (npz)",
            "",
            'read("x.npz")',
            "`0 0 1; 1 1 1`",
            lambda path: sparse.save_npz(path, sparse.csr_matrix(np.eye(2))),
        ),
        Case(
            "Matrix Market",
            "users and items from 1, and empty lines lost",
            'read("x.mtx")',
            "`0 1 3`; `Users without interactions: 1`; `Items without interactions: 1`",
            "%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 2 3\n",
        ),
    ],
}
