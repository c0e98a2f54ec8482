"""What stored values count in the loss, beside its dense definition."""

import numpy as np
import pytest
from reference_values import dense_values
from scipy import sparse

from wrmf.numerics.values import FittedValues, ValueRule

RULES = {
    "damped": {"damping": (0.25, 0.5)},
    "damped by items": {"damping": (0.0, 0.4)},
    "damped logarithm": {"damping": (0.3, 0.2), "confidence": "log", "epsilon": 0.5},
    "bm25": {"weighting": "bm25", "k1": 3.0, "b": 0.6},
    "bm25 without saturation": {"weighting": "bm25", "k1": 0.0, "b": 1.0},
    "tfidf": {"weighting": "tfidf"},
    "all": {"weighting": "bm25", "damping": (0.5, 0.25), "confidence": "log"},
}


@pytest.fixture(params=RULES)
def settings(request):
    return RULES[request.param]


def random_counts(seed=0, shape=(30, 20), density=0.2, negative=0.2):
    """Return a CSR matrix with an empty row and an empty column, a full row and dislikes."""
    generator = np.random.default_rng(seed)
    dense = (generator.random(shape) < density) * generator.integers(1, 9, shape)
    dense = dense * np.where(generator.random(shape) < negative, -1, 1)
    dense[3], dense[4] = 1, 0
    dense[:, 7] = 0
    return sparse.csr_matrix(dense.astype(np.float32))


def test_values_of_training_data_are_those_of_the_definition(settings):
    matrix = random_counts()
    fitted = FittedValues.of(ValueRule(**settings), matrix)
    expected = dense_values(matrix, **settings)
    for values in (fitted.of_rows(matrix, 0), fitted.of_training(matrix)):
        assert values.dtype == np.float64
        np.testing.assert_allclose(values.toarray(), expected, rtol=1e-12)


def test_values_are_bitwise_the_same_on_both_sides_and_row_by_row(settings):
    matrix = random_counts(1)
    fitted = FittedValues.of(ValueRule(**settings), matrix)
    whole = fitted.of_rows(matrix, 0)
    by_items = fitted.of_rows(matrix.T.tocsr(), 1)
    np.testing.assert_array_equal(by_items.T.tocsr().data, whole.data)
    for user in range(matrix.shape[0]):
        np.testing.assert_array_equal(fitted.of_rows(matrix[user], 0).data, whole[user].data)


def test_values_of_new_users_and_items_count_their_own_entries(settings):
    train, new = random_counts(2), random_counts(3)
    fitted = FittedValues.of(ValueRule(**settings), train)
    of_users = dense_values(new, train, **settings)
    np.testing.assert_allclose(fitted.of_rows(new, 0).toarray(), of_users, rtol=1e-12)
    of_items = dense_values(new, train, axis="items", **settings)
    values = fitted.of_rows(new.T.tocsr(), 1)
    np.testing.assert_allclose(values.T.toarray(), of_items, rtol=1e-12)


def test_damping_keeps_the_mean(settings):
    matrix = random_counts(4)
    undamped = {name: value for name, value in settings.items() if name != "damping"}
    values, plain = (
        np.abs(FittedValues.of(ValueRule(**rule), matrix).of_rows(matrix, 0).data.astype(float))
        for rule in (settings, {**undamped, "damping": (0.0, 1e-300)})
    )
    assert values.mean() == pytest.approx(plain.mean(), rel=1e-12)


def test_without_a_rule_the_matrix_itself_is_returned():
    matrix = random_counts()
    fitted = FittedValues.of(ValueRule(confidence="log"), matrix)
    assert fitted.of_rows(matrix, 0) is matrix
    assert fitted.of_training(matrix) is matrix


def test_the_input_is_not_changed(settings):
    matrix = random_counts()
    before = matrix.copy()
    FittedValues.of(ValueRule(**settings), matrix).of_rows(matrix, 0).data[:] = 0
    np.testing.assert_array_equal(matrix.data, before.data)
