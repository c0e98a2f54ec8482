"""Filters, least scores, offsets and diversity: few users, many users and files agree."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_lists import best_items, marginal_relevance
from scipy import sparse

import wrmf
from wrmf import WRMF, Interactions
from wrmf.model import bulk, lists
from wrmf.model.state import Factors

N_USERS, N_ITEMS = 24, 90
few_examples = settings(max_examples=40)


def of_integers(seed, k=3, n_items=N_ITEMS, dtype="float32", float_items=False):
    """Return a model whose scores are exact, with ties, zero rows and ids in no order."""
    generator = np.random.default_rng(seed)
    x = generator.integers(-3, 4, (N_USERS, k)).astype(dtype)
    y = generator.integers(-3, 4, (n_items, k)).astype(dtype)
    if float_items:
        y = generator.standard_normal((n_items, k)).astype(dtype)
    y[generator.random(n_items) < 0.1] = 0
    likes = generator.random((N_USERS, n_items)) < 0.1
    likes[:, 0] = True
    users = [f"u{row}" for row in generator.permutation(N_USERS)]
    items = [f"i{column}" for column in generator.permutation(n_items)]
    data = Interactions.from_matrix(likes, users=users, items=items)
    return WRMF.from_factors(Factors(x, y, data.users, data.items, data.matrix))


def some_positions(generator, n_items=N_ITEMS):
    return generator.choice(n_items, generator.integers(0, n_items), replace=False)


def draw_filter(kind, model, generator):
    """Return a filter of a kind, and the positions that it selects for each user, or None."""
    n_items = len(model.items)
    users = model.users.tolist()
    mask = np.zeros(n_items, dtype=bool)
    chosen = some_positions(generator, n_items)
    mask[chosen] = True
    everyone = [set(chosen.tolist())] * len(users)
    if kind == "ids":
        return model.items[chosen].tolist(), everyone
    if kind == "mask":
        return mask, everyone
    if kind == "few ids":
        return model.items[chosen[:2]].tolist(), [set(chosen[:2].tolist())] * len(users)
    if kind == "sparse mask":
        small = np.zeros(n_items, dtype=bool)
        small[chosen[:2]] = True
        return small, [set(chosen[:2].tolist())] * len(users)
    if kind == "polars":
        polars = pytest.importorskip("polars")
        return polars.Series(mask), everyone
    if kind == "series":
        order = generator.permutation(n_items)
        return pd.Series(mask[order], index=model.items[order]), everyone
    own = [set(some_positions(generator, n_items).tolist()) for _ in users]
    if kind == "matrix":
        dense = np.zeros((len(users), n_items))
        for row, members in enumerate(own):
            dense[row, list(members)] = 1
        form = generator.choice(["csr_matrix", "coo_array", "dense"])
        return (dense > 0) if form == "dense" else getattr(sparse, form)(dense), own
    named = generator.random(len(users)) < 0.6
    values = {}
    for row in np.flatnonzero(named):
        members = sorted(own[row])
        ids = model.items[members]
        as_mask = np.isin(np.arange(n_items), members)
        values[users[row]] = as_mask if kind == "mapping of masks" else ids.tolist()
    return values, [own[row] if named[row] else None for row in range(len(users))]


KINDS = [
    "ids",
    "few ids",
    "mask",
    "sparse mask",
    "polars",
    "series",
    "matrix",
    "mapping",
    "mapping of masks",
]


def of_one(value, row, user):
    """Return the part of a filter for one user of the call."""
    if isinstance(value, dict):
        return {user: value[user]} if user in value else {}
    if sparse.issparse(value):
        return value.tocsr()[[row]]
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return value[[row]]
    return value


def assert_same(a, b):
    for part in ("users", "ids", "rows", "scores", "counts"):
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part))


@few_examples
@given(
    seed=st.integers(0, 2**32 - 1),
    exclude=st.lists(st.sampled_from(KINDS), max_size=3),
    items=st.lists(st.sampled_from(KINDS), max_size=3),
    where=st.booleans(),
    min_score=st.sampled_from([None, -3.0, 0.0, 2.0]),
    offset=st.sampled_from([None, "array", "mapping", "series"]),
    exclude_seen=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_combined_filters_leave_what_the_slow_definition_leaves(
    tmp_path_factory, seed, exclude, items, where, min_score, offset, exclude_seen, dtype
):
    model, generator = of_integers(seed, dtype=dtype), np.random.default_rng(seed)
    drawn = {
        "exclude": [draw_filter(kind, model, generator) for kind in exclude],
        "items": [draw_filter(kind, model, generator) for kind in items],
    }
    options = {name: [value for value, _ in parts] for name, parts in drawn.items() if parts}
    options |= {"exclude_seen": exclude_seen, "min_score": min_score}
    genres = generator.integers(0, 3, N_ITEMS)
    if where:
        order = generator.permutation(N_ITEMS)
        model.item_table = {"item": model.items[order], "genre": genres[order]}
        options["where"] = {"genre": [0, 2]}
    offsets = generator.integers(-40, 40, N_ITEMS) / 4
    if offset == "array":
        options["item_offset"] = offsets
    elif offset is not None:
        offsets[50:] = 0
        named = pd.Series(offsets[:50], index=model.items[:50])
        options["item_offset"] = dict(named) if offset == "mapping" else named
    else:
        offsets[:] = 0
    together = model.recommend(n=7, **options)
    scores = model.user_factors.astype(float) @ model.item_factors.T + offsets
    for row, user in enumerate(model.users):
        chosen = [own[row] for _, own in drawn["items"] if own[row] is not None]
        left_out = [own[row] for _, own in drawn["exclude"] if own[row] is not None]
        if where:
            chosen.append(set(np.flatnonzero(genres != 1).tolist()))
        if exclude_seen:
            left_out.append(set(model.train_matrix[[row]].indices.tolist()))
        expected = best_items(scores[row], 7, chosen, left_out, min_score)
        assert together.rows[row, : together.counts[row]].tolist() == expected
        assert together.scores[row, : together.counts[row]].tolist() == [
            scores[row, item] for item in expected
        ]
        if row < 4:
            alone = {
                name: [of_one(part, row, user) for part in value] if name in drawn else value
                for name, value in options.items()
            }
            assert_same(model.recommend(user, n=7, **alone), together[[row]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "BLOCK_USERS", 7)
        path = tmp_path_factory.mktemp("lists") / "lists.jsonl"
        model.recommend_to(path, n=7, progress=False, **options)
    frame = pd.read_json(path, lines=True) if path.stat().st_size else together.to_frame()[:0]
    assert frame.to_dict("list") == together.to_frame().to_dict("list")


@few_examples
@given(
    seed=st.integers(0, 2**32 - 1),
    weight=st.sampled_from([0.05, 0.5, 0.95]),
    k=st.sampled_from([1, 5, 40]),
    n=st.sampled_from([1, 4, 60]),
    offset=st.booleans(),
    min_score=st.sampled_from([None, 0.0]),
)
def test_diverse_lists_take_the_largest_marginal_relevance(seed, weight, k, n, offset, min_score):
    model, generator = of_integers(seed, k, float_items=True), np.random.default_rng(seed)
    options = {"diversify": weight, "min_score": min_score, "exclude": model.items[:5]}
    plain = {"min_score": min_score, "exclude": model.items[:5]}
    if offset:
        options["item_offset"] = plain["item_offset"] = generator.standard_normal(N_ITEMS)
    together = model.recommend(n=n, **options)
    best = model.recommend(n=lists.CANDIDATES * n, **plain)
    factors = model.item_factors.astype(float)
    for row, user in enumerate(model.users):
        count = together.counts[row]
        assert count == min(n, best.counts[row])
        listed = together.rows[row, :count].tolist()
        candidates = best.rows[row, : best.counts[row]].tolist()
        assert listed[:1] == candidates[:1]
        scores = dict(zip(candidates, best.scores[row].astype(float), strict=False))
        for place in range(1, min(count, 6)):
            values = marginal_relevance(scores, factors, candidates, listed[:place], weight)
            assert values[listed[place]] >= max(values.values()) - 1e-9
        assert together.scores[row, :count].tolist() == [scores[item] for item in listed]
        if row < 3:
            assert_same(model.recommend(user, n=n, **options), together[[row]])


def test_no_diversity_gives_the_best_items_and_some_gives_others():
    model = of_integers(1, 8, float_items=True)
    plain = model.recommend(n=5)
    assert_same(model.recommend(n=5, diversify=0.0), plain)
    varied = model.recommend(n=5, diversify=0.7)
    assert varied.rows.tolist() != plain.rows.tolist()
    assert varied.rows[:, 0].tolist() == plain.rows[:, 0].tolist()


def test_blocks_of_candidates_do_not_change_diverse_lists(monkeypatch):
    model = of_integers(2, 8, float_items=True)
    expected = model.recommend(n=5, diversify=0.4)
    monkeypatch.setattr(lists, "BLOCK_CANDIDATES", 350)
    assert_same(model.recommend(n=5, diversify=0.4), expected)
    assert len(model.recommend([], n=5, diversify=0.4)) == 0


def test_the_popular_fallback_has_filters_but_neither_scores_nor_offsets():
    model = of_integers(3)
    factors = model.user_factors.copy()
    factors[4] = 0
    matrix = model.train_matrix.toarray()
    matrix[4] = 0
    model = WRMF.from_factors(
        Factors(factors, model.item_factors, model.users, model.items, sparse.csr_matrix(matrix))
    )
    options = {"fallback": "popular", "exclude": model.items[:3], "n": 6}
    expected = model.recommend(model.users[4], **options)
    assert expected.counts.tolist() == [6]
    for more in ({"min_score": 1.0}, {"item_offset": np.ones(N_ITEMS)}, {"diversify": 0.5}):
        assert_same(model.recommend(model.users[4], **options, **more), expected)


def test_new_users_have_the_same_filters_as_known_ones(likes, small):
    model = small().fit(likes)
    model.item_table = {"item": np.arange(200), "even": np.arange(200) % 2 == 0}
    rows = likes[:12]
    options = {
        "exclude": [[3, 4], {0: [6, 8], 11: [10]}, rows],
        "where": {"even": True},
        "item_offset": np.linspace(-1, 1, 200),
        "min_score": -0.5,
        "diversify": 0.3,
    }
    known, new = model.recommend(range(12), **options), model.recommend_new(rows, **options)
    assert_same(new, known)


def test_users_for_an_item_are_those_with_the_highest_scores(likes, small):
    model = small().fit(likes)
    names = list(range(20))
    together = model.recommend_users(names, n=9, exclude={3: [7, 8]}, min_score=0.01)
    scores = model.item_factors.astype(float) @ model.user_factors.T
    for item in names:
        own = {int(user) for user in likes[:, [item]].nonzero()[0]} | {17}
        left_out = [own, {7, 8}] if item == 3 else [own]
        expected = best_items(scores[item], 9, (), left_out, 0.01)
        count = together.counts[item]
        assert count == (0 if item in (5, 11) else len(expected))
        np.testing.assert_allclose(
            together.scores[item, :count], scores[item][expected[:count]], rtol=1e-5
        )
        rules = {"exclude": {3: [7, 8]}} if item == 3 else {}
        alone = model.recommend_users(item, n=9, min_score=0.01, **rules)
        assert_same(alone, together[[item]])
    assert list(together.to_frame()) == ["item", "user", "score", "rank"]
    chosen = model.recommend_users([2], n=9, users=[1, 2, 17], exclude_seen=False)
    assert sorted(chosen[0].ids.tolist()) == [1, 2]
    mask = np.arange(300) < 3
    assert_same(
        model.recommend_users([2], n=9, users=mask, exclude=[0], exclude_seen=False), chosen
    )
    with pytest.raises(ValueError, match="unknown id among users: 'x'"):
        model.recommend_users([2], users=["x"])


RULES = {
    "exclude": [{"u3": ["i1", "i2"]}, np.arange(N_ITEMS) % 7 == 0],
    "where": {"genre": ["jazz", "folk"]},
    "item_offset": np.linspace(-2, 2, N_ITEMS),
    "min_score": -1.0,
    "diversify": 0.3,
}


def with_table(model):
    """Return a model whose items have genres."""
    genres = np.array(["jazz", "rock", "folk"])[np.arange(N_ITEMS) % 3]
    model.item_table = {"item": model.items, "genre": genres}
    return model


def test_the_number_of_threads_does_not_change_lists_under_rules():
    model = with_table(of_integers(5, 16, float_items=True))
    model.num_threads = 1
    expected = model.recommend(n=8, **RULES)
    model.num_threads = 2
    assert_same(model.recommend(n=8, **RULES), expected)


def test_threads_that_ask_under_rules_get_the_lists_of_one_thread():
    model = with_table(of_integers(6, 16, float_items=True))
    offsets = [np.linspace(-row, row, N_ITEMS) for row in range(3)]
    genres = [["jazz"], "rock", ["folk", "rock"]]

    def ask(call):
        rules = {"item_offset": offsets[call % 3], "where": {"genre": genres[call // 3 % 3]}}
        return model.recommend(model.users[call % N_USERS], n=5, **rules).rows.tolist()

    expected = [ask(call) for call in range(54)]
    # Nothing is prepared, so that the threads begin by preparing the same parts.
    model.item_factors, model.item_table = model.item_factors, model.item_table
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(54))) == expected


def test_a_mapped_model_has_the_lists_of_the_model_in_memory(tmp_path):
    model = with_table(of_integers(7, 16, float_items=True))
    model.save(tmp_path / "model.wrmf")
    mapped = with_table(wrmf.load(tmp_path / "model.wrmf", mmap=True))
    assert_same(mapped.recommend(n=8, **RULES), model.recommend(n=8, **RULES))
    basket = {"exclude": ["i5"], "where": {"genre": "rock"}, "basket": True}
    assert_same(
        mapped.similar_items(["i1", "i2"], **basket), model.similar_items(["i1", "i2"], **basket)
    )
    assert_same(
        mapped.recommend_users("i1", users=["u1", "u2"]),
        model.recommend_users("i1", users=["u1", "u2"]),
    )
