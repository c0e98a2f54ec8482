"""Saving and loading a model: nothing is lost, and what is saved can be loaded."""

import contextlib
import copy
import datetime as dt
import json
import os
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import wrmf
from wrmf import WRMF, Interactions
from wrmf.data.interactions import object_array
from wrmf.model import tensors
from wrmf.model.saved_ids import (
    ids_from_arrays,
    ids_from_json,
    ids_to_arrays,
    ids_to_json,
    names_from_arrays,
    names_to_arrays,
)


@pytest.fixture
def model(likes):
    users = [f"u{row}" for row in range(likes.shape[0])]
    items = [("i", column) for column in range(likes.shape[1])]
    data = Interactions.from_matrix(likes, users, items)
    return WRMF(factors=3, regularization=(0.1, 0.2), iterations=2, random_state=1).fit(data)


def test_a_loaded_model_gives_the_results_of_the_saved_one(model, tmp_path, likes):
    path = tmp_path / "m.wrmf"
    model.save(path)
    again = wrmf.load(path)
    assert again.get_params() == model.get_params()
    before, after = (m.recommend(["u3", "u9"], n=4) for m in (model, again))
    assert before.ids.tolist() == after.ids.tolist()
    assert np.array_equal(before.scores, after.scores, equal_nan=True)
    assert again.iterations_done == 2
    assert np.array_equal(again.fold_in_users(likes[:3]), model.fold_in_users(likes[:3]))
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.wrmf"]


def test_integer_ids_stay_integers_and_a_generator_becomes_none(likes, tmp_path):
    model = WRMF(factors=2, iterations=1, random_state=np.random.default_rng(0)).fit(likes)
    model.save(tmp_path / "m")
    again = wrmf.load(tmp_path / "m")
    assert again.users.dtype == np.int64
    assert again.random_state is None


def test_a_failed_save_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "m.wrmf"
    model.save(path)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(tensors, "checksum", fail)
    with pytest.raises(OSError, match="disk full"):
        model.save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_an_unfitted_model_cannot_be_saved(tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        WRMF().save(tmp_path / "m")


def test_ids_that_cannot_be_saved_are_refused_before_training(likes):
    ids = [frozenset([row]) for row in range(likes.shape[0])]
    model = WRMF(factors=2, iterations=1).fit(likes)
    before = model.state
    for axis in ({"users": ids}, {"items": [("x", value) for value in ids[: likes.shape[1]]]}):
        with pytest.raises(TypeError, match=r"cannot save the \w+ id frozenset.*convert them with"):
            model.fit(Interactions.from_matrix(likes, **axis))
    assert model.state is before


BERLIN = pd.Timestamp("2024-03-01 12:00:00.123456789", tz="Europe/Berlin")
TYPED_IDS = [
    UUID(int=7),
    Decimal("1.10"),
    Fraction(1, 3),
    b"\x00\xff",
    dt.datetime(2024, 1, 2, 3, 4, 5, 6),
    dt.datetime(2024, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    dt.date(2024, 1, 2),
    dt.time(3, 4),
    dt.timedelta(days=1, microseconds=3),
    BERLIN,
    pd.Timestamp("2024-03-01"),
    pd.Timedelta("1 days 00:00:00.000000001"),
    pd.Period("2024-03", "M"),
    np.datetime64("2024-03-01T00:00:00.000000001", "ns"),
    np.int8(3),
    np.float32(0.5),
    np.bool_(True),
    2**70,
    1.5,
    "007",
    ("a", (UUID(int=8), 2)),
]


def test_ids_of_every_type_that_can_be_saved_are_read_as_they_were():
    again = ids_from_json(json.loads(json.dumps(ids_to_json(TYPED_IDS, "user"))))
    for value, loaded in zip(TYPED_IDS, again, strict=True):
        assert loaded == value
        assert hash(loaded) == hash(value)
        is_number = isinstance(value, (np.number, np.bool_))
        assert type(loaded) is (type(value.item()) if is_number else type(value))
    assert str(again[TYPED_IDS.index(BERLIN)].tz) == "Europe/Berlin"


@pytest.mark.parametrize(
    "make_id",
    [
        lambda n: UUID(int=n),
        lambda n: Decimal(n) / 4,
        lambda n: bytes([n]),
        lambda n: BERLIN + pd.Timedelta(days=n),
        lambda n: pd.Timestamp("2024-03-01") + pd.Timedelta(days=n),
        lambda n: dt.date(2024, 1, 1 + n),
    ],
)
def test_models_with_ids_of_other_types_than_text_and_numbers_are_saved(make_id, tmp_path):
    users, items = ([make_id(n + start) for n in range(6)] for start in (0, 6))
    data = Interactions.from_matrix(np.tri(6), users, items)
    model = WRMF(factors=2, iterations=1, random_state=0).fit(data)
    model.save(tmp_path / "m")
    again = wrmf.load(tmp_path / "m")
    assert again.users.tolist() == model.users.tolist()
    lists = again.recommend(users[1], n=2, exclude={users[1]: [items[5]]})
    assert lists.ids.tolist() == model.recommend(users[1], n=2, exclude=[items[5]]).ids.tolist()


def test_a_loaded_model_answers_with_the_parameters_of_the_fit(model, tmp_path, likes):
    rows, loss = model.fold_in_users(likes[:3]), model.loss(likes)
    model.set_params(factors=8, alpha=1.0, dtype="float64", regularization=[1.0, 2.0])
    model.save(tmp_path / "m")
    again = wrmf.load(tmp_path / "m")
    assert again.get_params() == {**model.get_params(), "regularization": (1.0, 2.0)}
    assert again.state.params["factors"] == 3
    assert np.array_equal(again.fold_in_users(likes[:3]), rows)
    assert again.loss(likes) == loss
    again.set_params(factors=3, dtype="float32").save(tmp_path / "again")
    assert wrmf.load(tmp_path / "again").alpha == 1.0


def test_names_of_items_are_saved(likes, tmp_path):
    names = [f"Item {column}" for column in range(likes.shape[1])]
    data = Interactions.from_matrix(likes, item_names=names)
    WRMF(factors=2, iterations=1).fit(data).save(tmp_path / "m")
    assert wrmf.load(tmp_path / "m").item_names.tolist() == names


def test_paths_that_cannot_be_read_or_written_are_explained(likes, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such model file"):
        wrmf.load(tmp_path / "nothing")
    model = WRMF(factors=2, iterations=1).fit(likes)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        model.save(tmp_path / "no" / "m")
    for use in (model.save, wrmf.load):
        with pytest.raises(IsADirectoryError, match="name a file in it"):
            use(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no regular file"):
        wrmf.load(tmp_path / "pipe")


def header_of(path):
    """Return the JSON header of a file, and its description of the model."""
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return header, json.loads(header["__metadata__"]["model"])


def test_the_file_format_is_unchanged(model, tmp_path):
    """Files of version 3 stay readable: the names of arrays and fields are part of the format."""
    model.save(tmp_path / "m")
    header, description = header_of(tmp_path / "m")
    metadata = header.pop("__metadata__")
    assert list(metadata) == ["checksum", "format", "version", "model", "checksums"]
    assert (metadata["format"], metadata["version"]) == ("wrmf-model", "3")
    assert {name: entry["dtype"] for name, entry in header.items()} == {
        "users.offsets": "I64",
        "item_factors": "F32",
        "user_factors": "F32",
        "users.order": "I32",
        "train.indptr": "I32",
        "train.indices": "I32",
        "train.data": "F32",
        "users.bytes": "U8",
        "items.json": "U8",
        "item_codes.bars": "F64",
        "item_codes.cosine_scales": "F32",
        "item_codes.cosine_slack": "F64",
        "item_codes.lengths": "F32",
        "item_codes.norms": "F64",
        "item_codes.order": "I32",
        "item_codes.score_scales": "F32",
        "item_codes.score_slack": "F64",
        "item_codes.words": "I32",
    }
    assert set(description) == {
        "codes",
        "params",
        "automatic",
        "changed_params",
        "iterations_done",
        "numbered",
        "dtype",
    }


def test_safetensors_reads_the_file(model, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    model.save(tmp_path / "m")
    arrays = safetensors.load_file(tmp_path / "m")
    assert np.array_equal(arrays["user_factors"], model.user_factors)
    assert np.array_equal(arrays["item_factors"], model.item_factors)
    assert arrays["users.bytes"].tobytes().startswith(b"u0u1u2")
    assert json.loads(arrays["items.json"].tobytes())[:2] == [["i", 0], ["i", 1]]


def test_arrays_begin_at_multiples_of_the_size_of_their_elements(model, tmp_path):
    model.save(tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    assert start % 64 == 0
    header, _ = header_of(tmp_path / "m")
    header.pop("__metadata__")
    for entry in header.values():
        size = int(entry["dtype"].strip("FIU")) // 8
        assert (start + entry["data_offsets"][0]) % size == 0


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("train", [False, "seen"])
def test_training_data_are_saved_as_far_as_asked_for(model, tmp_path, likes, train, mmap):
    model.save(tmp_path / "whole")
    model.save(tmp_path / "part", train=train)
    assert (tmp_path / "part").stat().st_size < (tmp_path / "whole").stat().st_size
    again = wrmf.load(tmp_path / "part", mmap=mmap)
    lists = again.recommend(n=3, exclude_seen=False)
    assert np.array_equal(lists.rows, model.recommend(n=3, exclude_seen=False).rows)
    assert again.loss(likes) == model.loss(likes)
    if train == "seen":
        assert again.train_matrix.dtype == bool
        assert (again.train_matrix != model.train_matrix.astype(bool)).nnz == 0
        assert np.array_equal(again.recommend(n=3).rows, model.recommend(n=3).rows)
    else:
        assert again.train_matrix is None
        with pytest.raises(ValueError, match="without its training data: pass exclude_seen=False"):
            again.recommend("u3")
    with pytest.raises(ValueError, match="use a file saved with train=True"):
        again.explain("u3", ("i", 1))
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "part").read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float16_rounds_factors_once_and_keeps_the_dtype_of_the_model(dtype, likes, tmp_path):
    model = WRMF(factors=3, regularization=0.1, iterations=2, random_state=1, dtype=dtype)
    model.fit(likes).save(tmp_path / "m", dtype="float16")
    again = wrmf.load(tmp_path / "m")
    assert again.item_factors.dtype == dtype
    assert np.array_equal(again.item_factors, model.item_factors.astype("f2").astype(dtype))
    again.save(tmp_path / "again", dtype="float16")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_factors_beyond_float16_are_refused(model, tmp_path):
    model.item_factors = model.item_factors * 1e6
    with pytest.raises(ValueError, match=r"item factors reach .* float16 holds at most 65504"):
        model.save(tmp_path / "m", dtype="float16")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"train": "all"}, "train must be one of"),
        ({"train": 1}, "train must be one of"),
        ({"train": None}, "train must be one of"),
        ({"dtype": "float32"}, "dtype must be None or 'float16'"),
        ({"dtype": 16}, "dtype must be None or 'float16'"),
    ],
)
def test_options_of_saving_are_checked(model, tmp_path, options, error):
    with pytest.raises(ValueError, match=error):
        model.save(tmp_path / "m", **options)


@pytest.mark.parametrize(
    "params",
    [
        {"regularization": None},
        {"regularization": True},
        {"regularization": (1.0, float("nan"))},
        {"alpha": -1.0},
        {"factors": 0},
        {"factors": 2.5},
        {"dtype": "int8"},
        {"iterations": 0},
        {"random_state": -1},
        {"random_state": True},
        {"solver": "magic"},
    ],
    ids=str,
)
def test_what_could_not_be_loaded_is_refused_before_the_old_file_is_replaced(
    model, tmp_path, params
):
    path = tmp_path / "m"
    model.save(path)
    before = path.read_bytes()
    model.set_params(**params)
    with pytest.raises(ValueError, match="the model cannot be saved, as no load would accept it"):
        model.save(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_factors_that_are_not_finite_are_not_saved(model, tmp_path, value):
    factors = model.item_factors.copy()
    factors[3, 1] = value
    model.item_factors = factors
    with pytest.raises(ValueError, match="item factors hold NaN or infinite"):
        model.save(tmp_path / "m")


@given(
    st.lists(
        st.sampled_from(
            [
                {"factors": 8},
                {"dtype": "float64"},
                {"dtype": np.float32},
                {"regularization": [1.0, 2.0]},
                {"random_state": np.int64(3)},
                {"init_scale": np.float32(0.5)},
                "partial_fit",
                "fit",
                "from_factors",
                "assign",
                "reload",
                "map",
            ]
        ),
        max_size=6,
    )
)
@settings(deadline=None, max_examples=25)
def test_every_sequence_of_calls_leaves_a_model_that_is_saved_and_loaded(
    likes, tmp_path_factory, steps
):
    path = tmp_path_factory.mktemp("sequence") / "m"
    model = WRMF(factors=3, regularization=0.1, iterations=1, random_state=1).fit(likes)
    for step in steps:
        if isinstance(step, dict):
            model.set_params(**step)
        elif step == "partial_fit":
            with contextlib.suppress(ValueError):
                model.partial_fit(likes)
        elif step == "fit":
            model.fit(likes)
        elif step == "from_factors":
            state = replace(copy.deepcopy(model.state), params=None)
            model = WRMF.from_factors(state, regularization=0.1)
        elif step == "assign":
            model.user_factors = model.user_factors * 0.5
        else:
            model.save(path)
            model = wrmf.load(path, mmap=step == "map")
        model.save(path)
        again = wrmf.load(path)
        assert np.array_equal(again.user_factors, model.user_factors)
        assert again.loss(likes) == model.loss(likes)
        assert repr(again) == repr(wrmf.load(path, mmap=True))


@pytest.mark.parametrize("matrix", ["unsorted", "float64", "empty"])
def test_training_matrices_of_any_form_are_saved(matrix, likes, tmp_path):
    model = WRMF(factors=2, iterations=1, random_state=0).fit(likes)
    train = model.train_matrix.astype(np.float64)
    if matrix == "unsorted":
        train.indices[:2] = train.indices[:2][::-1]
        train.data[:2] = train.data[:2][::-1]
        train.has_sorted_indices = False
    elif matrix == "empty":
        train = sparse.csr_matrix(train.shape)
    given = train.copy()
    WRMF.from_factors(replace(model.state, train_matrix=train)).save(tmp_path / "m")
    again = wrmf.load(tmp_path / "m").train_matrix
    assert again.dtype == np.float32
    assert (again != train).nnz == 0
    assert np.array_equal(train.indices, given.indices)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    "ids",
    [
        np.arange(3),
        np.arange(3, dtype=np.uint8),
        np.array(["a", "ä", ""]),
        object_array(["a\0", "\0", "a"]),
        object_array(["a", "\ud800"]),
        object_array(["7", 7, ("a", 7)]),
        object_array(TYPED_IDS),
    ],
    ids=repr,
)
def test_ids_of_every_kind_are_kept_in_arrays(ids, lazy):
    arrays = ids_to_arrays("users", ids)
    again = ids_from_arrays("users", arrays, lazy=lazy, verify=True)
    assert np.asarray(again).tolist() == ids.tolist()
    assert again.dtype == (np.int64 if ids.dtype.kind in "iu" else object)
    names = names_to_arrays("names", [str(value) for value in ids])
    again = names_from_arrays("names", names, lazy=lazy, verify=True)
    assert np.asarray(again).tolist() == [str(value) for value in ids]
