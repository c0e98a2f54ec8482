"""New data in a fitted model: what is solved again, what stays, what is refused."""

import copy
import pickle

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from strategies import interactions, objectives

import wrmf
from wrmf import WRMF, Interactions
from wrmf.model import update
from wrmf.model.histories import HOW, resized
from wrmf.model.update import UpdateReport


@pytest.fixture
def fitted(likes, small):
    return small().fit(named(likes))


def named(matrix, n_users=0, n_items=0):
    """Return interactions with text ids; the first ids are u0 and i0, or start later."""
    users = [f"u{n_users + row}" for row in range(matrix.shape[0])]
    items = [f"i{n_items + column}" for column in range(matrix.shape[1])]
    return Interactions.from_matrix(matrix, users, items)


def events(pairs, values=None, item_names=None):
    """Return interactions of (user, item) pairs, as a daily job reads them."""
    users = list(dict.fromkeys(user for user, _ in pairs))
    items = list(dict.fromkeys(item for _, item in pairs))
    entries = [users.index(user) for user, _ in pairs], [items.index(item) for _, item in pairs]
    matrix = sparse.coo_matrix((values or [1.0] * len(pairs), entries))
    return Interactions.from_matrix(matrix, users, items, item_names)


def same_state(a, b):
    return np.array_equal(a.user_factors, b.user_factors) and np.array_equal(
        a.item_factors, b.item_factors
    )


@pytest.mark.filterwarnings("ignore:every factor is zero")
@given(
    old=interactions(max_users=8, max_items=8),
    new=interactions(max_users=10, max_items=10),
    how=st.sampled_from(HOW),
    objective=objectives,
    exponent=st.sampled_from([0.0, 0.5]),
)
def test_an_update_equals_its_dense_definition(old, new, how, objective, exponent):
    model = WRMF(
        factors=3,
        regularization=(0.5, 2.0),
        regularization_exponent=exponent,
        iterations=2,
        dtype="float64",
        random_state=5,
        num_threads=1,
        **objective,
    )
    model.fit(old)
    shape = tuple(np.maximum(old.shape, new.shape))
    before, data = (resized(part, shape).toarray() for part in (old, new))
    scale = model.check_params().init_scale
    start = scale * np.random.default_rng(5).standard_normal((shape[1] - old.shape[1], 3))
    after, x, y = reference.update(
        before,
        data,
        how,
        (model.user_factors, model.item_factors),
        start,
        model.regularization,
        exponent,
        **objective,
    )
    model.update(resized(new, shape), how=how)
    np.testing.assert_array_equal(model.train_matrix.toarray(), after)
    for factors, expected in ((model.user_factors, x), (model.item_factors, y)):
        scale = np.abs(expected).max(initial=1.0)
        np.testing.assert_allclose(factors, expected, rtol=1e-6, atol=1e-9 * scale)


def test_only_changed_rows_are_solved_again(likes, fitted):
    before = fitted.state
    today = events([("u1", "i2"), ("u7", "i2"), ("new", "i4")])
    after = fitted.update(today).state
    users, items = [1, 7], [2, 4]
    others = np.delete(np.arange(300), users), np.delete(np.arange(200), items)
    np.testing.assert_array_equal(after.user_factors[others[0]], before.user_factors[others[0]])
    np.testing.assert_array_equal(after.item_factors[others[1]], before.item_factors[others[1]])
    assert (after.user_factors[users] != before.user_factors[users]).any(axis=1).all()
    assert (after.item_factors[items] != before.item_factors[items]).any(axis=1).all()


def test_changed_and_new_users_are_the_exact_minimum_for_the_items(fitted):
    fitted.update(events([("u1", "i2"), ("new", "i4"), ("new", "i9")]))
    rows = fitted.state.find_users(["u1", "new"])
    np.testing.assert_array_equal(
        fitted.fold_in_users(fitted.train_matrix[rows]), fitted.user_factors[rows]
    )


def test_the_training_data_is_that_of_reading_both_days_at_once(likes, fitted):
    today = events([("new", "i3"), ("u3", "i3"), ("u4", "other"), ("u4", "i0")], [2, 3, 1, 5])
    fitted.update(today)
    both = Interactions.concat([named(likes), today])
    assert fitted.users.tolist() == both.users.tolist()
    assert fitted.items.tolist() == both.items.tolist()
    assert (fitted.train_matrix != both.matrix).nnz == 0


def test_the_report_says_what_has_changed(fitted):
    assert fitted.last_update is None
    today = events([("new", "i5"), ("u3", "i5"), ("u17", "i5"), ("u17", "other")])
    report = fitted.update(today).last_update
    assert isinstance(report, UpdateReport)
    assert report.new_users.tolist() == ["new"]
    assert report.new_items.tolist() == ["other"]
    assert report.changed_users.tolist() == ["u3", "u17"]
    assert report.changed_items.tolist() == ["i5"]
    counts = report.pairs_added, report.pairs_changed, report.pairs_removed
    assert counts == (3, 1, 0)
    assert report.seconds > 0
    expected = "New users: 1\nNew items: 1\nChanged users: 2\nChanged items: 1\nPairs added: 3\n"
    assert str(report).startswith(expected + "Pairs changed: 1\nSeconds: ")
    assert fitted.fit(np.eye(3)).last_update is None


def test_setting_counts_twice_is_setting_them_once(fitted):
    today = events([("u1", "i2"), ("new", "i4")], [7.0, 2.0])
    once = copy.deepcopy(fitted.update(today, how="set"))
    fitted.update(today, how="set")
    assert same_state(once, fitted)
    assert fitted.train_matrix[1, 2] == 7
    assert str(fitted.last_update).startswith("Seconds")


def test_replacing_removes_the_pairs_that_are_not_in_the_data(likes, fitted):
    row = fitted.train_matrix[[1]]
    report = fitted.update(events([("u1", "i2")]), how="replace").last_update
    assert fitted.train_matrix[[1]].indices.tolist() == [2]
    assert report.pairs_removed == np.sum(row.indices != 2)
    assert set(report.changed_items) == {f"i{column}" for column in [2, *row.indices]}


def test_replacing_leaves_users_without_a_pair_in_the_data(likes, fitted):
    """Data read with ``like=model`` has all users on its axis."""
    today = wrmf.data.interactions.align(events([("u1", "i2")]), fitted.users, fitted.items)
    assert today.n_users == 300
    fitted.update(today, how="replace")
    assert fitted.train_matrix.nnz == likes.nnz - likes[[1]].nnz + 1


def test_a_matrix_grows_a_model_whose_ids_are_positions(likes, small):
    part = likes[:250, :180]
    by_position, by_id = small().fit(part), small().fit(part)
    dense = likes.toarray()
    dense[:250, :180] = 0
    rest = sparse.csr_matrix(dense)
    by_position.update(rest)
    shuffled = np.random.default_rng(0).permutation(200)
    by_id.update(Interactions.from_matrix(rest[:, shuffled], items=shuffled.tolist()))
    assert by_position.train_matrix.shape == likes.shape
    assert (by_position.train_matrix != likes).nnz == 0
    assert by_position.state.numbered
    assert not by_id.state.numbered
    assert sorted(by_id.items.tolist()) == by_position.items.tolist()
    by_position.partial_fit(likes, iterations=1)


@pytest.mark.parametrize("threads", [2, 5])
@pytest.mark.parametrize("iterations", [0, 2])
def test_an_update_is_bitwise_the_same_at_any_number_of_threads(likes, small, threads, iterations):
    models = [small(num_threads=count).fit(likes[:200, :150]) for count in (1, threads)]
    first, second = (model.update(likes, iterations=iterations) for model in models)
    assert same_state(first, second)


@pytest.mark.parametrize("n_used", [1, 30, 150])
def test_solving_a_few_rows_equals_folding_in(likes, small, n_used):
    """Whether all fixed factors are transformed or only those of the rows' columns."""
    model = small(factors=20, regularization_exponent=0.5).fit(likes)
    rows = sparse.csr_matrix(likes[:7].multiply(np.arange(200) < n_used))
    rows.eliminate_zeros()
    solved = update.solve_exactly(rows, model.item_factors, model.fitted_params(), 0)
    np.testing.assert_array_equal(solved, model.fold_in_users(rows))


@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_iterations_are_those_of_partial_fit(likes, small, solver):
    model = small(solver=solver).fit(likes[:200, :150])
    again = copy.deepcopy(model).update(likes)
    again.partial_fit(again.train_matrix, iterations=2)
    assert same_state(model.update(likes, iterations=2), again)
    assert model.iterations_done == 6


def test_an_update_uses_the_parameters_of_the_fit(likes, small):
    model = small().fit(likes[:200])
    expected = copy.deepcopy(model).update(likes, iterations=1)
    model.set_params(alpha=1.0, factors=9, dtype="float64", regularization=7.0, solver="cg")
    assert same_state(model.update(likes, iterations=1), expected)
    assert model.state.params["alpha"] == 40.0
    assert model.alpha == 1.0


def test_new_users_of_only_new_items_get_factors(fitted):
    """From zeros, neither side would ever leave zero."""
    fitted.update(events([("a", "x"), ("a", "y"), ("b", "x")]))
    assert fitted.user_factors[-2:].any(axis=1).all()
    assert fitted.item_factors[-2:].any(axis=1).all()
    assert fitted.predict("b", "x") > 0


def test_new_users_and_items_without_interactions_come_in(fitted):
    today = events([("a", "x"), ("b", "i1")]).with_matrix(np.array([[0, 0], [0, 1]]))
    fitted.update(today)
    assert fitted.users.tolist()[-2:] == ["a", "b"]
    assert not fitted.user_factors[-2].any()
    assert not fitted.item_factors[-1].any()


def test_an_update_without_interactions_changes_nothing(likes, small):
    model = small().fit(likes)
    before = copy.deepcopy(model)
    assert same_state(model.update(sparse.csr_matrix(likes.shape)), before)
    assert (model.train_matrix != likes).nnz == 0


@pytest.mark.parametrize(
    ("model_names", "data_names", "expected"),
    [
        (None, None, None),
        (["One", "Two"], None, ["One", "Two", "c"]),
        (None, ["Three", "TWO"], ["a", "TWO", "Three"]),
        (["One", "Two"], ["Three", "TWO"], ["One", "Two", "Three"]),
        (["a", "b"], ["Three", "TWO"], ["a", "TWO", "Three"]),
    ],
)
def test_new_items_bring_their_names(model_names, data_names, expected, small):
    data = Interactions.from_matrix(np.ones((2, 2)), ["u", "v"], ["a", "b"], model_names)
    model = small().fit(data).update(events([("u", "c"), ("w", "b")], item_names=data_names))
    names = model.item_names
    assert (None if names is None else names.tolist()) == expected


@pytest.mark.parametrize(
    ("known", "new", "error"),
    [
        ([1, 2], ["3"], "the data names users by str, such as '3', the model by int, such as 1"),
        (["1", "2"], [3], "the data names users by int, such as 3, the model by str, such as '1'"),
        ([1, 2], [True], "the data names users by bool, such as True"),
        (["a", "b"], [("a", 1)], "the data names users by tuple"),
    ],
)
def test_ids_of_another_type_are_refused(known, new, error, small):
    model = small().fit(Interactions.from_matrix(np.ones((2, 2)), users=known))
    before = model.state
    with pytest.raises(TypeError, match=error):
        model.update(Interactions.from_matrix(np.ones((1, 2)), users=new))
    assert model.state is before


def test_a_matrix_for_a_model_with_ids_is_refused(likes, fitted):
    with pytest.raises(TypeError, match="the model has ids, such as the user 'u0'"):
        fitted.update(likes)


def test_a_matrix_smaller_than_the_model_is_refused(likes, small):
    with pytest.raises(ValueError, match=r"the data is 300 users × 199 items, the model has 300 ×"):
        small().fit(likes).update(likes[:, :199])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"how": "sum"}, "how must be one of .*'add', 'set', 'replace'.*, got 'sum'"),
        ({"iterations": -1}, "iterations must be at least 0"),
    ],
)
def test_wrong_arguments_leave_the_model(fitted, arguments, error):
    before = fitted.state
    with pytest.raises(ValueError, match=error):
        fitted.update(events([("u1", "i2")]), **arguments)
    assert fitted.state is before


def test_counts_that_add_up_beyond_the_dtype_are_refused(small):
    model = small(alpha=1.0).fit(np.array([[2e38, 1.0]]))
    before = model.state
    with pytest.raises(ValueError, match="the largest count is inf"):
        model.update(np.array([[2e38, 0.0]]))
    assert model.state is before


@pytest.mark.parametrize("step", [1, 2, 3])
def test_ctrl_c_in_a_half_step_leaves_the_old_model(fitted, monkeypatch, step):
    before, calls = copy.deepcopy(fitted), []
    solve = update.solve_exactly

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == step:
            raise KeyboardInterrupt
        return solve(*arguments)

    monkeypatch.setattr(update, "solve_exactly", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted.update(events([("u1", "i2"), ("new", "i4")]))
    assert same_state(fitted, before)
    assert (fitted.train_matrix != before.train_matrix).nnz == 0
    assert len(fitted.users) == 300


def test_ctrl_c_in_an_iteration_leaves_the_old_model(fitted, monkeypatch):
    before = copy.deepcopy(fitted)
    train = update.Trainer.run

    def interrupted(trainer, iterations, **options):
        train(trainer, 1, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(update.Trainer, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted.update(events([("u1", "i2"), ("new", "i4")]), iterations=3)
    assert same_state(fitted, before)
    assert fitted.iterations_done == before.iterations_done


def test_data_and_earlier_states_are_never_changed(fitted):
    before = copy.deepcopy(fitted.state)
    state, today = fitted.state, events([("u1", "i2"), ("new", "other")])
    kept = copy.deepcopy(today)
    fitted.update(today, iterations=1)
    assert same_state(state, before)
    assert (state.train_matrix != before.train_matrix).nnz == 0
    assert (today.matrix != kept.matrix).nnz == 0
    assert today.users.tolist() == kept.users.tolist()


def test_an_updated_model_is_saved_and_updated_on(fitted, tmp_path):
    fitted.update(events([("u1", "i2"), ("new", "other")]))
    fitted.save(tmp_path / "model.wrmf")
    again = wrmf.load(tmp_path / "model.wrmf")
    assert again.last_update is None
    tomorrow = events([("new", "i7"), ("newer", "other")])
    assert same_state(again.update(tomorrow), fitted.update(tomorrow))


def test_an_updated_model_can_be_pickled(fitted):
    fitted.update(events([("new", "i7")]))
    again = pickle.loads(pickle.dumps(fitted))
    assert again.last_update.new_users.tolist() == ["new"]


def test_updating_every_day_comes_close_to_one_fit(likes, small):
    model = small(factors=8, regularization=5.0, iterations=15).fit(likes[:200])
    for last in (225, 250, 275, 300):
        of_today = (np.arange(last) >= last - 25)[:, None]
        model.update(likes[:last].multiply(of_today), iterations=1)
    assert (model.train_matrix != likes).nnz == 0
    fitted = small(factors=8, regularization=5.0, iterations=15).fit(likes)
    assert model.loss(likes) < 1.02 * fitted.loss(likes)
