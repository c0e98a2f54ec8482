"""Parquet and arrow files give the wanted columns exactly, one file or a folder of them."""

import gzip
import io

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from loading import load, rows

import wrmf
from wrmf.data.formats.options import SourceOptions
from wrmf.data.formats.sources import load_source
from wrmf.data.ids import encode_ids

LIKES = pa.table({"user": ["007", "7", None], "item": [1, 2**60 + 1, 2**53 + 1], "n": [1.5, 2, 3]})


def write_stream(table, path):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


WRITERS = {
    "parquet": pq.write_table,
    "feather": lambda table, path: pyarrow.feather.write_feather(table, path),
    "stream": write_stream,
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("ending", ["dat", "csv"])
def test_formats_of_arrow_are_told_by_content_and_read_exactly(tmp_path, kind, ending):
    path = tmp_path / f"likes.{ending}"
    WRITERS[kind](LIKES, path)
    assert load(path, "item", "user") == LIKES.select(["item", "user"]).to_pydict()


def test_only_the_wanted_columns_are_read(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(LIKES, path)
    content = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(0).column(2)
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(content)
    assert rows(path)[0] == ("007", 1)
    with pytest.raises(ValueError, match=r"x\.parquet is no parquet file, or damaged: "):
        load(path, "user", "n")


def test_texts_that_repeat_are_read_as_dictionaries_that_are_matched(tmp_path):
    for name, users in (("a", ["x", "y"]), ("b", ["y", "z"])):
        pq.write_table(pa.table({"user": users * 10**5}), tmp_path / f"{name}.parquet")
    column = load_source(tmp_path, SourceOptions(columns=("user",))).column("user")
    assert pa.types.is_dictionary(column.type)
    codes, ids = encode_ids(column, "user")
    assert ids.tolist() == ["x", "y", "z"]
    assert codes.tolist() == [0, 1] * 10**5 + [1, 2] * 10**5


@pytest.mark.parametrize("statistics", [True, False])
def test_texts_that_hardly_repeat_are_read_as_they_are(tmp_path, statistics):
    users = [f"user {number}" for number in range(10**5)]
    pq.write_table(pa.table({"user": users}), tmp_path / "x.parquet", write_statistics=statistics)
    column = load_source(tmp_path, SourceOptions(columns=("user",))).column("user")
    assert column.type == pa.string()
    assert column.to_pylist() == users


def test_long_texts_are_read_as_dictionaries_even_if_the_dictionary_is_large(tmp_path):
    # The size of the dictionary is that of 10 bytes for each row.
    users = [f"user {number:046d}" for number in range(10**4)] * 5
    pq.write_table(pa.table({"user": users}), tmp_path / "x.parquet")
    column = load_source(tmp_path, SourceOptions(columns=("user",))).column("user")
    assert pa.types.is_dictionary(column.type)
    assert column.to_pylist() == users


def test_columns_are_wanted_by_position_and_fields_by_dotted_names(tmp_path):
    nested = pa.table({"user": [{"id": 5, "name": "ann"}, None], "item": ["x", "y"]})
    pq.write_table(nested, tmp_path / "x.parquet")
    assert rows(tmp_path / "x.parquet", 1) == [("x",), ("y",)]
    assert load(tmp_path / "x.parquet", "user.id") == {"user.id": [5, None]}
    with pytest.raises(ValueError, match=r"no field 'key' in column 'user', which holds \['id'"):
        load(tmp_path / "x.parquet", "user.key")


def test_keys_of_hive_folders_are_columns_of_text(tmp_path):
    for key in ("07", "7", "a%20b", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / f"user={key}"
        folder.mkdir()
        pq.write_table(pa.table({"item": [1]}), folder / "part-0.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".part-0.parquet.crc").write_text("x")
    assert rows(tmp_path) == [("07", 1), ("7", 1), (None, 1), ("a b", 1)]
    assert rows(tmp_path / "user=07" / "part-0.parquet") == [("07", 1)]


def test_a_column_of_the_file_goes_before_the_key_of_its_folder(tmp_path):
    folder = tmp_path / "user=backup"
    folder.mkdir()
    pq.write_table(pa.table({"user": ["ann"], "item": ["x"]}), folder / "x.parquet")
    assert rows(tmp_path) == [("ann", "x")]
    (folder / "x.jsonl").write_text('{"user": "bob", "item": "x"}\n')
    assert rows(folder / "x.jsonl") == [("bob", "x")]


@pytest.mark.parametrize("pattern", ["*.parquet", "**/*.parquet", "**", "p?rt-[01].parquet", "."])
def test_patterns_and_folders_name_files_in_order(tmp_path, pattern):
    for number in (1, 0):
        pq.write_table(pa.table({"user": [number]}), tmp_path / f"part-{number}.parquet")
    source = str(tmp_path / pattern) if pattern != "." else tmp_path
    assert rows(source, "user") == [(0,), (1,)]


def test_several_files_are_read_one_after_another(tmp_path):
    for name in "ab":
        pq.write_table(pa.table({"user": [name]}), tmp_path / f"{name}.parquet")
    both = [tmp_path / "b.parquet", str(tmp_path / "a.parquet")]
    assert rows(both, "user") == [("b",), ("a",)]
    assert rows(tuple(both), "user") == [("b",), ("a",)]


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.int64(), pa.uint8(), pa.int64()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("us")),
        (pa.null(), pa.int16(), pa.int16()),
    ],
)
def test_types_that_differ_in_width_are_widened(tmp_path, first, second, kind):
    for name, own in (("a", first), ("b", second)):
        value = None if pa.types.is_null(own) else 7
        pq.write_table(pa.table({"n": pa.array([value], own)}), tmp_path / f"{name}.parquet")
    table = load_source(tmp_path, SourceOptions(columns=("n",)))
    assert table.schema.field("n").type == kind
    assert table.num_rows == 2


@pytest.mark.parametrize(
    ("first", "second"), [("7", 7), (7, 7.5), (2**60, np.uint64(2**63)), ("2026-01-01", b"x")]
)
def test_a_column_of_another_kind_in_one_file_is_an_error(tmp_path, first, second):
    pq.write_table(pa.table({"user": pa.array([first])}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"user": pa.array([second])}), tmp_path / "b.parquet")
    with pytest.raises(
        ValueError, match=r"column 'user' is .* in .*b\.parquet, but .* in .*a\.parquet"
    ):
        load(tmp_path, "user")


def test_a_column_that_one_file_lacks_is_an_error_that_names_the_file(tmp_path):
    pq.write_table(LIKES, tmp_path / "a.parquet")
    pq.write_table(LIKES.drop_columns("item"), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=r"b\.parquet: no column 'item'; the columns are \['user'"):
        load(tmp_path)


def test_damaged_files_are_one_line_that_names_them(tmp_path):
    pq.write_table(LIKES, tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    for damaged in (content[:-20], content[:40] + bytes(40) + content[80:], b"PAR1"):
        (tmp_path / "b.parquet").write_bytes(damaged)
        with pytest.raises(
            ValueError, match=r"b\.parquet is no parquet file, or damaged: "
        ) as info:
            load(tmp_path)
        assert "\n" not in str(info.value)


def test_texts_that_are_no_utf8_are_an_error(tmp_path):
    column = pa.array([b"caf\xe9"]).cast(pa.binary()).view(pa.string())
    pq.write_table(pa.table({"user": column}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"x\.parquet is no parquet file, or damaged: .*UTF8"):
        load(tmp_path / "x.parquet", "user")


def test_packed_files_are_read_and_errors_name_the_file_itself(tmp_path):
    buffer = io.BytesIO()
    pq.write_table(LIKES, buffer)
    (tmp_path / "x.parquet.gz").write_bytes(gzip.compress(buffer.getvalue()))
    assert rows(tmp_path / "x.parquet.gz")[1] == ("7", 2**60 + 1)
    (tmp_path / "y.parquet.gz").write_bytes(gzip.compress(buffer.getvalue()[:-4] + b"PARX"))
    with pytest.raises(ValueError, match=r"y\.parquet\.gz is no parquet file, or damaged"):
        load(tmp_path / "y.parquet.gz")


TEXTS = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
}


@pytest.mark.parametrize("second", TEXTS)
@pytest.mark.parametrize("first", TEXTS)
def test_files_may_hold_texts_of_different_types(first, second, tmp_path):
    users = ["ann", "ann", "bob"]
    for name, kind in (("a", first), ("b", second)):
        column = pa.array(users).cast(TEXTS[kind])
        try:
            pq.write_table(pa.table({"user": column, "item": [1, 2, 3]}), tmp_path / name)
        except pa.ArrowNotImplementedError:
            pytest.skip(f"this pyarrow writes no column of {kind}")
    data = wrmf.read_interactions(tmp_path)
    assert data.users.tolist() == ["ann", "bob"]
    np.testing.assert_array_equal(data.matrix.toarray(), [[2, 2, 0], [0, 0, 2]])
