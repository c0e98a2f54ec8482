"""What the parameters that are "auto" become, and that all uses of a model agree on it."""

import copy
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from wrmf import WRMF, Interactions, load
from wrmf.model.overlaps import excess_of_overlaps
from wrmf.model.parameters import PLACEHOLDERS
from wrmf.model.state import Factors


@pytest.fixture
def counts(likes):
    """The likes with counts that span five orders of magnitude."""
    matrix = sparse.csr_matrix(likes, copy=True)
    powers = np.random.default_rng(0).uniform(0, 5, matrix.nnz)
    matrix.data = np.floor(10.0**powers).astype(np.float32)
    return matrix


def quick(**params):
    return WRMF(**{"factors": 4, "iterations": 2, "random_state": 0, "num_threads": 1, **params})


def explicit(model):
    return {name: model.resolved_params[name] for name in PLACEHOLDERS}


def test_the_rule_is_that_of_the_documentation(counts):
    resolved = quick().fit(counts).resolved_params
    users = np.count_nonzero(np.diff(counts.indptr))
    items = len(np.unique(counts.indices))
    size, density = counts.nnz / users, counts.nnz / (users * items)
    assert resolved["confidence"] == "log"
    assert resolved["regularization_exponent"] == 1
    assert resolved["alpha"] == pytest.approx(1 / np.log1p(counts.data.astype(float)).mean())
    of_items = np.bincount(counts.indices, minlength=counts.shape[1])
    excess = excess_of_overlaps(of_items, lambda function, *args: function(counts, *args))
    difference = excess * np.sqrt(np.sum(of_items**2) / users**2)
    power = np.clip((0.5 - difference) / 0.15, 0, 1)
    raised = np.clip((size / 14) ** 2, 1, 4) ** power
    share = min(0.5, 2.4 * density**0.75)
    raised_share = min(0.5, share * raised)
    assert resolved["unobserved_weight"] == pytest.approx(raised_share)
    before, now = (size + value * counts.shape[1] for value in (share, raised_share))
    assert resolved["regularization"] == pytest.approx(0.37 * size**-1.1 * raised * before / now)


def test_users_who_differ_by_chance_get_a_larger_penalty_than_groups():
    generator = np.random.default_rng(0)
    chance = sparse.random_array((300, 200), density=0.15, random_state=generator, format="csr")
    group = sparse.random_array((150, 50), density=0.6, random_state=generator, format="csr")
    groups = sparse.block_diag([group, group], format="csr")

    densities = (0.15, 200), (0.3, 100)

    def penalty(likes):
        values = quick().fit(likes > 0).resolved_params
        return values["regularization"] * (30 + values["unobserved_weight"] * likes.shape[1])

    of_chance, of_groups = (
        0.37 * 30**-1.1 * (30 + min(0.5, 2.4 * density**0.75) * n) for density, n in densities
    )
    assert penalty(chance) == pytest.approx(4 * of_chance, rel=0.02)
    assert penalty(groups) == pytest.approx(of_groups, rel=0.02)


def test_users_of_few_items_have_the_penalty_of_their_size():
    generator = np.random.default_rng(0)
    likes = sparse.random_array((400, 100), density=0.08, random_state=generator, format="csr") > 0
    size = likes.nnz / np.count_nonzero(np.diff(likes.indptr))
    assert quick().fit(likes).resolved_params["regularization"] == pytest.approx(0.37 * size**-1.1)


def test_a_model_with_the_resolved_parameters_is_the_same(counts):
    model = quick().fit(counts)
    again = WRMF(**model.resolved_params).fit(counts)
    assert np.array_equal(again.user_factors, model.user_factors)
    assert again.loss(counts) == model.loss(counts)


def test_the_scale_of_equal_values_is_of_no_account(likes):
    ones = sparse.csr_matrix(likes, copy=True)
    ones.data[:] = 1
    model = quick().fit(ones)
    assert np.allclose(quick().fit(ones * 1000).user_factors, model.user_factors, atol=1e-4)


def test_the_objective_of_2008_has_its_own_values(likes):
    resolved = quick(objective="wrmf").fit(likes).resolved_params
    assert explicit(quick(objective="wrmf").fit(likes)) == {
        "confidence": "linear",
        "regularization_exponent": 0.0,
        "alpha": 30.0,
        "unobserved_weight": 1.0,
        "regularization": 30.0,
    }
    assert resolved["objective"] == "wrmf"


def test_alpha_changes_the_scale_and_nothing_else(counts):
    one, ten = (quick(alpha=alpha).fit(counts).resolved_params for alpha in (1.0, 10.0))
    assert ten["unobserved_weight"] == pytest.approx(10 * one["unobserved_weight"])
    n_items, size = counts.shape[1], counts.nnz / np.count_nonzero(np.diff(counts.indptr))
    penalties = [
        values["regularization"] * (size + values["unobserved_weight"] * n_items)
        for values in (one, ten)
    ]
    assert penalties[1] == pytest.approx(10 * penalties[0])


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.3])
def test_an_average_user_has_the_same_penalty_for_every_exponent(counts, exponent):
    n_items, size = counts.shape[1], counts.nnz / np.count_nonzero(np.diff(counts.indptr))

    def penalty(nu):
        values = quick(regularization_exponent=nu).fit(counts).resolved_params
        return values["regularization"] * (size + values["unobserved_weight"] * n_items) ** nu

    assert penalty(exponent) == pytest.approx(penalty(1.0))


@pytest.mark.parametrize("objective", ["ials", "wrmf"])
@pytest.mark.parametrize("name", ["alpha", "unobserved_weight", "regularization"])
def test_a_multiple_of_auto_is_one_of_what_the_data_decides(counts, name, objective):
    auto, half = (
        explicit(quick(objective=objective, **{name: value}).fit(counts))
        for value in ("auto", "0.5 * auto")
    )
    assert half[name] == pytest.approx(0.5 * auto[name])
    model = quick(**{name: "2*auto"}).fit(counts)
    assert model.get_params()[name] == "2*auto"
    assert explicit(model.forget_users([0])) == explicit(quick(**{name: "2e0*auto"}).fit(counts))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", "0*auto"),
        ("alpha", "-1*auto"),
        ("alpha", "nan*auto"),
        ("alpha", "inf*auto"),
        ("alpha", "*auto"),
        ("alpha", "2*"),
        ("alpha", "auto*2"),
        ("unobserved_weight", "Auto"),
        ("regularization", ("auto", 1.0)),
        ("regularization_exponent", "2*auto"),
        ("confidence", "2*auto"),
        ("epsilon", "auto"),
    ],
)
def test_other_texts_are_refused(likes, name, value):
    with pytest.raises((TypeError, ValueError), match=name):
        quick(**{name: value}).fit(likes)


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_one_explicit_parameter_leaves_the_others_auto(counts, name):
    value = "linear" if name == "confidence" else 0.7
    model = quick(**{name: value}).fit(counts)
    assert model.resolved_params[name] == value
    assert model.get_params()[name] == value
    assert not any(explicit(model)[other] == "auto" for other in PLACEHOLDERS)


def test_auto_is_kept_for_new_users_updates_and_forgetting(counts):
    model = quick().fit(counts)
    before = explicit(model)
    folded = model.fold_in_users(counts[:5])
    assert np.array_equal(folded, model.user_factors[:5])
    new = Interactions.from_matrix(counts[:3] * 100, users=[9001, 9002, 9003])
    model.update(new, iterations=1)
    model.forget_users([9001])
    assert explicit(model) == before


def test_auto_is_resolved_by_fit_and_stays_when_training_goes_on(counts):
    model = quick().fit(counts)
    before = explicit(model)
    ones = sparse.csr_matrix(counts, copy=True)
    ones.data[:] = 1
    assert explicit(model.partial_fit(ones)) == before != explicit(quick().fit(ones))
    assert explicit(model.fit(ones)) == explicit(quick().fit(ones))
    assert explicit(quick().fit(counts, start=model)) == before
    in_parts = quick().fit(counts).partial_fit(counts, iterations=3)
    assert np.array_equal(in_parts.user_factors, quick(iterations=5).fit(counts).user_factors)


@pytest.mark.parametrize(
    "changed",
    [
        {"objective": "wrmf"},
        {"confidence": "linear"},
        {"epsilon": 0.1},
        {"value_damping": 0.5},
        {"weighting": "bm25"},
        {"alpha": 3.0},
        {"regularization_counts": "observed"},
    ],
    ids=str,
)
def test_auto_is_resolved_again_if_training_goes_on_with_another_loss(counts, changed):
    model = quick().fit(counts).set_params(**changed)
    assert explicit(model.partial_fit(counts)) == explicit(quick(**changed).fit(counts))


WEIGHTS = [
    {"value_damping": (0.3, 0.5)},
    {"value_damping": 0.5, "confidence": "linear"},
    {"weighting": "bm25"},
    {"weighting": "tfidf", "epsilon": 0.5},
]


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_weights_are_part_of_what_the_mean_weight_is_of(counts, weights):
    values = quick(**weights).fit(counts).resolved_params
    fitted = quick(**weights).fit(counts)
    weighted = fitted.state.values(fitted.fitted_params().values).of_training(counts)
    assert values["alpha"] * weighted.data.mean() == pytest.approx(1)
    assert values["unobserved_weight"] == pytest.approx(
        quick().fit(counts).resolved_params["unobserved_weight"]
    )


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
@pytest.mark.parametrize("train", [True, False, "seen"])
def test_weights_of_auto_are_saved_for_new_users(counts, tmp_path, weights, train):
    model = quick(**weights).fit(counts)
    model.save(tmp_path / "m", train=train)
    loaded = load(tmp_path / "m")
    assert loaded.resolved_params == model.resolved_params
    assert np.array_equal(loaded.fold_in_users(counts[:3]), model.fold_in_users(counts[:3]))


def test_an_item_term_added_later_leaves_auto_as_it_was(counts):
    model = quick().fit(counts)
    before = explicit(model)
    assert explicit(model.reweigh_items(item_weight=0.5)) == before
    assert explicit(model.reweigh_items(item_neighbors=3)) == before


@pytest.mark.parametrize("train", [True, False, "seen"])
def test_a_saved_model_keeps_what_auto_became(counts, tmp_path, train):
    model = quick().fit(counts)
    model.save(tmp_path / "m", train=train)
    loaded = load(tmp_path / "m")
    assert loaded.get_params() == model.get_params()
    assert loaded.resolved_params == model.resolved_params
    assert np.array_equal(loaded.fold_in_users(counts[:3]), model.fold_in_users(counts[:3]))


def test_copies_keep_it_and_clones_are_auto_again(counts):
    model = quick().fit(counts)
    assert copy.deepcopy(model).resolved_params == model.resolved_params
    assert clone(model).get_params() == model.get_params()
    assert clone(model).alpha == "auto"
    with pytest.raises(ValueError, match="not fitted"):
        _ = clone(model).resolved_params


def test_a_model_of_factors_resolves_auto_by_their_training_data(counts):
    fitted = quick().fit(counts)
    bare = Factors(*(getattr(fitted.state, name) for name in PARTS))
    assert explicit(WRMF.from_factors(bare)) == explicit(fitted)
    with pytest.raises(ValueError, match="pass a number for each parameter that is 'auto'"):
        WRMF.from_factors(Factors(*[getattr(fitted.state, name) for name in PARTS[:-1]], None))


PARTS = ("user_factors", "item_factors", "users", "items", "train_matrix")


@pytest.mark.parametrize(
    "data",
    [
        np.ones((1, 1)),
        np.eye(3),
        np.eye(200),
        np.array([[1, 0, 1, 1, 0]]),
        np.array([[1, 0, 1, 1, 0]]).T,
        np.ones((6, 7)),
        np.indices((6, 6)).sum(axis=0) % 2,
        np.vstack([np.eye(50), np.zeros((500, 50))]),
        np.full((3, 3), 1e-30),
        np.full((3, 3), 3e38),
        np.eye(4) * [[1e-30, 1, 1e5, 1e30]],
    ],
    ids=lambda data: f"{data.shape} up to {data.max():g}",
)
def test_any_data_gives_a_model_that_is_not_zero(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = quick(factors=2, iterations=10).fit(data)
    assert np.abs(model.item_factors).max() > 1e-3
    assert np.isfinite(model.loss(data))


def test_weights_of_zero_leave_finite_parameters(likes):
    with pytest.warns(UserWarning, match="every factor is zero"):
        model = quick(alpha=0.0, iterations=20).fit(likes)
    assert np.isfinite(
        [explicit(model)[name] for name in ("unobserved_weight", "regularization")]
    ).all()


def test_factors_that_come_near_zero_are_warned_of(likes):
    with pytest.warns(UserWarning, match=r"regularization=3.0 outweighs this data"):
        model = quick(regularization=3.0, iterations=10).fit(likes)
    assert 0 < np.abs(model.item_factors).max() < 1e-3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(iterations=10).fit(likes)


@pytest.mark.filterwarnings("ignore:every factor is zero")
def test_dislikes_alone_leave_finite_parameters(likes):
    data = Interactions.from_matrix(-abs(likes), negative="dislike")
    values = explicit(quick().fit(data))
    assert values["regularization"] > 0
    assert values["alpha"] == explicit(quick().fit(abs(likes)))["alpha"]


def test_dislikes_do_not_raise_the_penalty(likes):
    """λ₀, from which on all factors are zero, is decided by what pulls them away from zero."""
    likes = sparse.csr_matrix(np.eye(30))
    signed = sparse.csr_matrix(np.eye(30) - np.roll(np.eye(30), 1, axis=1))
    few, more = (
        quick().fit(Interactions.from_matrix(matrix, negative="dislike"))
        for matrix in (likes, signed)
    )
    for model in (few, more):
        assert np.abs(model.item_factors).max() > 1e-3
