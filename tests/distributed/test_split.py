"""Items from sums over shards: about the exact ones, and bitwise the same on any cluster."""

import numpy as np
import pytest
from sharding import (
    InlineTasks,
    assert_same_factors,
    fitted_locally,
    plain_model,
    rows_of_likes,
    trained,
)

import wrmf
import wrmf.distributed
from wrmf.numerics import split_solver

SETTINGS = {
    "wrmf": {},
    "ials": {"objective": "ials", "regularization_exponent": 1.0, "regularization": 0.003},
    "none": {"regularization": 0.0},
    "float64": {"dtype": "float64"},
    "tfidf": {"weighting": "tfidf"},
    "random-users": {"init_scale": 1.0},
    "sides": {"regularization": (2.0, 9.0), "confidence": "log"},
}


@pytest.fixture(scope="module")
def rows():
    return rows_of_likes(6000, 300, 70)


@pytest.fixture
def few_exact(monkeypatch):
    """Let no more than a few items be solved exactly."""
    original = split_solver.exact_rows

    def fewer(weights, row_bytes, vector_bytes):
        return original(weights, row_bytes, vector_bytes)[:5]

    monkeypatch.setattr("wrmf.distributed.split.exact_rows", fewer)


@pytest.mark.parametrize("name", SETTINGS)
def test_losses_stay_close_to_those_of_exact_items(name, rows, few_exact, tmp_path):
    model = plain_model(**SETTINGS[name], iterations=5)
    split = trained(tmp_path / "split", rows, model, method="split")
    exact = trained(tmp_path / "exact", rows, model)
    for reached, best in zip(split.history, exact.history, strict=True):
        assert reached.loss <= best.loss * 1.0015
    assert split.history[-1].loss <= exact.history[-1].loss * 1.001
    local = split.to_local()
    assert split.history[-1].loss == pytest.approx(local.loss(local.train_matrix), rel=1e-5)


def test_all_items_are_exact_where_memory_allows(rows, tmp_path):
    model = plain_model(dtype="float64")
    split = trained(tmp_path, rows, model, method="split").to_local()
    expected = fitted_locally(model, split)
    np.testing.assert_allclose(split.item_factors, expected.item_factors, rtol=1e-6, atol=1e-9)


def test_threads_change_no_bit(rows, few_exact, tmp_path):
    one, eight = (
        trained(
            tmp_path / str(threads),
            rows,
            plain_model(),
            tasks=InlineTasks(threads),
            method="split",
        )
        for threads in (1, 8)
    )
    assert_same_factors(one.to_local(), eight.to_local())


def test_a_split_fit_goes_on_bitwise(rows, few_exact, tmp_path):
    model = plain_model(iterations=4)
    whole = trained(tmp_path / "whole", rows, model, method="split")
    trained(tmp_path / "parts", rows, model, iterations=2, method="split")
    again = trained(tmp_path / "parts", rows, model, method="split")
    assert_same_factors(whole.to_local(), again.to_local())
    with pytest.raises(ValueError, match="method='split', now 'gather'"):
        trained(tmp_path / "parts", rows, model)


def test_items_without_entries_become_zeros(tmp_path):
    rows = rows_of_likes(3000, 100, 40)
    rows.loc[rows["item"] == 3, "value"] = 0.0
    sharded = trained(tmp_path, rows, plain_model(), method="split")
    place = sharded.items.tolist().index(3)
    assert not sharded.item_factors[place].any()
    assert isinstance(sharded.to_local(), wrmf.WRMF)


@pytest.mark.slow
def test_bits_are_the_same_on_two_and_four_workers_for_decks(
    clients, real_data, tmp_path, monkeypatch
):
    pytest.importorskip("distributed", reason="needs pip install 'wrmf[distributed]'")
    original = split_solver.exact_rows

    def tenth(weights, row_bytes, vector_bytes):
        return original(weights, row_bytes, vector_bytes)[: len(weights) // 10]

    # With these few cards, memory would allow to solve all of them exactly.
    monkeypatch.setattr("wrmf.distributed.split.exact_rows", tenth)
    rows = real_data("mtg_decks")
    rows = rows[rows["user"] < rows["user"].min() + 8000]
    rows = rows.assign(
        user="deck " + rows["user"].astype(str), item="card " + rows["item"].astype(str)
    )
    for number in range(3):
        rows[number::3].to_parquet(tmp_path / f"part-{number}.parquet")
    model = plain_model(factors=32, objective="wrmf", alpha=10.0)
    first, second, exact = (
        wrmf.distributed.fit(
            sorted(tmp_path.glob("part-*.parquet")),
            model,
            client=clients(n_workers),
            folder=tmp_path / f"{method}-{n_workers}",
            shards=6,
            method=method,
            progress=False,
        )
        for method, n_workers in (("split", 2), ("split", 4), ("gather", 2))
    )
    assert_same_factors(first.to_local(), second.to_local())
    for reached, best in zip(first.history, exact.history, strict=True):
        assert reached.loss <= best.loss * 1.002
