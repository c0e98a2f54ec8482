"""Programs written for implicit give the same results with only their import changed."""

import warnings

import numpy as np
import pytest
from implicit_programs import PROGRAMS, make_data

from wrmf.compat import implicit as compat

implicit = pytest.importorskip("implicit")
# implicit does not import it by itself.
pytest.importorskip("implicit.evaluation")


@pytest.fixture(scope="module")
def data():
    return make_data()


def assert_same(value, expected):
    """Assert that results are equal: whole numbers and texts exactly, others to 1e-5."""
    if isinstance(expected, dict):
        assert value.keys() == expected.keys()
        for key, entry in expected.items():
            assert_same(value[key], entry)
    elif isinstance(expected, (tuple, list)):
        assert len(value) == len(expected)
        for own, entry in zip(value, expected, strict=True):
            assert_same(own, entry)
    elif isinstance(expected, (float, np.floating)) or (
        isinstance(expected, np.ndarray) and expected.dtype.kind == "f"
    ):
        assert np.shape(value) == np.shape(expected)
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(value, expected)


def test_at_least_46_calls_are_compared():
    assert len(PROGRAMS) >= 46


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_the_same_with_only_its_import_changed(name, data):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "OpenBLAS is configured")
        expected = PROGRAMS[name](implicit, data)
    assert_same(PROGRAMS[name](compat, data), expected)
