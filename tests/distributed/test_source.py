"""What is wrong with a source is said early, and names the file."""

import numpy as np
import pandas as pd
import pytest

from wrmf.distributed.source import Columns, Part, parquet_source, read_part

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


def test_an_address_says_how_it_can_be_read():
    with pytest.raises(ValueError, match=r"dask\.dataframe\.read_parquet\('s3://x/y'\)"):
        parquet_source("s3://x/y", COLUMNS)
