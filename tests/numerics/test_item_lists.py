"""Lists of items against sets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from wrmf.numerics.item_lists import ItemLists

SETS = st.lists(st.sets(st.integers(0, 12)), min_size=4, max_size=4)


def lists_of(sets):
    """Return sets as lists, by way of unordered and repeated pairs."""
    users = np.array([user for user, items in enumerate(sets) for _ in [*items, *items]], dtype=int)
    items = np.array([item for items in sets for item in [*items, *items]], dtype=int)
    return ItemLists.of_pairs(users[::-1], items[::-1], len(sets))


def sets_of(lists):
    """Return lists as sets, after checking that they are sorted and that the types are right."""
    assert lists.indptr.dtype == np.int64
    assert lists.indices.dtype == np.int32
    users = [lists.of_user(user).tolist() for user in range(len(lists.indptr) - 1)]
    assert all(items == sorted(set(items)) for items in users)
    return [set(items) for items in users]


@given(sets=SETS, others=SETS, allowed=st.sets(st.integers(0, 12)))
def test_unions_and_differences_are_those_of_sets(sets, others, allowed):
    lists, other_lists = lists_of(sets), lists_of(others)
    assert sets_of(lists) == sets
    assert lists.counts.tolist() == [len(items) for items in sets]
    assert sets_of(lists.union(other_lists)) == [a | b for a, b in zip(sets, others, strict=True)]
    assert sets_of(lists.without(other_lists)) == [a - b for a, b in zip(sets, others, strict=True)]
    assert sets_of(lists.union(None)) == sets_of(lists.without(None)) == sets
    mask = np.isin(np.arange(13), list(allowed))
    assert sets_of(lists.within(mask)) == [items & allowed for items in sets]
    assert sets_of(lists.within(None)) == sets


@given(sets=SETS, rows=st.lists(st.integers(-1, 3), max_size=6))
def test_rows_of_a_matrix_are_taken_in_any_order(sets, rows):
    dense = np.array([np.isin(np.arange(13), list(items)) for items in sets])
    matrix = sparse.csr_matrix(dense)
    taken = ItemLists.of_rows(matrix, np.array(rows, dtype=np.int64))
    assert sets_of(taken) == [sets[row] if row >= 0 else set() for row in rows]
    assert sets_of(ItemLists.of(matrix)) == sets
    places = np.array([row for row in rows if row >= 0], dtype=np.int64)
    assert sets_of(lists_of(sets).at(places)) == [sets[row] for row in places]
    assert sets_of(lists_of(sets).at(np.arange(4))) == sets


@given(items=st.sets(st.integers(0, 12)))
def test_one_list_is_repeated(items):
    assert sets_of(ItemLists.same(np.array(sorted(items), dtype=int), 3)) == [items] * 3
    assert sets_of(ItemLists.none(2)) == [set(), set()]


@given(st.data())
def test_narrowed_lists_hold_what_is_in_every_list_of_a_user(data):
    m = 4
    sets = st.lists(st.sets(st.integers(0, 5)), min_size=m, max_size=m)
    flags = st.lists(st.booleans(), min_size=m, max_size=m)
    applies, other_applies = data.draw(flags), data.draw(flags)
    first = [own if here else set() for own, here in zip(data.draw(sets), applies, strict=True)]
    second = [
        own if here else set() for own, here in zip(data.draw(sets), other_applies, strict=True)
    ]

    narrowed = lists_of(first).narrowed(
        np.array(applies), lists_of(second), np.array(other_applies)
    )
    for user in range(m):
        both = applies[user] and other_applies[user]
        expected = first[user] & second[user] if both else first[user] | second[user]
        assert narrowed.of_user(user).tolist() == sorted(expected)
