"""Requests of few users equal those of many, at every setting, and from many threads at once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from wrmf import WRMF, Interactions
from wrmf.model import lists
from wrmf.model.state import Factors
from wrmf.numerics import fold_in
from wrmf.numerics.isa import ISAS

# Each example asks for the lists of several users, alone and together.
few_examples = settings(max_examples=12)
PARTS = ("users", "ids", "rows", "scores", "counts")
TOGETHER = 40


@st.composite
def models(draw):
    """Draw a model with ties, zero rows, users without interactions and popular items."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_items, k = draw(st.sampled_from([5, 90, 700])), draw(st.sampled_from([1, 3, 16, 40, 300]))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    x, y = (generator.integers(-2, 3, (n, k)).astype(dtype) for n in (TOGETHER, n_items))
    if draw(st.booleans()):
        y *= generator.random((n_items, 1))
    y[generator.random(n_items) < 0.1] = 0
    x[generator.random(TOGETHER) < 0.1] = 0
    likes = generator.random((TOGETHER, n_items)) < draw(st.sampled_from([0.02, 0.3]))
    likes[generator.random(TOGETHER) < 0.1] = False
    likes[0, 0] = True
    data = Interactions.from_matrix(likes, users=[f"u{row}" for row in range(TOGETHER)])
    state = Factors(x, y.astype(dtype), data.users, data.items, data.matrix)
    params = {
        "regularization_exponent": draw(st.sampled_from([0.0, 0.5])),
        "confidence": draw(st.sampled_from(["linear", "log"])),
        "objective": draw(st.sampled_from(["wrmf", "ials"])),
    }
    return WRMF.from_factors(state, regularization=0.3, **params)


def rules(kind, users, items, generator):
    """Return filters of one kind, as arguments of ``recommend``."""
    some = generator.choice(items, min(len(items), 60)).tolist()
    for_each = {user: generator.choice(items, 20).tolist() for user in users[::2]}
    return {
        "none": {},
        "items": {"items": some},
        "exclude": {"exclude": some},
        "exclude for each": {"exclude": for_each, "items": some},
        "items for each": {"items": for_each, "exclude": some[:5]},
        "with seen items": {"exclude_seen": False},
    }[kind]


def of_some(options, user):
    """Return filters for one user only."""
    return {
        name: {user: value[user]} if isinstance(value, dict) and user in value else value
        for name, value in options.items()
        if not isinstance(value, dict) or user in value
    }


FILTERS = ["none", "items", "exclude", "exclude for each", "items for each", "with seen items"]


@pytest.mark.parametrize("kind", FILTERS)
@few_examples
@given(model=models(), n=st.sampled_from([1, 10, 300]))
def test_a_request_of_one_user_equals_that_of_all_users(kind, model, n):
    users = model.users.tolist()
    options = rules(kind, users, model.items, np.random.default_rng(n))
    together = model.recommend(users, n=n, fallback="popular", **options)
    for row, user in enumerate(users[:8]):
        alone = model.recommend(user, n=n, fallback="popular", **of_some(options, user))
        for part in PARTS:
            np.testing.assert_array_equal(getattr(alone, part)[0], getattr(together, part)[row])


@few_examples
@given(model=models(), n=st.sampled_from([1, 10, 300]))
def test_neighbours_of_one_row_equal_those_of_all_rows(model, n):
    for neighbours, ids in ((model.similar_items, model.items), (model.similar_users, model.users)):
        chosen = ids.tolist() * (1 + lists.FEW // len(ids))
        together = neighbours(chosen, n=n)
        for row, id_ in enumerate(chosen[:8]):
            alone = neighbours([id_], n=n)
            for part in PARTS:
                np.testing.assert_array_equal(getattr(alone, part)[0], getattr(together, part)[row])


@pytest.mark.parametrize("isa", ISAS)
@few_examples
@given(model=models())
def test_factors_of_one_new_user_equal_those_of_many(isa, model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WRMF_ISA", isa)
        rows = model.train_matrix
        together = model.fold_in_users(rows)
        patch.setattr(fold_in, "FEW", -1)
        one_sweep = model.fold_in_users(rows[:5])
        patch.undo()
        patch.setenv("WRMF_ISA", isa)
        # BLAS may round a row differently if there are other rows beside it.
        rtol = 0 if isa != "blas" else 1e-4 if model.dtype == "float32" else 1e-11
        np.testing.assert_allclose(one_sweep, together[:5], rtol, rtol)
        for row in range(8):
            np.testing.assert_allclose(
                model.fold_in_users(rows[[row]])[0], together[row], rtol, rtol
            )


@few_examples
@given(model=models())
def test_lists_of_one_new_user_equal_those_of_many(model):
    rows = model.train_matrix
    together = model.recommend_new(rows, n=5, fallback="popular")
    for row in range(8):
        alone = model.recommend_new(rows[[row]], n=5, fallback="popular")
        for part in PARTS[1:]:
            np.testing.assert_array_equal(getattr(alone, part)[0], getattr(together, part)[row])


def test_rows_that_are_not_canonical_give_the_same_factors(likes, small):
    model = small().fit(likes)
    expected = model.fold_in_users(likes[[3]])
    reversed_row = likes[[3]].copy()
    for part in (reversed_row.data, reversed_row.indices):
        part[:] = part[::-1].copy()
    reversed_row.has_sorted_indices = False
    wide = likes[[3]].astype(np.float64)
    strided = sparse.csr_matrix(likes[[3]])
    strided.data = np.repeat(strided.data, 2)[::2]
    for row in (reversed_row, wide, strided, likes[[3]].tocoo(), likes[[3]].toarray()):
        np.testing.assert_array_equal(model.fold_in_users(row), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_bad_values_in_a_canonical_row_are_errors(likes, small, value):
    row = likes[[3]].copy()
    row.data[1] = value
    with pytest.raises(ValueError, match="interactions"):
        small().fit(likes).fold_in_users(row)


def test_broken_rows_are_errors(likes, small):
    model = small().fit(likes)
    for name, place, value in (("indices", -1, 200), ("indices", 0, -1), ("indptr", 0, 1)):
        row = likes[[3]].copy()
        getattr(row, name)[place] = value
        with pytest.raises(ValueError):
            model.fold_in_users(row)


def test_threads_get_the_answers_of_one_thread(likes, small):
    model = small(num_threads=2).fit(likes)

    def ask(row):
        new = likes[[row]]
        return (
            model.recommend(row, n=7, fallback="popular").rows.tolist(),
            model.recommend_new(new, n=7).rows.tolist(),
            model.similar_items([row % 200], n=7).rows.tolist(),
            model.fold_in_users(new).tolist(),
            model.explain(row, 5)["contribution"].tolist(),
        )

    expected = [ask(row) for row in range(60)]
    for _ in range(3):
        # Nothing is prepared, so that the threads begin by preparing the same parts.
        model.item_factors = model.item_factors
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, range(60))) == expected


def test_prepare_computes_what_the_requests_need(likes, small):
    model = small().fit(likes)
    assert model.prepared_bytes == 0
    sizes = [
        model.prepare([request]).prepared_bytes
        for request in ("recommend", "similar_users", "fold_in_users", "explain", "fallback")
    ]
    assert sizes == sorted(set(sizes))
    assert model.prepare().prepared_bytes == sizes[-1]
    model.prepare(["fold_in_items"])
    size = model.prepared_bytes
    model.fold_in_users(likes[[3]])
    model.fold_in_items(likes[:, [3]])
    model.recommend(0, fallback="popular")
    model.similar_users(0)
    assert model.prepared_bytes == size
    with pytest.raises(
        ValueError, match=r"requests must be one of .'ids', .* got 'recommendations'"
    ):
        model.prepare(["recommendations"])
