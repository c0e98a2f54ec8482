"""Defects that users of other libraries of this kind report, none of which may occur here.

Each test is named after what it prevents. ``python -m benchmarks.peers.hostile`` gives some of
these inputs to other libraries.
"""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import threadpoolctl
from scipy import sparse

import wrmf
from wrmf import WRMF, Interactions, Split

COUNTS = sparse.csr_matrix((np.add.outer(np.arange(12), np.arange(9)) % 3 == 0).astype(float))


def train(matrix=COUNTS, **params):
    options = {"factors": 3, "iterations": 2, "regularization": 0.1, "random_state": 0}
    return WRMF(**{**options, **params}).fit(matrix, progress=False)


def changed(**arrays):
    """Return the matrix of counts with one element of some of its arrays replaced."""
    matrix = COUNTS.copy()
    for name, (place, value) in arrays.items():
        getattr(matrix, name)[place] = value
    return matrix


def test_fitting_a_larger_matrix_again_does_not_crash():
    model = train()
    assert model.fit(np.ones((50, 40)), progress=False).item_factors.shape == (40, 3)


@pytest.mark.parametrize(
    "broken",
    [
        changed(indices=(0, 10**6)),
        changed(indices=(0, -5)),
        changed(indptr=(3, 10**6)),
        changed(indptr=(-1, 2**31 - 1)),
        changed(indptr=(0, 1)),
    ],
    ids=["index", "negative", "indptr", "end", "start"],
)
def test_a_broken_matrix_does_not_crash(broken):
    model = train()
    for call in (model.fit, model.partial_fit, model.update, model.fold_in_users, model.loss):
        with pytest.raises(ValueError, match="broken"):
            call(broken)


def test_too_many_columns_of_a_new_user_do_not_crash():
    with pytest.raises(ValueError, match=r"1000.*9|9.*1000"):
        train().fold_in_users(np.ones((1, 1000)))


def test_an_unknown_id_does_not_crash():
    for call in (train().recommend, train().similar_items, train().similar_users):
        with pytest.raises(ValueError, match="unknown"):
            call([10**7])


def test_a_transposed_matrix_is_not_taken_silently():
    with pytest.raises(ValueError, match=r"12.*9.*9.*12|9.*12.*12.*9"):
        train().partial_fit(COUNTS.T)


def test_seen_and_padded_items_are_not_recommended():
    lists = train().recommend(n=50)
    for user, (ids, scores) in enumerate(zip(lists.ids, lists.scores, strict=True)):
        named = ids[ids >= 0]
        assert sorted(named) == np.setdiff1d(np.arange(9), COUNTS[user].indices).tolist()
        assert np.isfinite(scores[: len(named)]).all()
        assert np.isnan(scores[len(named) :]).all()


@pytest.mark.parametrize("k", [1, 5, 9])
def test_precision_is_hits_divided_by_k(k):
    test = sparse.csr_matrix((COUNTS.toarray() == 0).astype(float))
    precision = wrmf.evaluate(train(), Split(COUNTS, test), [f"precision@{k}"])[f"precision@{k}"]
    # All items that are left are held out.
    assert precision == pytest.approx(np.mean(np.minimum(k, test.sum(axis=1)) / k))


def test_a_precision_beyond_the_number_of_items_is_refused():
    split = Split(COUNTS, COUNTS)
    with pytest.raises(ValueError, match="k must lie in 1 … 9, the number of items"):
        wrmf.evaluate(train(), split, ["precision@10"])


def test_a_test_set_without_entries_is_no_division_by_zero():
    with pytest.raises(ValueError, match="no test users"):
        wrmf.evaluate(train(), Split(COUNTS, sparse.csr_matrix((12, 9))), ["mrr"])


def test_the_blas_is_neither_warned_about_nor_left_limited():
    def threads():
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]

    train()
    before = threads()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train()
    assert threads() == before


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_counts_that_are_no_counts_are_not_taken_silently(value):
    for call in (train, train().fold_in_users, train().update, train().loss):
        with pytest.raises(ValueError, match=r"holds|negative"):
            call(changed(data=(0, value)))


def test_zeros_are_no_interactions():
    assert train(changed(data=(0, 0.0))).train_matrix.nnz == COUNTS.nnz - 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_systems_that_lapack_cannot_solve_do_not_become_nan(dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Six rows of the data differ, so with 12 factors and no λ every system is singular.
        model = train(np.repeat(np.eye(6), 2, axis=0), factors=12, regularization=0.0, dtype=dtype)
    assert np.isfinite(model.user_factors).all()
    assert np.isfinite(model.item_factors).all()


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_split_neither_changes_counts_nor_skips_users(k):
    data = Interactions.from_matrix(np.tri(12, 9) * 3)
    split = wrmf.leave_k_out(data, k=k, min_interactions=k + 1, random_state=0)
    assert ((split.train.matrix + split.test.matrix) != data.matrix).nnz == 0
    assert split.train.matrix.multiply(split.test.matrix).nnz == 0
    eligible = np.flatnonzero(np.diff(data.matrix.indptr) >= k + 1)
    assert np.array_equal(np.sort(split.users), eligible)


@pytest.mark.parametrize(
    "seed", [3, np.int64(3), np.random.default_rng, np.random.RandomState], ids=str
)
def test_every_kind_of_seed_gives_the_same_model_again(seed):
    first, second = (train(random_state=seed(3) if callable(seed) else seed) for _ in range(2))
    assert np.array_equal(first.user_factors, second.user_factors)


@pytest.mark.parametrize(
    "seed", [3, np.int64(3), np.random.default_rng, np.random.RandomState], ids=str
)
def test_every_kind_of_seed_gives_the_same_split_again(seed):
    def split():
        return wrmf.leave_k_out(
            Interactions(COUNTS), k=1, random_state=seed(3) if callable(seed) else seed
        )

    assert (split().test.matrix != split().test.matrix).nnz == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", range(2, 9))
def test_the_number_of_threads_changes_no_bit(dtype, threads):
    matrix = sparse.random(400, 300, density=0.1, format="csr", random_state=0)
    one, many = (train(matrix, factors=20, dtype=dtype, num_threads=n) for n in (1, threads))
    assert np.array_equal(one.user_factors, many.user_factors)
    assert np.array_equal(one.recommend(n=5).scores, many.recommend(n=5).scores)


@pytest.mark.parametrize("form", ["int64", "int32", "unsorted", "column order", "dense", "coo"])
def test_the_layout_of_the_input_changes_no_bit(form):
    csr = sparse.random(60, 50, density=0.2, format="csr", random_state=0)
    forms = {
        "int64": lambda: sparse.csr_array((csr.data, csr.indices.astype("i8"), csr.indptr)),
        "int32": lambda: sparse.csr_array((csr.data, csr.indices.astype("i4"), csr.indptr)),
        "unsorted": lambda: csr[:, ::-1].tocsr()[:, ::-1],
        "column order": lambda: np.asfortranarray(csr.toarray()),
        "dense": csr.toarray,
        "coo": lambda: sparse.coo_matrix(csr.T).T,
    }
    expected = train(csr)
    matrix = forms[form]()
    if form.startswith("int"):
        matrix.resize(csr.shape)
    assert np.array_equal(train(matrix).user_factors, expected.user_factors)
    assert np.array_equal(train(matrix).item_factors, expected.item_factors)


def test_the_order_of_rows_changes_only_the_order_of_factors():
    """Users in another order, from the same initial items, get the same factors row by row."""
    order = np.random.default_rng(0).permutation(12)
    users = [f"u{row}" for row in range(12)]
    start = train(Interactions.from_matrix(COUNTS, users), dtype="float64")
    data = Interactions.from_matrix(COUNTS[order], [users[row] for row in order])
    model = WRMF(**{**start.get_params(), "iterations": 1}).fit(data, start=start, progress=False)
    same = WRMF(**model.get_params()).fit(
        Interactions.from_matrix(COUNTS, users), start=start, progress=False
    )
    np.testing.assert_allclose(model.user_factors, same.user_factors[order], rtol=1e-9)
    assert np.array_equal(start.fold_in_users(COUNTS[order]), start.fold_in_users(COUNTS)[order])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fit_in_a_forked_child_does_not_hang():
    code = (
        "import os, numpy as np, wrmf\n"
        "def fit():\n"
        "    counts = np.add.outer(np.arange(900), np.arange(700)) % 5 == 0\n"
        "    wrmf.WRMF(factors=32, iterations=1, num_threads=2).fit(counts, progress=False)\n"
        "fit()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    fit()\n"
        "    os._exit(0)\n"
        "print(os.waitpid(child, 0)[1])\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.stdout == "0\n", run.stderr


def test_repeated_pairs_are_added_up():
    rows, columns = COUNTS.nonzero()
    values = np.ones(2 * len(rows))
    twice = sparse.coo_matrix((values, (np.tile(rows, 2), np.tile(columns, 2))), COUNTS.shape)
    assert np.array_equal(train(twice).user_factors, train(2 * COUNTS).user_factors)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize(("indices", "indptr"), [("i4", "i8"), ("i8", "i4"), ("u4", "u8")])
def test_sparse_types_are_accepted_and_inputs_stay_as_they_are(container, indices, indptr):
    matrix = container(COUNTS)
    matrix.indices, matrix.indptr = matrix.indices.astype(indices), matrix.indptr.astype(indptr)
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    assert np.array_equal(train(matrix).user_factors, train().user_factors)
    assert (matrix.indices.dtype, matrix.indptr.dtype) == (np.dtype(indices), np.dtype(indptr))


def test_memory_mapped_arrays_are_accepted(tmp_path):
    mapped = {}
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / f"{name}.npy", getattr(COUNTS, name))
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    matrix = sparse.csr_matrix((mapped["data"], mapped["indices"], mapped["indptr"]), COUNTS.shape)
    assert np.array_equal(train(matrix).user_factors, train().user_factors)


def test_new_users_and_items_get_exact_factors_also_after_loading(tmp_path):
    model = train()
    model.save(tmp_path / "m")
    for fitted in (model, wrmf.load(tmp_path / "m")):
        assert np.array_equal(fitted.fold_in_users(COUNTS), model.user_factors)
        assert fitted.fold_in_items(COUNTS[:, :2]).shape == (2, 3)


def test_a_large_catalogue_is_refused_before_it_takes_the_memory():
    with pytest.raises(ValueError, match=r"would take .* GiB, the limit is"):
        train().item_similarity(max_bytes=100)


@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_explanations_add_up_to_the_score(solver):
    model = train(dtype="float64", solver=solver, cg_steps=50)
    for user in range(12):
        for item in range(9):
            total = model.explain(user, item, n=9)["contribution"].sum()
            assert total == pytest.approx(model.predict(user, item)[0], abs=1e-6)


def test_a_model_file_is_no_pickle_and_keeps_every_factor(tmp_path):
    model = train()
    model.save(tmp_path / "m")
    assert b"pickle" not in (tmp_path / "m").read_bytes()
    loaded = wrmf.load(tmp_path / "m")
    assert np.array_equal(loaded.user_factors, model.user_factors)
    assert np.array_equal(loaded.item_factors, model.item_factors)


def test_the_environment_is_reported_with_the_build(capsys):
    wrmf.show_versions()
    assert {"wrmf", "numpy", "scipy"} <= set(
        capsys.readouterr().out.lower().replace(":", " ").split()
    )
