"""Threads change no result of reading."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from wrmf import read_interactions
from wrmf.data.formats.text import PARSED_BLOCK


# The csv file is longer than two of the blocks that arrow parses at a time.
@pytest.mark.parametrize(("kind", "n_rows"), [("csv", 700_000), ("parquet", 5_000)])
def test_any_number_of_threads_reads_the_same(tmp_path, kind, n_rows):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.zipf(1.3, n_rows) % 4000 for name in ("user", "item", "t")})
    frame["user"] = "user " + frame["user"].astype(str)
    path = tmp_path / f"likes.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
        assert path.stat().st_size > 2 * PARSED_BLOCK
    else:
        frame.to_parquet(path, row_group_size=300)
    n_threads = pa.cpu_count()
    results = []
    try:
        for number in (1, 2, 7):
            pa.set_cpu_count(number)
            results.append(read_interactions(path, time="t"))
    finally:
        pa.set_cpu_count(n_threads)
    expected = read_interactions(frame, time="t")
    for data in results:
        np.testing.assert_array_equal(data.users, expected.users)
        np.testing.assert_array_equal(data.items, expected.items)
        for part in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(
                getattr(data.matrix, part), getattr(expected.matrix, part)
            )
        np.testing.assert_array_equal(data.times, expected.times)
