"""Interactions are valid or refused; their ids, names, times and rows stay together."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import interactions

from wrmf import Interactions, read_interactions
from wrmf.data.inputs import as_interactions
from wrmf.data.interactions import align, entry_rows, same_ids


@st.composite
def timed(draw, duplicates=("sum", "drop", "last", "max", "mean", "count")):
    """Interactions of named users and items, read from rows with repeated pairs."""
    events = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["ann", "bob", "eve"]),
                st.sampled_from([7, 8, 9]),
                st.sampled_from([0.5, 1, 3]),
                st.integers(0, 9),
            ),
            min_size=2,
            max_size=20,
        )
    )
    table = pd.DataFrame(events, columns=["user", "item", "n", "t"])
    rule = draw(st.sampled_from(duplicates))
    return read_interactions(table, value="n", time="t", duplicates=rule)


def as_records(data):
    """Return user, item, value and time of each row, sorted."""
    rows = data.as_rows()
    times = np.zeros(len(rows)) if rows.times is None else rows.times
    return sorted(
        zip(
            data.users[rows.user_codes].tolist(),
            data.items[rows.item_codes].tolist(),
            rows.filled_values().tolist(),
            times.tolist(),
            strict=True,
        )
    )


def as_pairs(data):
    """Return a dict from (user, item) to value."""
    frame = data.to_frame()
    return dict(zip(zip(frame["user"], frame["item"], strict=True), frame["value"], strict=True))


def assert_valid(data):
    """Assert that matrix, axes, rows and times fit one another."""
    matrix = data.matrix
    assert matrix.dtype == np.float32
    assert matrix.format == "csr"
    assert sparse.csr_matrix((matrix.data, matrix.indices, matrix.indptr)).has_canonical_format
    assert data.shape == matrix.shape == (len(data.users), len(data.items))
    assert (matrix.data > 0).all()
    if data.rows is not None:
        again = data.rows.merge(data.duplicates)
        assert np.allclose(again.matrix.toarray(), matrix.toarray())
        assert len(data.times) == matrix.nnz


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"users": [1]}, "users must hold 2 ids"),
        ({"users": [1, 1]}, "holds the id 1 twice"),
        ({"items": ["a", None, "b"]}, "null id at position 1"),
        ({"item_names": ["x"]}, "must hold 3 names"),
        ({"users": "ab"}, "sequence of ids, got the single"),
        ({"users": [["a"], ["b"]]}, r"holds \['a'\] in row 0, which cannot be hashed"),
        ({"users": {"ann": 1, "bob": 0}}, r"users must be a sequence .* got a dict; .*sorted\("),
        ({"items": {"a", "b", "c"}}, "items must be a sequence .* got a set"),
        ({"users": 2}, "sequence of ids, got the single 2"),
        ({"item_names": "xyz"}, "item_names must be a sequence of names"),
        ({"item_names": {"a": "x"}}, "with_names takes a dict"),
    ],
)
def test_errors_name_what_is_wrong_with_ids(options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        Interactions.from_matrix(np.ones((2, 3)), **options)
    with pytest.raises((TypeError, ValueError), match=error):
        Interactions(np.ones((2, 3)), **options)


def test_errors_name_an_unknown_id():
    data = Interactions.from_matrix(np.ones((2, 2)), users=["ann", "bob"])
    with pytest.raises(ValueError, match=r"unknown id among users: 'eve'"):
        data.user_index(["ann", "eve"])
    with pytest.raises(ValueError, match="unknown id among items: -1"):
        data.item_index(-1)


def test_ids_beyond_int64_are_kept_exactly():
    users = [2**63, 2**63 + 1]
    data = Interactions.from_matrix(np.ones((2, 2)), users=users)
    assert data.users.tolist() == users
    assert data.user_index(2**63 + 1).tolist() == [1]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pa.array(["a", "b"]), ["a", "b"]),
        (pd.Series([7, 8], index=[1, 0]), [7, 8]),
        (pd.Series([7, 8], dtype="Int64"), [7, 8]),
        (pd.Series(["b", "a"], dtype="category"), ["b", "a"]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        (np.array([7.0, 8.0]), [7, 8]),
        (np.array(["007", "7"]), ["007", "7"]),
        (np.array(["2024", "2025"], "datetime64[ns]"), [*pd.to_datetime(["2024", "2025"])]),
        ([(1, 2), (3, 4)], [(1, 2), (3, 4)]),
        (["NULL", "nan"], ["NULL", "nan"]),
        (iter("ab"), ["a", "b"]),
    ],
    ids=repr,
)
def test_ids_of_any_type_are_kept_exactly(ids, expected):
    data = Interactions(np.eye(2), users=ids)
    assert data.users.tolist() == expected
    assert data.user_index(expected).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("ids", "error"),
    [
        ([1.5, 2], "holds the float 1.5"),
        ([1, "1"], "holds both 1 and '1'"),
        ([1, True], "holds True and another id that is equal"),
        (np.ones((2, 2)), "cannot be hashed"),
        ([7, np.nan], "null id at position 1"),
    ],
)
def test_ids_that_could_be_mistaken_are_errors(ids, error):
    with pytest.raises((TypeError, ValueError), match=error):
        Interactions(np.eye(2), users=ids)


def test_same_ids_compares_values_and_order():
    ids = np.array(["a", "b"], dtype=object)
    assert same_ids(ids, ids)
    assert same_ids(ids, ids.copy())
    assert not same_ids(ids, ids[::-1])
    assert not same_ids(ids, ids[:1])


def test_interactions_are_not_wrapped_again(likes):
    data = as_interactions(likes)
    assert as_interactions(data) is data
    assert data.users.tolist() == list(range(likes.shape[0]))


def test_entry_rows_are_those_of_coo(likes):
    assert np.array_equal(entry_rows(likes), likes.tocoo().row)


@given(matrix=interactions(), user_min=st.integers(0, 4), item_min=st.integers(0, 4))
def test_k_core_equals_the_loop_of_the_reference(matrix, user_min, item_min):
    data = Interactions.from_matrix(matrix)
    pairs = list(zip(*(axis.tolist() for axis in matrix.nonzero()), strict=True))
    expected = reference.k_core(pairs, user_min, item_min)
    if not expected:
        with pytest.raises(ValueError, match="no interaction is left"):
            data.k_core(user_min, item_min)
        return
    core = data.k_core(user_min, item_min)
    frame = core.to_frame()
    core_pairs = list(zip(frame["user"], frame["item"], strict=True))
    assert set(core_pairs) == expected
    assert core.summary().users == len({user for user, _ in expected})
    assert np.array_equal(frame["value"], [matrix[user, item] for user, item in core_pairs])


FORMATS = ("csr", "csc", "coo", "bsr")


@st.composite
def hostile(draw):
    """A sparse matrix whose arrays were replaced by ones that may lead anywhere."""
    matrix = draw(interactions(4, 4)).asformat(draw(st.sampled_from(FORMATS)))
    numbers = st.integers(-3, 9)
    for name in draw(st.lists(st.sampled_from(["indptr", "indices", "data", "row", "col"]))):
        if not hasattr(matrix, name):
            continue
        old = getattr(matrix, name)
        kind = draw(st.sampled_from([old.dtype, np.int64, np.float64, np.int8, np.uint64]))
        length = draw(st.integers(0, 12))
        values = draw(st.lists(numbers, min_size=length, max_size=length))
        new = np.array(values).astype(kind)
        if name == "data" and draw(st.booleans()):
            new = new.astype(float) * np.nan
        try:
            setattr(matrix, name, new)
        except (ValueError, TypeError):
            continue
    return matrix


@given(matrix=hostile(), way=st.sampled_from(["constructor", "from_matrix", "with_matrix"]))
def test_a_broken_matrix_is_an_error_and_never_a_crash(matrix, way):
    good = Interactions(np.ones((2, 2)))
    make = {
        "constructor": Interactions,
        "from_matrix": Interactions.from_matrix,
        "with_matrix": good.with_matrix,
    }[way]
    try:
        data = make(matrix)
    except (TypeError, ValueError):
        return
    assert_valid(data)


@pytest.mark.parametrize("kind", [*FORMATS, "lil", "dok", "dia"])
@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float64])
def test_every_sparse_format_is_accepted_and_copied(likes, kind, dtype):
    matrix = likes[:20, :15].astype(dtype).asformat(kind)
    before = matrix.toarray()
    data = Interactions(matrix)
    assert_valid(data)
    assert np.array_equal(data.matrix.toarray(), before)
    data.matrix.data[:] = 7
    assert np.array_equal(matrix.toarray(), before)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: Interactions(np.ones((2, 2)), times=[1, 2, 3]), "times must hold 4 values"),
        (lambda: Interactions(np.eye(2), times=[1, None]), "row 1: the time is missing"),
        (lambda: Interactions(sparse.csc_array(np.ones((2, 2))), times=range(4)), "sorted CSR"),
        (
            lambda: Interactions(sparse.coo_array(([1, 1], ([0, 0], [1, 1]))), times=[1, 2]),
            "sorted CSR",
        ),
        (lambda: Interactions(np.eye(2)).with_times([1, 2, 3]), "times must hold 2 values"),
        (lambda: Interactions(np.eye(2)).with_matrix(np.eye(3)), r"must be \(2, 2\)"),
        (lambda: Interactions("ratings.csv"), "read tables with wrmf.read_interactions"),
        (lambda: Interactions(np.eye(2).astype("timedelta64[s]")), "must hold real numbers"),
    ],
)
def test_errors_name_what_a_constructor_got(call, error):
    with pytest.raises((TypeError, ValueError), match=error):
        call()


def test_times_of_entries_are_kept_in_their_order():
    data = Interactions(
        np.array([[0, 2], [3, 4]]), times=["2024-01-01", "2024-01-03", "2024-01-02"]
    )
    assert data.times.astype("datetime64[D]").astype(str).tolist() == [
        "2024-01-01",
        "2024-01-03",
        "2024-01-02",
    ]
    assert data.to_frame()["time"].tolist() == data.times.tolist()
    assert_valid(data)


@given(data=timed())
def test_filtering_before_and_after_a_moment_and_concatenating_gives_all_back(data):
    times = data.row_times()
    moment = int(np.median(times))
    if times.min() == moment:
        return
    parts = [data.filter(until=moment), data.filter(since=moment)]
    for part in parts:
        assert_valid(part)
    again = Interactions.concat(parts, data.duplicates)
    assert_valid(again)
    assert as_records(again) == as_records(data)
    assert as_pairs(again) == as_pairs(data)


@given(data=timed(), n=st.integers(1, 3))
def test_filtering_users_and_the_others_and_concatenating_gives_all_back(data, n):
    chosen, others = data.users[:n].tolist(), data.users[n:].tolist()
    if not others:
        return
    parts = [data.filter(users=chosen), data.filter(users=others)]
    assert parts[0].users.tolist() == chosen
    assert as_records(Interactions.concat(parts, data.duplicates)) == as_records(data)


def test_filtering_takes_ids_and_times_of_any_type():
    data = Interactions(
        np.eye(3), users=["ann", "bob", "eve"], times=["2024-01-01", "2024-02-01", "2024-03-01"]
    )
    assert data.filter(users="bob").users.tolist() == ["bob"]
    assert data.filter(items=[0, 2]).items.tolist() == [0, 2]
    assert data.filter(since=datetime.date(2024, 2, 1), until="2024-03").users.tolist() == ["bob"]
    with pytest.raises(ValueError, match="unknown id among users: 'dan'"):
        data.filter(users=["dan"])
    with pytest.raises(ValueError, match="no interaction is left"):
        data.filter(since="2025")
    with pytest.raises(TypeError, match="since 2025 is a number, but the times are dates"):
        data.filter(since=2025)
    with pytest.raises(ValueError, match="there are no times"):
        Interactions(np.eye(3)).filter(since=1)


@given(data=timed(), share=st.floats(0.2, 1), seed=st.integers(0, 9))
def test_a_sample_is_a_part_of_the_data(data, share, seed):
    for by in ("interactions", "users", "items"):
        try:
            part = data.sample(share, by, seed)
        except ValueError as error:
            assert "is none" in str(error)
            continue
        assert_valid(part)
        assert as_pairs(part).items() <= as_pairs(data).items()
        n_units = {
            "interactions": part.n_interactions,
            "users": part.n_users,
            "items": part.n_items,
        }
        n_all = {"interactions": data.n_interactions, "users": data.n_users, "items": data.n_items}
        assert n_units[by] == int(share * n_all[by] + 1e-9)
        assert as_records(data.sample(share, by, seed)) == as_records(part)


def test_a_sample_of_another_thing_is_an_error():
    with pytest.raises(ValueError, match="by must be one of"):
        Interactions(np.eye(3)).sample(2, by="rows")
    with pytest.raises(ValueError, match="size must lie in 1 … 3"):
        Interactions(np.eye(3)).sample(4)


@given(data=timed(), user_min=st.integers(0, 2))
def test_a_k_core_keeps_times_and_rows(data, user_min):
    try:
        core = data.k_core(user_min, 1)
    except ValueError:
        return
    assert_valid(core)
    assert set(as_records(core)) <= set(as_records(data))


@pytest.mark.parametrize(
    "names",
    [
        {"a": "Lamp", "b": "Chair", "z": "Other"},
        pd.Series({"a": "Lamp", "b": "Chair"}),
        pd.DataFrame({"id": ["b", "a", "a", None], "name": ["Chair", "Lamp", "Lamp", "none"]}),
    ],
)
def test_names_come_from_a_second_table(names):
    data = Interactions(np.eye(2), items=["a", "b"], times=[1, 2]).with_names(names)
    assert data.item_names.tolist() == ["Lamp", "Chair"]
    assert data.times.tolist() == [1, 2]
    assert data.filter(items="b").item_names.tolist() == ["Chair"]
    assert data.filter(since=2).item_names.tolist() == ["Chair"]


def test_items_without_a_name_are_an_error_or_show_their_id():
    data = Interactions(np.eye(2), items=[1, 2])
    with pytest.raises(ValueError, match=r"1 of 2 items have no name, such as 2.*missing="):
        data.with_names({1: "Lamp"})
    assert data.with_names({1: "Lamp"}, missing="id").item_names.tolist() == ["Lamp", "2"]
    with pytest.raises(ValueError, match="two names of the item 1"):
        data.with_names(pd.DataFrame({"id": [1, 1, 2], "name": ["a", "b", "c"]}))
    with pytest.raises(TypeError, match="names must be a dict or a table"):
        data.with_names(["Lamp", "Chair"])


def test_concatenating_joins_ids_and_names_and_merges_pairs():
    first = Interactions(np.array([[1, 2]]), users=["ann"], items=["a", "b"], item_names=["A", "B"])
    second = Interactions(np.array([[4, 8]]), users=["ann"], items=["c", "b"])
    both = Interactions.concat([first, second])
    assert as_pairs(both) == {("ann", "a"): 1, ("ann", "b"): 10, ("ann", "c"): 4}
    assert both.item_names.tolist() == ["A", "B", "c"]
    assert both.n_duplicates == 1
    assert as_pairs(Interactions.concat([first, second], "max"))["ann", "b"] == 8


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ([], "must be a sequence of Interactions"),
        ([np.eye(2)], "must be a sequence of Interactions"),
        (
            [Interactions(np.eye(2)), Interactions(np.eye(2), users=["0", "1"])],
            "users are numbers on one side and text on the other",
        ),
        (
            [Interactions(np.eye(2)), Interactions(np.eye(2), times=[1, 2])],
            "no times, numbers as times: .*keep_times=False",
        ),
        (
            [Interactions(np.eye(1), times=["2024-01-01"]), Interactions(np.eye(1), times=[1])],
            "dates, numbers as times",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_errors(parts, error):
    with pytest.raises((TypeError, ValueError), match=error):
        Interactions.concat(parts)


@given(data=timed(("sum",)), half_life=st.floats(0.5, 20))
def test_decay_halves_each_row_for_each_half_life(data, half_life):
    decayed = data.decay(half_life)
    expected = {}
    now = data.row_times().max()
    for user, item, value, time in as_records(data):
        weight = value * 0.5 ** ((now - time) / half_life)
        expected[user, item] = expected.get((user, item), 0) + weight
    assert as_pairs(decayed) == pytest.approx(expected, rel=1e-5)
    assert decayed.users is data.users
    assert_valid(decayed)


@given(data=timed())
def test_decay_keeps_every_pair_and_raises_no_value(data):
    decayed = data.decay(0.001)
    assert as_pairs(decayed).keys() == as_pairs(data).keys()
    assert (decayed.matrix.data <= data.matrix.data).all()


def test_decay_starts_from_a_moment_that_is_not_before_the_times():
    data = Interactions(np.ones((1, 2)), times=["2024-01-01", "2024-01-03"])
    assert data.decay("1 day", now="2024-01-04").matrix.toarray().tolist() == [[0.125, 0.5]]
    with pytest.raises(ValueError, match=r"now is 2024-01-02.*filter\(until=now\)"):
        data.decay("1 day", now="2024-01-02")
    with pytest.raises(TypeError, match="half_life 30 has no unit"):
        data.decay(30)
    with pytest.raises(ValueError, match="there are no times"):
        Interactions(np.eye(2)).decay(3)


@given(data=timed(), seed=st.integers(0, 99))
def test_aligning_moves_each_interaction_to_the_place_of_its_ids(data, seed):
    generator = np.random.default_rng(seed)
    users = generator.permutation([*data.users.tolist(), "zoe"])
    items = generator.permutation([*data.items.tolist(), 99])
    moved = align(data, users, items)
    assert_valid(moved)
    assert moved.users.tolist() == users.tolist()
    assert moved.items.tolist() == items.tolist()
    assert as_records(moved) == as_records(data)
    assert as_records(align(moved, data.users, data.items, "drop")) == as_records(data)


def test_counted_rows_stay_counted_without_times():
    table = pd.DataFrame({"user": [1, 1, 2], "item": [5, 5, 6]})
    data = read_interactions(table, duplicates="count")
    assert align(data, users=[2, 1]).matrix.toarray().tolist() == [[0, 1], [2, 0]]
    assert data.filter(users=1).matrix.toarray().tolist() == [[2]]
    assert data.keep_rows(np.array([True, False])).matrix.toarray().tolist() == [[2, 0], [0, 0]]


def test_unknown_ids_are_an_error_or_dropped_and_counted_or_extend_the_axis():
    data = Interactions(np.array([[1, 2], [3, 4]]), users=["ann", "bob"], item_names=["A", "B"])
    with pytest.raises(ValueError, match=r"unknown id among users: 'bob'.*unknown=\"drop\""):
        align(data, users=["eve", "ann"])
    dropped = align(data, users=["eve", "ann"], unknown="drop")
    assert dropped.matrix.toarray().tolist() == [[0, 0], [1, 2]]
    assert dropped.counts.unknown == 2
    assert "Rows with unknown ids, dropped: 2" in str(dropped.summary())
    extended = align(data, users=["eve", "ann"], items=[1], unknown="extend")
    assert extended.users.tolist() == ["eve", "ann", "bob"]
    assert extended.items.tolist() == [1, 0]
    assert extended.item_names.tolist() == ["B", "A"]
    assert extended.matrix.toarray().tolist() == [[0, 0], [2, 1], [4, 3]]
    with pytest.raises(ValueError, match="no entries are left"):
        align(data, users=["eve"], unknown="drop")
    with pytest.raises(ValueError, match="unknown must be one of"):
        align(data, users=["eve"], unknown="ignore")
    with pytest.raises(ValueError, match="holds the id 'eve' twice"):
        align(data, users=["eve", "eve"])


def test_aligning_with_the_own_axes_changes_nothing():
    data = Interactions(np.eye(2))
    assert align(data, data.users, data.items) is data
    assert align(data, [0, 1]) is data


def test_a_frame_has_the_names_of_items_and_is_read_with_them():
    data = Interactions(np.eye(2), items=["x", "y"], item_names=["Chair", "Lamp"])
    frame = data.to_frame()
    assert frame["name"].tolist() == ["Chair", "Lamp"]
    again = read_interactions(frame, value="value", item_name="name")
    assert again.item_names.tolist() == ["Chair", "Lamp"]
