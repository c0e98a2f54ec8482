"""Any object in place of a name or a number is an error of one line."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

import wrmf
from wrmf import WRMF, Interactions
from wrmf.data.choices import as_callback, as_choice, shown


class Unprintable:
    def __repr__(self):
        raise RuntimeError


ODD = {
    "array": np.arange(2000.0).reshape(2, 1000),
    "empty": np.empty(0),
    "record": np.zeros(2, dtype=[("a", "i4")]),
    "frame": pd.DataFrame({"a": [1, 2]}),
    "NA": pd.NA,
    "polars": pl.DataFrame({"a": [[1]]}),
    "lazy": pl.LazyFrame({"a": [1]}),
    "arrow": pa.table({"a": [1, 2]}),
    "sparse": sparse.csr_matrix(np.eye(2)),
    "list": [["add"]],
    "dict": {"add": 1},
    "unprintable": Unprintable(),
    "long": "a" * 100_000,
    "None": None,
    "number": 10**400,
}
CALLS = {
    "how": lambda value: fitted().update(how=value),
    "unknown": lambda value: fitted().recommend([0], unknown=value),
    "fallback": lambda value: fitted().recommend([0], fallback=value),
    "unknown_items": lambda value: fitted().recommend([0], unknown_items=value),
    "kind": lambda value: fitted().export(value, "nowhere"),
    "objective": lambda value: WRMF(objective=value).fit(np.eye(3)),
    "dtype": lambda value: WRMF(dtype=value).fit(np.eye(3)),
    "save": lambda value: fitted().save("nowhere", dtype=value),
    "requests": lambda value: fitted().prepare(value),
    "by": lambda value: wrmf.split_interactions(np.eye(3), by=value),
    "on": lambda value: wrmf.evaluate(fitted(), None, on=value),
    "duplicates": lambda value: wrmf.read_interactions({"user": [1]}, duplicates=value),
    "n": lambda value: fitted().recommend([0], n=value),
    "alpha": lambda value: WRMF(alpha=value).fit(np.eye(3)),
    "threads": lambda value: wrmf.Popularity(num_threads=value).fit(np.eye(3)).recommend(),
    "max_bytes": lambda value: fitted().item_similarity(value),
}
# What is a choice, a default, or a number that is large enough.
ALLOWED = {("fallback", "None"), ("requests", "None"), ("max_bytes", "number")}
# NumPy takes the dtype of an object that has one.
ALLOWED |= {("dtype", "sparse"), ("dtype", "array"), ("dtype", "empty"), ("dtype", "None")}
ALLOWED |= {("requests", "empty"), ("save", "None"), ("n", "number")}


def fitted():
    return WRMF(factors=1, iterations=1, random_state=0).fit(np.eye(3))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("odd", ODD)
def test_any_object_in_place_of_an_option_is_an_error_of_one_short_line(call, odd):
    if (call, odd) in ALLOWED:
        return
    with pytest.raises((TypeError, ValueError)) as caught:
        CALLS[call](ODD[odd])
    message = str(caught.value)
    assert "must be" in message
    assert "\n" not in message
    assert len(message) < 700


@pytest.mark.parametrize("call", [WRMF().fit, WRMF().partial_fit])
def test_a_callback_that_is_no_function_is_an_error_before_training(call):
    with pytest.raises(TypeError, match="callback must be a function or None, got 'loss'"):
        call(np.eye(3), callback="loss")
    assert not call.__self__.is_fitted


@pytest.mark.parametrize("column", [pl.Series(["a"]), pa.array(["a"]), pa.chunked_array([["a"]])])
@pytest.mark.parametrize("call", [WRMF().fit, wrmf.read_interactions, Interactions.from_matrix])
def test_a_column_in_place_of_a_table_is_an_error_of_this_package(call, column):
    with pytest.raises((TypeError, ValueError), match=r"table|column") as caught:
        call(column)
    assert not isinstance(caught.value, pa.ArrowException)


def test_values_are_shown_in_one_line():
    assert shown("a\nb") == r"'a\nb'"
    assert shown(np.eye(2)) == "array([[1., 0.], [0., 1.]])"
    assert shown(Unprintable()) == "an object of type Unprintable"
    assert shown("x" * 300).endswith("… (302 characters)")


def test_subclasses_of_str_are_names():
    assert as_choice(np.str_("add"), "how", ("add", "set")) == "add"
    assert as_callback(None) is None
