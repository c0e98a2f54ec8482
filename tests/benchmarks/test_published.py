"""The published protocol, on small data: the same steps as for MovieLens 20M and MSD."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("benchmarks.quality.published", reason="run from the root of the source tree")

import wrmf
from benchmarks.quality import published

TABLE = replace(published.TABLES["synthetic"], held_out=40, factors=8, epochs=2)


@pytest.fixture(scope="module")
def likes():
    return wrmf.datasets.synthetic_likes(400, 300, 6_000, random_state=0)


def test_a_fifth_of_each_held_out_user_is_scored(likes):
    parts = published.apply_protocol(likes, TABLE)
    assert parts.train.shape[0] == 400 - 2 * 40
    for known, scored in (parts.validation, parts.test):
        assert known.shape == scored.shape == (40, parts.train.shape[1])
        assert known.multiply(scored).nnz == 0
        n = np.diff(known.indptr) + np.diff(scored.indptr)
        assert (np.diff(scored.indptr) == np.where(n >= 5, (0.2 * n).astype(int), 0)).all()
    assert np.bincount(parts.train.indices, minlength=parts.train.shape[1]).min() > 0
    everything = [parts.train, *parts.validation, *parts.test]
    assert sum(part.nnz for part in everything) <= likes.n_interactions


def test_the_parts_are_those_of_the_published_script():
    """All ten users have items 0 … 4, so the draws of the script are easy to repeat here."""
    data = wrmf.Interactions.from_matrix(np.ones((10, 5)), users=list("jihgfedcba"))
    table = replace(TABLE, user_min=5, item_min=0, held_out=2)
    parts = published.apply_protocol(data, table)
    generator = np.random.RandomState(98765)
    first = [generator.choice(5, size=1, replace=False)[0] for _ in range(2)]
    assert parts.test[1].indices.tolist() == first
    assert parts.train.shape == (6, 5)


def test_thresholds_count_items_first_and_then_users():
    dense = np.zeros((8, 6))
    dense[:, :3] = 1
    dense[0, 3:] = 1  # These items have one user each; without them, user 7 has too few.
    dense[7] = [1, 1, 0, 0, 0, 0]
    data = wrmf.Interactions.from_matrix(sparse.csr_matrix(dense))
    parts = published.apply_protocol(data, replace(TABLE, user_min=3, item_min=2, held_out=1))
    assert parts.train.shape == (5, 3)
    with pytest.raises(ValueError, match="8 users are to be held out, 7 are left"):
        published.apply_protocol(data, replace(TABLE, user_min=3, item_min=2, held_out=4))


def test_the_record_holds_the_figures_and_the_model(likes):
    record = published.run("synthetic", likes, TABLE)
    assert set(record["found"]) == {"capped_recall@20", "capped_recall@50", "ndcg@100"}
    assert all(0 < value < 1 for value in record["found"].values())
    assert "unobserved_weight=0.1" in record["model"]
    record["published"] = {"iALS": dict.fromkeys(published.METRICS, 0.4)}
    assert "| iALS, published | 0.4 | 0.4 | 0.4 |" in published.shown(record)
    json.dumps(record)


def test_the_command_writes_the_record_and_prints_the_table(tmp_path, capsys, monkeypatch, likes):
    monkeypatch.setattr(published, "fetch", lambda name: likes)
    monkeypatch.setitem(published.TABLES, "synthetic", TABLE)
    published.main(["synthetic", "--out", str(tmp_path / "out.json"), "--epochs", "1"])
    written = json.loads((tmp_path / "out.json").read_text())
    assert "iterations=1" in written["model"]
    assert written["machine"]["cores"]
    assert "| wrmf |" in capsys.readouterr().out


def test_the_command_reports_a_failed_download(monkeypatch):
    def offline(name):
        raise OSError("could not download it; fetch it by hand")

    monkeypatch.setattr(published, "fetch", offline)
    with pytest.raises(SystemExit, match="fetch it by hand"):
        published.main(["msd"])
