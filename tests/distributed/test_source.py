"""What is wrong with a source is said early, and names the file."""

import numpy as np
import pandas as pd
import pytest

import wrmf
from wrmf.distributed.source import Columns, Part, ids_as_column, parquet_source, read_part

COLUMNS = Columns("user", "item")


def write(folder, name, **columns):
    path = folder / name
    pd.DataFrame(columns).to_parquet(path)
    return path


def test_row_groups_are_read_in_parts_of_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr("wrmf.distributed.source.PART_ROWS", 10)
    path = tmp_path / "a.parquet"
    pd.DataFrame({"user": range(25), "item": range(25)}).to_parquet(path, row_group_size=4)
    source = parquet_source(path, COLUMNS)
    assert [(part.first, part.last) for part in source.parts] == [(0, 2), (2, 4), (4, 7)]
    users = [read_part(part, COLUMNS).users for part in source.parts]
    assert np.concatenate(users).tolist() == list(range(25))
    assert source.n_rows == 25


def test_the_fingerprint_is_that_of_the_content(tmp_path):
    write(tmp_path, "a.parquet", user=[1, 2], item=[3, 4])
    before = parquet_source(tmp_path, COLUMNS).fingerprint
    write(tmp_path, "a.parquet", user=[1, 2], item=[3, 4])
    assert parquet_source(tmp_path, COLUMNS).fingerprint == before
    write(tmp_path, "a.parquet", user=[1, 2], item=[3, 5])
    assert parquet_source(tmp_path, COLUMNS).fingerprint != before
    assert parquet_source(tmp_path, Columns("item", "user")).fingerprint != before


def test_a_file_of_another_type_is_named(tmp_path):
    write(tmp_path, "a.parquet", user=["u", "v"], item=[1, 2])
    write(tmp_path, "b.parquet", user=[1, 2], item=[1, 2])
    with pytest.raises(ValueError, match=r"'user' is int64 in .*b\.parquet, but .* in .*a\.parq"):
        parquet_source(tmp_path, COLUMNS)


def test_a_file_that_lacks_a_column_is_named(tmp_path):
    write(tmp_path, "a.parquet", user=["u"], item=[1])
    write(tmp_path, "b.parquet", user=["u"], thing=[1])
    with pytest.raises(ValueError, match=r"b\.parquet: no column 'item'"):
        parquet_source(tmp_path, COLUMNS)


def test_an_empty_file_is_named(tmp_path):
    write(tmp_path, "a.parquet", user=["u"], item=[1])
    (tmp_path / "b.parquet").write_bytes(b"")
    with pytest.raises(ValueError, match=r"b\.parquet is no parquet file, or damaged"):
        parquet_source(tmp_path, COLUMNS)


def test_files_without_rows_are_no_error_beside_others(tmp_path):
    write(tmp_path, "a.parquet", user=pd.Series([], dtype="int64"), item=pd.Series([], dtype=int))
    with pytest.raises(ValueError, match="there are no rows"):
        parquet_source(tmp_path, COLUMNS)
    write(tmp_path, "b.parquet", user=[1], item=[2])
    source = parquet_source(tmp_path, COLUMNS)
    assert (source.n_rows, len(source.parts)) == (1, 1)


@pytest.mark.parametrize("user", [["u", None], [1.0, None], ["u", "NULL"]])
def test_null_ids_name_the_file(user, tmp_path):
    path = write(tmp_path, "a.parquet", user=user, item=[1, 2])
    with pytest.raises(ValueError, match=r"a\.parquet, row groups 0 to 0: .*null id in row 1"):
        read_part(Part(str(path), 0, 1), COLUMNS)


def test_negative_values_name_the_file(tmp_path):
    path = write(tmp_path, "a.parquet", user=[1, 2], item=[1, 2], value=[1.0, -1.0])
    with pytest.raises(ValueError, match=r"a\.parquet.*finite numbers ≥ 0, row 1 holds -1\.0"):
        read_part(Part(str(path), 0, 1), Columns("user", "item", "value"))


@pytest.mark.parametrize("ids", [[True, False], pd.to_datetime(["2026-01-01", "2026-01-02"])])
def test_ids_are_whole_numbers_or_texts(ids, tmp_path):
    write(tmp_path, "a.parquet", user=ids, item=[1, 2])
    with pytest.raises(ValueError, match="ids must be whole numbers or texts"):
        parquet_source(tmp_path, COLUMNS)


@pytest.mark.parametrize("address", ["s3://x/y", "memory://x", "abfss://x", "HDFS://x"])
def test_an_address_says_how_it_can_be_read(address):
    with pytest.raises(ValueError, match=rf"dask\.dataframe\.read_parquet\('{address}'\)"):
        parquet_source(address, COLUMNS)


def test_a_missing_file_is_no_loss_of_the_cluster(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file: .*absent"):
        parquet_source(tmp_path / "absent", COLUMNS)
    with pytest.raises(ValueError, match="workers cannot read standard input"):
        parquet_source("-", COLUMNS)


@pytest.mark.parametrize(
    "source",
    [None, b"likes", pd.DataFrame({"user": [1]}), [pd.DataFrame({"user": [1]})], {"likes"}, []],
)
def test_data_in_memory_is_no_source(source):
    with pytest.raises(TypeError, match=r"got (NoneType|bytes|DataFrame|set|list)\b"):
        parquet_source(source, COLUMNS)


def test_other_formats_say_how_they_can_be_read(tmp_path):
    (tmp_path / "a.csv").write_text("user,item\n1,2\n")
    with pytest.raises(ValueError, match=r"a\.csv is text, .*dask\.dataframe\.read_csv"):
        parquet_source(tmp_path, COLUMNS)
    (tmp_path / "a.csv").rename(tmp_path / "a.jsonl").write_text('{"user": 1, "item": 2}\n')
    with pytest.raises(ValueError, match=r"a\.jsonl is json, .*dask\.dataframe\.read_json"):
        parquet_source(tmp_path, COLUMNS)


def test_keys_of_folders_are_columns_as_read_interactions_has_them(tmp_path):
    for user, item in (("a%20b", [3, 4]), ("c", [4])):
        (tmp_path / f"user={user}").mkdir()
        write(tmp_path / f"user={user}", "part-0.parquet", item=item)
    source = parquet_source(tmp_path, COLUMNS)
    assert (source.user_kind, source.item_kind) == ("text", "int")
    parts = [read_part(part, COLUMNS) for part in source.parts]
    assert [part.users.tolist() for part in parts] == [["a b"], ["c"]]
    assert wrmf.read_interactions(tmp_path).users.tolist() == ["a b", "c"]
    # All of them may be keys.
    only = tmp_path / "only" / "user=7" / "item=8"
    only.mkdir(parents=True)
    write(only, "part-0.parquet", value=[1.0, 2.0])
    (part,) = parquet_source(tmp_path / "only", COLUMNS).parts
    rows = read_part(part, COLUMNS)
    assert (rows.users.tolist(), rows.items.tolist(), len(rows)) == (["7"], ["8"], 2)
    (tmp_path / "only" / "user=7").rename(tmp_path / "only" / "user=__HIVE_DEFAULT_PARTITION__")
    (part,) = parquet_source(tmp_path / "only", COLUMNS).parts
    with pytest.raises(ValueError, match=r"part-0\.parquet.*null id in row 0"):
        read_part(part, COLUMNS)


def test_columns_are_named():
    with pytest.raises(TypeError, match="user must be the name of a column, got None"):
        Columns(None, "item")
    with pytest.raises(ValueError, match="weights of events, which are not distributed"):
        Columns("user", "item", {"view": 1})
    with pytest.raises(TypeError, match="column 0 is a position"):
        parquet_source("likes", Columns(0, 1))
    assert Columns("user", "item", "item").names == ("user", "item")


def test_ids_of_another_kind_than_their_column_says_are_no_texts():
    texts = np.array(["a", 7], dtype=object)
    with pytest.raises(ValueError, match=r"partition 1: column 'user' holds 7, which is no text"):
        ids_as_column(texts, "text", "partition 1: column 'user'")
    with pytest.raises(ValueError, match="holds 7, which is no text"):
        ids_as_column(np.array([7]), "text", "column 'user'")
    with pytest.raises(ValueError, match="holds 'a', which is no whole number below"):
        ids_as_column(texts[:1], "int", "column 'user'")


def test_a_file_that_workers_do_not_see_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"absent is not on this worker: all workers must see"):
        read_part(Part(str(tmp_path / "absent"), 0, 1), COLUMNS)
    path = write(tmp_path, "a.parquet", user=[1], item=[2])
    with pytest.raises(ValueError, match=r"a\.parquet, row groups 3 to 3 cannot be read"):
        read_part(Part(str(path), 3, 4), COLUMNS)
