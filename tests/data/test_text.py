"""Text of every shape is read as what it says; what cannot be read is an error about its line."""

import bz2
import csv
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wrmf import read_interactions
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.text import lines_of_rows, read_text

FILES = Path(__file__).parent / "files" / "text"
PLAIN = {("ann", "x"): 2, ("ann", "y"): 1, ("bob", "x"): 4}
STRAY = {("ann", '"Weird" band'): 2, ("ann", '"12 inch'): 1, ("bob", '7" single'): 4}


def entries(source, **options):
    """Return the value of each pair."""
    frame = read_interactions(source, **options).to_frame()
    return {(row.user, row.item): row.value for row in frame.itertuples()}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.csv", {}),
        ("tabs.tsv", {}),
        ("pipes.psv", {}),
        ("crlf.csv", {}),
        ("lone_cr.csv", {}),
        ("no_last_newline.csv", {}),
        ("blank_lines.csv", {}),
        ("bom.csv", {}),
        ("utf16_le.csv", {}),
        ("utf16_be.csv", {}),
        ("semicolons.csv", {}),
        ("excel_sep.csv", {}),
        ("decimal_comma.csv", {"decimal": ","}),
        ("comments.csv", {"comment": "#"}),
        ("all_quoted.csv", {}),
        ("single_quoted.csv", {"quote": "'"}),
        ("line_breaks.csv", {"quote": '"'}),
        ("gzip.csv.gz", {}),
        ("bzip2.csv.bz2", {}),
        ("xz.csv.xz", {}),
        ("zstd.csv.zst", {}),
        ("zip.csv.zip", {}),
        ("gzip_without_ending.csv", {}),
        ("plain_named.csv.gz", {}),
    ],
)
def test_one_table_is_read_from_every_shape_of_file(name, options):
    assert entries(FILES / name, value="n", **options) == PLAIN
    assert entries(str(FILES / name), value="n", user="user", **options) == PLAIN


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("latin1.csv", {"encoding": "latin-1"}, {("José", "x"): 2}),
        ("cp1252.csv", {"encoding": "cp1252"}, {("“Ann”", "x"): 2}),
        ("quoted_separators.csv", {}, {("Lovelace, Ada", 'a "b" c'): 2}),
        ("stray_quotes.csv", {}, STRAY),
        ("stray_quotes.tsv", {}, STRAY),
        ("stray_quotes.psv", {}, STRAY),
        ("backslash_quotes.psv", {}, {("A | B \\ c", "x"): 2}),
        ("backslash_escapes.psv", {}, {("A | B", "x"): 2}),
        ("escaped_quotes.csv", {}, {('say "hi", ann', "x"): 2}),
        ("windows_names.csv", {}, {("DOMAIN\\ann", "x"): 2}),
        ("all_quoted.csv", {"quote": "none", "user": '"user"', "item": '"item"', "value": None},
         {('"ann"', '"x"'): 1, ('"ann"', '"y"'): 1, ('"bob"', '"x"'): 1}),
    ],
)  # fmt: skip
def test_fields_are_exactly_what_is_written(name, options, expected):
    assert entries(FILES / name, **{"value": "n", **options}) == expected


@pytest.mark.parametrize(
    ("name", "users", "items", "values"),
    [
        ("u.data", [196, 186], [242, 302, 377], [3, 1, 3]),
        ("ratings.dat", [1, 2], [1193, 661], [5, 3, 4]),
        ("spaces.txt", [1, 2], [1193, 661], [5, 3, 4]),
        ("aligned.txt", [1, 12], [1193, 661], [5, 3, 4]),
    ],
)
def test_tables_without_a_header_keep_their_first_row(name, users, items, values):
    data = read_interactions(FILES / name, header=False)
    assert data.users.tolist() == users
    assert data.items.tolist() == items
    weighted = read_interactions(FILES / name, user=0, item=1, value=2, header=False)
    assert weighted.matrix.data.tolist() == values
    with pytest.raises(ValueError, match=r"line 1 of .* looks like data.* pass header=False"):
        read_interactions(FILES / name)


def test_naming_the_cells_of_the_first_row_is_refused_too():
    with pytest.raises(ValueError, match="looks like data"):
        read_interactions(FILES / "u.data", user="196", item="242")


def test_a_header_of_positions_is_one_as_pandas_writes_it(tmp_path):
    (tmp_path / "x.csv").write_text("0,1\n7,8\n")
    assert entries(tmp_path / "x.csv", user="0", item="1") == {(7, 8): 1}


def test_types_in_a_header_of_recbole_are_no_part_of_names():
    expected = {("u1", "i1"): 4, ("u2", "i1"): 2}
    for user, item, value in [
        ("user", "item", "rating"),
        ("user_id", "item_id", "rating"),
        ("user_id:token", "item_id:token", "rating:float"),
    ]:
        assert entries(FILES / "recbole.inter", user=user, item=item, value=value) == expected


def test_texts_are_ids_and_ints_only_where_all_are():
    data = read_interactions(FILES / "leading_zeros.csv")
    assert data.users.tolist() == [1, 2]
    assert data.items.tolist() == ["007", "7", "07", "1e2", "100"]
    large = read_interactions(FILES / "big_ints.csv").users
    assert large.tolist() == [2**53, 2**53 + 1, 2**63 - 1]


def test_one_id_of_text_in_a_long_file_makes_all_text(tmp_path):
    # pandas guesses the type of each chunk, so that 1000 and '1000' became two users.
    users = [*map(str, range(1000)), *["1000"] * 400_000, "x", "1000"]
    (tmp_path / "x.csv").write_text("user,item\n" + "".join(f"{user},1\n" for user in users))
    data = read_interactions(tmp_path / "x.csv")
    assert data.n_users == 1002
    assert all(isinstance(user, str) for user in data.users)


@pytest.mark.parametrize("sep", ["::", "<>", " | ", "¦", r"\t", ";"])
def test_separators_are_literal_texts_also_within_quotes(tmp_path, sep):
    actual = "\t" if sep == r"\t" else sep
    rows = [["user", "item", "n"], [f'"a{actual}b"', "i.*", "2"], ["a", "i", "1"]]
    text = "\n".join(actual.join(row) for row in rows)
    (tmp_path / "x.dat").write_text(text, encoding="utf-8")
    expected = {(f"a{actual}b", "i.*"): 2, ("a", "i"): 1}
    assert entries(tmp_path / "x.dat", sep=sep, value="n") == expected


@pytest.mark.parametrize("ending", ["csv", "txt"])
def test_decimal_commas_are_no_separators(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    path.write_text("7;8;3,5\n9;8;2,0\n")
    assert entries(path, header=False) == {(7, 8): 1, (9, 8): 1}
    weighted = entries(path, header=False, value=2, decimal=",")
    assert weighted == {(7, 8): 3.5, (9, 8): 2}


TEXTS = st.text(st.sampled_from("ab \"\\,;\t|'é#"), min_size=1).filter(str.strip)


@given(
    st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, unique=True),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_is_read_back(rows, sep, quoting, line_end):
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=sep, quoting=quoting, lineterminator=line_end).writerows(
        [("user", "item", "name"), *rows]
    )
    options = SourceOptions(columns=("user", "item", "name"), sep=sep)
    table = read_text(buffer.getvalue().encode(), options)
    assert list(zip(*table.to_pydict().values(), strict=True)) == rows


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1))
def test_without_quotes_texts_are_read_as_they_stand(rows):
    rows = [tuple(text.replace("\t", "") + "." for text in row) for row in rows]
    text = "".join("\t".join(row) + "\n" for row in [("user", "item"), *rows])
    options = SourceOptions(columns=("user", "item"), sep="\t", quote="none")
    table = read_text(text.encode(), options)
    assert list(zip(*table.to_pydict().values(), strict=True)) == rows


def test_a_line_longer_than_a_block_is_read(tmp_path):
    text = "user,item\n" + "x" * 9_000_000 + ",a\ny,b\n"
    (tmp_path / "x.csv").write_text(text)
    assert read_interactions(tmp_path / "x.csv").items.tolist() == ["a", "b"]


def test_the_dialect_of_a_file_may_be_decided_in_its_last_line(tmp_path):
    lines = ["user\titem"] + ['"q"\tx'] * 3 + ["u\tx"] * 1_200_000
    for last, first_user in [('"u"\tx', "q"), ('u\t"x', '"q"')]:
        (tmp_path / "x.tsv").write_text("\n".join([*lines, last]))
        assert read_interactions(tmp_path / "x.tsv").users[0] == first_user


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("text", "options", "error"),
    [
        ("user,item\n1,2\n3,4,5\n", {}, r"line 3 has 3 fields, but line 1 has 2"),
        ("user,item,t\n1,2,3\n4,5\n", {}, r"line 3 has 2 fields, but line 1 has 3"),
        ("\n#\nuser,item\n\n1,2\n\n3\n", {"comment": "#"}, r"line 7 has 1 fields, but line 3 has"),
        ('user,item,t\n1,2,"a\nb"\n', {}, r"line \d .*pass quote='\"'"),
        ('user,item\n"1,2\n"', {"quote": '"'}, r"line 2 "),
        ("user,item\n\n1,2\n,4\n", {}, r"null id in line 4 of .*pass nulls=\"drop\""),
        ("user,item,n\n1,2,3\n1,2,x\n", {"value": "n"}, r"line 3 of .* holds 'x'"),
        ("user,item,t\n1,2,2026-01-01\n1,2,x\n", {"time": "t"}, r"line 3 of .*'x' is no time"),
        ('user,item,n\n"1\n",2,1\n1,2,-3\n', {"value": "n", "quote": '"'}, r"line 4 of .* -3"),
        ("user;item;n\n1;2;3,5\n", {"value": "n"}, r"line 2 of .*pass decimal=\",\""),
        ("User ,item\n1,2\n", {}, r"no column 'user' \(did you mean 'User '\?\); the columns are"),
        ("user,item\n1,2\n", {"user": "who"}, r"no column 'who'; the columns are .*header=False"),
        ("user,item\n1,2\n", {"user": 5}, r"no column 5; .* has 2 columns"),
        ("user,item\n1,2\n", {"user": "user", "item": "i", "header": False}, r"user=0, item=1"),
        ("user,item,user\n1,2,3\n", {}, r"two columns are called 'user' in line 1"),
        ("user,item\n", {}, r"no rows"),
        ("user,item", {}, r"no rows"),
        ("", {}, r"is empty"),
        ("\n\n", {}, r"is empty"),
    ],
)
def test_errors_name_the_line_as_an_editor_counts(tmp_path, text, options, error, encoding, packed):
    path = tmp_path / "x.csv"
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=error):
        read_interactions(path, **options)


def test_another_encoding_is_hinted_at():
    for name in ("latin1.csv", "cp1252.csv"):
        with pytest.raises(ValueError, match=r"line 2 of .* not in the encoding utf-8.*cp1252"):
            read_interactions(FILES / name)
    with pytest.raises(ValueError, match=r"not in the encoding ascii"):
        read_interactions(FILES / "latin1.csv", encoding="ascii")
    with pytest.raises(ValueError, match="unknown encoding 'klingon'"):
        read_interactions(FILES / "plain.csv", encoding="klingon")


def test_columns_that_are_not_wanted_may_be_in_another_encoding(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"user,item,name\n1,a,caf\xe9\n")
    assert entries(tmp_path / "x.csv") == {(1, "a"): 1}


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"user,item\n\0\0,1\n")
    with pytest.raises(ValueError, match="holds zero bytes"):
        read_interactions(tmp_path / "x.csv")


def zip_of(content):
    """Return a zip archive of one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", content)
    return buffer.getvalue()


def zstd(content):
    """Return content packed by zstd."""
    return pa.compress(content, "zstd", asbytes=True)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd, zip_of])
def test_damaged_archives_are_one_line_of_error(tmp_path, pack):
    text = "user,item\n" + "".join(f"{n},{n * n % 97}\n" for n in range(50_000))
    packed = pack(text.encode())
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 255
    for damaged in (packed[: len(packed) // 2], bytes(flipped)):
        (tmp_path / "x.csv.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"x.csv.gz cannot be unpacked[^\n]*\Z"):
            read_interactions(tmp_path / "x.csv.gz")


def test_archives_of_several_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds 2 files, not one: \['a.csv', 'b.csv'\]"):
        read_interactions(FILES / "two_files.zip")
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("x.csv")
        info.size = 10
        archive.addfile(info, io.BytesIO(b"user,item\n"))
    with pytest.raises(ValueError, match="is a tar archive"):
        read_interactions(tmp_path / "x.tar.gz")


def test_quote_and_sep_are_checked():
    for options in ({"quote": "ab"}, {"quote": ""}, {"sep": ""}, {"sep": "\n"}):
        with pytest.raises(ValueError, match="must be"):
            read_interactions(FILES / "plain.csv", **options)


def test_the_reader_returns_the_wanted_columns_and_the_lines_of_rows():
    path = FILES / "comments.csv"
    options = SourceOptions(columns=("n", "user"), comment="#", typed=("n",))
    table = read_text(path, options)
    assert table.to_pydict() == {"n": [2, 1, 4], "user": ["ann", "ann", "bob"]}
    assert list(lines_of_rows(path, options)) == [3, 5, 6]
    everything = read_text(path, SourceOptions(comment="#"))
    assert everything.column_names == ["user", "item", "n"]


@pytest.mark.filterwarnings("error")
def test_lines_in_another_encoding_with_too_many_fields_print_nothing(tmp_path, capfd):
    (tmp_path / "x.csv").write_bytes(b"user,item\n1,2\n\xff,3,4\n")
    with pytest.raises(ValueError, match=r"line 3 has 3 fields"):
        read_interactions(tmp_path / "x.csv")
    assert capfd.readouterr().err == ""


def test_lines_of_spaces_are_blank_also_beside_errors(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"user,item\n1,2\n   \n\xff,4\n")
    with pytest.raises(ValueError, match=r"line 4 of .* not in the encoding utf-8"):
        read_interactions(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_bytes(b"user,item\n1,2\n   \n,4\n")
    with pytest.raises(ValueError, match=r"null id in line 4 of "):
        read_interactions(tmp_path / "x.csv")


WORDS = ["user", "item", "1", "-2", "x", "NULL", "1e999", "2026-01-01", "sep=", "\ufeff", "é"]
MARKS = [",", "\t", ";", "|", "::", " ", '"', "\\", "\n", "\r", "\r\n", "#", "\0", "\x1f"]
MAGIC = [b"\xff", b"\xfe", b"\x1f\x8b", b"BZh", b"PK\x03\x04", b"(\xb5/\xfd"]
PIECES = [*(piece.encode() for piece in WORDS + MARKS), *MAGIC]
BYTES = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)


@given(
    st.sampled_from([b"", b"user,item,n\n", b"\xff\xfe", b"1,2,3\n"]),
    BYTES,
    st.fixed_dictionaries(
        {},
        optional={
            "sep": st.sampled_from([",", "::", r"\s+", "\x1f", "|"]),
            "header": st.booleans(),
            "quote": st.sampled_from(['"', "\\", "none", "'"]),
            "comment": st.sampled_from(["#", "1"]),
            "encoding": st.sampled_from(["utf-16", "latin-1", "utf-8-sig", "cp1252", "utf-7"]),
            "decimal": st.just(","),
            "value": st.sampled_from(["n", 2]),
            "time": st.sampled_from(["n", 2]),
            "nulls": st.sampled_from(["drop", "keep"]),
        },
    ),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_read_or_refused_by_an_error_that_says_why(tmp_path, start, content, options):
    path = tmp_path / "x.csv"
    path.write_bytes(start + content)
    try:
        data = read_interactions(path, **options)
    except (TypeError, ValueError) as error:
        assert "\n" not in str(error).strip()
        assert type(error) in (TypeError, ValueError)
    else:
        assert data.n_interactions


CELLS = ["1", "2.5", "", "true", "0", "2024-01-31", "2024-01-31 10:00", "10:00", "x", "NULL", "1,5"]


@given(first=st.sampled_from(CELLS), last=st.sampled_from(CELLS), decimal=st.sampled_from(".,"))
def test_types_guessed_from_the_first_lines_change_no_value(first, last, decimal):
    text = "\n".join(["user;time", *[f"ann;{first}"] * 9, f"bob;{last}", ""]).encode()
    options = SourceOptions(("user", "time"), sep=";", decimal=decimal, typed=("time",))
    with mock.patch("wrmf.data.formats.text.GUESSED_BYTES", 40):
        guessed = read_text(text, options)
    with mock.patch("wrmf.data.formats.text.GUESSED_BYTES", 1):
        assert guessed.equals(read_text(text, options))
