import tracemalloc

import numpy as np
import pytest
import reference_ranking
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import wrmf
from wrmf import _ranking
from wrmf.numerics import ranking, tiles
from wrmf.numerics.isa import ISAS
from wrmf.numerics.objective import observed_scores


def exact(x, y, isa=0):
    out = np.empty((len(x), len(y)), dtype=x.dtype)
    _ranking.exact_scores(isa, x, y, out)
    return out


@st.composite
def factors(draw, max_users=40, max_items=600):
    """Norms fall as a model's do, some rows repeat or nearly do, some are zero."""
    m, n = draw(st.integers(1, max_users)), draw(st.integers(1, max_items))
    k = draw(st.sampled_from([1, 3, 16, 33]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = generator.standard_normal((n, k)) / (1 + np.arange(n)[:, None]) ** draw(
        st.sampled_from([0.0, 0.3, 1.0])
    )
    copies = generator.random(n) < draw(st.sampled_from([0.0, 0.3, 0.95]))
    y[copies] = y[generator.integers(0, min(n, 3), copies.sum())]
    # Off by a rounding: GEMM cannot tell them apart, the exact score may.
    y[copies] *= 1 + 1e-7 * generator.integers(0, 2, (copies.sum(), 1))
    y = generator.permutation(y)
    x = generator.standard_normal((m, k)) * draw(st.sampled_from([1e-18, 1.0, 1e15]))
    x[generator.random(m) < 0.1] = 0
    return np.ascontiguousarray(x, dtype), np.ascontiguousarray(y, dtype), generator


def check_lists(x, y, n, blocked, allowed, found):
    rows, scores, counts = found
    dense = exact(x, y)
    for user in range(len(x)):
        masked = np.flatnonzero(blocked[user] | ~allowed)
        expected = reference_ranking.ranking(dense[user], masked)[:n]
        assert rows[user, : counts[user]].tolist() == expected
        assert scores[user, : counts[user]].tolist() == dense[user][expected].tolist()


@given(drawn=factors(), n=st.sampled_from([1, 2, 10, 700]), mask=st.sampled_from([0.0, 0.2, 0.9]))
def test_pruned_lists_equal_the_plain_order_of_exact_scores(drawn, n, mask):
    x, y, generator = drawn
    blocked = generator.random((len(x), len(y))) < mask
    allowed = generator.random(len(y)) < generator.choice([0.1, 0.9, 1.1])
    found = ranking.top_n(x, y, n, sparse.csr_matrix(blocked), allowed)
    check_lists(x, y, n, blocked, allowed, found)
    lists = generator.random((len(x), len(y))) < 0.1
    found = ranking.top_n_of(x, y, n, sparse.csr_matrix(lists))
    check_lists(x, y, n, ~lists, np.ones(len(y), dtype=bool), found)


def scored(x, y, sides):
    return [(held, observed_scores(held, x, y), leaves_out) for held, leaves_out in sides]


@given(drawn=factors(max_users=15), cutoff=st.sampled_from([None, 1, 3, 20, 600]))
def test_ranks_equal_the_plain_order_of_exact_scores(drawn, cutoff):
    x, y, generator = drawn
    shape = len(x), len(y)
    held, other, blocked = (
        sparse.csr_matrix(generator.random(shape) < share) for share in (0.05, 0.2, 0.3)
    )
    sides = [(held, True), (other, False), (held, False)]
    found = ranking.rank_held_out(x, y, scored(x, y, sides), blocked, cutoff)
    dense = exact(x, y)
    for (matrix, leaves_out), got in zip(sides, found, strict=True):
        for user in range(shape[0]):
            masked = blocked[[user]].indices if leaves_out else ()
            order = reference_ranking.ranking(dense[user], masked)[:cutoff]
            place = {item: rank for rank, item in enumerate(order)}
            mine = slice(matrix.indptr[user], matrix.indptr[user + 1])
            expected = [place.get(item, ranking.NEVER) for item in matrix.indices[mine].tolist()]
            assert got.ranks[mine].tolist() == expected
            if cutoff is None and expected:
                auc = reference_ranking.metric("auc", dense[user], matrix.indices[mine], masked)
                assert got.auc[user] == pytest.approx(auc, abs=1e-12)


@given(drawn=factors(max_users=5, max_items=50))
def test_exact_scores_are_rounded_once_and_the_same_on_every_isa(drawn):
    x, y, _ = drawn
    scores = exact(x, y)
    for isa in range(len(ISAS)):
        assert np.array_equal(scores, exact(x, y, isa))
    if x.dtype == np.float32:
        wide = x.astype(np.float64) @ y.astype(np.float64).T
        slack = 1e-13 * np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)
        assert (np.abs(scores - wide) <= np.abs(np.spacing(scores)) + slack).all()


def some_factors(m=700, n=3000, k=20, seed=0):
    generator = np.random.default_rng(seed)
    y = generator.standard_normal((n, k)) / (1 + np.arange(n)[:, None]) ** 0.4
    return generator.standard_normal((m, k)).astype(np.float32), y.astype(np.float32)


@pytest.mark.parametrize(
    "constants",
    [
        {"TILE": 64, "GROUP": 3, "BLOCK": 11},
        {"TILE": 1024, "LIST_BYTES": 1, "CHUNK_FLOPS": 1},
        {"PACKED_BYTES": 0, "BLOCK_MASKED": 1},
    ],
)
@pytest.mark.parametrize("isa", ISAS)
def test_neither_tiles_nor_isas_nor_threads_change_a_result(constants, isa, monkeypatch):
    x, y = some_factors()
    seen = sparse.random(len(x), len(y), 0.01, "csr", random_state=0)
    held = sparse.random(len(x), len(y), 0.01, "csr", random_state=1)

    def everything(threads):
        lists = ranking.top_n(x, y, 15, seen, num_threads=threads)
        sides = [(held, True), (seen, False)]
        ranks = [
            part.ranks
            for cutoff in (15, None)
            for part in ranking.rank_held_out(x, y, scored(x, y, sides), seen, cutoff, threads)
        ]
        return [*lists, *ranks]

    expected = everything(1)
    for name, value in constants.items():
        monkeypatch.setattr(tiles if hasattr(tiles, name) else ranking, name, value)
    monkeypatch.setenv("WRMF_ISA", isa)
    for threads in (1, 3):
        for ours, theirs in zip(expected, everything(threads), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_memory_does_not_grow_with_users_times_items():
    x, y = some_factors(300, 200_000, 16)
    seen = sparse.csr_matrix((len(x), len(y)))
    ranking.top_n(x[:2], y[:1000], 20)
    tracemalloc.start()
    try:
        ranking.top_n(x, y, 20, seen, num_threads=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The scores alone would take 240 MB; one more copy of the items' factors is 13 MB.
    assert peak < 60e6


def test_large_factors_are_ranked_in_float64_and_larger_ones_refused():
    x, y = some_factors(3, 70)
    rows, _, _ = ranking.top_n(x * np.float32(1e30), y * np.float32(1e30), 5)
    assert np.array_equal(rows, ranking.top_n(x.astype(float), y.astype(float), 5)[0])
    for bad in (np.nan, np.inf):
        y[4, 2] = bad
        with pytest.raises(ValueError, match="NaN, infinite or huge"):
            ranking.top_n(x, y, 5)


def test_allow_lists_for_each_user_meet_what_is_blocked(likes):
    model = wrmf.WRMF(factors=4, iterations=2, random_state=0).fit(likes)
    seen, unseen = likes[[0]].indices[0], np.setdiff1d(np.arange(200), likes[[0]].indices)[:4]
    wanted = {0: [seen, *unseen], 1: []}
    found = model.recommend([0, 1, 2, 0], n=5, items=wanted, exclude=[unseen[0]])
    assert np.array_equal(found.rows[3], found.rows[0])
    assert set(found.rows[0, :3].tolist()) == set(unseen[1:].tolist())
    assert found.counts.tolist() == [3, 0, 5, 3]
    assert (found.rows[1] == -1).all()
    assert np.isnan(found.scores[1]).all()


def test_metrics_equal_those_of_ir_measures(likes):
    measures = pytest.importorskip("ir_measures", reason="ir-measures (extra test) is missing")
    split = wrmf.split_interactions(likes, test_size=0.3, random_state=0)
    model = wrmf.WRMF(factors=6, iterations=3, random_state=0).fit(split.train)
    names = ["precision@5", "recall@20", "ndcg@20", "hit_rate@10", "mrr"]
    ours = wrmf.evaluate(model, split, names)
    scores = exact(model.user_factors, model.item_factors)
    truth, run = {}, {}
    for user in split.users.tolist():
        held = split.test.matrix[[user]].indices
        if len(held):
            truth[str(user)] = {str(item): 1 for item in held}
            order = reference_ranking.ranking(scores[user], split.train.matrix[[user]].indices)
            # Their ties are by name; places as scores have none.
            run[str(user)] = {str(item): float(-place) for place, item in enumerate(order)}
    theirs = [
        measures.P @ 5,
        measures.R @ 20,
        measures.nDCG @ 20,
        measures.Success @ 10,
        measures.RR,
    ]
    expected = measures.calc_aggregate(theirs, truth, run)
    for name, measure in zip(names, theirs, strict=True):
        assert ours[name] == pytest.approx(expected[measure], abs=1e-9), name


@given(st.integers(0, 2**31), st.sampled_from([np.float32, np.float64]), st.integers(-150, 150))
def test_norms_that_prune_are_never_below_the_true_ones(seed, dtype, exponent):
    generator = np.random.default_rng(seed)
    n, k = generator.integers(1, 50), generator.integers(1, 200)
    scale = 2.0 ** np.clip(exponent, -140, 120)  # within float32, its smallest numbers included
    rows = (generator.standard_normal((n, k)) * scale).astype(dtype)
    true = np.sqrt(np.sum(rows.astype(np.longdouble) ** 2, axis=1))
    found = tiles.norm_bounds(rows)
    assert found.dtype == np.float64 and (found >= true).all()
    if scale >= 2.0**-40:
        assert (found <= true * 1.0001).all()
