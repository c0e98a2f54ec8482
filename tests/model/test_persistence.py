"""Saving and loading a model: nothing is lost, and damage is detected."""

import datetime as dt
import json
import zipfile
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

import wrmf
from wrmf import WRMF, Interactions
from wrmf.model import persistence
from wrmf.model.saved_ids import ids_from_json, ids_to_json


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


def test_truncated_files_are_refused(model, tmp_path):
    path = tmp_path / "m.wrmf"
    model.save(path)
    content = path.read_bytes()
    for share in np.linspace(0, 0.999, 12):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ValueError, match="not a readable wrmf model file"):
            wrmf.load(path)


def test_a_damaged_byte_is_detected(model, tmp_path):
    path = tmp_path / "m.wrmf"
    model.save(path)
    content = bytearray(path.read_bytes())
    position = content.find(model.item_factors.tobytes()[:16])
    content[position] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a readable wrmf model file"):
        wrmf.load(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04K\x01.", b"PK\x03\x04junk"])
def test_files_of_other_formats_are_refused(tmp_path, content):
    path = tmp_path / "m.wrmf"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a readable wrmf model file"):
        wrmf.load(path)


def rewrite_header(path, **changes):
    """Change fields of ``model.json``."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(members["model.json"])
    header.update(changes)
    members["model.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"format": "other"}, "does not name the format"),
        ({"version": 99}, "update wrmf"),
        ({"shape": [3, 3]}, "index pointer"),
        ({"users": ["a"]}, "1 user ids for 300 rows"),
        ({"params": {"colour": 3}}, "colour"),
    ],
)
def test_a_header_that_does_not_match_the_arrays_is_refused(model, tmp_path, changes, error):
    path = tmp_path / "m.wrmf"
    model.save(path)
    rewrite_header(path, **changes)
    with pytest.raises(ValueError, match=error):
        wrmf.load(path)


def test_a_failed_save_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "m.wrmf"
    model.save(path)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(persistence.np.lib.format, "write_array", fail)
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
    with zipfile.ZipFile(tmp_path / "m") as archive:
        assert json.loads(archive.read("model.json"))["version"] == 2


def test_types_of_later_versions_are_explained(model, tmp_path):
    path = tmp_path / "m.wrmf"
    model.save(path)
    rewrite_header(path, users=[{"Colour": "red"}])
    with pytest.raises(ValueError, match="ids of the unknown type 'Colour': update wrmf"):
        wrmf.load(path)


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


def test_files_of_version_1_are_read(model, tmp_path, likes):
    """Such files have neither names nor the parameters that were changed after the fit."""
    path = tmp_path / "m.wrmf"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        assert (
            json.loads(archive.read("model.json"))
            .keys()
            .isdisjoint({"item_names", "changed_params", "numbered"})
        )
    again = wrmf.load(path)
    assert again.item_names is None
    assert again.loss(likes) == model.loss(likes)


def test_paths_that_cannot_be_read_or_written_are_explained(likes, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such model file"):
        wrmf.load(tmp_path / "nothing")
    model = WRMF(factors=2, iterations=1).fit(likes)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        model.save(tmp_path / "no" / "m")
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        model.save(tmp_path)


def test_the_file_format_is_unchanged(model, tmp_path):
    """Files of format version 1 stay readable: names of members and fields are part of it."""
    model.save(tmp_path / "m")
    with zipfile.ZipFile(tmp_path / "m") as archive:
        arrays = ["user_factors", "item_factors", "train_data", "train_indices", "train_indptr"]
        assert archive.namelist() == ["model.json", *(f"{name}.npy" for name in arrays)]
        header = json.loads(archive.read("model.json"))
    assert list(header) == [
        "format",
        "version",
        "params",
        "iterations_done",
        "shape",
        "users",
        "items",
    ]
    assert (header["format"], header["version"]) == ("wrmf-model", 1)
    assert header["users"][0] == "u0"
    assert header["items"][0] == ["i", 0]
