"""The data sets of the benchmarks."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("benchmarks.data", reason="run from the root of the source tree")

from benchmarks import data
from benchmarks.missing import Missing


@pytest.fixture
def table_folder(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setenv("WRMF_BENCH_DATA", str(tmp_path))
    return tmp_path


def test_data_is_loaded_as_it_was_prepared(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "CACHE", tmp_path)
    train, test = data.load(data.prepare("synthetic-0.01x", tmp_path))
    assert train.shape == test.shape == (153, 257)
    assert test.nnz == pytest.approx(0.1 * (train.nnz + test.nnz), rel=0.02)


def test_only_the_entries_of_synthetic_data_grow_with_e():
    train, test = data.read_matrices("synthetic-0.3e")
    assert train.shape == (15274, 25655)
    assert train.nnz + test.nnz == pytest.approx(0.3 * 547_000, rel=0.01)


def test_missing_data_names_the_variable_to_set(tmp_path):
    with pytest.raises(Missing, match="WRMF_BENCH_DATA"):
        data.prepare("nothing_of_that_name", tmp_path)


def test_data_that_cannot_be_downloaded_is_missing(tmp_path, monkeypatch):
    def offline(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setenv("WRMF_DATA", str(tmp_path / "empty"))
    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(Missing, match="movielens-100k cannot be loaded"):
        data.prepare("movielens-100k", tmp_path)


def test_the_column_test_divides_a_table(table_folder):
    frame = pd.DataFrame({"user": [0, 0, 2], "item": [1, 2, 0], "test": [0, 1, 0]})
    frame.to_parquet(table_folder / "gowalla.parquet")
    train, test = data.read_matrices("gowalla")
    assert train.toarray().tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert test.toarray().tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert data.gowalla().users.tolist() == [0]


def test_wide_counts_are_timed_by_their_logarithm(table_folder):
    frame = pd.DataFrame({"user": [0, 1], "item": [0, 1], "value": [1.0, 99_999.0]})
    frame.to_parquet(table_folder / "mtg_players.parquet")
    train, test = data.load(data.prepare("mtg_players", table_folder))
    assert test is None
    assert train.dtype == np.float32
    assert np.allclose(train.data, np.log1p([1.0, 99_999.0]))
    assert data.matrix_of(data.read_pairs("mtg_players")).data.tolist() == [1.0, 99_999.0]
