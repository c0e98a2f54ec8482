"""Top-n lists and ranks equal those that sorting the exact scores of all pairs gives."""

import tracemalloc
import warnings

import numpy as np
import pytest
import reference_ranking
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import wrmf
from wrmf import _ranking
from wrmf.numerics import ranking, tiles
from wrmf.numerics.codes import CodeArrays, Codes
from wrmf.numerics.isa import ISAS
from wrmf.numerics.item_lists import ItemLists
from wrmf.numerics.objective import observed_scores
from wrmf.numerics.tiles import SortedItems


def exact_scores(x, y, isa=0):
    """Return the scores of all pairs, summed in float64 and rounded once."""
    out = np.empty((len(x), len(y)), dtype=x.dtype)
    _ranking.exact_scores(isa, x, y, out)
    return out


@st.composite
def factors(draw, max_users=40, max_items=600):
    """Draw user factors, item factors and a random generator.

    The items' norms decrease like those of a trained model. Some items are copies of others, either
    exactly or up to a rounding error, and some users are zero.
    """
    m, n = draw(st.integers(1, max_users)), draw(st.integers(1, max_items))
    k = draw(st.sampled_from([1, 3, 16, 33]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    decay = draw(st.sampled_from([0.0, 0.3, 1.0]))
    y = generator.standard_normal((n, k)) / (1 + np.arange(n)[:, None]) ** decay
    is_copy = generator.random(n) < draw(st.sampled_from([0.0, 0.3, 0.95]))
    n_copies = is_copy.sum()
    y[is_copy] = y[generator.integers(0, min(n, 3), n_copies)]
    # The size of one rounding error, which a matrix product cannot resolve but an exact score may.
    y[is_copy] *= 1 + 1e-7 * generator.integers(0, 2, (n_copies, 1))
    y = generator.permutation(y)
    x = generator.standard_normal((m, k)) * draw(st.sampled_from([1e-18, 1.0, 1e15]))
    x[generator.random(m) < 0.1] = 0
    return np.ascontiguousarray(x, dtype), np.ascontiguousarray(y, dtype), generator


def lists_of(mask):
    """Return the items of which a mask is True, for each user."""
    return ItemLists.of(sparse.csr_matrix(mask))


def assert_lists(lists, scores, n, masked):
    """Assert that lists have the n best items of each user by ``scores``, without ``masked``."""
    rows, listed_scores, counts = lists
    for user in range(len(scores)):
        expected = reference_ranking.ranking(scores[user], np.flatnonzero(masked[user]))[:n]
        assert rows[user, : counts[user]].tolist() == expected
        assert listed_scores[user, : counts[user]].tolist() == scores[user][expected].tolist()


@given(drawn=factors(), n=st.sampled_from([1, 2, 10, 700]), share=st.sampled_from([0.0, 0.2, 0.9]))
def test_pruned_lists_equal_the_plain_order_of_exact_scores(drawn, n, share):
    x, y, generator = drawn
    scores = exact_scores(x, y)
    blocked = generator.random(scores.shape) < share
    allowed = generator.random(len(y)) < generator.choice([0.1, 0.9, 1.1])
    lists = ranking.top_n(x, y, n, lists_of(blocked), allowed)
    assert_lists(lists, scores, n, masked=blocked | ~allowed)


@given(drawn=factors(), n=st.sampled_from([1, 2, 10, 700]))
def test_lists_of_each_users_own_items_equal_the_plain_order_of_exact_scores(drawn, n):
    x, y, generator = drawn
    scores = exact_scores(x, y)
    allowed = generator.random(scores.shape) < 0.1
    lists = ranking.top_n_of(x, y, n, lists_of(allowed))
    assert_lists(lists, scores, n, masked=~allowed)


def codes_of(y):
    return Codes.of(y, CodeArrays.of(SortedItems.of(y), ranking.row_lengths(y)))


@pytest.mark.parametrize("isa", ISAS)
@given(drawn=factors(max_users=8), n=st.sampled_from([1, 2, 10, 300, 700]), data=st.data())
def test_a_scan_for_each_user_gives_the_lists_of_all_users(isa, drawn, n, data):
    x, y, generator = drawn
    blocked = generator.random((len(x), len(y))) < data.draw(st.sampled_from([0.0, 0.2, 0.9]))
    allowed = generator.random(len(y)) < 0.7 if data.draw(st.booleans()) else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WRMF_ISA", isa)
        scanner = codes_of(y).scores
        lists = ranking.top_n_of_few(x, scanner, n, lists_of(blocked), allowed)
    zero = ~x.any(axis=1)
    assert (lists[2] < 0).tolist() == (zero | ~y.any()).tolist()
    masked = blocked if allowed is None else blocked | ~allowed
    for user in np.flatnonzero(lists[2] >= 0):
        of_user = [part[[user]] for part in lists]
        assert_lists(of_user, exact_scores(x[[user]], y), n, masked[[user]])


@given(drawn=factors(max_users=8), n=st.sampled_from([1, 10, 300]))
def test_a_scan_for_cosines_gives_the_lists_of_unit_rows(drawn, n):
    _, y, generator = drawn
    y[generator.random(len(y)) < 0.1] = 0
    unit, has_length = ranking.unit_rows(y)
    queries = np.flatnonzero(has_length)[:8]
    blocked = lists_of(np.arange(len(y)) == queries[:, None])
    lists = ranking.top_n_of_few(unit[queries], codes_of(y).cosines, n, blocked)
    expected = ranking.top_n(unit[queries], unit, n, blocked, has_length)
    for part, of_all in zip(lists, expected, strict=True):
        np.testing.assert_array_equal(part, of_all)


@pytest.mark.parametrize("scale", [1e-36, 1e36, np.inf, np.nan])
def test_a_scan_refuses_users_whose_scores_are_out_of_range(scale):
    x, y = random_factors()
    of_items = ranking.top_n_of_few(x[:3], codes_of(y).scores, 5, ItemLists.none(3))
    x[1] *= np.float32(scale)
    lists = ranking.top_n_of_few(x[:3], codes_of(y).scores, 5, ItemLists.none(3))
    assert lists[2].tolist() == [5, -1, 5]
    assert lists[0][[0, 2]].tolist() == of_items[0][[0, 2]].tolist()


@pytest.mark.parametrize("scale", [1e-37, 1e-30, 1e-10, 1e15])
def test_items_of_any_scale_are_scanned(scale):
    x, y = random_factors()
    y *= np.float32(scale)
    lists = ranking.top_n_of_few(x[:8], codes_of(y).scores, 5, ItemLists.none(8))
    assert_lists(lists, exact_scores(x[:8], y), 5, np.zeros((8, len(y)), dtype=bool))


def with_scores(x, y, sides):
    """Return (matrix, scores of its entries, whether masked items are left out) for each side."""
    return [(matrix, observed_scores(matrix, x, y), leaves_out) for matrix, leaves_out in sides]


@given(drawn=factors(max_users=15), cutoff=st.sampled_from([None, 1, 3, 20, 600]))
def test_ranks_and_auc_equal_the_plain_order_of_exact_scores(drawn, cutoff):
    x, y, generator = drawn
    shape = len(x), len(y)
    held_out, other, blocked = (
        sparse.csr_matrix(generator.random(shape) < share) for share in (0.05, 0.2, 0.3)
    )
    sides = [(held_out, True), (other, False), (held_out, False)]
    results = ranking.rank_held_out(x, y, with_scores(x, y, sides), blocked, cutoff)
    scores = exact_scores(x, y)
    for (matrix, leaves_out), result in zip(sides, results, strict=True):
        for user in range(shape[0]):
            masked = blocked[[user]].indices if leaves_out else ()
            order = reference_ranking.ranking(scores[user], masked)[:cutoff]
            rank_of = {item: rank for rank, item in enumerate(order)}
            entries = slice(matrix.indptr[user], matrix.indptr[user + 1])
            items = matrix.indices[entries].tolist()
            expected = [rank_of.get(item, ranking.NEVER) for item in items]
            assert result.ranks[entries].tolist() == expected
            if cutoff is None and items:
                auc = reference_ranking.metric("auc", scores[user], items, masked)
                assert result.auc[user] == pytest.approx(auc, abs=1e-12)


@given(drawn=factors(max_users=5, max_items=50))
def test_exact_scores_are_rounded_once_and_the_same_on_every_isa(drawn):
    x, y, _ = drawn
    scores = exact_scores(x, y)
    for isa in range(len(ISAS)):
        assert np.array_equal(scores, exact_scores(x, y, isa))
    if x.dtype == np.float32:
        in_double = x.astype(np.float64) @ y.astype(np.float64).T
        slack = 1e-13 * np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)
        assert (np.abs(scores - in_double) <= np.abs(np.spacing(scores)) + slack).all()


def random_factors(m=700, n=3000, k=20):
    """Return float32 factors of m users, and of n items with decreasing norms."""
    generator = np.random.default_rng(0)
    y = generator.standard_normal((n, k)) / (1 + np.arange(n)[:, None]) ** 0.4
    return generator.standard_normal((m, k)).astype(np.float32), y.astype(np.float32)


@pytest.mark.parametrize(
    "constants",
    [
        {tiles: {"TILE": 64, "GROUP": 3}, ranking: {"BLOCK": 11}},
        {tiles: {"TILE": 1024}, ranking: {"LIST_BYTES": 1, "CHUNK_FLOPS": 1}},
        {tiles: {"PACKED_BYTES": 0}, ranking: {"BLOCK_MASKED": 1}},
    ],
    ids=["small tiles and blocks", "large tiles, many blocks", "nothing packed, many masked"],
)
@pytest.mark.parametrize("isa", ISAS)
def test_neither_tiles_nor_isas_nor_threads_change_a_result(constants, isa, monkeypatch):
    x, y = random_factors()
    seen = sparse.random(len(x), len(y), 0.01, "csr", random_state=0)
    held_out = sparse.random(len(x), len(y), 0.01, "csr", random_state=1)

    def lists_and_ranks(num_threads):
        results = [*ranking.top_n(x, y, 15, ItemLists.of(seen), num_threads=num_threads)]
        for cutoff in (15, None):
            sides = with_scores(x, y, [(held_out, True), (seen, False)])
            ranks = ranking.rank_held_out(x, y, sides, seen, cutoff, num_threads)
            results += [side.ranks for side in ranks]
        return results

    expected = lists_and_ranks(1)
    for module, values in constants.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)
    monkeypatch.setenv("WRMF_ISA", isa)
    for num_threads in (1, 3):
        for before, after in zip(expected, lists_and_ranks(num_threads), strict=True):
            np.testing.assert_array_equal(before, after)


def test_memory_does_not_grow_with_users_times_items():
    x, y = random_factors(300, 200_000, 16)
    seen = sparse.csr_matrix((len(x), len(y)))
    ranking.top_n(x[:2], y[:1000], 20)
    tracemalloc.start()
    try:
        ranking.top_n(x, y, 20, ItemLists.of(seen), num_threads=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The scores alone would take 240 MB; one more copy of the items' factors is 13 MB.
    assert peak < 60e6


def test_large_factors_are_ranked_in_float64_and_those_not_finite_refused():
    x, y = random_factors(3, 70)
    rows, _, _ = ranking.top_n(x * np.float32(1e30), y * np.float32(1e30), 5)
    assert np.array_equal(rows, ranking.top_n(x.astype(float), y.astype(float), 5)[0])
    for value in (np.nan, np.inf):
        y[4, 2] = value
        with pytest.raises(ValueError, match="NaN, infinite or huge"):
            ranking.top_n(x, y, 5)


def test_allow_lists_of_users_are_ranked_without_excluded_and_seen_items(likes):
    model = wrmf.WRMF(factors=4, iterations=2, random_state=0).fit(likes)
    seen, unseen = likes[[0]].indices[0], np.setdiff1d(np.arange(200), likes[[0]].indices)[:4]
    allowed = {0: [seen, *unseen], 1: []}
    result = model.recommend([0, 1, 2, 0], n=5, items=allowed, exclude=[unseen[0]])
    assert np.array_equal(result.rows[3], result.rows[0])
    assert set(result.rows[0, :3].tolist()) == set(unseen[1:].tolist())
    assert result.counts.tolist() == [3, 0, 5, 3]
    assert (result.rows[1] == -1).all()
    assert np.isnan(result.scores[1]).all()


def test_unit_rows_have_length_one_and_zero_rows_stay_zero():
    factors = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -1e-9]])
    rows, has_length = ranking.unit_rows(factors)
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.0, 0.0], [0.0, -1.0]])
    assert has_length.tolist() == [True, False, True]


def test_lengths_of_any_bits_give_no_warning():
    factors = np.array([[0x7FA00000], [0x7F7FFFFF], [0x7FC00000]], dtype=np.uint32).view("f4")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ranking.row_lengths(factors).shape == (3,)
