"""The basis of a half-sweep, in which the common part of all systems is I or diagonal."""

import numpy as np
import pytest

from wrmf.numerics import whitening
from wrmf.numerics.blas_controls import BlasControls
from wrmf.numerics.whitening import Frame

every_k = pytest.mark.parametrize("k", [1, 5, 40])


def gram_of_rank(rank, k, scale=1.0):
    """Return a k × k Gram matrix of the given rank."""
    factors = scale * np.random.default_rng(k).standard_normal((rank, k))
    return factors.T @ factors


def assert_inverse(frame):
    """Assert that the inverse of the frame undoes its change of basis."""
    k = len(frame.forward)
    np.testing.assert_allclose(frame.forward.T @ frame.inverse, np.eye(k), atol=1e-8)


@every_k
@pytest.mark.parametrize("regularization", [1e-3, 1.0, 1e4])
def test_one_regularization_for_all_rows_gives_the_identity(k, regularization):
    base = gram_of_rank(3 * k, k)
    frame = Frame.of(base, (regularization, regularization), "float64")
    common = base + regularization * np.eye(k)
    np.testing.assert_allclose(frame.forward.T @ common @ frame.forward, np.eye(k), atol=1e-10)
    assert frame.spectrum.size == 0
    assert_inverse(frame)


@pytest.mark.parametrize("regularization", [1e-13, 1e-9])
def test_a_common_part_too_close_to_singular_for_cholesky_gives_the_identity(regularization):
    base = gram_of_rank(3, 8)
    frame = Frame.of(base, (regularization, regularization), "float64")
    common = base + regularization * np.eye(8)
    whitened = frame.forward.T @ common @ frame.forward
    # The rounding error of the largest eigenvalue, relative to the smallest one.
    rounding = np.finfo(float).eps * np.linalg.norm(common, 2) / regularization
    np.testing.assert_allclose(whitened, np.eye(8), atol=max(1e-10, 100 * rounding))
    assert frame.spectrum.size == 0
    assert_inverse(frame)


@every_k
@pytest.mark.parametrize("smallest", [0.0, 0.5])
def test_unequal_regularization_gives_the_eigenbasis_and_its_spectrum(k, smallest):
    base = gram_of_rank(3 * k, k)
    frame = Frame.of(base, (smallest, 2.0), "float32")
    rotated = frame.forward.T @ base @ frame.forward
    scale = np.linalg.norm(base, 2)
    np.testing.assert_allclose(rotated, np.diag(frame.spectrum), atol=1e-12 * scale)
    np.testing.assert_allclose(frame.forward.T @ frame.forward, np.eye(k), atol=1e-12)
    assert_inverse(frame)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_directions_that_nothing_determines_are_dropped(dtype, scale):
    base = gram_of_rank(3, 8, scale)
    frame = Frame.of(base, (0.0, 0.0), dtype)
    kept = np.abs(frame.forward).max(axis=0) > 0
    assert kept.sum() == 3
    whitened = frame.forward.T @ base @ frame.forward
    expected = np.diag(kept.astype(float))
    np.testing.assert_allclose(whitened, expected, atol=1e-8)
    np.testing.assert_allclose(frame.forward.T @ frame.inverse, expected, atol=1e-8)


def test_zero_factors_without_regularization_give_the_zero_frame():
    frame = Frame.of(np.zeros((4, 4)), (0.0, 0.0), "float64")
    assert not frame.forward.any()
    assert not frame.inverse.any()


def test_eigenvalues_within_rounding_of_zero_count_as_zero_where_a_row_has_no_regularization():
    base = gram_of_rank(3, 8)
    spectrum = Frame.of(base, (0.0, 1.0), "float32").spectrum
    assert np.count_nonzero(spectrum) == 3
    assert (spectrum >= 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("bounds", [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
def test_a_gram_matrix_beyond_the_range_is_an_error_that_says_so(value, bounds):
    with pytest.raises(np.linalg.LinAlgError, match="beyond the range of float32"):
        Frame.of(np.full((2, 2), value), bounds, "float32")


@every_k
@pytest.mark.parametrize("bounds", [(1.0, 1.0), (0.5, 2.0)])
def test_a_limit_of_blas_that_other_threads_see_changes_no_basis(k, bounds, monkeypatch):
    base = gram_of_rank(3 * k, k)
    expected = Frame.of(base, bounds, "float64")
    before = [library.get() for library in BlasControls.loaded().of_process]
    # As where the interpreter has no lock.
    monkeypatch.setattr(whitening, "HIDES", False)
    frame = Frame.of(base, bounds, "float64")
    for name in ("forward", "inverse", "spectrum"):
        np.testing.assert_array_equal(getattr(frame, name), getattr(expected, name))
    assert [library.get() for library in BlasControls.loaded().of_process] == before
