"""Where implicit crashes, lists junk or computes nonsense, ``wrmf.compat.implicit`` does not."""

import contextlib

import numpy as np
import pytest
from implicit_programs import fitted, make_data
from scipy import sparse

from wrmf.compat import implicit
from wrmf.compat.implicit.als import AlternatingLeastSquares
from wrmf.compat.implicit.evaluation import (
    leave_k_out_split,
    precision_at_k,
    ranking_metrics_at_k,
    train_test_split,
)


@pytest.fixture(scope="module")
def data():
    return make_data()


@pytest.fixture(scope="module")
def model(data):
    return fitted(implicit, data)


def test_a_list_of_one_user_ends_where_no_item_is_left(model, data):
    ids, scores = model.recommend(2, data.user_items[2], N=500)
    assert len(ids) == len(scores) == 80 - data.user_items[2].nnz
    assert not set(ids) & set(data.user_items[2].indices)


def test_lists_of_a_batch_end_in_minus_one_and_the_lowest_number(model, data):
    ids, scores = model.recommend([2, 0], data.user_items[[2, 0]], N=500)
    assert ids.shape == scores.shape == (2, 500)
    filled = 80 - data.user_items[2].nnz
    assert (ids[0, :filled] >= 0).all()
    assert (ids[0, filled:] == -1).all()
    assert (scores[0, filled:] == np.finfo(np.float64).min).all()
    # Nothing is known of the first user.
    assert (ids[1] == -1).all()


def test_the_item_without_users_has_no_neighbours_and_is_nobodys(model):
    assert model.similar_items(79)[0].tolist() == []
    assert 79 not in model.similar_items(np.arange(79), N=80)[0]


def test_items_that_are_filtered_do_not_come_back_at_the_end(model, data):
    seen = data.user_items[2].indices
    ids, _ = model.recommend(2, data.user_items[2], items=[*seen[:3], 1, 5], N=20)
    assert set(ids) == {1, 5} - set(seen)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, d: m.fit(sparse.eye(90).tocsr()), ValueError, "set model.user_factors"),
        (lambda m, d: m.recommend(-1, d.user_items[1]), IndexError, "userid -1 is not in"),
        (lambda m, d: m.similar_items(900), IndexError, "0 to 79"),
        (
            lambda m, d: m.recommend(1, d.user_items[1], filter_items=[-2]),
            IndexError,
            "filter_items",
        ),
        (
            lambda m, d: m.recalculate_user(1, sparse.csr_matrix((1, 90))),
            ValueError,
            "has 90 columns, but the model has 80",
        ),
        (lambda m, d: m.recalculate_user([1, 2], d.user_items[1]), ValueError, "1 rows for 2 ids"),
        (lambda m, d: m.partial_fit_users([-1], d.user_items[1]), IndexError, "at least 0"),
        (lambda m, d: m.explain(900, d.user_items, 3), IndexError, "userid 900"),
        (lambda m, d: m.recommend(1, d.user_items[1], N=0), ValueError, "N must be at least 1"),
        (lambda m, d: AlternatingLeastSquares(use_gpu=True), ValueError, "use_gpu=True"),
        (lambda m, d: AlternatingLeastSquares().recommend(1, None), ValueError, "not fitted"),
        (
            lambda m, d: AlternatingLeastSquares().fit(sparse.csr_matrix([[np.nan]])),
            ValueError,
            "NaN",
        ),
    ],
)
def test_wrong_calls_are_errors_that_say_what_to_do(data, call, error, message):
    with pytest.raises(error, match=message):
        call(fitted(implicit, data, iterations=1), data)


def test_indices_out_of_range_are_an_error_and_no_crash(model):
    broken = sparse.csr_matrix(np.ones((1, 3)))
    broken.indices[2] = 10**6
    # SciPy's words are "indices must be < 3", or "index values must be < 3" before 1.15.
    with pytest.raises(ValueError, match=r"ind(ices|ex values) must be < 3"):
        model.recalculate_user(3, broken)
    with pytest.raises(ValueError, match=r"ind(ices|ex values) must be < 3"):
        AlternatingLeastSquares().fit(broken)


def test_inputs_and_given_factors_are_not_changed(data):
    matrix = data.user_items.copy()
    matrix.indices = matrix.indices[::-1].copy()
    before = matrix.copy()
    x = np.full((60, 8), 0.1)
    model = AlternatingLeastSquares(factors=8, dtype=np.float64, iterations=1)
    model.user_factors = x
    model.fit(matrix, show_progress=False)
    assert np.array_equal(matrix.indices, before.indices)
    assert np.array_equal(matrix.data, before.data)
    assert (x == 0.1).all()


def test_sparse_arrays_are_accepted(data):
    array = sparse.csr_array(data.user_items)
    model = AlternatingLeastSquares(factors=4, random_state=0)
    model.fit(array, show_progress=False)
    expected = AlternatingLeastSquares(factors=4, random_state=0)
    expected.fit(data.user_items, show_progress=False)
    assert np.array_equal(model.item_factors, expected.item_factors)
    lists = expected.recommend(2, data.user_items[2])
    assert np.array_equal(model.recommend(2, array[[2]])[0], lists[0])
    # A single row of a sparse array has one dimension. It cannot be taken before SciPy 1.14, and is
    # in no format but COO before 1.15.
    with contextlib.suppress(NotImplementedError):
        row = array[2]
        if row.format == "csr":
            assert np.array_equal(model.recommend(2, row)[0], lists[0])
    explained = model.explain(2, array.tocoo(), 5)
    assert explained[:2] == expected.explain(2, data.user_items, 5)[:2]


@pytest.mark.parametrize("use_cg", [True, False])
def test_factors_are_bitwise_the_same_at_any_number_of_threads(data, use_cg):
    results = [fitted(implicit, data, num_threads=n, use_cg=use_cg) for n in (1, 2, 3)]
    for other in results[1:]:
        assert np.array_equal(results[0].user_factors, other.user_factors)
        assert np.array_equal(results[0].item_factors, other.item_factors)


def test_entries_of_the_same_pair_are_added_up(data):
    halves = data.user_items.tocoo()
    twice = sparse.csr_matrix(
        (
            np.repeat(halves.data / 2, 2),
            np.repeat(data.user_items.indices, 2),
            2 * data.user_items.indptr,
        ),
        shape=halves.shape,
    )
    model = AlternatingLeastSquares(factors=4, random_state=0)
    model.fit(twice, show_progress=False)
    expected = AlternatingLeastSquares(factors=4, random_state=0)
    expected.fit(data.user_items, show_progress=False)
    assert np.array_equal(model.user_factors, expected.user_factors)


@pytest.mark.parametrize("seed", [np.random.RandomState(1), np.random.default_rng(1), 1, None])
def test_every_kind_of_seed_is_accepted(data, seed):
    assert fitted(implicit, data, random_state=seed, iterations=1).user_factors.shape == (60, 8)
    assert sum(part.nnz for part in train_test_split(data.user_items, 0.5, seed)) == (
        data.user_items.nnz
    )


@pytest.mark.parametrize("K", [1, 2, 5])
@pytest.mark.parametrize("train_only_size", [0.0, 0.4])
def test_leave_k_out_loses_nothing_and_takes_every_user_with_more_than_k(data, K, train_only_size):
    train, test = leave_k_out_split(data.user_items, K, train_only_size, random_state=1)
    assert abs(train + test - data.user_items).nnz == 0
    assert train.nnz + test.nnz == data.user_items.nnz
    counts, held = np.diff(data.user_items.indptr), np.diff(test.indptr)
    assert set(held) <= {0, K}
    kept = (held == 0) & (counts > K)
    assert kept.sum() <= int((counts > 0).sum() * train_only_size)
    if not train_only_size:
        assert (held[counts == K + 1] == K).all()
    again = leave_k_out_split(data.user_items, K, train_only_size, random_state=1)[1]
    assert abs(test - again).nnz == 0


def test_precision_is_at_most_one_if_the_list_is_longer_than_the_catalogue(model, data):
    none = sparse.csr_matrix(data.user_items.shape)
    metrics = ranking_metrics_at_k(model, none, data.user_items, K=500, show_progress=False)
    assert 0 < metrics["precision"] <= 1
    assert 0 < metrics["auc"] <= 1


def test_a_test_set_without_entries_is_an_error(model, data):
    with pytest.raises(ValueError, match="no entries: there is no user to evaluate"):
        precision_at_k(model, data.user_items, sparse.csr_matrix(data.user_items.shape))


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04"])
def test_a_file_of_something_else_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.npz is not a readable model"):
        AlternatingLeastSquares.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        AlternatingLeastSquares.load(tmp_path / "nothing")


def test_a_generator_as_seed_is_not_saved(tmp_path, data):
    fitted(implicit, data, random_state=np.random.default_rng(0)).save(tmp_path / "model.npz")
    assert AlternatingLeastSquares.load(tmp_path / "model.npz").random_state is None


def test_files_are_read_by_either_library(tmp_path, data, model):
    other = pytest.importorskip("implicit")
    model.save(tmp_path / "ours")
    theirs = other.cpu.als.AlternatingLeastSquares.load(str(tmp_path / "ours"))
    assert np.array_equal(theirs.user_factors, model.user_factors)
    assert theirs.regularization == model.regularization
    theirs.save(str(tmp_path / "theirs"))
    ours = AlternatingLeastSquares.load(tmp_path / "theirs.npz")
    assert np.array_equal(ours.item_factors, model.item_factors)
    assert (ours.alpha, ours.dtype, ours.use_cg) == (2.0, np.float64, False)
